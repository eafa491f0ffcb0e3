"""The shelf: which state may follow which, what is refused before publishing, on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from opengdi.apps.migrations import migrate
from opengdi.discovery.manifests import MANIFEST, decode_manifest, encode_manifest
from opengdi.discovery.releases import SIGNATURE, Change, Shelf, dataset_releases
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.database import open_engine
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.release import DatasetRelease, ReleaseState
from opengdi.testing.variants import site_row, write_release

KEY = SigningKey.generate()
DATASET = "GDI-EE-TEST-1"
ROWS = [site_row("7", 100, "C", "T", (200, 2000, 10, 180, 0))]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(tmp_path / "state.sqlite")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def changes() -> list[Change]:
    return []


@pytest.fixture
def shelf(engine: Engine, tmp_path: Path, changes: list[Change]) -> Shelf:
    return Shelf(engine, tmp_path / "releases", FixedClock(), KEY, on_change=changes.append)


@pytest.fixture
def load(shelf: Shelf, tmp_path: Path):
    """Puts a version of the test dataset on the shelf."""

    def load(version: str, **options) -> DatasetRelease:
        rows = options.pop("rows", ROWS)
        manifest = write_release(tmp_path / "releases", rows, dataset=DATASET, version=version, **options)
        shelf.add(manifest)
        return manifest

    return load


def states(shelf: Shelf) -> dict[str, ReleaseState]:
    return {release.manifest.version: release.state for release in shelf.all()}


def test_a_loaded_release_is_not_published_until_somebody_says_so(shelf, load) -> None:
    load("1")
    assert shelf.published() == ()
    assert shelf.publish(DATASET, "1").state is ReleaseState.PUBLISHED
    assert [release.manifest.version for release in shelf.published()] == ["1"]


def test_hidden_comes_back_and_withdrawn_does_not(shelf, load) -> None:
    load("1")
    shelf.publish(DATASET, "1")
    shelf.hide(DATASET, "1")
    assert shelf.published() == ()
    shelf.publish(DATASET, "1")
    shelf.withdraw(DATASET, "1")
    with pytest.raises(Conflict, match="withdrawn; it cannot become published"):
        shelf.publish(DATASET, "1")


def test_a_replacement_takes_the_place_of_the_old_version_and_may_be_rolled_back(shelf, load) -> None:
    load("1")
    load("2", individuals=1010)
    shelf.publish(DATASET, "1")
    with pytest.raises(Conflict, match="replace it"):
        shelf.publish(DATASET, "2")
    shelf.replace(DATASET, "2")
    assert states(shelf) == {"1": ReleaseState.REPLACED, "2": ReleaseState.PUBLISHED}
    shelf.replace(DATASET, "1")
    assert states(shelf) == {"1": ReleaseState.PUBLISHED, "2": ReleaseState.REPLACED}


def test_a_replacement_needs_something_to_replace(shelf, load) -> None:
    load("1")
    with pytest.raises(Conflict, match="publish it"):
        shelf.replace(DATASET, "1")


@pytest.mark.parametrize("individuals", [1001, 1009, 1000, 990])
def test_a_version_that_differs_by_a_few_people_is_refused(shelf, load, individuals: int) -> None:
    load("1")
    load("2", individuals=individuals, rows=[site_row("7", 101, "C", "T", (200, 2000, 10, 180, 0))])
    shelf.publish(DATASET, "1")
    with pytest.raises(Conflict, match="min_update_batch"):
        shelf.replace(DATASET, "2")
    assert states(shelf) == {"1": ReleaseState.PUBLISHED, "2": ReleaseState.LOADED}


def test_hiding_the_old_version_first_does_not_get_round_the_batch(shelf, load) -> None:
    load("1")
    load("2", individuals=1001)
    shelf.publish(DATASET, "1")
    shelf.hide(DATASET, "1")
    with pytest.raises(Conflict, match="min_update_batch"):
        shelf.publish(DATASET, "2")


def test_the_same_frequencies_of_the_same_people_may_be_released_again(shelf, load) -> None:
    load("1")
    load("2")
    shelf.publish(DATASET, "1")
    assert shelf.replace(DATASET, "2").state is ReleaseState.PUBLISHED


def test_a_file_that_is_not_the_one_of_the_manifest_stops_publishing(shelf, load) -> None:
    load("1")
    sites = Path(shelf.find(DATASET, "1").folder) / "sites/chr7.parquet"
    content = bytearray(sites.read_bytes())
    content[100] ^= 1
    sites.write_bytes(content)
    with pytest.raises(Conflict, match=r"chr7\.parquet"):
        shelf.publish(DATASET, "1")
    sites.unlink()
    with pytest.raises(Conflict, match="missing"):
        shelf.publish(DATASET, "1")


def test_a_manifest_with_a_weaker_policy_than_the_one_loaded_is_refused(shelf, load) -> None:
    manifest = load("1")
    weaker = replace(manifest, policy=DisclosurePolicy(k_alleles=0))
    (shelf.folder_of(manifest) / MANIFEST).write_bytes(encode_manifest(weaker))
    with pytest.raises(Conflict, match="weaker"):
        shelf.publish(DATASET, "1")


def weaken(engine: Engine, shelf: Shelf, manifest: DatasetRelease) -> None:
    """Make the policy of a release weaker wherever it stands, as who has no key of the node can."""
    weaker = encode_manifest(replace(manifest, policy=DisclosurePolicy(k_alleles=0)))
    (shelf.folder_of(manifest) / MANIFEST).write_bytes(weaker)
    with engine.begin() as connection:
        connection.execute(update(dataset_releases).values(manifest=weaker.decode()))


def test_a_policy_made_weaker_in_file_and_database_alike_does_not_pass_for_the_signed_one(
    shelf, load, engine: Engine, tmp_path: Path
) -> None:
    manifest = load("1")
    weaken(engine, shelf, manifest)
    with pytest.raises(Conflict, match="not the one that was signed"):
        shelf.publish(DATASET, "1")
    stranger = Shelf(engine, tmp_path / "releases", FixedClock(), SigningKey.generate())
    stranger.add(shelf.find(DATASET, "1").manifest)
    with pytest.raises(Conflict, match="no signature of this node that holds"):
        shelf.publish(DATASET, "1")
    (shelf.folder_of(manifest) / SIGNATURE).unlink()
    with pytest.raises(Conflict, match="load the release again"):
        shelf.publish(DATASET, "1")


def test_what_was_signed_before_there_was_a_knob_stays_signed_and_a_knob_that_is_set_is_signed(
    shelf, load
) -> None:
    manifest = load("1")
    assert b"individual_budget" not in encode_manifest(manifest), "the bytes that older nodes signed"
    shelf.check(shelf.find(DATASET, "1"))
    stricter = replace(manifest, policy=DisclosurePolicy(individual_budget=1.0))
    assert decode_manifest(encode_manifest(stricter)) == stricter


def test_loading_a_release_again_signs_it_again(shelf, load) -> None:
    manifest = load("1")
    (shelf.folder_of(manifest) / SIGNATURE).unlink()
    shelf.add(manifest)
    assert shelf.publish(DATASET, "1").manifest == manifest


def test_adding_the_same_manifest_twice_changes_nothing(shelf, load, changes) -> None:
    manifest = load("1")
    assert shelf.add(manifest).number == 1
    assert len(shelf.all()) == len(changes) == 1


def test_a_manifest_that_does_not_lie_in_its_folder_is_refused(shelf, load, tmp_path: Path) -> None:
    manifest = load("1")
    with pytest.raises(Invalid, match="does not open"):
        shelf.add(replace(manifest, version="9"))


def test_the_generation_moves_with_every_change(shelf, load) -> None:
    seen = [shelf.generation()]
    load("1")
    for act in (shelf.publish, shelf.hide, shelf.withdraw):
        seen.append(shelf.generation())
        act(DATASET, "1")
    seen.append(shelf.generation())
    assert seen == sorted(set(seen))


def test_every_change_is_heard_with_the_state_before_it(shelf, load, changes) -> None:
    load("1")
    load("2", individuals=1010)
    shelf.publish(DATASET, "1")
    shelf.replace(DATASET, "2")
    heard = [(change.release.manifest.version, change.before, change.after) for change in changes]
    assert heard == [
        ("1", None, ReleaseState.LOADED),
        ("2", None, ReleaseState.LOADED),
        ("1", ReleaseState.LOADED, ReleaseState.PUBLISHED),
        ("1", ReleaseState.PUBLISHED, ReleaseState.REPLACED),
        ("2", ReleaseState.LOADED, ReleaseState.PUBLISHED),
    ]


def test_a_change_that_cannot_be_audited_does_not_happen(engine: Engine, tmp_path: Path, load) -> None:
    load("1")

    def fail(change: Change) -> None:
        raise Unavailable("the audit chain cannot be written")

    deaf = Shelf(engine, tmp_path / "releases", FixedClock(), KEY, on_change=fail)
    with pytest.raises(Unavailable):
        deaf.publish(DATASET, "1")
    assert states(deaf) == {"1": ReleaseState.LOADED}


def test_what_is_withdrawn_with_its_files_leaves_a_tombstone_only(shelf, load) -> None:
    manifest = load("1")
    shelf.withdraw(DATASET, "1")
    assert shelf.folder_of(manifest).exists()
    for _ in range(2):
        shelf.withdraw(DATASET, "1", erase_files=True)
    assert not shelf.folder_of(manifest).exists()
    assert states(shelf) == {"1": ReleaseState.WITHDRAWN}


def test_numbers_are_never_used_again(shelf, load) -> None:
    load("1")
    load("2", individuals=1010)
    assert [release.number for release in shelf.all()] == [1, 2]


def test_an_unknown_release_is_not_found(shelf) -> None:
    with pytest.raises(NotFound, match="load it first"):
        shelf.publish("GDI-EE-NONE-1", "1")


def test_a_manifest_is_read_back_as_it_was_written(load) -> None:
    manifest = load("1")
    assert decode_manifest(encode_manifest(manifest)) == manifest


def test_a_broken_manifest_is_refused_with_the_field_that_is_wrong() -> None:
    with pytest.raises(Invalid, match="dataset"):
        decode_manifest(b"{}")
