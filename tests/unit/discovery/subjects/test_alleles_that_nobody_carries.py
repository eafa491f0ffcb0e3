"""Genotypes are read for an allele that is not there as for one that few carry, so that neither takes longer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.loading import DATASET, bench

from opengdi.discovery.model import ShelvedRelease, SiteRef
from opengdi.discovery.subjects.bitmaps import size
from opengdi.discovery.subjects.hierarchy import load_ontology
from opengdi.discovery.subjects.store import BitmapSubjectStore
from opengdi.kernel.errors import Unavailable

RARE = [SiteRef("22", 0)]


@pytest.fixture
def release(tmp_path: Path) -> Iterator[ShelvedRelease]:
    """Three people, of whom the first carries the only allele."""
    with bench(tmp_path) as loading:
        loading.write_vcf("a.vcf", ["22 100 . A G . PASS . GT 0/1 0/0 0/0"])
        people = [{"id": name, "sex": {"id": "NCIT:C16576", "label": "female"}} for name in "ABC"]
        (loading.source / "individuals.json").write_text(json.dumps(people))
        loading.write_release('files = ["a.vcf"]', '[subjects]\nindividuals = "individuals.json"\n')
        loading.load()
        loading.workshop.shelf.publish(DATASET, "1")
        (release,) = loading.workshop.shelf.published()
        yield release


def carriers(release: ShelvedRelease, alleles: list[SiteRef]) -> int:
    store = BitmapSubjectStore(lambda: [release], load_ontology())
    return size(store.matching(release, (), alleles))


def test_nobody_carries_an_allele_that_is_not_there(release: ShelvedRelease) -> None:
    assert [carriers(release, alleles) for alleles in (RARE, [], [SiteRef("22", -1)])] == [1, 0, 0]


@pytest.mark.parametrize("alleles", [RARE, [], [SiteRef("22", -1)]])
def test_without_its_genotypes_a_release_answers_about_no_allele(
    release: ShelvedRelease, alleles: list[SiteRef]
) -> None:
    (Path(release.folder) / "genotypes" / "chr22.pgen").unlink()
    with pytest.raises(Unavailable, match="chr22"):
        carriers(release, alleles)
