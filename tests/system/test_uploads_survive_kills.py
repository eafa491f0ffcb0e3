"""kill -9 of the node, and of the client, in the middle of uploads: nothing is lost, doubled or stuck."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from tests.system.receiving import TOKEN, Receiving, encrypted, found, noise, receiving
from tests.system.serving import GDI, run_gdi

from opengdi.standards import tus

T = TypeVar("T")

BASE = "/uploads/v1/"
FIVE = 5 * 1024**2
KILLS = 30
LIFE_S = 0.8
"""Longest time from where a node listens to its death."""
PAUSE_S = 0.3
"""Longest time between two files of a sender."""
PATIENCE_S = 60
"""How long a sender goes on once nobody kills the node any more."""
CLIENT_KILLS = 5
UNDER_WAY = "SELECT path, state, trouble FROM archive_files WHERE state NOT IN ('ready', 'error')"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    found(tmp_path / "ee", piece_bytes="262_144", care_s="1.0")
    return tmp_path / "ee"


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


class Door(threading.Thread):
    """Sends one file after the other by one protocol, and goes on wherever the node died; `plain` by path."""

    def __init__(self, node: Receiving, name: str, stop: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self.plain: dict[str, bytes] = {}
        self.fault: BaseException | None = None
        self._fresh = random.Random(name)
        self._stop_sending = stop
        self._node = node
        self._key = node.key()

    def run(self) -> None:
        try:
            while not self._stop_sending.is_set():
                path = f"{self.name}/{len(self.plain)}.c4gh"
                plain = self.plain[path] = self._fresh.randbytes(self.size_bytes)
                self.send(path, encrypted(plain, self._key))
                time.sleep(self._fresh.random() * PAUSE_S)
        except BaseException as error:  # noqa: BLE001  the test shows it
            self.fault = error

    size_bytes = 700_000

    def send(self, path: str, data: bytes) -> None:
        raise NotImplementedError

    def insist(self, act: Callable[[], T]) -> T:
        """What `act` gives though the node die meanwhile, however often; what the node says itself is a failure."""
        deadline = None
        while True:
            try:
                return act()
            except (httpx.TransportError, BotoCoreError):
                if self._stop_sending.is_set():
                    deadline = deadline or time.monotonic() + PATIENCE_S
                    if time.monotonic() > deadline:
                        raise
            time.sleep(0.05)


class Parts(Door):
    """S3 multipart uploads."""

    size_bytes = FIVE + 200_000

    def send(self, path: str, data: bytes) -> None:
        s3, where = self._node.boto(), {"Bucket": "charite", "Key": path}
        id_ = self.insist(lambda: s3.create_multipart_upload(**where))["UploadId"]
        self.insist(lambda: _send_parts(s3, where, id_, data))


class Resumed(Door):
    """Uploads by tus."""

    def send(self, path: str, data: bytes) -> None:
        with self._node.client() as client:
            client.headers["tus-resumable"] = "1.0.0"
            self._send(client, data, {"upload-metadata": tus.write_metadata({"path": path})})

    def _send(self, client: httpx.Client, data: bytes, headers: dict[str, str]) -> str:
        """Where the upload is, once it is complete."""
        headers = {"upload-length": str(len(data)), **headers}
        at = self.insist(lambda: client.post(BASE, headers=headers).raise_for_status()).headers["location"]

        def go_on() -> None:
            offset = int(client.head(at).raise_for_status().headers["upload-offset"])
            told = {"upload-offset": str(offset), "content-type": tus.CONTENT_TYPE}
            if offset < len(data):
                client.patch(at, headers=told, content=slowly(data[offset:])).raise_for_status()

        self.insist(go_on)
        return at


class Joined(Resumed):
    """Uploads by tus that are put together from partial ones."""

    def send(self, path: str, data: bytes) -> None:
        partial = {"upload-concat": "partial"}
        with self._node.client() as client:
            client.headers["tus-resumable"] = "1.0.0"
            parts = [self._send(client, piece, partial) for piece in (data[:300_000], data[300_000:])]
            metadata = tus.write_metadata({"path": path})
            final = {"upload-concat": f"final;{' '.join(parts)}", "upload-metadata": metadata}
            self.insist(lambda: client.post(BASE, headers=final).raise_for_status())


def test_files_sent_by_s3_and_tus_survive_kills_of_the_node_at_any_moment(home):
    fresh, stop = random.Random(20261130), threading.Event()
    doors: list[Door] = []
    port = "0"
    for _ in range(KILLS):
        with receiving(home, GDI_PUBLIC__PORT=port) as node:
            if not doors:
                port = node.node.public.rpartition(":")[2]
                doors = [door(node, door.__name__, stop) for door in (Parts, Resumed, Joined)]
                for door in doors:
                    door.start()
            time.sleep(fresh.random() * LIFE_S)
            node.node.process.kill()
        assert [door.fault for door in doors] == [None] * len(doors)
    with receiving(home, GDI_PUBLIC__PORT=port) as node:
        stop.set()
        for door in doors:
            door.join(2 * PATIENCE_S)
        assert [(door.fault, door.is_alive()) for door in doors] == [(None, False)] * len(doors)
        plain = {path: data for door in doors for path, data in door.plain.items()}
        assert all(door.plain for door in doors)
        check_each_file_is_there_once(node, plain)
    assert run_gdi("audit", "verify", "--config", home / "gdi.toml").returncode == 0


def check_each_file_is_there_once(node: Receiving, plain: dict[str, bytes]) -> None:
    deadline = time.monotonic() + 60
    while node.rows(UNDER_WAY) or node.inbox():
        assert time.monotonic() < deadline, (node.inbox(), node.rows(UNDER_WAY))
        time.sleep(0.1)
    found = node.rows(
        "SELECT path, version, state, value FROM archive_files JOIN archive_digests ON file = id "
        "WHERE kind = 'plain_sha256' ORDER BY path"
    )
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in plain.items()}
    assert found == [(path, 1, "ready", digests[path]) for path in sorted(digests)]
    assert len(files_below(node.home / "data" / "archive" / "bodies")) == len(plain)
    held = "received > 0 OR id IN (SELECT upload FROM upload_parts UNION SELECT upload FROM upload_pieces)"
    assert node.rows(f"SELECT * FROM uploads WHERE state != 'completed' AND ({held})") == []


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


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
        for _ in range(CLIENT_KILLS):
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
