"""What a node keeps, opened: private folders, a database at the newest revision, every change in the audit chain."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from opengdi.apps.node import AUDIT, COMMAND, RELEASES, SIGNING_KEY, NodeState, open_state
from opengdi.apps.settings import Settings
from opengdi.apps.settings_file import load_settings
from opengdi.discovery.manifests import manifest_digest
from opengdi.kernel.audit.segments import events_of, verify_writer, writers_in
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Invalid, Unavailable
from opengdi.kernel.release import ReleaseState
from opengdi.testing.variants import site_row, write_release

DATASET = "GDI-EE-TEST-1"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    environ = {"GDI_NODE__DATA_DIR": str(tmp_path / "data"), "GDI_NODE__KEYS_DIR": str(tmp_path / "keys")}
    return load_settings(None, environ)


@pytest.fixture
def state(settings: Settings) -> Iterator[NodeState]:
    with open_state(settings, FixedClock()) as opened:
        yield opened


def put_on_the_shelf(state: NodeState) -> None:
    rows = [site_row("7", 100, "C", "T", (200, 2000, 10, 180, 0))]
    state.shelf.add(write_release(state.data_dir / RELEASES, rows, dataset=DATASET))


def test_its_folders_are_its_owners_alone(state, tmp_path):
    for folder in (tmp_path / "data", tmp_path / "data" / RELEASES, tmp_path / "keys"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


def test_every_change_of_the_shelf_is_in_the_audit_chain_and_the_chain_holds(settings, tmp_path):
    with open_state(settings, FixedClock()) as state:
        put_on_the_shelf(state)
        state.shelf.publish(DATASET, "1")
        state.shelf.hide(DATASET, "1")
        manifest = state.shelf.find(DATASET, "1").manifest
        key = state.keys.signing_key(SIGNING_KEY).public
    (writer,) = writers_in(tmp_path / "data" / AUDIT)
    assert writer.name == f"{COMMAND}-1"
    changes = [event for event in events_of(writer) if event.action.startswith("dataset.")]
    assert [event.action for event in changes] == ["dataset.load", "dataset.publish", "dataset.hide"]
    release, digest = f"release:{DATASET}:1", f"manifest:{manifest_digest(manifest)}"
    assert {event.objects for event in changes} == {(release, digest)}
    assert verify_writer(writer, [key]).holds


def test_a_change_that_cannot_be_audited_does_not_happen(state):
    put_on_the_shelf(state)
    state.audit.close()
    with pytest.raises(Unavailable):
        state.shelf.publish(DATASET, "1")
    assert state.shelf.find(DATASET, "1").state is ReleaseState.LOADED


def test_two_commands_at_once_write_chains_of_their_own(settings, tmp_path):
    with open_state(settings, FixedClock()) as one, open_state(settings, FixedClock()) as other:
        assert {one.audit.writer, other.audit.writer} == {f"{COMMAND}-1", f"{COMMAND}-2"}


def test_keys_that_others_may_read_stop_the_start(settings, tmp_path):
    (tmp_path / "keys").mkdir(mode=0o755)
    with pytest.raises(Invalid, match="0700"), open_state(settings, FixedClock()):
        pass
