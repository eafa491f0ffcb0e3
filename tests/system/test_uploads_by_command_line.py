"""Uploads to a real node by the command-line clients that people have at hand: aws-cli, rclone and sda-cli."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.system.receiving import Receiving, encrypted, found, noise, receiving
from tests.system.serving import run_gdi

from opengdi.testing.identity import Signatory, key_id, key_secret

SIZE = 23_000_000
SMALL_PIECES = "262_144"
PATIENCE_S = 50.0
"""Less than the minute that these clients wait for an answer which does not come."""

KEYS = {"AWS_ACCESS_KEY_ID": key_id("anna"), "AWS_SECRET_ACCESS_KEY": key_secret("anna")}
RCLONE_KEYS = f"access_key_id = {key_id('anna')}\nsecret_access_key = {key_secret('anna')}\n"
ISSUER = Signatory()
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def every(program: str) -> list[str]:
    """Each program of that name on the PATH: a machine may have two of different age."""
    folders = map(Path, os.environ["PATH"].split(os.pathsep))
    there = [folder / program for folder in folders if os.access(folder / program, os.X_OK)]
    return list(dict.fromkeys(str(path.resolve()) for path in there))


def needs(program: str | None, what: str) -> str:
    if program is None:
        pytest.skip(f"{what} is not installed")
    return program


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiving]:
    home = tmp_path_factory.mktemp("receiving") / "ee"
    found(home, piece_bytes=SMALL_PIECES)
    believe(ISSUER, home / "gdi.toml")
    with receiving(home) as running:
        yield running


def believe(issuer: Signatory, config: Path) -> None:
    before, _, after = config.read_text().partition("[identity.passports]\n")
    for empty in ("brokers = []\n", "issuers = []\n"):
        after = after.replace(empty, "", 1)
    config.write_text(before + issuer.trust() + after)


@pytest.fixture(scope="module")
def persons_token(node: Receiving) -> str:
    """Of somebody who logs in elsewhere, and sends files for a provider."""
    person = f"{ISSUER.iss}#anna"
    done = run_gdi("people", "grant", person, "provider:charite", "--config", node.home / "gdi.toml")
    assert done.returncode == 0, done.stderr
    return ISSUER.passport("anna")


class Client:
    """A client whose settings name a node. `start` runs it, `run` waits for its end."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        self._command = command
        self._environment = {**ENVIRONMENT, **environment}

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        command = [*self._command, *map(str, arguments)]
        return subprocess.Popen(
            command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, *arguments: object, code: int = 0) -> str:
        process = self.start(*arguments)
        told, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == code, told
        return told


@pytest.fixture(params=every("aws") or [None], ids=str)
def aws(request: pytest.FixtureRequest, tmp_path: Path):
    program = needs(request.param, "the Debian package awscli")

    def of(node: Receiving, settings: str = "") -> Client:
        config = tmp_path / "config"
        config.write_text(f"[default]\nregion = us-east-1\n{settings}")
        return Client(
            [program, "--endpoint-url", node.s3_url, "s3"], {**KEYS, "AWS_CONFIG_FILE": str(config)}
        )

    return of


@pytest.fixture
def rclone(tmp_path: Path):
    program = needs(shutil.which("rclone"), "the Debian package rclone")

    def of(node: Receiving, *options: str, keys: str = RCLONE_KEYS) -> Client:
        config = tmp_path / "rclone.conf"
        config.write_text(
            f"[node]\ntype = s3\nprovider = Other\n{keys}endpoint = {node.s3_url}\nregion = us-east-1\n"
        )
        options = ("--s3-upload-cutoff", "8Mi", "--s3-chunk-size", "8Mi", *options)
        return Client([program, *options], {"RCLONE_CONFIG": str(config)})

    return of


def a_file(node: Receiving, folder: Path, seed: int) -> tuple[Path, str]:
    """An encrypted file of three parts, and the SHA-256 of what is in it."""
    plain = noise(SIZE, seed)
    path = folder / f"{seed}.c4gh"
    path.write_bytes(encrypted(plain, node.key(), seed))
    return path, hashlib.sha256(plain).hexdigest()


def is_ready(node: Receiving, path: str, sha256: str) -> bool:
    file = node.until(path, "ready", "error")
    return {check["of"]: check["checksum"] for check in file["checksums"]}.get("unencrypted") == sha256


def test_aws_copies_a_file_in_parts_and_it_becomes_ready(node, aws, tmp_path):
    file, sha256 = a_file(node, tmp_path, 1)
    place = f"s3://charite/aws/{time.monotonic_ns()}"
    aws(node).run("cp", file, f"{place}/1.c4gh")
    assert is_ready(node, f"{place.removeprefix('s3://charite/')}/1.c4gh", sha256)
    assert f"{file.stat().st_size} 1.c4gh" in aws(node).run("ls", f"{place}/")


def test_aws_sends_what_is_missing_of_a_folder(node, aws, tmp_path):
    place = f"s3://charite/aws/{time.monotonic_ns()}/"
    a_file(node, tmp_path, 2)
    assert "2.c4gh" in aws(node).run("sync", tmp_path, place, "--exclude", "*", "--include", "*.c4gh")
    (tmp_path / "3.c4gh").write_bytes(encrypted(noise(1000, 3), node.key()))
    told = aws(node).run("sync", tmp_path, place, "--exclude", "*", "--include", "*.c4gh")
    assert "3.c4gh" in told
    assert "2.c4gh" not in told


def test_aws_shows_why_a_file_is_refused(node, aws, tmp_path):
    (tmp_path / "plain.vcf").write_text("##fileformat=VCFv4.2\n" * 500_000)
    told = aws(node).run("cp", tmp_path / "plain.vcf", "s3://charite/plain.vcf", code=1)
    assert str(node.key()) in told


