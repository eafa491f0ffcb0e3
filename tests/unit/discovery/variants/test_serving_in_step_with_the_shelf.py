"""What a process serves follows the shelf: whole releases, at once, whatever happens meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import update

from opengdi.apps.migrations import migrate
from opengdi.discovery.manifests import encode_manifest
from opengdi.discovery.releases import Shelf, dataset_releases
from opengdi.discovery.variants.folder import IndexFolder
from opengdi.discovery.variants.index import SiteIndex
from opengdi.discovery.variants.serving import GRACE_S, RETRY_S, ServedVariants, ServingOptions, reindex
from opengdi.discovery.variants.sst import build_index_files
from opengdi.kernel.bulk.serial import SerialPool
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.database import open_engine
from opengdi.kernel.errors import Conflict, Unavailable
from opengdi.kernel.keys import SigningKey
from opengdi.standards.beacon.questions import QuestionKind, VariantQuestion
from opengdi.standards.coordinates import Assembly
from opengdi.testing.variants import SiteRow, site_row, write_release

KEY = SigningKey.generate()
DATASET = "GDI-EE-TEST-1"
OTHER = "GDI-EE-TEST-2"
EVERYTHING = VariantQuestion(QuestionKind.EVERYTHING)
WIDE = VariantQuestion(QuestionKind.RANGE, Assembly.GRCh38, "7", (0,), (100_000,))


def rows_of(version: int, size: int = 300) -> list[SiteRow]:
    """Rows whose allele count tells their version."""
    return [
        site_row("7", 100 + at, "C", "T", (100 + version, 2000, 10, 80, 0)) for at in range(size + version)
    ]


class Node:
    """A shelf, its releases and what is served from them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FixedClock()
        self.engine = open_engine(folder / "state.sqlite")
        migrate(self.engine)
        self.shelf = Shelf(self.engine, folder / "releases", self.clock, KEY)
        self.index = IndexFolder(folder / "index")
        self.served = self.start()

    def start(self) -> ServedVariants:
        return ServedVariants(self.shelf, self.index, self.clock, ServingOptions(genes={}))

    def restart(self) -> None:
        self.served.close()
        self.served = self.start()

    def load(self, version: int, dataset: str = DATASET) -> None:
        options = {"dataset": dataset, "version": str(version), "individuals": 1000 + 100 * version}
        self.shelf.add(write_release(self.folder / "releases", rows_of(version), **options))

    def answer(self, question: VariantQuestion = WIDE) -> list[tuple[str, str, int, set[int]]]:
        """What is answered now: dataset, version, total and the allele counts among the rows."""
        hits = self.served.store.search(question, self.served.published(), {}, skip=0, limit=1_000)
        return [
            (
                each.release.manifest.dataset,
                each.release.manifest.version,
                each.total,
                {row.counts[0] for row in each.rows},
            )
            for each in hits
        ]


def whole(version: int, dataset: str = DATASET) -> tuple[str, str, int, set[int]]:
    return dataset, str(version), 300 + version, {100 + version}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path)
    yield node
    node.served.close()
    node.engine.dispose()


def test_a_release_is_served_from_the_refresh_after_it_was_published(node: Node) -> None:
    node.load(1)
    node.served.refresh()
    assert node.answer() == []
    node.shelf.publish(DATASET, "1")
    assert node.answer() == []
    assert node.served.refresh()
    assert node.answer() == [whole(1)]


def test_what_is_published_stays_one_object_until_something_changes(node: Node) -> None:
    node.load(1)
    node.shelf.publish(DATASET, "1")
    node.served.refresh()
    before = node.served.published()
    assert not node.served.refresh()
    assert node.served.published() is before


def test_a_hidden_release_is_gone_at_once_and_comes_back_as_it_was(node: Node) -> None:
    node.load(1)
    node.shelf.publish(DATASET, "1")
    node.served.refresh()
    before = node.answer()
    node.shelf.hide(DATASET, "1")
    node.served.refresh()
    assert node.answer() == []
    node.shelf.publish(DATASET, "1")
    node.served.refresh()
    assert node.answer() == before


def test_files_built_aside_are_taken_in_and_not_built_again(node: Node, monkeypatch) -> None:
    node.load(1)
    release = node.shelf.find(DATASET, "1")
    build_index_files(release, node.index.incoming(release.number), SerialPool())
    monkeypatch.setattr("opengdi.discovery.variants.sst.build_contig", pytest.fail)
    node.shelf.publish(DATASET, "1")
    node.served.refresh()
    assert node.answer() == [whole(1)]
    assert not node.index.incoming(release.number).exists()


def test_an_index_of_another_format_is_built_anew_and_deleted(node: Node) -> None:
    node.load(1)
    node.shelf.publish(DATASET, "1")
    node.served.refresh()
    node.served.close()
    former = node.index.current()
    assert former is not None
    (current,) = node.index.path.glob("current*")
    current.rename(current.with_name("current"))
    assert node.index.current() is None
    node.served = node.start()
    assert node.answer() == [whole(1)]
    assert not former.exists()


def test_a_question_on_a_release_withdrawn_meanwhile_is_answered_whole_or_not_at_all(node: Node) -> None:
    node.load(1)
    node.shelf.publish(DATASET, "1")
    node.served.refresh()
    old = node.served.published()
    node.shelf.withdraw(DATASET, "1")
    node.served.refresh()
    assert node.served.store.search(WIDE, old, {}, skip=0, limit=1)[0].total == 301
    node.clock.advance(GRACE_S + 1)
    node.served.sweep()
    with pytest.raises(Unavailable):
        node.served.store.search(WIDE, old, {}, skip=0, limit=1)


