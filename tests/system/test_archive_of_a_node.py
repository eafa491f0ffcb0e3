"""A node takes in what a provider sent, on each pair of engines, tells whom it should, and is operated meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.encrypted_uploads import private_key, random_bytes, upload_of
from tests.event_listener import Listener
from tests.s3 import s3_options, s3_server
from tests.system.serving import Serving, run_gdi, serving

from opengdi.kernel.courier import SIGNATURE_HEADER, check_event
from opengdi.kernel.keys import PublicKey as VerifyingKey
from opengdi.kernel.keys import SigningKey
from opengdi.standards.crypt4gh import parse_private_key

__all__ = ["s3_server"]

HERE = Path(__file__).parent
NODE = "org.example.archive"
TOKENS: dict[str, str] = {}
"""Keys of the providers at the node that runs."""
DATASET = "GDI-EE-TEST-1"


@dataclass(frozen=True)
class Place:
    """A founded node and the variables under which its processes run."""

    folder: Path
    variables: dict[str, str]

    @property
    def config(self) -> Path:
        return self.folder / "gdi.toml"

    @property
    def environment(self) -> dict[str, str]:
        sources = os.pathsep.join([str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])
        return {"PYTHONPATH": sources, "PATH": os.environ["PATH"], **self.variables}

    def gdi(self, *words: str) -> Any:
        done = run_gdi("archive", *words, "--json", "--config", self.config, env=self.environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def send(self, name: str, content: bytes) -> None:
        """Upload a file from a process of its own."""
        sent = self.folder / f"sent-{name}"
        sent.mkdir()
        (sent / name).write_bytes(content)
        command = [sys.executable, HERE / "archive_sender.py", self.config, sent]
        subprocess.run(command, check=True, env=self.environment)

    def signing_key(self) -> VerifyingKey:
        return SigningKey.from_pem((self.folder / "keys" / "node.pem").read_bytes()).public


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture(params=["sqlite and a directory", "postgresql and s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, listener: Listener) -> Place:
    variables = {
        "GDI_ARCHIVE__NOTIFY_URL": listener.url,
        "GDI_ARCHIVE__ATTEMPTS": "1",
    }
    if request.param != "sqlite and a directory":
        address = request.getfixturevalue("s3_server")
        httpx.put(f"{address}/node-archive").raise_for_status()
        variables |= {
            "GDI_DATABASE__URL": request.getfixturevalue("postgres_url"),
            "GDI_ARCHIVE__STORAGE": "s3://node-archive/files",
            "GDI_ARCHIVE__INBOX": "s3://node-archive/inbox",
            "GDI_ARCHIVE__STORAGE_OPTIONS": json.dumps(s3_options(address) | {"allow_http": "true"}),
        }
    folder = tmp_path / "node"
    done = run_gdi(
        "node", "init", folder, "--id", NODE, "--country", "EE", env=Place(folder, variables).environment
    )
    assert done.returncode == 0, done.stderr
    place = Place(folder, variables)
    for name in ("lab", "other"):
        duty = f"provider:{name}"
        key = run_gdi("key", "new", name, "--duty", duty, "--config", place.config, env=place.environment)
        assert key.returncode == 0, key.stderr
        TOKENS[name] = key.stdout.strip()
    return place


@pytest.fixture
def node(place: Place) -> Iterator[Serving]:
    with serving("node", place.config, place.folder / "data", **place.environment) as node:
        yield node


def until(ask: Callable[[], Any]) -> Any:
    """The first true thing that `ask` gives."""
    deadline = time.monotonic() + 60
    while not (found := ask()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def test_files_come_in_are_told_of_mapped_and_driven_on(
    place: Place, node: Serving, listener: Listener
) -> None:
    ours = parse_private_key((place.folder / "keys" / "archive-1.c4gh").read_text()).public
    files = httpx.Client(
        base_url=f"{node.public}/archive/v1", headers={"authorization": f"Bearer {TOKENS['lab']}"}
    )

    def in_state(state: str, number: int = 1) -> list[dict[str, Any]]:
        found = files.get("/files", params={"state": state}).json()["files"]
        return found if len(found) == number else []

    plain = random_bytes(300_000)
    place.send("good.bin", b"".join(upload_of(plain, ours)))
    (good,) = until(lambda: in_state("ready"))
    assert (good["filePath"], good["decryptedSize"]) == ("good.bin", 300_000)

    place.send("bad.bin", b"".join(upload_of(plain, private_key().public)))
    (bad,) = until(lambda: in_state("error"))
    assert "is not encrypted to this archive's key" in bad["reason"]

    events = until(lambda: len(listener.heard) >= 4 and listener.heard)
    for headers, body in events:
        id_ = check_event(
            headers[SIGNATURE_HEADER],
            body,
            sender=NODE,
            receiver=listener.url,
            keys=[place.signing_key()],
        )
        assert id_ == json.loads(body)["id"]
    told = [
        (event["type"].removeprefix("eu.gdi.archive.file."), event["subject"]) for event in listener.events
    ]
    assert sorted(told) == sorted(
        [
            ("uploaded", good["fileId"]),
            ("ready", good["fileId"]),
            ("uploaded", bad["fileId"]),
            ("error", bad["fileId"]),
        ]
    )

    assert place.gdi("map", DATASET, good["fileId"])["files"] == 1
    assert place.gdi("release", DATASET)["state"] == "released"
    assert files.get(f"/files/{good['fileId']}").json()["datasets"] == [DATASET]
    assert place.gdi("retry", bad["fileId"])[0]["attempt"] == 2
    until(
        lambda: (
            place.gdi("show", bad["fileId"])["events"][-1]["state"] == "error"
            and place.gdi("show", bad["fileId"])["attempt"] == 2
        )
    )

    other = {"authorization": f"Bearer {TOKENS['other']}"}
    assert files.get(f"/files/{good['fileId']}", headers=other).status_code == 404
    assert httpx.get(f"{node.public}/archive/v1/files").status_code == 401
    metrics = httpx.get(f"{node.management}/metrics").text
    assert 'opengdi_archive_files{state="ready"} 1.0' in metrics
    health = httpx.get(f"{node.management}/health/ready").json()
    assert {
        name: found["status"]
        for name, found in health["subsystems"].items()
        if "arch" in name or name == "outbox"
    } == {
        "archive-storage": "ok",
        "archive-jobs": "ok",
        "archive-integrity": "ok",
        "archive-leftovers": "ok",
        "outbox": "ok",
    }
    files.close()
    assert node.stop() == 0