def test_rclone_copies_a_folder_in_parts_and_its_files_become_ready(node, rclone, tmp_path):
    (tmp_path / "folder").mkdir()
    _, sha256 = a_file(node, tmp_path / "folder", 4)
    rclone(node).run("copy", "--ignore-existing", tmp_path / "folder", "node:charite/rclone")
    assert is_ready(node, "rclone/4.c4gh", sha256)
    assert "4.c4gh" in rclone(node).run("ls", "node:charite/rclone")
    assert "0 differences found" in rclone(node).run("check", tmp_path / "folder", "node:charite/rclone")


def test_rclone_sends_what_is_missing_of_a_folder(node, rclone, tmp_path):
    (tmp_path / "folder").mkdir()
    again = ("copy", "--verbose", "--ignore-existing", tmp_path / "folder", "node:charite/missing")
    a_file(node, tmp_path / "folder", 5)
    assert "5.c4gh: Copied" in rclone(node).run(*again)
    (tmp_path / "folder" / "6.c4gh").write_bytes(encrypted(noise(1000, 6), node.key()))
    told = rclone(node).run(*again)
    assert "6.c4gh: Copied" in told
    assert "5.c4gh: Copied" not in told


def test_rclone_shows_why_a_file_is_refused(node, rclone, tmp_path):
    (tmp_path / "plain.vcf").write_text("##fileformat=VCFv4.2\n" * 500_000)
    told = rclone(node, "--retries", "1").run("copy", tmp_path / "plain.vcf", "node:charite", code=1)
    assert str(node.key()) in told


def test_rclone_shows_that_nothing_is_overwritten(node, rclone, tmp_path):
    file, sha256 = a_file(node, tmp_path, 7)
    rclone(node).run("copyto", file, "node:charite/once.c4gh")
    assert is_ready(node, "once.c4gh", sha256)
    other, _ = a_file(node, tmp_path, 8)
    told = rclone(node, "--retries", "1").run("copyto", other, "node:charite/once.c4gh", code=1)
    assert "nothing archived is overwritten" in told


def test_a_person_sends_by_the_token_of_a_login(node, rclone, persons_token, tmp_path):
    file, sha256 = a_file(node, tmp_path, 12)
    keys = f"access_key_id = charite\nsecret_access_key = charite\nsession_token = {persons_token}\n"
    rclone(node, keys=keys).run("copyto", file, "node:charite/person.c4gh")
    assert is_ready(node, "person.c4gh", sha256)


def test_sda_cli_uploads_and_lists(node, persons_token, tmp_path):
    sda_cli = needs(shutil.which("sda-cli"), "sda-cli of NBISweden, which no registry has,")
    config = tmp_path / "sda-cli.conf"
    config.write_text(
        f"access_key = charite\nsecret_key = charite\naccess_token = {persons_token}\n"
        f"host_base = {node.s3_url}\nuse_https = false\nmultipart_chunk_size_mb = 15\n"
    )
    client = Client([sda_cli, "--config", str(config)], {})
    file, sha256 = a_file(node, tmp_path, 13)
    client.run("upload", file)
    assert is_ready(node, "13.c4gh", sha256)
    assert "13.c4gh" in client.run("list", "13")


def test_an_upload_by_aws_goes_on_when_the_node_comes_back(aws, tmp_path):
    settings = "retry_mode = standard\nmax_attempts = 20\ns3 =\n  max_bandwidth = 8MB/s\n"
    check_it_goes_on(
        tmp_path, lambda node, file: aws(node, settings).start("cp", file, "s3://charite/killed.c4gh")
    )


def test_an_upload_by_rclone_goes_on_when_the_node_comes_back(rclone, tmp_path):
    options = ("--bwlimit", "8M", "--low-level-retries", "50")
    check_it_goes_on(
        tmp_path, lambda node, file: rclone(node, *options).start("copyto", file, "node:charite/killed.c4gh")
    )


def check_it_goes_on(folder: Path, send: Callable[[Receiving, Path], subprocess.Popen[str]]) -> None:
    """The node is killed in the middle of what is sent, and started again on its port."""
    home = folder / "ee"
    found(home, piece_bytes=SMALL_PIECES)
    with receiving(home) as node:
        file, sha256 = a_file(node, folder, 9)
        sending = send(node, file)
        wait_for_bytes(node, sending)
        node.node.process.kill()
    with receiving(home, GDI_PUBLIC__PORT=node.node.public.rpartition(":")[2]) as node:
        told, _ = sending.communicate(timeout=120.0)
        assert sending.returncode == 0, told
        assert is_ready(node, "killed.c4gh", sha256)


def test_an_upload_by_rclone_that_was_killed_is_sent_anew_by_the_same_command(node, rclone, tmp_path):
    file, sha256 = a_file(node, tmp_path, 11)
    copy = ("copyto", file, "node:charite/killed.c4gh")
    sending = rclone(node, "--bwlimit", "8M").start(*copy)
    wait_for_bytes(node, sending)
    sending.kill()
    sending.communicate()
    rclone(node).run(*copy)
    assert is_ready(node, "killed.c4gh", sha256)


def wait_for_bytes(node: Receiving, sending: subprocess.Popen[str]) -> None:
    """Until something of `killed.c4gh` is stored."""
    stored = "JOIN upload_pieces p ON p.upload = u.id WHERE u.path = 'killed.c4gh' AND p.state = 'stored'"
    while not node.rows(f"SELECT 1 FROM uploads u {stored}"):
        assert sending.poll() is None, sending.communicate()
        time.sleep(0.01)
