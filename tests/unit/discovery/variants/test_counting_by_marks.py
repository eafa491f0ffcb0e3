"""Totals of wide ranges come from marks, not from reading, and are the same as from reading."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from opengdi.discovery.variants import counting
from opengdi.discovery.variants.index import SiteIndex
from opengdi.discovery.variants.sst import build_index_files
from opengdi.discovery.variants.store import RocksVariantStore
from opengdi.kernel.bulk.serial import SerialPool
from opengdi.standards.beacon.questions import QuestionKind, VariantQuestion
from opengdi.standards.coordinates import Assembly
from opengdi.testing.variants import MemoryVariantStore, shelved, site_row, write_release

HIDDEN, SEEN = (3, 2000, 0, 3, 0), (300, 2000, 30, 240, 0)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Three releases of different density: rows crowd at the front, some hidden, some symbolic under one key."""
    folder: Path = tmp_path_factory.mktemp("marks")
    rng = random.Random(1)
    rows, releases = {}, []
    with SiteIndex(folder / "index") as index:
        for number, size in ((1, 900), (2, 40), (3, 1_500)):
            made = {}
            for _ in range(size):
                start = rng.choice((rng.randrange(50), rng.randrange(100_000)))
                alt = rng.choice(("G", "C", "<DEL>", "ACGTACGTACGT"))
                end = start + rng.randrange(1, 3_000) if alt == "<DEL>" else None
                row = site_row(
                    rng.choice("1122X"), start, "A", alt, rng.choice((HIDDEN, SEEN, SEEN)), end=end
                )
                made[row.contig, row.order] = row
            rows[number] = list(made.values())
            manifest = write_release(folder, rows[number], dataset=f"GDI-EE-TEST-{number}")
            releases.append(shelved(manifest, number, folder))
            index.take_in(number, build_index_files(releases[-1], folder / f"aside/{number}", SerialPool()))
        yield RocksVariantStore(index), MemoryVariantStore(rows), releases


def told(store, question, releases, skip: int, limit: int) -> list[tuple]:
    hits = store.search(question, releases, {}, skip=skip, limit=limit)
    return [
        (each.total, [(row.contig, row.start, row.ref, row.alt, row.end) for row in each.rows])
        for each in hits
    ]


def test_totals_and_pages_of_ranges_equal_those_from_reading(both, monkeypatch) -> None:
    store, oracle, releases = both
    rng, counted = random.Random(2), []
    by_marks = counting._counted
    monkeypatch.setattr(counting, "_counted", lambda *given: counted.append(by_marks(*given)) or counted[-1])
    for _ in range(150):
        start = rng.choice((0, rng.randrange(100_000)))
        question = VariantQuestion(
            QuestionKind.RANGE,
            Assembly.GRCh38,
            rng.choice("12X"),
            (start,),
            (start + rng.randrange(1, 100_000),),
        )
        asked = rng.sample(releases, rng.randrange(1, 4))
        skip, limit = rng.choice(((0, 0), (0, 10), (5, 3), (2_000, 5)))
        assert told(store, question, asked, skip, limit) == told(oracle, question, asked, skip, limit), (
            question
        )
    assert sum(each is not None for each in counted) > 30


def test_everything_is_paged_from_any_place(both) -> None:
    store, oracle, releases = both
    question = VariantQuestion(QuestionKind.EVERYTHING)
    for skip in (0, 1, 3, 100, 431, 599, 600, 5_000):
        assert told(store, question, releases, skip, 7) == told(oracle, question, releases, skip, 7), skip
