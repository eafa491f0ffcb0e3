"""What the demo shows: which collections, and what is asked of them. Synthetic, or real public data on request."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opengdi.apps.demo.cohorts import COUNTRIES, DEFAULT_SEED, Country, carriers, write_collection
from opengdi.apps.demo.sequencing import HandedIn, copy_real, write_synthetic
from opengdi.kernel.errors import Invalid

ReleaseWriter = Callable[[Country, Path], Path]
"""Writes one country's collection into a folder and returns its `release.toml`."""

FilesWriter = Callable[[Path, Path], HandedIn]
"""Writes what a provider hands in: from the folder of its country's collection, into the provider's own."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as a person types it, and its assembly."""

    text: str
    assembly: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """Collections, files and questions. `absent` is an allele that nobody carries, to compare with a `rare` one."""

    countries: tuple[Country, ...]
    write_release: ReleaseWriter
    notice: str
    allele: Asked
    stretch: Asked
    rare: Asked
    absent: Asked
    people: tuple[str, ...]
    people_in_words: str
    files_from: Country
    write_files: FilesWriter


def synthetic_scenario(seed: int = DEFAULT_SEED) -> Scenario:
    """Three simulated cohorts; the same for every run with the same seed."""
    rare = _rare_allele(seed)
    return Scenario(
        countries=COUNTRIES,
        write_release=lambda country, folder: write_collection(country, folder, seed),
        notice="All people and genomes here are simulated: nobody's data.",
        allele=Asked("3-45823240-T-C", "GRCh38"),
        stretch=Asked("BRCA2", "GRCh38"),
        rare=Asked(rare, "GRCh38"),
        absent=Asked("13-32315999-A-AGATTACAGATTACA", "GRCh38"),
        people=("NCIT:C16576", "MONDO:0005148", "age>P60Y"),
        people_in_words="women over 60 with type 2 diabetes",
        files_from=COUNTRIES[0],
        write_files=lambda collection, folder: write_synthetic(collection, folder, seed),
    )


def _rare_allele(seed: int) -> str:
    """A single-base allele of BRCA2 that somebody in the first country carries, and in none enough for any floor."""
    by_country = [carriers(country, seed) for country in COUNTRIES]
    alone = Counter(allele.pos for allele, _ in by_country[0])
    for each in zip(*by_country, strict=True):
        allele, numbers = each[0][0], [number for _, number in each]
        is_plain = allele.contig == "13" and len(allele.ref) == len(allele.alt) == 1 == alone[allele.pos]
        if is_plain and numbers[0] > 1 and sum(numbers) < _FEW_CARRIERS:
            return f"{allele.contig}-{allele.pos}-{allele.ref}-{allele.alt}"
    raise Invalid(f"seed {seed} makes no allele that is rare enough; choose another one")


_FEW_CARRIERS: Final = 5
"""Below the floor on alleles even if all of them are homozygous."""


REAL_COUNTRIES: Final = (
    Country("GB", "1000 Genomes with CINECA people", "THOUSANDGENOMES", 2503),
    Country("EE", "Allele frequencies of the 1000 Genomes Project", "DEMOFREQUENCIES", 2504),
    COUNTRIES[2],
)


def real_scenario(shared: Path) -> Scenario:
    """Public data beside the checkout: 1000 Genomes genotypes with CINECA phenotypes, and a frequency table.

    Raises Invalid if the folder is not there.
    """
    if not (shared / "data" / "ORIGIN.md").is_file():
        raise Invalid(f"--real needs the public test data at {shared} (OPENGDI_SHARED names another place)")
    writers: dict[str, ReleaseWriter] = {
        "GB": lambda country, folder: _write_thousand_genomes(country, folder, shared / "data"),
        "EE": lambda country, folder: _write_frequencies(country, folder, shared / "data"),
    }
    return Scenario(
        countries=REAL_COUNTRIES,
        write_release=lambda country, folder: writers.get(country.code, write_collection)(country, folder),
        notice="Genotypes of the 1000 Genomes Project, phenotypes synthetic (CINECA UK1), one cohort simulated.",
        allele=Asked("3-45864732-T-C", "GRCh37"),
        stretch=Asked("22:10510000-10600000", "GRCh38"),
        rare=Asked("22-10530667-G-A", "GRCh38"),
        absent=Asked("22-10530668-A-C", "GRCh38"),
        people=("NCIT:C16576", "LOINC:35925-4>30"),
        people_in_words="women with a body mass index over 30",
        files_from=REAL_COUNTRIES[0],
        write_files=lambda _, folder: copy_real(shared / "data", folder),
    )


def _write_thousand_genomes(country: Country, folder: Path, data: Path) -> Path:
    subjects = "".join(
        f"{name} = {_path(data / 'cineca' / f'{name}.json.gz')}\n"
        for name in ("individuals", "biosamples", "runs", "analyses", "cohorts")
    )
    variants = f'files = [{_path(data / "1000g/chr22.grch38.2548x3042.vcf.gz")}]\non_error = "skip"\n'
    source = 'source = "1000 Genomes Project; phenotypes CINECA synthetic cohort EUROPE UK1 (EC H2020 grant 825775)"'
    return _write_toml(folder, country, "GRCh38", source, f"[variants]\n{variants}\n[subjects]\n{subjects}")


def _write_frequencies(country: Country, folder: Path, data: Path) -> Path:
    variants = f"files = [{_path(data / 'af/1000g-chr3-40-50Mb.grch37.parquet')}]\n"
    source = f'source = "1000 Genomes Project"\nindividuals = {country.people}'
    return _write_toml(folder, country, "GRCh37", source, f"[variants]\n{variants}")


def _write_toml(folder: Path, country: Country, assembly: str, more: str, sections: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    release = folder / "release.toml"
    release.write_text(
        f"""\
[dataset]
id = "{country.dataset}"
version = "1"
title = "{country.name}"
country = "{country.code}"
type = "1MGCompliant"
assembly = "{assembly}"
source_reference = "https://www.internationalgenome.org/"
{more}

{sections}""",
        encoding="utf-8",
    )
    return release


def _path(path: Path) -> str:
    return json.dumps(str(path.resolve()))
