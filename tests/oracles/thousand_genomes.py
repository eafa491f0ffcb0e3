"""The 1000 Genomes chr22 file and the CINECA people, read as text and counted one by one."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VCF = "data/1000g/chr22.grch38.2548x3042.vcf.gz"
PEOPLE = "data/cineca/individuals.json.gz"

FEMALE = "NCIT:C16576"
Document = dict[str, Any]


@dataclass(frozen=True)
class Allele:
    """One ALT of one line, maximally trimmed, 0-based; copies and ploidy by sample for those called."""

    start: int
    ref: str
    alt: str
    copies: dict[str, int]
    ploidy: dict[str, int]

    @property
    def end(self) -> int:
        return self.start + len(self.ref)

    def carriers(self) -> set[str]:
        return {sample for sample, copies in self.copies.items() if copies}


@dataclass(frozen=True)
class Counts:
    """AC, AN, people with two copies, people with one of two."""

    allele_count: int
    allele_number: int
    hom: int
    het: int


def read_alleles(path: Path, keep: set[str]) -> list[Allele]:
    """Every allele of the file over the samples in `keep`."""
    alleles: list[Allele] = []
    with gzip.open(path, "rt") as lines:
        samples: list[str] = []
        for line in lines:
            if line.startswith("#CHROM"):
                samples = line.rstrip("\n").split("\t")[9:]
            elif not line.startswith("#"):
                alleles.extend(_alleles_of_line(line.rstrip("\n").split("\t"), samples, keep))
    return alleles


def _alleles_of_line(columns: list[str], samples: list[str], keep: set[str]) -> Iterator[Allele]:
    calls = {
        sample: [code for code in call.split(":")[0].replace("|", "/").split("/") if code != "."]
        for sample, call in zip(samples, columns[9:], strict=True)
        if sample in keep
    }
    for number, written in enumerate(columns[4].split(","), start=1):
        start, ref, alt = trimmed(int(columns[1]) - 1, columns[3], written)
        copies = {sample: codes.count(str(number)) for sample, codes in calls.items()}
        yield Allele(start, ref, alt, copies, {sample: len(codes) for sample, codes in calls.items()})


def trimmed(start: int, ref: str, alt: str) -> tuple[int, str, str]:
    """Suffix first, then prefix, nothing in common left."""
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        start, ref, alt = start + 1, ref[1:], alt[1:]
    return start, ref, alt


def counts(allele: Allele, people: Iterable[str]) -> Counts:
    """Counts over some people, one person after the other."""
    chosen = list(people)
    diploid = [person for person in chosen if allele.ploidy[person] == 2]
    return Counts(
        allele_count=sum(allele.copies[person] for person in chosen),
        allele_number=sum(allele.ploidy[person] for person in chosen),
        hom=sum(allele.copies[person] == 2 for person in diploid),
        het=sum(allele.copies[person] == 1 for person in diploid),
    )


def read_people(path: Path) -> dict[str, Document]:
    """CINECA individuals by id."""
    with gzip.open(path) as file:
        return {person["id"]: person for person in json.load(file)}


def is_female(person: Document) -> bool:
    return bool(person["sex"]["id"] == FEMALE)


Predicate = Callable[[Document], bool]


def has_sex(term: str) -> Predicate:
    return lambda person: person["sex"]["id"] == term


def has_ethnicity(term: str) -> Predicate:
    return lambda person: person.get("ethnicity", {}).get("id") == term


def has_disease(term: str) -> Predicate:
    return lambda person: any(each["diseaseCode"]["id"] == term for each in person.get("diseases", []))


def measured(assay: str, holds: Callable[[float], bool]) -> Predicate:
    """Some measurement of the assay has a value for which `holds`."""
    return lambda person: any(
        each["assayCode"]["id"] == assay and holds(each["measurementValue"]["value"])
        for each in person.get("measures", [])
    )


def any_of(predicates: list[Predicate]) -> Predicate:
    return lambda person: any(predicate(person) for predicate in predicates)
