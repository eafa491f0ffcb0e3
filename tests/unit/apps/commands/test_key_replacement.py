"""`gdi key replace`: keys that may be in wrong hands sign nothing that is believed any more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from opengdi.apps import cli
from opengdi.apps.node import NodeState, open_state
from opengdi.apps.settings_file import load_settings
from opengdi.kernel.clock import FixedClock, SystemClock
from opengdi.kernel.errors import NotFound
from opengdi.kernel.keys import RotatingKeys, Rotation, verify
from opengdi.standards.faults import Unverified


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "gdi.toml"
    file.write_text(f'[node]\nid = "ee.node"\ndata_dir = "{tmp_path}/data"\nkeys_dir = "{tmp_path}/keys"\n')
    return file


@pytest.fixture
def clock() -> FixedClock:
    """Of the serving process, a while ago."""
    return FixedClock(SystemClock().now().replace(year=2026, month=1))


@pytest.fixture
def state(config: Path, clock: FixedClock) -> Iterator[NodeState]:
    with open_state(load_settings(config, {}), clock) as state:
        yield state


def gdi(config: Path, *words: str) -> str:
    result = CliRunner().invoke(cli.app, [*words, "--config", str(config)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def keys_of(state: NodeState, clock: FixedClock) -> RotatingKeys:
    return RotatingKeys(state.keys, "visas", clock, algorithm="RS256", rotation=Rotation())


def test_a_serving_process_signs_with_the_new_key_and_publishes_no_other(
    config: Path, state: NodeState, clock: FixedClock
):
    serving = keys_of(state, clock)
    stolen = serving.signing()
    token = stolen.sign(b"{}", purpose="vc+jwt")
    told = json.loads(gdi(config, "key", "replace", "visas", "--json"))
    clock.advance((SystemClock().now() - clock.now()).total_seconds() + 61)
    assert serving.signing().key_id == told["kid"] != stolen.key_id
    assert [key.key_id for key in serving.published()] == [told["kid"]]
    with pytest.raises(Unverified):
        verify(token, serving.published(), purpose="vc+jwt")
    audited = [json.loads(line) for line in gdi(config, "audit", "show", "--json").splitlines()]
    [line] = [line for line in audited if line["action"] == "key.replace"]
    assert f"key:{told['kid']}" in line["objects"]


def test_keys_that_are_not_there_are_not_made(config: Path, state: NodeState, clock: FixedClock):
    keys_of(state, clock).signing()
    with pytest.raises(NotFound, match="known are visas"):
        gdi(config, "key", "replace", "node")
    assert "node.RS256" not in str(state.keys.names())
