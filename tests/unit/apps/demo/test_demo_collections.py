from __future__ import annotations

import gzip
import json
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest

from opengdi.apps.demo.cohorts import COUNTRIES, Country, carriers, write_collection
from opengdi.apps.demo.genomes import REGIONS, SHOWCASE, make_alleles
from opengdi.apps.demo.scenario import REAL_COUNTRIES, synthetic_scenario
from opengdi.identity.development.people import hinted
from opengdi.kernel.ids import dataset_id

SMALL = Country("EE", "Estonia", "TEST", 60)


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_collection(SMALL, tmp_path_factory.mktemp("collection")).parent


def test_the_same_seed_makes_the_same_bytes(collection: Path, tmp_path: Path) -> None:
    again = write_collection(SMALL, tmp_path).parent
    digests = [
        {file.name: sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}
        for folder in (collection, again)
    ]
    assert digests[0] == digests[1]


def test_another_seed_makes_other_genotypes(collection: Path, tmp_path: Path) -> None:
    other = write_collection(SMALL, tmp_path, seed=1).parent
    assert (other / "chr13.vcf.gz").read_bytes() != (collection / "chr13.vcf.gz").read_bytes()


def test_the_showcase_allele_is_in_every_collection(collection: Path) -> None:
    lines = gzip.decompress((collection / "chr3.vcf.gz").read_bytes()).decode().splitlines()
    (line,) = [line.split("\t") for line in lines if line.startswith(f"chr3\t{SHOWCASE.pos}\t")]
    assert line[3:5] == [SHOWCASE.ref, SHOWCASE.alt]


@pytest.mark.parametrize("seed", range(5))
def test_the_rare_allele_is_carried_by_few_of_whom_one_is_of_the_first_country(seed: int) -> None:
    asked = synthetic_scenario(seed).rare.text
    numbers = [
        sum(
            number
            for allele, number in carriers(country, seed)
            if f"{allele.contig}-{allele.pos}-{allele.ref}-{allele.alt}" == asked
        )
        for country in COUNTRIES
    ]
    assert numbers[0] > 1
    assert sum(numbers) < 5


def test_every_country_of_the_demo_has_a_committee_that_can_log_in() -> None:
    countries = {*COUNTRIES, *REAL_COUNTRIES}
    assert all(hinted(f"{country.code.lower()}-dac-chair") for country in countries)


def test_every_line_has_a_call_for_every_person(collection: Path) -> None:
    for path in collection.glob("*.vcf.gz"):
        rows = [line.split("\t") for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
        assert {len(row) for row in rows if not row[0].startswith("##")} == {9 + SMALL.people}


def test_women_have_no_calls_on_y_and_men_one_allele(collection: Path) -> None:
    people = json.loads(gzip.decompress((collection / "individuals.json.gz").read_bytes()))
    women = [person["sex"]["label"] == "female" for person in people]
    lines = gzip.decompress((collection / "chrY.vcf.gz").read_bytes()).decode().splitlines()
    for line in lines:
        if not line.startswith("#"):
            calls = line.split("\t")[9:]
            assert all(call == "." for call, woman in zip(calls, women, strict=True) if woman)
            assert all("/" not in call for call in calls)


def test_alleles_are_sorted_within_a_contig_and_distinct() -> None:
    alleles = make_alleles(3)
    assert len({(a.contig, a.pos, a.ref, a.alt) for a in alleles}) == len(alleles)
    for region in REGIONS:
        places = [allele.pos for allele in alleles if allele.contig == region.contig]
        assert places == sorted(places)


@pytest.mark.parametrize("country", COUNTRIES, ids=lambda country: country.code)
def test_dataset_ids_follow_the_published_pattern(country: Country) -> None:
    assert dataset_id(country.dataset) == country.dataset


def test_the_release_says_that_it_is_synthetic(collection: Path) -> None:
    release = tomllib.loads((collection / "release.toml").read_text())
    assert release["dataset"]["synthetic"] is True
    assert all((collection / name).is_file() for name in release["variants"]["files"])
