"""Writes one country's synthetic collection as a provider would hand it in: VCF, Beacon JSON and `release.toml`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from opengdi.apps.demo import people
from opengdi.apps.demo.genomes import (
    SHOWCASE,
    SyntheticAllele,
    country_frequencies,
    draw_copies,
    make_alleles,
    ploidy,
)
from opengdi.standards.coordinates import Assembly, contig_length

DEFAULT_SEED: Final = 20260101


@dataclass(frozen=True, slots=True)
class Country:
    """One country of the demo."""

    code: str
    name: str
    institute: str
    people: int

    @property
    def dataset(self) -> str:
        return f"GDI-{self.code}-{self.institute}-20260101000000001"


COUNTRIES: Final = (
    Country("EE", "Estonia", "DEMOBANK", 1000),
    Country("NL", "Netherlands", "DEMOHEART", 1400),
    Country("PT", "Portugal", "DEMOCARE", 800),
)

Calls = list[tuple[SyntheticAllele, npt.NDArray[np.int8], npt.NDArray[np.int8]]]
"""Allele, copies per person (-1 missing), ploidy per person."""


def write_collection(country: Country, folder: Path, seed: int = DEFAULT_SEED) -> Path:
    """Writes the collection into `folder` and returns the path of its `release.toml`."""
    folder.mkdir(parents=True, exist_ok=True)
    calls, is_male, rng = _drawn(country, seed)
    showcase = next(copies for allele, copies, _ in calls if allele == SHOWCASE)
    cohort = people.make_cohort(country.code, country.people, showcase > 0, is_male, rng)
    names = [
        _write_vcf(folder / f"chr{contig}.vcf.gz", contig, list(group), cohort.ids)
        for contig, group in groupby(calls, key=lambda call: call[0].contig)
    ]
    _write_subjects(folder, cohort, country)
    release = folder / "release.toml"
    release.write_text(_release_toml(country, names), encoding="utf-8")
    return release


def carriers(country: Country, seed: int) -> list[tuple[SyntheticAllele, int]]:
    """How many people of a country's collection carry each allele, before those that share a place are fitted in."""
    calls, _, _ = _drawn(country, seed)
    return [(allele, int((copies > 0).sum())) for allele, copies, _ in calls]


def _drawn(country: Country, seed: int) -> tuple[Calls, npt.NDArray[np.bool_], np.random.Generator]:
    """The genotypes of a country, who of its people is male, and the generator for all else about them."""
    rng = np.random.default_rng([seed, *country.code.encode()])
    is_male = rng.random(country.people) < 0.5
    return _draw_calls(make_alleles(seed), is_male, rng), is_male, rng


def _draw_calls(
    alleles: list[SyntheticAllele], is_male: npt.NDArray[np.bool_], rng: np.random.Generator
) -> Calls:
    frequencies = country_frequencies(alleles, rng).tolist()
    calls: Calls = []
    for allele, frequency in zip(alleles, frequencies, strict=True):
        copies_of_locus = ploidy(allele, is_male)
        calls.append((allele, draw_copies(frequency, copies_of_locus, rng), copies_of_locus))
    return calls


_HEADER: Final = """\
##fileformat=VCFv4.3
##source=opengdi demo, synthetic
##reference=GRCh38
##ALT=<ID=DEL,Description="Deletion">
##ALT=<ID=DUP,Description="Duplication">
##ALT=<ID=INV,Description="Inversion">
##INFO=<ID=END,Number=1,Type=Integer,Description="End of a structural variant, 1-based, inclusive">
##INFO=<ID=SVLEN,Number=.,Type=Integer,Description="Length of a structural variant in bases">
##INFO=<ID=SVTYPE,Number=1,Type=String,Description="Type of a structural variant">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
"""


