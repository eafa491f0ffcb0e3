"""An index that lost a block refuses; it never answers as if the rows in it did not exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from opengdi.discovery.model import ShelvedRelease
from opengdi.discovery.variants.index import SiteIndex
from opengdi.discovery.variants.sst import build_index_files
from opengdi.discovery.variants.store import RocksVariantStore
from opengdi.kernel.bulk.serial import SerialPool
from opengdi.kernel.errors import Unavailable
from opengdi.standards.beacon.questions import QuestionKind, VariantQuestion
from opengdi.standards.coordinates import Assembly
from opengdi.testing.variants import shelved, site_row, write_release

ROWS = 5_000
QUESTIONS = {
    "range": VariantQuestion(QuestionKind.RANGE, Assembly.GRCh38, "7", (0,), (100_000,)),
    "everything": VariantQuestion(QuestionKind.EVERYTHING),
}


@pytest.fixture
def release(tmp_path: Path) -> ShelvedRelease:
    rows = [site_row("7", 100 + at, "C", "T", (100, 2000, 10, 80, 0)) for at in range(ROWS)]
    return shelved(write_release(tmp_path / "releases", rows), 1, tmp_path / "releases")


@pytest.fixture
def damaged(tmp_path: Path, release: ShelvedRelease) -> Iterator[SiteIndex]:
    """An index that opens, with one of its many blocks of alleles overwritten."""
    with SiteIndex(tmp_path / "index") as index:
        index.take_in(release.number, build_index_files(release, tmp_path / "aside", SerialPool()))
    largest = max((tmp_path / "index").glob("*.sst"), key=lambda file: file.stat().st_size)
    with largest.open("r+b") as file:
        file.seek(largest.stat().st_size // 2)
        file.write(b"\xff\x00\xaa\x55")
    with SiteIndex(tmp_path / "index") as index:
        yield index


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_a_question_that_meets_the_damage_is_refused(
    damaged: SiteIndex, release: ShelvedRelease, question: VariantQuestion
) -> None:
    with pytest.raises(Unavailable, match=r"damaged.*gdi node reindex"):
        RocksVariantStore(damaged).search(question, [release], {}, skip=0, limit=ROWS)
    assert "damaged" in damaged.damage


def test_every_allele_is_found_or_refused_but_never_denied(
    damaged: SiteIndex, release: ShelvedRelease
) -> None:
    store, refused = RocksVariantStore(damaged), 0
    for start in range(100, 100 + ROWS, 7):
        allele = VariantQuestion(
            QuestionKind.SEQUENCE, Assembly.GRCh38, "7", (start,), reference_bases="C", alternate_bases="T"
        )
        try:
            (hits,) = store.search(allele, [release], {}, skip=0, limit=1)
        except Unavailable:
            refused += 1
        else:
            assert hits.total == 1, start
    assert 0 < refused < ROWS // 7


def test_an_index_whose_statistics_are_damaged_does_not_open(tmp_path: Path, release: ShelvedRelease) -> None:
    with SiteIndex(tmp_path / "index") as index:
        index.take_in(release.number, build_index_files(release, tmp_path / "aside", SerialPool()))
    for file in (tmp_path / "index").glob("*.sst"):
        with file.open("r+b") as stream:
            stream.seek(10)
            stream.write(b"\xff\xee\xdd")
    with pytest.raises(Unavailable, match=r"does not open.*gdi node reindex"):
        SiteIndex(tmp_path / "index")
