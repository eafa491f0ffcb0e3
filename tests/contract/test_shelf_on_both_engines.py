"""The shelf of releases behaves alike on SQLite and PostgreSQL, also when two processes change it at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine

from opengdi.discovery.releases import Shelf
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Conflict
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.release import ReleaseState
from opengdi.testing.variants import site_row, write_release

KEY = SigningKey.generate()


DATASET = "GDI-EE-TEST-1"


@pytest.fixture
def shelf(engine: Engine, tmp_path: Path) -> Shelf:
    """Six versions of a dataset, the first one published."""
    shelf = Shelf(engine, tmp_path / "releases", FixedClock(), KEY)
    for version in range(1, 7):
        rows = [site_row("7", 100, "C", "T", (200, 2000, 10, 180, 0))]
        options = {"dataset": DATASET, "version": str(version), "individuals": 100 * version}
        shelf.add(write_release(tmp_path / "releases", rows, **options))
    shelf.publish(DATASET, "1")
    return shelf


def test_a_replacement_is_one_change_and_one_generation_to_everybody(shelf: Shelf) -> None:
    before = shelf.snapshot()
    shelf.replace(DATASET, "2")
    after = shelf.snapshot()
    assert [release.manifest.version for release in before.published] == ["1"]
    assert [release.manifest.version for release in after.published] == ["2"]
    assert after.generation == before.generation + 1


def test_of_versions_replaced_at_once_exactly_one_is_published_at_any_time(shelf: Shelf) -> None:
    seen = []

    def replace(version: int) -> None:
        with suppress(Conflict):  # a larger version came first, and this one would take people away again
            shelf.replace(DATASET, str(version))
        seen.append(len(shelf.published()))

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(replace, range(2, 7)))
    assert seen == [1] * 5
    states = [release.state for release in shelf.all()]
    assert states.count(ReleaseState.PUBLISHED) == 1
    assert states[0] is ReleaseState.REPLACED


def test_a_manifest_added_by_two_processes_at_once_is_there_once(shelf: Shelf, tmp_path: Path) -> None:
    rows = [site_row("7", 100, "C", "T", (200, 2000, 10, 180, 0))]
    manifest = write_release(tmp_path / "releases", rows, dataset="GDI-EE-TEST-2")
    with ThreadPoolExecutor(4) as pool:
        numbers = {release.number for release in pool.map(shelf.add, [manifest] * 4)}
    assert len(numbers) == 1
    assert len(shelf.all()) == 7