def _write_vcf(path: Path, contig: str, calls: Calls, samples: tuple[str, ...]) -> str:
    with gzip.GzipFile(path, "wb", compresslevel=1, mtime=0) as out:
        length = contig_length(contig, Assembly.GRCh38)
        columns = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples)
        out.write(f"{_HEADER}##contig=<ID=chr{contig},length={length}>\n".encode())
        out.write("\t".join(columns).encode() + b"\n")
        for line in _lines(calls):
            out.write(line.encode())
    return path.name


def _lines(calls: Calls) -> Iterator[str]:
    """VCF lines; alleles with the same place and REF share one (multi-allelic) line."""
    for _, group in groupby(calls, key=lambda call: (call[0].pos, call[0].ref, call[0].end)):
        at_site = list(group)
        allele = at_site[0][0]
        alts = ",".join(call[0].alt for call in at_site)
        genotypes = _genotypes([call[1] for call in at_site], at_site[0][2])
        fixed = f"chr{allele.contig}\t{allele.pos}\t.\t{allele.ref}\t{alts}\t.\tPASS\t{_info(allele)}\tGT"
        yield f"{fixed}\t{genotypes}\n"


def _info(allele: SyntheticAllele) -> str:
    if allele.end is None:
        return "."
    return f"SVTYPE={allele.alt.strip('<>')};END={allele.end};SVLEN={allele.length}"


def _genotypes(copies: list[npt.NDArray[np.int8]], ploidy_of: npt.NDArray[np.int8]) -> str:
    """GT column of a line. A second allele only fills places that the first left to the reference."""
    missing = np.any([each < 0 for each in copies], axis=0)
    first = copies[0]
    second = np.minimum(copies[1], ploidy_of - first) if len(copies) > 1 else np.zeros_like(first)
    return "\t".join(
        _GENOTYPES[(int(p), -1, 0) if gone else (int(p), int(a), int(b))]
        for p, gone, a, b in zip(ploidy_of, missing, first, second, strict=True)
    )


_GENOTYPES: Final = {
    (0, -1, 0): ".", (1, -1, 0): ".", (2, -1, 0): "./.",
    (1, 0, 0): "0", (1, 1, 0): "1", (1, 0, 1): "2",
    (2, 0, 0): "0/0", (2, 1, 0): "0/1", (2, 2, 0): "1/1", (2, 0, 1): "0/2", (2, 0, 2): "2/2", (2, 1, 1): "1/2",
}  # fmt: skip


def _write_subjects(folder: Path, cohort: people.Cohort, country: Country) -> None:
    makers: dict[str, Callable[[people.Cohort, int], people.Document]] = {
        "individuals": people.individual,
        "biosamples": people.biosample,
        "runs": people.run,
        "analyses": people.analysis,
    }
    for name, make in makers.items():
        _write_json(folder / f"{name}.json.gz", (make(cohort, place) for place in range(len(cohort.ids))))
    title = f"{country.name}: synthetic population cohort"
    _write_json(folder / "cohorts.json.gz", [people.cohort_document(cohort, title)])


def _write_json(path: Path, documents: Iterable[people.Document]) -> None:
    with gzip.GzipFile(path, "wb", compresslevel=1, mtime=0) as out:
        out.write(json.dumps(list(documents)).encode())


def _release_toml(country: Country, vcf_names: list[str]) -> str:
    files = ", ".join(f'"{name}"' for name in vcf_names)
    return f"""\
# A synthetic collection made by `gdi demo`; see the documentation of `gdi dataset load`.
[dataset]
id = "{country.dataset}"
version = "1"
title = "{country.name}: synthetic population cohort"
description = "Simulated genotypes and phenotypes of {country.people} people who do not exist."
country = "{country.code}"
type = "1MGCompliant"
decided_by = "Demo data access committee of {country.name}"
synthetic = true
assembly = "GRCh38"
source = "OpenGDI demo (synthetic)"
source_reference = "https://example.org/opengdi-demo"

[variants]
files = [{files}]

[subjects]
individuals = "individuals.json.gz"
biosamples = "biosamples.json.gz"
runs = "runs.json.gz"
analyses = "analyses.json.gz"
cohorts = "cohorts.json.gz"
"""
