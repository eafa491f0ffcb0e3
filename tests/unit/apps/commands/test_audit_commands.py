"""`gdi audit` reads chains without a node and says by its exit code whether they hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from opengdi.apps.commands.audit import app
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.audit.journal import open_journal
from opengdi.kernel.audit.segments import Follower, segments_of
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.keys import KeyFolder, SigningKey

KEY = SigningKey.generate()


@pytest.fixture
def chains(tmp_path: Path) -> Path:
    """Two writers with an event each, and the public key beside them."""
    clock = FixedClock()
    for actor in ("token:steward", "anonymous:1"):
        with open_journal(tmp_path / "audit", actor[:5], key=KEY, clock=clock) as journal:
            clock.advance(1)
            journal.append(
                "dataset.publish", actor=actor, outcome=Outcome.DONE, objects=["dataset:D1"], request="r1"
            )
    (tmp_path / "key.json").write_text(json.dumps(KEY.public.as_jwk()))
    return tmp_path / "audit"


def gdi_audit(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_whole_chains_hold_and_leave_with_0(chains: Path) -> None:
    done = gdi_audit("verify", chains, "--public-key", chains.parent / "key.json")
    assert done.exit_code == 0
    assert "token-1: holds: 3 events in 1 segment," in done.output
    assert "2 signatures vouch for 3 events, 0 came after the last" in done.output


def test_one_chain_can_be_named(chains: Path) -> None:
    done = gdi_audit("verify", chains / "token-1")
    assert done.exit_code == 0
    assert "signatures not checked" in done.output
    assert "anony-1" not in done.output


def test_a_changed_line_is_named_and_leaves_with_1(chains: Path) -> None:
    segment = segments_of(chains / "token-1")[0]
    segment.write_bytes(segment.read_bytes().replace(b"dataset:D1", b"dataset:D2"))
    done = gdi_audit("verify", chains)
    assert done.exit_code == 1
    assert "token-1/000000000001.jsonl:3: changed: link 3" in done.output
    assert "token-1: DOES NOT HOLD" in done.output


def test_a_stranger_s_key_does_not_verify(chains: Path) -> None:
    (chains.parent / "other.json").write_text(json.dumps(SigningKey.generate().public.as_jwk()))
    done = gdi_audit("verify", chains, "--public-key", chains.parent / "other.json", "--json")
    assert done.exit_code == 1
    report = json.loads(done.output)[0]
    assert not report["holds"]
    assert report["covered"] == 0
    assert {fault["wrong"] for fault in report["faults"]} == {"signature", "unsigned"}


def test_a_checkpoint_kept_elsewhere_shows_that_the_end_is_missing(chains: Path) -> None:
    writer = chains / "token-1"
    kept = chains.parent / "kept.jws"
    (writer / "newest-checkpoint.jws").rename(kept)
    segment = segments_of(writer)[0]
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:2]))
    key = chains.parent / "key.json"
    assert gdi_audit("verify", writer, "--public-key", key).exit_code == 0
    done = gdi_audit("verify", writer, "--public-key", key, "--checkpoint", kept)
    assert done.exit_code == 1
    assert "the chain ends at link 2" in done.output


def test_show_prints_all_writers_in_order_of_time(chains: Path) -> None:
    lines = gdi_audit("show", chains, "--action", "dataset.").output.splitlines()
    assert [line.split()[1:4] for line in lines] == [
        ["token-1/3", "token:steward", "dataset.publish"],
        ["anony-1/3", "anonymous:1", "dataset.publish"],
    ]
    assert lines[0].endswith("done dataset:D1 request:r1")


def test_show_as_json_gives_one_event_a_line(chains: Path) -> None:
    events = [
        json.loads(line)
        for line in gdi_audit("show", chains, "--actor", "anonymous:1", "--json").output.split("\n")[:-1]
    ]
    assert [(event["writer"], event["action"]) for event in events] == [("anony-1", "dataset.publish")]


def test_tail_prints_the_last_events_only(chains: Path) -> None:
    assert len(gdi_audit("tail", chains, "--last", 2).output.splitlines()) == 2


def test_a_follower_tells_what_is_appended_and_nothing_twice(chains: Path) -> None:
    follower = Follower(chains / "token-1")
    assert follower.new_events() == []
    with open_journal(chains, "token", key=KEY, clock=FixedClock()) as journal:
        journal.append("a", actor="x")
        assert [event.action for event in follower.new_events()] == ["audit.opened", "a"]
    assert [event.action for event in follower.new_events()] == ["audit.closed"]


@pytest.mark.parametrize(
    "described, expected",
    [(["node"], ["node-1"]), (["hub"], ["hub-1"]), (["node", "hub"], ["node-1", "hub-1"])],
)
def test_the_chains_are_those_of_what_the_settings_describe(
    tmp_path: Path, described: list[str], expected: list[str]
) -> None:
    config = tmp_path / "gdi.toml"
    config.write_text(
        "".join(
            f'[{role}]\nid = "eu.{role}"\ndata_dir = "{role}"\nkeys_dir = "{role}-keys"\n'
            for role in described
        )
    )
    for role in ("node", "hub"):
        key = KeyFolder(tmp_path / f"{role}-keys", data_dir=tmp_path / role).signing_key(role)
        open_journal(tmp_path / role / "audit", role, key=key, clock=FixedClock()).close()
    verified = gdi_audit("verify", "--json", "--config", config)
    assert verified.exit_code == 0, verified.output
    assert [(chain["writer"], chain["covered"]) for chain in json.loads(verified.output)] == [
        (writer, 2) for writer in expected
    ]
    shown = gdi_audit("show", "--config", config, "--action", "audit.opened").output
    assert sorted(line.split()[1] for line in shown.splitlines()) == sorted(f"{each}/1" for each in expected)


def test_a_folder_without_chains_is_named(tmp_path: Path) -> None:
    done = gdi_audit("verify", tmp_path)
    assert "holds no audit chain" in str(done.exception)
