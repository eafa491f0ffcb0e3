"""`gdi submit` against a real node: what a provider sees, and what is never sent."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pysam
import pytest
from tests.indexed_files import synthetic_bam
from tests.system.receiving import TOKEN, Receiving, encrypted, found, noise, receiving, somebody_else
from tests.system.serving import GDI


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiving]:
    home = tmp_path_factory.mktemp("receiving") / "ee"
    found(home)
    with receiving(home) as running:
        yield running


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


class Submit:
    def __init__(self, node: Receiving, notes: Path) -> None:
        self.node = node
        self.notes = notes

    def __call__(
        self, *arguments: object, key: str | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        pinned = ["--key", key or str(self.node.key())] if key != "" else []
        command = [*GDI, "submit", *map(str, arguments), "--to", self.node.node.public, *pinned]
        told = {**os.environ, "GDI_SUBMIT_TOKEN": TOKEN, "GDI_SUBMIT_STATE": str(self.notes), **env}
        return subprocess.run(
            command,
            env=told,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )

    def report(self, *arguments: object) -> dict[str, Any]:
        """The files of the report by path."""
        done = self(*arguments, "--json")
        return {file["path"]: file for file in json.loads(done.stdout)["files"]}


@pytest.fixture
def submit(node: Receiving, tmp_path: Path) -> Submit:
    return Submit(node, tmp_path / "notes")


def test_a_folder_is_encrypted_sent_and_watched_until_it_is_ready(node, submit, data):
    (data / "sub").mkdir()
    (data / "sub" / "reads.bam").write_bytes(noise(2_000_000))
    (data / "empty").write_bytes(b"")
    done = submit(data, "--dataset", "GDI-EE-SUB-1", "--under", "first")
    assert done.returncode == 0, done.stderr
    assert "2 files are ready" in done.stdout
    file = node.file("first/sub/reads.bam.c4gh")
    assert file is not None
    assert file["dataset"] == "GDI-EE-SUB-1"
    assert any(
        check["checksum"] == hashlib.sha256(noise(2_000_000)).hexdigest() for check in file["checksums"]
    )
    again = submit.report(data, "--dataset", "GDI-EE-SUB-1", "--under", "first")
    assert {told["state"] for told in again.values()} == {"ready"}
    assert not any("resumedAt" in told for told in again.values())


def test_the_provider_is_told_of_a_file_that_cannot_be_served_by_region(submit, data):
    (data / "calls.vcf").write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        "1\t9\t.\tA\tC\t.\t.\t.\n1\t5\t.\tA\tC\t.\t.\t.\n"
    )
    pysam.tabix_compress(str(data / "calls.vcf"), str(data / "unsorted.vcf.gz"))
    (file,) = submit.report(data / "unsorted.vcf.gz", "--under", "bare").values()
    assert file["state"] == "ready"
    assert file["reason"] == "no index could be made: the VCF file is not sorted by position, or is damaged"


def test_the_provider_is_told_of_an_index_that_is_another_files(node, submit, data):
    """The command waits until they were held against each other; the one that was ready last says so."""
    for name, seed in (("right", 1), ("wrong", 2)):
        (data / name).mkdir()
        path = synthetic_bam(data / name, references=(("1", 3_000_000),), reads=300, seed=seed).path
        pysam.index("-b", "-o", str(data / f"{name}.bai"), str(path))
    send = data / "send"
    send.mkdir()
    for name, index in (("good.bam", "right.bai"), ("bad.bam", "wrong.bai")):
        (send / name).write_bytes((data / "right" / "synthetic-0.bam").read_bytes())
        (send / f"{name}.bai").write_bytes((data / index).read_bytes())
    files = submit.report(send, "--under", "indexes")
    assert {file["state"] for file in files.values()} == {"ready"}
    told = {path: file.get("reason", "") for path, file in files.items()}
    assert told["indexes/good.bam.c4gh"] == told["indexes/good.bam.bai.c4gh"] == ""
    later_ready = told["indexes/bad.bam.c4gh"] or told["indexes/bad.bam.bai.c4gh"]
    assert later_ready.startswith("indexes/bad.bam.bai.c4gh is not the index of indexes/bad.bam.c4gh: ")
    (check,) = node.file("indexes/bad.bam.c4gh")["indexChecks"]
    assert check["check"] == "wrong"


def test_files_that_fail_are_named_with_the_reason_and_the_others_arrive(node, submit, data):
    (data / "good").write_bytes(noise(1000))
    (data / "bad.c4gh").write_bytes(encrypted(noise(1000), somebody_else()))
    (data / "encrypted.c4gh").write_bytes(encrypted(noise(1000, 2), node.key()))
    done = submit(data, "--under", "second", "--json")
    assert done.returncode == 2
    files = {file["path"]: file for file in json.loads(done.stdout)["files"]}
    assert {path: file["state"] for path, file in files.items()} == {
        "second/good.c4gh": "ready",
        "second/bad.c4gh": "error",
        "second/encrypted.c4gh": "ready",
    }
    assert str(node.key()) in files["second/bad.c4gh"]["reason"]
    assert "1 of 3 files were not taken" in done.stderr


def test_a_file_that_the_node_finds_damaged_is_an_error_with_its_reason(node, submit, data):
    whole = bytearray(encrypted(noise(200_000, 3), node.key()))
    whole[100_000] ^= 1
    (data / "damaged.c4gh").write_bytes(whole)
    done = submit(data, "--under", "third")
    assert done.returncode == 2
    assert "third/damaged.c4gh: " in done.stderr
    assert "byte " in done.stderr
    (data / "damaged.c4gh").write_bytes(encrypted(noise(200_000, 3), node.key()))
    assert submit(data, "--under", "third").returncode == 0


def test_a_file_that_changed_since_it_was_begun_is_sent_anew_under_another_key(node, submit, data, tmp_path):
    (data / "file").write_bytes(noise(100_000))
    first = submit(data, "--under", "fourth", "--patience", "1", GDI_SUBMIT_TOKEN="not-a-token-of-this-node")
    assert first.returncode == 2
    notes = list(submit.notes.glob("*.jsonl"))
    keys = {json.loads(path.read_bytes().splitlines()[0])["data_key"] for path in notes}
    (data / "file").write_bytes(noise(100_000, 9))
    assert submit.report(data, "--under", "fourth")["fourth/file.c4gh"]["state"] == "ready"
    after = {
        json.loads(path.read_bytes().splitlines()[0])["data_key"] for path in submit.notes.glob("*.jsonl")
    }
    assert keys.isdisjoint(after)


def test_lost_notes_do_not_send_a_file_twice(node, submit, data):
    (data / "file").write_bytes(noise(50_000, 4))
    first = submit.report(data, "--under", "fifth")["fifth/file.c4gh"]
    for path in submit.notes.glob("*.jsonl"):
        path.unlink()
    second = submit.report(data, "--under", "fifth")["fifth/file.c4gh"]
    assert (second["state"], second["fileId"]) == ("ready", first["fileId"])
    (data / "file").write_bytes(noise(50_000, 5))
    third = submit(data, "--under", "fifth")
    assert third.returncode == 2
    assert "fifth/file.c4gh" in third.stderr


def test_nothing_is_sent_to_a_node_whose_key_nobody_confirmed(submit, data, node):
    (data / "file").write_bytes(b"x")
    unknown = submit(data, "--under", "sixth", key="")
    assert (unknown.returncode, "not confirmed" in unknown.stderr) == (2, True)
    wrong = submit(data, "--under", "sixth", key=str(somebody_else()))
    assert (wrong.returncode, "not the pinned one" in wrong.stderr) == (2, True)
    assert node.file("sixth/file.c4gh") is None


def test_a_token_does_not_belong_on_the_command_line(submit, data, tmp_path):
    (data / "file").write_bytes(b"x")
    refused = submit(data, "--token", TOKEN)
    assert (refused.returncode, "command line" in refused.stderr) == (2, True)
    assert TOKEN not in refused.stderr + refused.stdout
    (tmp_path / "token").write_text(TOKEN + "\n")
    taken = submit(data, "--under", "seventh", "--token-file", tmp_path / "token", GDI_SUBMIT_TOKEN="")
    assert taken.returncode == 0, taken.stderr
