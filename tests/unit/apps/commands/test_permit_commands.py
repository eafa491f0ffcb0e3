"""`gdi permit`: what a hub has issued, and the check that anybody makes offline."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.permit_kit import ASKED, KEYS, approved, decision, ruling, signed
from tests.unit.access.permits.histories import opened
from typer.testing import CliRunner

from opengdi.access.ledger import Ledger
from opengdi.access.permits.document import document_of, sign_permit
from opengdi.access.permits.evolution import STORY
from opengdi.access.permits.model import Basis, Found, Signed
from opengdi.access.permits.rules import Terms, decide_grant
from opengdi.access.permits.store import keep_permit
from opengdi.apps import cli
from opengdi.apps.hub import open_state
from opengdi.apps.settings_file import load_settings
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.errors import Invalid, NotFound
from opengdi.kernel.keys import SigningKey
from opengdi.standards.faults import Malformed, Unverified

NUMBER = "GDIP-ABCDE23456"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings of a hub that issued one permit."""
    file = tmp_path / "gdi.toml"
    file.write_text(f'[hub]\nid = "hub.gdi"\ndata_dir = "{tmp_path}/hub"\nkeys_dir = "{tmp_path}/hub-keys"\n')
    with open_state(load_settings(file, {}), SystemClock()) as state:
        now = state.clock.now()
        until = now + timedelta(days=100)
        own = signed(decision(ruling(until=until), at=now))
        dataset = replace(opened(ASKED.dataset, until), node=ASKED.node, body=ASKED.body, decided=now)
        ledger = Ledger(state.engine, state.clock, state.audit)
        permit = ledger.change(
            STORY,
            NUMBER,
            lambda before, at: decide_grant(
                before, approved(own), Found((dataset,), bases=(Basis("GDIA-1", "d1"),)), Terms(), at
            ),
            actor="x",
        )
        permit = replace(permit, decisions=(Signed(own.body, own.jws),))
        jws = sign_permit(document_of(permit, "hub.gdi"), state.keys.signing_key("hub")).jws
        with state.engine.begin() as connection:
            keep_permit(connection, NUMBER, "GDIA-1", 1, jws, None)
        (tmp_path / "permit.jws").write_text(jws + "\n")
        (tmp_path / "hub.jwk").write_text(json.dumps(state.keys.signing_key("hub").public.as_jwk()))
    (tmp_path / "body.jwk").write_text(json.dumps(KEYS[ASKED.body].public.as_jwk()))
    (tmp_path / "other.jwk").write_text(json.dumps(SigningKey.generate().public.as_jwk()))
    return file


def gdi(*words: str | Path) -> str:
    """Runs `gdi permit`; what it printed. Raises what the command raises."""
    result = CliRunner().invoke(cli.app, ["permit", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_hub_lists_and_shows_its_permits(config: Path):
    [line] = gdi("list", "--config", config).splitlines()
    assert line.split("\t")[:2] == [NUMBER, "active"]
    told = json.loads(gdi("show", NUMBER, "--config", config))
    assert told["datasets"][0]["dataset"] == ASKED.dataset
    assert [each["kind"] for each in told["events"]] == ["issued"]
    assert gdi("jws", NUMBER, "--config", config).count(".") == 2
    for command in ("show", "jws"):
        with pytest.raises(NotFound):
            gdi(command, "GDIP-NONE", "--config", config)


def test_anybody_verifies_a_permit_with_the_keys_alone(config: Path):
    folder = config.parent
    told = gdi("verify", folder / "permit.jws", "--key", folder / "hub.jwk")
    assert told.startswith(f"permit {NUMBER} version 1 by hub.gdi: holds")
    assert "not checked" in told
    told = gdi(
        "verify",
        folder / "permit.jws",
        "--key",
        folder / "hub.jwk",
        "--body-key",
        f"{ASKED.body}={folder}/body.jwk",
    )
    assert f"decision\t{ASKED.body}\tholds" in told
    late = gdi("verify", folder / "permit.jws", "--key", folder / "hub.jwk", "--at", "2099-01-01T00:00:00Z")
    assert ": expired" in late


def test_programs_read_the_same_as_json(config: Path):
    folder = config.parent
    keys = ("--key", folder / "hub.jwk", "--body-key", f"{ASKED.body}={folder}/body.jwk")
    told = json.loads(gdi("verify", folder / "permit.jws", *keys, "--json"))
    assert (told["permit"], told["hub"], told["verdict"], told["faults"]) == (NUMBER, "hub.gdi", "holds", [])
    assert [each["dataset"] for each in told["datasets"]] == [ASKED.dataset]
    assert [each["role"] for each in told["people"]] == ["holder", "member"]
    [decided] = told["decisions"]
    assert (decided["body"], decided["word"], decided["case"]) == (ASKED.body, "holds", "GDIA-1.ee.dac")
    [line] = json.loads(gdi("list", "--config", config, "--json"))
    assert (line["permit"], line["state"], line["title"]) == (NUMBER, "active", "")


def test_a_permit_that_does_not_hold_is_told_as_json_and_ends_the_command_with_an_error(config: Path):
    folder = config.parent
    words = ["permit", "verify", str(folder / "permit.jws"), "--key", str(folder / "hub.jwk"), "--json"]
    wrong = ["--body-key", f"{ASKED.body}={folder}/other.jwk"]
    result = CliRunner().invoke(cli.app, [*words, *wrong])
    assert isinstance(result.exception, Invalid)
    told = json.loads(result.output)
    assert told["decisions"][0]["word"] == "does not hold"
    assert len(told["faults"]) == 1


def test_a_permit_that_does_not_hold_ends_the_command_with_an_error(config: Path):
    folder = config.parent
    permit, key = folder / "permit.jws", folder / "hub.jwk"
    with pytest.raises(Unverified, match=r"permit\.jws"):
        gdi("verify", permit, "--key", folder / "other.jwk")
    with pytest.raises(Invalid, match="does not hold"):
        gdi("verify", permit, "--key", key, "--body-key", f"{ASKED.body}={folder}/other.jwk")
    with pytest.raises(Invalid, match="BODY=FILE"):
        gdi("verify", permit, "--key", key, "--body-key", "x")
    with pytest.raises(Malformed, match=r"hub\.jwk"):
        gdi("verify", key, "--key", key)
    with pytest.raises(Malformed, match=r"permit\.jws"):
        gdi("verify", permit, "--key", permit)
    for at in ("soon", "2026-01-01T00:00:00"):
        with pytest.raises(Invalid, match="--at"):
            gdi("verify", permit, "--key", key, "--at", at)


def test_a_permit_is_printed_from_a_hub_and_from_a_file(config: Path):
    folder = config.parent
    gdi("pdf", NUMBER, folder / "a.pdf", "--config", config)
    gdi("pdf", folder / "permit.jws", folder / "b.pdf", "--key", folder / "hub.jwk")
    assert (folder / "a.pdf").read_bytes() == (folder / "b.pdf").read_bytes()
    with pytest.raises(Unverified):
        gdi("pdf", folder / "permit.jws", folder / "c.pdf", "--key", folder / "other.jwk")
    assert not (folder / "c.pdf").exists()
