"""kill -9 of the node, and of the client, in the middle of uploads: nothing is lost, doubled or stuck."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from tests.system.receiving import TOKEN, Receiving, encrypted, found, noise, receiving
from tests.system.serving import GDI

from opengdi.standards import tus

FIVE = 5 * 1024**2
KILLS = 5


@pytest.fixture
def home(tmp_path: Path) -> Path:
    found(tmp_path / "ee", piece_bytes="262_144", care_s="1.0")
    return tmp_path / "ee"


def killed_after(node: Receiving, pause_s: float) -> threading.Timer:
    """The node dies, without a word, so long after now."""
    timer = threading.Timer(pause_s, node.node.process.kill)
    timer.start()
    return timer


def slowly(data: bytes, at_once: int = 65_536, pause_s: float = 0.004) -> Iterator[bytes]:
    for start in range(0, len(data), at_once):
        yield data[start : start + at_once]
        time.sleep(pause_s)


def check_one_whole_file(node: Receiving, path: str, plain: bytes) -> None:
    file = node.until(path, "ready", "error")
    assert file["state"] == "ready", file
    assert (file["version"], plain_of(file)) == (1, hashlib.sha256(plain).hexdigest())
    assert node.rows("SELECT count(*) FROM archive_files") == [(1,)]
    assert node.rows("SELECT count(*) FROM uploads WHERE state != 'completed'") == [(0,)]
    deadline = time.monotonic() + 30
    while node.inbox():
        assert time.monotonic() < deadline, f"left in the inbox: {node.inbox()}"
        time.sleep(0.1)


def plain_of(file: dict[str, Any]) -> str:
    return next(check["checksum"] for check in file["checksums"] if check["of"] == "unencrypted")


def test_an_upload_by_tus_goes_on_after_the_node_was_killed_in_the_middle(home):
    fresh, plain = random.Random(41), noise(12_000_000, 41)
    data, at, gained = b"", "", []
    for kill in range(KILLS + 1):
        with receiving(home) as node, node.client() as client:
            client.headers["tus-resumable"] = "1.0.0"
            if not at:
                data = encrypted(plain, node.key())
                metadata = tus.write_metadata({"path": "killed.c4gh"})
                headers = {"upload-length": str(len(data)), "upload-metadata": metadata}
                at = client.post("/uploads/v1/", headers=headers).headers["location"]
            offset = int(client.head(at).raise_for_status().headers["upload-offset"])
            gained.append(offset)
            headers = {"upload-offset": str(offset), "content-type": tus.CONTENT_TYPE}
            if kill < KILLS:
                timer = killed_after(node, 0.02 + fresh.random() * 0.25)
                with pytest.raises(httpx.TransportError):
                    client.patch(at, headers=headers, content=slowly(data[offset:]))
                timer.join()
                continue
            assert client.patch(at, headers=headers, content=data[offset:]).status_code == 204
            check_one_whole_file(node, "killed.c4gh", plain)
    assert gained == sorted(gained)
    assert gained[-1] > 0


def test_an_upload_in_parts_goes_on_after_the_node_was_killed_in_the_middle(home):
    fresh, plain = random.Random(43), noise(21_000_000, 43)
    where = {"Bucket": "charite", "Key": "killed.c4gh"}
    data, id_ = b"", ""
    for kill in range(KILLS + 1):
        with receiving(home) as node:
            s3 = node.boto()
            if not id_:
                data = encrypted(plain, node.key())
                id_ = s3.create_multipart_upload(**where)["UploadId"]
            timer = killed_after(node, 0.02 + fresh.random() * 0.4) if kill < KILLS else None
            try:
                _send_parts(s3, where, id_, data)
            except (BotoCoreError, ClientError):
                assert timer is not None
            if timer is not None:
                timer.join()
                continue
            check_one_whole_file(node, "killed.c4gh", plain)


def _send_parts(s3: Any, where: dict[str, str], id_: str, data: bytes) -> None:
    """What is missing, then the end, as a client does that goes on."""
    try:
        there = {part["PartNumber"] for part in s3.list_parts(**where, UploadId=id_).get("Parts", [])}
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchUpload":
            raise
        return  # it was completed just before the node died
    for number, start in enumerate(range(0, len(data), FIVE), start=1):
        if number not in there:
            s3.upload_part(**where, UploadId=id_, PartNumber=number, Body=data[start : start + FIVE])
    listed = s3.list_parts(**where, UploadId=id_).get("Parts", [])
    parts = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in listed]
    s3.complete_multipart_upload(**where, UploadId=id_, MultipartUpload={"Parts": parts})


class Submitting:
    """`gdi submit` of one folder, in a process of its own."""

    def __init__(self, node: Receiving, folder: Path, notes: Path, key: str) -> None:
        options = ["--to", node.node.public, "--key", key, "--json", "--patience", "60"]
        env = {**os.environ, "GDI_SUBMIT_TOKEN": TOKEN, "GDI_SUBMIT_STATE": str(notes)}
        command = [*GDI, "submit", str(folder), *options]
        self.process = subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def kill_after(self, pause_s: float) -> None:
        time.sleep(pause_s)
        self.process.kill()
        self.process.communicate()

    def end(self) -> str:
        out, err = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, err
        return out


def test_a_submission_goes_on_after_the_client_was_killed_wherever_that_was(home, tmp_path):
    fresh, plain = random.Random(47), noise(60_000_000, 47)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "killed").write_bytes(plain)
    notes = tmp_path / "notes"
    with receiving(home) as node:
        key = str(node.key())
        for _ in range(KILLS):
            Submitting(node, tmp_path / "data", notes, key).kill_after(0.4 + fresh.random() * 1.2)
        out = Submitting(node, tmp_path / "data", notes, key).end()
        assert '"state": "ready"' in out
        check_one_whole_file(node, "killed.c4gh", plain)
    assert all(path.stat().st_mode & 0o077 == 0 for path in notes.iterdir())


def test_a_submission_goes_on_by_itself_when_the_node_comes_back(home, tmp_path):
    plain = noise(60_000_000, 53)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "killed").write_bytes(plain)
    with receiving(home) as node:
        port = node.node.public.rpartition(":")[2]
        submitting = Submitting(node, tmp_path / "data", tmp_path / "notes", str(node.key()))
        while not node.rows("SELECT 1 FROM uploads WHERE received > 0"):
            assert submitting.process.poll() is None
            time.sleep(0.01)
        node.node.process.kill()
    config = home / "gdi.toml"
    config.write_text(config.read_text().replace("port = 8080", f"port = {port}", 1))
    with receiving(home, GDI_PUBLIC__PORT=port) as node:
        assert '"state": "ready"' in submitting.end()
        check_one_whole_file(node, "killed.c4gh", plain)
