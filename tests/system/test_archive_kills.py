"""kill -9 of node and sender at any moment of upload and intake: no file is lost, none doubled, none stuck."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.encrypted_uploads import body_of, data_key, header_for
from tests.s3 import s3_bucket, s3_options, unfinished_uploads
from tests.system.serving import GDI, run_gdi, serving, typed

from opengdi.apps.archive import open_inbox, open_storage
from opengdi.apps.settings_file import load_settings
from opengdi.archive.places import body_key
from opengdi.archive.rules import PERMITTED
from opengdi.kernel.storage import Storage
from opengdi.standards.crypt4gh import PublicKey, parse_private_key

KILLS = 10  # on each engine and storage
ROUNDS_AT_MOST = 20
HERE = Path(__file__).parent
SOURCES = {"PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])}
SIZES = (0, 1, 65_535, 65_536, 65_537, 300_000)
OF_TWO_PARTS = 40_000_000
"""Bytes of a file whose body a store gets in parts."""
HALF_STORED = 2


@dataclass
class Archive:
    """A node with a provider, the files it was sent so far, and their bodies' digests by name.

    storage, inbox: the node's own. unfinished: what writers left half-written.
    """

    folder: Path
    sent: Path
    rng: random.Random
    storage: Storage
    inbox: Storage
    unfinished: Callable[[], list[str]]
    expected: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.folder / "gdi.toml"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def make_files(self, sizes: Sequence[int]) -> None:
        """More files for the provider to send."""
        for size in sizes:
            name, key = f"f{len(self.expected)}.bin", data_key()
            body = body_of(self.rng.randbytes(size), [key])
            (self.sent / name).write_bytes(header_for(self._key(), [key]) + body)
            self.expected[name] = sha256(body).hexdigest()

    def _key(self) -> PublicKey:
        return parse_private_key((self.folder / "keys" / "archive-1.c4gh").read_text()).public

    def start(self) -> subprocess.Popen[bytes]:
        env = {"GDI_PUBLIC__PORT": "0", "GDI_MANAGEMENT__PORT": "0", **SOURCES}
        self.forget_where_it_listened()
        with (self.folder / "node.log").open("ab") as log:
            return subprocess.Popen(
                [*GDI, "node", "start", "--config", str(self.config)],
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=env,
            )

    def forget_where_it_listened(self) -> None:
        """What a killed node leaves would be taken for the next one's word."""
        (self.data / "listening.json").unlink(missing_ok=True)

    @contextmanager
    def sending(self) -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, str(HERE / "archive_sender.py"), str(self.config), str(self.sent)]
        process = subprocess.Popen(command, env={**os.environ, **SOURCES})
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def listed(self) -> list[dict[str, Any]]:
        done = run_gdi("archive", "list", "--json", "--config", self.config)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(params=["sqlite, directory", "postgresql, directory", "postgresql, s3"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    folder, config = tmp_path / "node", tmp_path / "node" / "gdi.toml"
    typed("node", "init", folder, "--id", "org.example.kill", "--name", "Kill", "--country", "EE")
    if "postgresql" in request.param:
        url = json.dumps(request.getfixturevalue("postgres_url"))
        config.write_text(config.read_text().replace("[database]\n", f"[database]\nurl = {url}\n"))
    unfinished = partial(drafts, folder / "data")
    if "s3" in request.param:
        address, bucket = request.getfixturevalue("s3_server"), s3_bucket(tmp_path.name)
        keep_in_a_store(config, address, bucket)
        unfinished = partial(unfinished_uploads, address, bucket)
    (tmp_path / "sent").mkdir()
    settings = load_settings(config)
    return Archive(
        folder,
        tmp_path / "sent",
        random.Random(f"20261129 {request.param}"),
        open_storage(settings),
        open_inbox(settings),
        unfinished,
    )


def drafts(data: Path) -> list[str]:
    return [str(path) for path in (data / "archive" / ".drafts").iterdir()]


def keep_in_a_store(config: Path, address: str, bucket: str) -> None:
    """Let the node keep archive and inbox in a bucket of the S3 server."""
    httpx.put(f"{address}/{bucket}").raise_for_status()
    options = s3_options(address) | {"allow_http": "true"}
    told = ", ".join(f"{name} = {json.dumps(value)}" for name, value in options.items())
    text = config.read_text()
    for setting, value in {
        'storage = ""': f'storage = "s3://{bucket}/files"',
        'inbox = ""': f'inbox = "s3://{bucket}/inbox"',
        "storage_options = {}": f"storage_options = {{ {told} }}",
        "unfinished_s = 604800.0": "unfinished_s = 1.0",
    }.items():
        assert text.count(f"\n{setting}\n") == 1
        text = text.replace(f"\n{setting}\n", f"\n{value}\n")
    config.write_text(text)


def test_files_survive_kills_at_any_moment_each_once_and_none_is_stuck(
    archive: Archive, record_property
) -> None:
    with serving("node", archive.config, archive.data, **SOURCES):
        pass  # makes the archive's key
    killed: Counter[str] = Counter()
    for _ in range(ROUNDS_AT_MOST):
        archive.make_files(archive.rng.sample(SIZES, len(SIZES)))
        killed += one_round(archive)
        if killed.total() >= KILLS:
            break
    record_property("killed", dict(killed))
    assert killed.total() >= KILLS, killed
    assert_that_all_is_well_in_the_end(archive)


@pytest.mark.parametrize("archive", ["sqlite, s3"], indirect=True)
def test_the_parts_of_a_body_that_a_killed_node_left_are_removed_by_the_next(archive: Archive) -> None:
    with serving("node", archive.config, archive.data, **SOURCES):
        pass  # makes the archive's key
    for _ in range(HALF_STORED):
        archive.make_files([OF_TWO_PARTS])
        node = archive.start()
        wait_until_listening(archive, node)
        with archive.sending():
            wait_until(archive.unfinished)
            node.kill()
            node.wait()
            assert archive.unfinished()
    assert_that_all_is_well_in_the_end(archive)


def wait_until(there: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def assert_that_all_is_well_in_the_end(archive: Archive) -> None:
    archive.forget_where_it_listened()
    with serving("node", archive.config, archive.data, **SOURCES) as last:
        with archive.sending() as sender:
            assert sender.wait(60) == 0
        wait_until_all_are_ready(archive)
        wait_until_the_inbox_is_empty(archive)
        assert archive.unfinished() == []
        health = httpx.get(f"{last.management}/health/ready").json()
        assert health["subsystems"]["archive-jobs"] == {"status": "ok", "detail": "0 files under way"}
        last.stop()
    assert_each_file_is_there_once(archive)
    assert run_gdi("audit", "verify", "--config", archive.config).returncode == 0


def one_round(archive: Archive) -> Counter[str]:
    """Start a node and a sender, and kill both, each at a moment of its own; who was killed with work to do."""
    killed: Counter[str] = Counter()
    node = archive.start()
    wait_until_listening(archive, node)
    with archive.sending() as sender:
        pauses = {"node": archive.rng.uniform(0.0, 2.5), "sender": archive.rng.uniform(0.0, 1.5)}
        began = time.monotonic()
        for name in sorted(pauses, key=pauses.__getitem__):
            time.sleep(max(0.0, began + pauses[name] - time.monotonic()))
            process = node if name == "node" else sender
            killed[name] += process.poll() is None and verified(archive) < len(archive.expected)
            process.kill()
        node.wait()
    return killed


def wait_until_listening(archive: Archive, node: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not (archive.data / "listening.json").exists():
        assert node.poll() is None, (archive.folder / "node.log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def verified(archive: Archive) -> int:
    """Files whose facts lie beside their bodies."""
    return len(keys_in(archive.storage, "facts"))


def keys_in(storage: Storage, folder: str) -> list[str]:
    async def listed() -> list[str]:
        return [found.key async for found in storage.list(folder)]

    return asyncio.run(listed())


def digest_of(storage: Storage, key: str) -> str:
    async def whole() -> bytes:
        return b"".join([piece async for piece in storage.get(key)])

    return sha256(asyncio.run(whole())).hexdigest()


def wait_until_all_are_ready(archive: Archive) -> None:
    deadline = time.monotonic() + 120
    while True:
        states = Counter(file["state"] for file in archive.listed())
        if states == {"ready": len(archive.expected)}:
            return
        assert time.monotonic() < deadline, states
        time.sleep(0.5)


def wait_until_the_inbox_is_empty(archive: Archive) -> None:
    deadline = time.monotonic() + 90
    while left := keys_in(archive.inbox, ""):
        assert time.monotonic() < deadline, left
        time.sleep(0.5)


def assert_each_file_is_there_once(archive: Archive) -> None:
    files = archive.listed()
    assert sorted(file["path"] for file in files) == sorted(archive.expected)
    for file in files:
        digest = digest_of(archive.storage, body_key(file["place"]))
        assert digest == archive.expected[file["path"]] == file["stored"]["digests"]["body_sha256"]
        assert file["version"] == 1
    assert len(keys_in(archive.storage, "bodies")) == len(files)
    told = json.loads(
        run_gdi("archive", "show", files[-1]["id"], "--json", "--config", archive.config).stdout
    )
    states = [event["state"] for event in told["events"]]
    assert all((before, after) in PERMITTED for before, after in zip([None, *states], states, strict=False))
    assert states.count("ready") == 1