def test_a_withdrawn_release_leaves_no_row_in_the_index(node: Node) -> None:
    for dataset in (DATASET, OTHER):
        node.load(1, dataset)
        node.shelf.publish(dataset, "1")
    node.served.refresh()
    node.shelf.withdraw(DATASET, "1")
    node.served.refresh()
    node.clock.advance(GRACE_S + 1)
    node.served.sweep()
    numbers = {int.from_bytes(key[9:13]) for key, _ in node.served._index._db.items() if key[0] < 16}
    assert numbers == {2}
    assert node.answer() == [whole(1, OTHER)]


def test_an_interrupted_removal_goes_on_after_a_restart(node: Node) -> None:
    node.load(1)
    node.shelf.publish(DATASET, "1")
    node.served.refresh()
    node.shelf.withdraw(DATASET, "1")
    node.served._index._closing.set()  # as if the process ended while it removes
    node.served._index.remove(1)
    node.restart()
    node.served.sweep()
    assert list(node.served._index._db.items()) == []


def test_a_release_that_cannot_be_served_stays_out_of_sight_and_is_tried_again(node: Node) -> None:
    for dataset in (DATASET, OTHER):
        node.load(1, dataset)
        node.shelf.publish(dataset, "1")
    sites = node.folder / "releases" / DATASET / "1/sites/chr7.parquet"
    kept = sites.read_bytes()
    sites.write_bytes(b"broken")
    node.served.refresh()
    assert node.answer() == [whole(1, OTHER)]
    assert "chr7.parquet" in node.served.trouble[DATASET]
    sites.write_bytes(kept)
    assert not node.served.refresh()
    node.clock.advance(RETRY_S + 1)
    node.served.refresh()
    assert node.answer() == [whole(1), whole(1, OTHER)]
    assert node.served.trouble == {}


def test_a_release_whose_policy_was_made_weaker_behind_the_node_is_not_served(node: Node) -> None:
    for dataset in (DATASET, OTHER):
        node.load(1, dataset)
        node.shelf.publish(dataset, "1")
    manifest = node.shelf.find(DATASET, "1").manifest
    weaker = replace(manifest, policy=replace(manifest.policy, count_rounding=1, k_individuals=0))
    this = update(dataset_releases).where(dataset_releases.c.dataset == DATASET)
    with node.engine.begin() as connection:
        connection.execute(this.values(manifest=encode_manifest(weaker).decode()))
    node.restart()
    assert node.answer() == [whole(1, OTHER)]
    assert "not the one that was signed" in node.served.trouble[DATASET]


def test_a_deleted_index_is_rebuilt_from_the_truth_with_the_same_answers(node: Node) -> None:
    node.load(1)
    node.shelf.publish(DATASET, "1")
    node.served.refresh()
    before = node.served.store.search(EVERYTHING, node.served.published(), {}, skip=10, limit=50)
    node.served.close()
    shutil.rmtree(node.index.path)
    node.served = node.start()
    assert node.served.store.search(EVERYTHING, node.served.published(), {}, skip=10, limit=50) == before


def test_a_rebuilt_index_holds_the_same_bytes_and_is_changed_over_to(node: Node) -> None:
    for version, dataset in ((1, DATASET), (2, OTHER)):
        node.load(version, dataset)
        node.shelf.publish(dataset, str(version))
        node.served.refresh()
    before, former = node.answer(), node.served._index
    assert reindex(node.shelf, node.index, SerialPool()) == 2
    with SiteIndex(node.index.current()) as rebuilt:
        assert list(rebuilt._db.items()) == list(former._db.items())
    assert node.served.refresh()
    assert node.served._index is not former
    assert node.answer() == before
    node.clock.advance(GRACE_S + 1)
    node.served.sweep()
    assert not former.folder.exists()


def test_only_one_rebuild_runs_at_a_time(node: Node) -> None:
    with node.index.rebuilding(), pytest.raises(Conflict, match="another process"):
        reindex(node.shelf, node.index, SerialPool())


def test_every_answer_is_wholly_of_one_state_while_releases_come_and_go(node: Node) -> None:
    for version in (1, 2, 3):
        node.load(version)
    node.load(1, OTHER)
    node.shelf.publish(DATASET, "1")
    node.served.refresh()
    done = Event()

    def ask() -> list:
        answers = []
        while not done.is_set() or not answers:
            answers.append(node.answer())
        return answers

    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(ask) for _ in range(3)]
        try:
            for _ in range(4):
                for act, dataset, version in (
                    (node.shelf.publish, OTHER, "1"),
                    (node.shelf.replace, DATASET, "2"),
                    (node.shelf.hide, OTHER, "1"),
                    (node.shelf.hide, DATASET, "2"),
                    (node.shelf.replace, DATASET, "1"),
                ):
                    act(dataset, version)
                    node.served.refresh()
            node.shelf.replace(DATASET, "3")
            reindex(node.shelf, node.index, SerialPool())
            node.served.refresh()
            node.shelf.withdraw(DATASET, "1")
            node.served.refresh()
        finally:
            done.set()
        answers = [answer for each in asked for answer in each.result()]
    allowed = [
        [],
        [whole(1)],
        [whole(2)],
        [whole(3)],
        [whole(1), whole(1, OTHER)],
        [whole(2), whole(1, OTHER)],
    ]
    assert [answer for answer in answers if answer not in allowed] == []
    assert node.answer() == [whole(3)]
