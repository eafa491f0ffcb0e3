"""A node as its operator meets it: founded, started, asked how it is, stopped."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.system.serving import Serving, run_gdi, serving

from opengdi.testing.identity import give_keys, key_token, program


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("node")
    done = run_gdi("node", "init", folder / "ee", "--id", "eu.example.ee", "--country", "EE")
    assert done.returncode == 0, done.stderr
    return folder / "ee"


@pytest.fixture(scope="module")
def node(home: Path) -> Iterator[Serving]:
    with serving("node", home / "gdi.toml", home / "data") as started:
        yield started


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_founding_makes_settings_keys_and_database_that_only_the_owner_reads(home):
    assert (mode(home), mode(home / "data"), mode(home / "keys")) == (0o700, 0o700, 0o700)
    for file in (home / "gdi.toml", home / "keys" / "node.pem", home / "data" / "state.sqlite"):
        assert mode(file) == 0o600, file


def test_founding_again_overwrites_nothing(home):
    before = (home / "gdi.toml").read_text()
    again = run_gdi("node", "init", home, "--country", "FI")
    assert again.returncode == 7
    assert "gdi.toml" in again.stderr
    assert (home / "gdi.toml").read_text() == before


def test_the_settings_it_wrote_can_be_used(home):
    checked = run_gdi("config", "check", "--config", home / "gdi.toml")
    assert checked.returncode == 0, checked.stderr


def test_the_addresses_are_told_to_the_owner_only(node, home):
    file = home / "data" / "listening.json"
    told = json.loads(file.read_text())
    assert (told["public"], told["management"], told["pid"]) == (
        node.public,
        node.management,
        node.process.pid,
    )
    assert mode(file) == 0o600


def test_the_management_listener_answers_everything_an_operator_asks(node):
    with httpx.Client(base_url=node.management, trust_env=False) as client:
        assert client.get("/health/live").json() == {"status": "ok"}
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "ok"), ready.text
        assert ready.json()["subsystems"]["database"]["status"] == "ok"
        assert client.get("/version").json()["role"] == "node"
        assert "process_resident_memory_bytes" in client.get("/metrics").text


def test_the_public_listener_tells_nothing_of_it(node):
    with httpx.Client(base_url=node.public, trust_env=False) as client:
        for path in ("/health/live", "/health/ready", "/metrics", "/version"):
            answered = client.get(path)
            assert answered.status_code == 404
            assert answered.headers["content-type"] == "application/problem+json"
            assert answered.headers["x-content-type-options"] == "nosniff"


def test_requests_on_the_public_listener_are_counted(node):
    httpx.get(f"{node.public}/no-such-thing", trust_env=False)
    exposition = httpx.get(f"{node.management}/metrics", trust_env=False).text
    assert 'opengdi_http_requests_total{method="GET",route="unknown",status="404"}' in exposition


def test_the_operator_may_ask_by_command(node, home):
    asked = run_gdi("node", "status", "--config", home / "gdi.toml")
    assert asked.returncode == 0, asked.stderr
    assert node.public in asked.stdout
    assert "database" in asked.stdout


def test_a_second_process_on_the_same_data_is_refused(node, home):
    second = run_gdi("node", "start", "--config", home / "gdi.toml")
    assert second.returncode == 7
    assert "another process serves" in second.stderr


def test_no_token_is_ever_logged_or_audited(tmp_path):
    known, guessed = key_token("portal"), "guessed-0123456789abcdef"
    home = tmp_path / "lv"
    assert run_gdi("node", "init", home).returncode == 0
    give_keys(home / "gdi.toml", program("portal", registered=True))
    with serving("node", home / "gdi.toml", home / "data") as started:
        for token in (known, guessed, f"{guessed}\u00e9", f"{known[:-1]}2"):
            headers = {"authorization": f"Bearer {token}".encode(), "x-request-id": f"asked-{len(token)}"}
            httpx.get(f"{started.public}/beacon/individuals/v2/individuals", headers=headers, trust_env=False)
        assert started.stop() == 0
        written = started.log.read_bytes()
    written += b"".join(path.read_bytes() for path in (home / "data" / "audit").rglob("*") if path.is_file())
    assert b"asked-" in written  # the audit chain has the requests
    assert known[-52:-1].encode() not in written
    assert guessed.encode() not in written


def test_a_stopped_node_ends_in_order_and_takes_its_addresses_away(tmp_path):
    assert run_gdi("node", "init", tmp_path / "fi").returncode == 0
    with serving("node", tmp_path / "fi" / "gdi.toml", tmp_path / "fi" / "data") as started:
        assert started.stop() == 0
        assert "Traceback" not in started.log.read_text()
    assert not (tmp_path / "fi" / "data" / "listening.json").exists()
    assert run_gdi("node", "status", "--config", tmp_path / "fi" / "gdi.toml").returncode == 3


def test_an_address_that_is_taken_is_named(node, tmp_path):
    assert run_gdi("node", "init", tmp_path / "se").returncode == 0
    port = node.public.rsplit(":", 1)[1]
    refused = run_gdi(
        "node",
        "start",
        "--config",
        tmp_path / "se" / "gdi.toml",
        env={"GDI_PUBLIC__PORT": port, "GDI_MANAGEMENT__PORT": "0"},
    )
    assert refused.returncode == 7
    assert f"cannot listen on http://127.0.0.1:{port}" in refused.stderr
