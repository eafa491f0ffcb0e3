"""What a serving node and a serving hub leave behind: a chain that holds, signed to its last event."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.system.serving import Serving, run_gdi, serving, typed

PATHS = {"node": "/beacon/aggregated/v2", "hub": "/beacon-network/v2.0.0"}


@dataclass(frozen=True)
class Home:
    """A founded node or hub."""

    role: str
    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "gdi.toml"

    @property
    def data(self) -> Path:
        (named,) = (
            line.split('"')[1] for line in self.config.read_text().splitlines() if line.startswith("data_dir")
        )
        return self.folder / named

    def serving(self) -> Any:
        return serving(self.role, self.config, self.data)

    def audit(self, *arguments: str) -> Any:
        done = run_gdi("audit", *arguments, "--json", "--config", self.config)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.audit("show").splitlines()]


@pytest.fixture(params=["node", "hub"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    found = Home(request.param, tmp_path / request.param)
    typed(found.role, "init", found.folder, "--id", f"eu.{found.role}")
    if found.role == "hub":
        typed("registry", "sign", "--config", found.config)
    return found


def ask(started: Serving, role: str) -> None:
    with httpx.Client(base_url=started.public + PATHS[role], trust_env=False) as client:
        for number, accept in enumerate(("application/json", "text/event-stream")):
            headers = {"X-Request-Id": f"asked-{number}", "Accept": accept}
            assert client.get("/g_variants?geneId=BRCA2", headers=headers).status_code in {200, 400}
            assert client.get("/datasets", headers=headers).status_code == 200


def test_after_sigterm_every_event_is_signed(home: Home) -> None:
    with home.serving() as started:
        ask(started, home.role)
        assert started.stop() == 0
    for chain in json.loads(home.audit("verify")):
        assert chain["holds"]
        assert chain["covered"] == chain["events"] > 0
    events = [event for event in home.events() if event["writer"] == f"{home.role}-1"]
    assert (events[0]["action"], events[-1]["action"]) == ("audit.opened", "audit.closed")
    assert {"asked-0", "asked-1"} <= {event["request"] for event in events}
    assert "BRCA2" not in home.audit("show")


def test_a_killed_process_goes_on_with_its_chain(home: Home) -> None:
    for _ in range(2):
        with home.serving() as started:
            ask(started, home.role)
            started.process.kill()
            started.process.wait()
        (home.data / "listening.json").unlink()
    (chain,) = [each for each in json.loads(home.audit("verify")) if each["writer"] == f"{home.role}-1"]
    assert chain["holds"]
    assert len([event for event in home.events() if event["request"] == "asked-1"]) >= 2


def test_a_line_taken_out_of_the_chain_is_found(home: Home) -> None:
    with home.serving() as started:
        ask(started, home.role)
        assert started.stop() == 0
    segment = next((home.data / "audit" / f"{home.role}-1").glob("0*.jsonl"))
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join(lines[:3] + lines[4:]))
    done = run_gdi("audit", "verify", "--config", home.config)
    assert done.returncode == 1
    assert f"{home.role}-1: DOES NOT HOLD" in done.stdout
