"""Counts from genotypes in plain Python over VCF text: slow, obvious, and sharing nothing with the loader."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PAR = {
    ("GRCh38", "X"): [(10001, 2781479), (155701383, 156030895)],
    ("GRCh38", "Y"): [(10001, 2781479), (56887903, 57217415)],
    ("GRCh37", "X"): [(60001, 2699520), (154931044, 155260560)],
    ("GRCh37", "Y"): [(10001, 2649520), (59034050, 59363566)],
}  # 1-based, both ends included, as the Genome Reference Consortium prints them


@dataclass(frozen=True)
class Person:
    """Sex F, M or U, and a population label."""

    sex: str
    label: str


@dataclass
class Cell:
    ac: int = 0
    an: int = 0
    hom: int = 0
    het: int = 0
    hemi: int = 0


def populations(people: Mapping[str, Person]) -> list[str]:
    """`Total`, labels, sexes, label × sex, in that order."""
    labels = sorted({person.label for person in people.values()})
    sexes = [sex for sex in "FM" if any(person.sex == sex for person in people.values())]
    both = [
        f"{label}_{sex}"
        for label in labels
        for sex in sexes
        if any((person.label, person.sex) == (label, sex) for person in people.values())
    ]
    return ["Total", *labels, *sexes, *both]


def memberships(person: Person) -> list[str]:
    if person.sex == "U":
        return ["Total", person.label]
    return ["Total", person.label, person.sex, f"{person.label}_{person.sex}"]


def count_file(
    path: Path, people: Mapping[str, Person], assembly: str = "GRCh38"
) -> Iterator[tuple[tuple[int, str, str], dict[str, Cell]]]:
    """((0-based start, ref, alt) trimmed, counts by population) for every allele of the file, in file order."""
    opener = gzip.open if path.name.endswith(".gz") else open
    with opener(path, "rt") as lines:
        names: list[str] = []
        for line in lines:
            columns = line.rstrip("\n").split("\t")
            if line.startswith("#CHROM"):
                names = columns[9:]
            elif not line.startswith("#"):
                yield from count_line(columns, names, people, assembly)


def count_line(columns, names, people, assembly):
    contig = columns[0].removeprefix("chr")
    pos = int(columns[1])
    for number, alt in enumerate(columns[4].split(","), start=1):
        cells = {name: Cell() for name in populations(people)}
        for name, text in zip(names, columns[9:], strict=True):
            if name in people:
                add_call(
                    cells, people[name], text, str(number), copies(contig, pos, people[name].sex, assembly)
                )
        yield trimmed(pos - 1, columns[3], alt), cells


def copies(contig: str, pos: int, sex: str, assembly: str) -> int:
    """How many copies of the place a person has."""
    if contig in {"MT", "M"}:
        return 1
    if contig not in {"X", "Y"} or any(a <= pos <= b for a, b in PAR[assembly, contig]):
        return 2
    if contig == "X":
        return 1 if sex == "M" else 2
    return 0 if sex == "F" else 1


def add_call(cells: dict[str, Cell], person: Person, text: str, number: str, ploidy: int) -> None:
    alleles = text.split(":", maxsplit=1)[0].replace("|", "/").split("/")
    called = [allele for allele in alleles if allele != "."]
    if ploidy == 0:
        return
    if ploidy == 1 and called:
        if len({allele == number for allele in called}) > 1:
            return  # heterozygous where there is one copy: counted as missing
        called, alleles = called[:1], called[:1]
    hits = called.count(number)
    for name in memberships(person):
        cell = cells[name]
        cell.an += len(called)
        cell.ac += hits
        if len(alleles) == 1:
            cell.hemi += hits
        else:
            cell.hom += hits == 2
            cell.het += hits == 1


def trimmed(start: int, ref: str, alt: str) -> tuple[int, str, str]:
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while ref and alt and ref[0] == alt[0]:
        start, ref, alt = start + 1, ref[1:], alt[1:]
    return start, ref, alt
