"""`gdi organisation` at a hub that listens: what people type, and what programs read."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from tests.onboarding_kit import CHECKS, OPERATOR, REGISTRATION, Hub, a_hub, publish_all
from typer.testing import CliRunner

from opengdi.apps.cli import app
from opengdi.kernel.errors import Conflict, Invalid, NotFound, Unavailable


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with a_hub(tmp_path / "hub.sqlite") as hub:
        publish_all(hub)
        yield hub


@pytest.fixture
def address(hub: Hub) -> Iterator[str]:
    """Where the hub listens."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(hub.app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


Run = Callable[..., object]


@pytest.fixture
def gdi(address: str) -> Run:
    """Runs a command as somebody, and reads the JSON that it prints."""

    def run(who: str, *arguments: str) -> object:
        command = ["organisation", *arguments, "--at", address, "--token", who, "--json"]
        result = CliRunner().invoke(app, command, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return run


def test_an_organisation_is_brought_on_from_a_terminal(gdi: Run, hub: Hub, tmp_path: Path):
    registration, checks = tmp_path / "organisation.json", tmp_path / "checks.json"
    registration.write_text(json.dumps(REGISTRATION))
    checks.write_text(json.dumps({"checks": CHECKS}))
    assert gdi("official", "register", "--body", str(registration), "--dry-run") == {"valid": True}
    found = gdi("official", "register", "--body", str(registration))
    assert isinstance(found, dict)
    id_ = str(found["id"])
    gdi(OPERATOR, "do", id_, "vet", "--body", str(checks))
    terms = tmp_path / "terms.txt"
    terms.write_text("Version one.")
    for document in ("terms", "jca"):
        found = gdi("official", "sign", id_, document, str(terms))
    assert isinstance(found, dict)
    assert found["state"] == "agreed"
    assert gdi(OPERATOR, "list", "--state", "agreed") != []
    gdi(OPERATOR, "do", id_, "activate")
    suspended = gdi(OPERATOR, "do", id_, "suspend", "--set", "reason=a breach")
    assert isinstance(suspended, dict)
    assert suspended["reason"] == "a breach"
    evidence, key = tmp_path / "evidence.jws", tmp_path / "hub.jwk"
    evidence.write_text(found["signed"][0]["evidence"])
    key.write_text(json.dumps(hub.key.public.as_jwk()))
    command = ["organisation", "verify-signature", str(evidence), "--key", str(key), "--content", str(terms)]
    result = CliRunner().invoke(app, [*command, "--json"], catch_exceptions=False)
    assert json.loads(result.stdout)["party"] == id_


def test_documents_and_people_and_providers_are_listed(gdi: Run, address: str, tmp_path: Path):
    text = tmp_path / "new.md"
    text.write_text("# Terms")
    gdi(OPERATOR, "publish", "terms", str(text), "--kind", "terms-of-service", "--title", "Terms")
    listed = CliRunner().invoke(app, ["organisation", "documents", "--at", address])
    assert "terms  terms-of-service  2  Terms" in listed.stdout
    assert gdi(OPERATOR, "people") == []
    gdi("ncp", "provider-do", "ut", "identify", "--set", "name=University", "--set", "country=EE")
    gdi("ncp", "provider-do", "ut", "contact", "--set", "requirements=VCF")
    providers = gdi("ncp", "providers")
    assert isinstance(providers, list)
    assert [(each["id"], each["state"]) for each in providers] == [("ut", "contacted")]


def test_what_a_hub_refuses_is_the_error_that_it_stands_for(address: str, tmp_path: Path):
    def run(*arguments: str) -> None:
        CliRunner().invoke(app, ["organisation", *arguments], catch_exceptions=False)

    with pytest.raises(NotFound):
        run("show", "GDIO-X", "--at", address, "--token", OPERATOR)
    with pytest.raises(Invalid, match="name=value"):
        run("do", "GDIO-X", "vet", "--set", "x", "--at", address)
    with pytest.raises(Unavailable):
        run("list", "--at", "http://127.0.0.1:1", "--token", "x")
    here = ("--at", address, "--token", "ncp")
    run("provider-do", "p", "identify", "--set", "name=P", "--set", "country=EE", *here)
    with pytest.raises(Conflict):
        run("provider-do", "p", "onboard", *here)
