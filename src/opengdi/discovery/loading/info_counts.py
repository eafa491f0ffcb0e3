"""Counts that a sites-only file carries in INFO: which keys hold them, for which population.

Known forms: `AC`, `AN`, `AF`; `AC_Het`, `AC_Hom`, `AC_Hemi`, `nhomalt`; any of them per population as
`AF_EE_F` (Genome of Europe), `AC_EE_F_Hom`, or with the population first, `EUR_AF` (1000 Genomes).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from opengdi.discovery.loading.model import Fault
from opengdi.discovery.loading.normalise import Faulty
from opengdi.discovery.loading.populations import FEMALE, MALE, Inheritance
from opengdi.kernel.disclosure.floors import TOTAL, UNKNOWN
from opengdi.standards.vcf.header import FieldDefinition
from opengdi.standards.vcf.records import per_allele


class Measure(StrEnum):
    """What a key counts."""

    ALLELE_COUNT = "AC"
    ALLELE_NUMBER = "AN"
    FREQUENCY = "AF"
    HET = "HET"
    HOM = "HOM"
    HEMI = "HEMI"
    HOMOZYGOTES = "NHOMALT"


_GENOTYPE_MEASURES: Final = {"HET": Measure.HET, "HOM": Measure.HOM, "HEMI": Measure.HEMI}
_LEADING: Final = {"AC", "AN", "AF", "NHOMALT"}
_NOT_POPULATIONS: Final = frozenset({"RAW", "POPMAX", "GRPMAX", "JOINT", "ADJ", "MAX", "ORIG"})
_COPIES: Final = {
    Inheritance.AUTOSOMAL: 2,
    Inheritance.X_LINKED: 2,
    Inheritance.Y_LINKED: 1,
    Inheritance.MITOCHONDRIAL: 1,
}
"""Copies that one person has, at most."""

_KINDS: Final = {
    "X": (Inheritance.AUTOSOMAL, Inheritance.X_LINKED),
    "Y": (Inheritance.AUTOSOMAL, Inheritance.Y_LINKED),
    "MT": (Inheritance.MITOCHONDRIAL,),
}
_SEXES: Final = {"XX": FEMALE, "FEMALE": FEMALE, "XY": MALE, "MALE": MALE}
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")
_INTEGER = re.compile(r"\d+\Z")


@dataclass(frozen=True, slots=True)
class CountKey:
    """An INFO key and what it means."""

    key: str
    measure: Measure
    population: str


@dataclass(frozen=True, slots=True)
class CountLayout:
    """Keys by population. populations: those that can be counted, `Total` first, then in order of the header.

    left_out: populations with a frequency but neither an allele number nor a size.
    """

    populations: tuple[str, ...]
    keys: Mapping[str, Mapping[Measure, str]]
    left_out: tuple[str, ...]


def parse_key(key: str) -> CountKey | None:
    """What an INFO key counts, or None if it counts nothing."""
    words = key.split("_")
    folded = [word.upper() for word in words]
    if folded[0] in _LEADING:
        measure, rest = Measure(folded[0]), words[1:]
        genotype = next((word for word in rest if word.upper() in _GENOTYPE_MEASURES), None)
        if measure is Measure.ALLELE_COUNT and genotype is not None:
            measure = _GENOTYPE_MEASURES[genotype.upper()]
            rest.remove(genotype)
    elif folded[-1] in {"AC", "AN", "AF"}:
        measure, rest = Measure(folded[-1]), words[:-1]
    else:
        return None
    population = with_plain_sex("_".join(rest)) or TOTAL
    if _NOT_POPULATIONS & {word.upper() for word in rest} or not _LABEL.match(population):
        return None
    return CountKey(key, measure, population)


def with_plain_sex(population: str) -> str:
    """`nfe_F` of `nfe_XX` and `nfe_female`, `M` of `XY`: what is part of a population must be known to be one."""
    label, _, sex = population.rpartition("_")
    plain = _SEXES.get(sex.upper())
    return population if plain is None else f"{label}_{plain}".removeprefix("_")


def count_layout(info: Mapping[str, FieldDefinition], sizes: Mapping[str, int]) -> CountLayout:
    """How a file counts. sizes: individuals by population, as the release file tells."""
    keys: dict[str, dict[Measure, str]] = {}
    for name, definition in info.items():
        found = parse_key(name)
        if (
            found is not None
            and definition.kind in {"Integer", "Float"}
            and definition.number in {"A", "1", "."}
        ):
            keys.setdefault(found.population, {}).setdefault(found.measure, name)
    order = sorted(keys, key=lambda population: population != TOTAL)
    countable = [population for population in order if _is_countable(keys[population], population in sizes)]
    rest = [
        population for population in order if population not in countable and _has_frequency(keys[population])
    ]
    return CountLayout(
        tuple(countable), {population: keys[population] for population in countable}, tuple(rest)
    )


def _has_frequency(measures: Mapping[Measure, str]) -> bool:
    return bool({Measure.ALLELE_COUNT, Measure.FREQUENCY} & set(measures))


def _is_countable(measures: Mapping[Measure, str], has_size: bool) -> bool:  # noqa: FBT001  # a fact, not a switch
    return _has_frequency(measures) and (Measure.ALLELE_NUMBER in measures or has_size)


def copies_of(population: str, sizes: Mapping[str, int], kind: Inheritance) -> int:
    """Alleles that the individuals have between them; UNKNOWN where their number (on X and Y: their sexes) is not told.

    sizes: individuals by label, of whole populations and of their sexes (`EE`, `EE_F`, `EE_M`; `Total`, `F`, `M`).
    """
    size = sizes.get(population)
    if size is None:
        return UNKNOWN
    if kind in {Inheritance.AUTOSOMAL, Inheritance.MITOCHONDRIAL}:
        return _COPIES[kind] * size
    prefix, _, last = population.rpartition("_")
    if last in {FEMALE, MALE}:
        women, men = (size, 0) if last == FEMALE else (0, size)
    else:
        prefix = "" if population == TOTAL else f"{population}_"
        women, men = (sizes.get(f"{prefix}{sex}", UNKNOWN) for sex in (FEMALE, MALE))
        if UNKNOWN in {women, men} or women + men != size:
            return UNKNOWN
    return 2 * women + men if kind is Inheritance.X_LINKED else men


def most_copies(population: str, sizes: Mapping[str, int], kind: Inheritance) -> int:
    """The most alleles that can have been called in a population; one whose size is not told is part of `Total`."""
    known = copies_of(population, sizes, kind)
    return _COPIES[kind] * sizes.get(population, sizes[TOTAL]) if known == UNKNOWN else known


def most_copies_anywhere(population: str, sizes: Mapping[str, int], contig: str) -> int:
    """The most alleles that can have been called at any place of a contig, whichever regions it has."""
    kinds = _KINDS.get(contig, (Inheritance.AUTOSOMAL,))
    return min(most_copies(population, sizes, kind) for kind in kinds)


class CountReader:
    """Reads the counts of one record."""

    def __init__(self, layout: CountLayout, sizes: Mapping[str, int]) -> None:
        self._layout = layout
        self._sizes = sizes

    def rows(self, info: Mapping[str, str], alts: int, kind: Inheritance) -> list[list[int]]:
        """Per ALT: AC of all populations, then AN, hom, het, hemi, in the order in which a part stores them.

        Raises Faulty(COUNTS) for what cannot be: AC over AN, negative or broken numbers, AF outside 0..1;
        Faulty(NOT_COUNTABLE) if no allele is counted anywhere.
        """
        cells = [self._cells(info, population, alts, kind) for population in self._layout.populations]
        check_counted(alt[0] for cell in cells for alt in cell)
        return [[cell[alt][measure] for measure in range(5) for cell in cells] for alt in range(alts)]

    def _cells(
        self, info: Mapping[str, str], population: str, alts: int, kind: Inheritance
    ) -> list[tuple[int, int, int, int, int]]:
        keys = self._layout.keys[population]
        most = most_copies(population, self._sizes, kind)
        number = self._allele_number(info, keys, population, kind)
        columns = {
            measure: per_allele(info, key, alts)
            for measure, key in keys.items()
            if measure is not Measure.ALLELE_NUMBER
        }
        cells = [
            cell(population, number, most, {measure: values[alt] for measure, values in columns.items()})
            for alt in range(alts)
        ]
        told = columns.get(Measure.ALLELE_COUNT, ())
        together = sum(found[0] for found, text in zip(cells, told, strict=False) if text is not None)
        if together > number != UNKNOWN:
            raise Faulty(
                Fault.COUNTS, f"{population}: AC of all alleles, together {together}, is over AN {number}"
            )
        return cells

    def _allele_number(
        self, info: Mapping[str, str], keys: Mapping[Measure, str], population: str, kind: Inheritance
    ) -> int:
        text = info.get(keys.get(Measure.ALLELE_NUMBER, ""))
        if text not in {None, "", "."}:
            return _count(str(text), Measure.ALLELE_NUMBER, population)
        return copies_of(population, self._sizes, kind)


def cell(
    population: str, number: int, most: int, texts: Mapping[Measure, str | None]
) -> tuple[int, int, int, int, int]:
    """AC, AN, hom, het, hemi of one population for one allele; UNKNOWN where not told.

    most: alleles that can have been called. Raises Faulty(COUNTS, NO_ALLELE_NUMBER).
    """
    counts: dict[Measure, int] = {
        measure: _count(text, measure, population)
        for measure, text in texts.items()
        if text is not None and measure is not Measure.FREQUENCY
    }
    count = counts.get(Measure.ALLELE_COUNT)
    if count is None:
        count = _from_frequency(texts.get(Measure.FREQUENCY), number, population)
    return checked_cell(population, count, number, most, counts)


def check_counted(counts: Iterable[int]) -> None:
    """Raises Faulty unless one of the allele counts is known."""
    if all(count == UNKNOWN for count in counts):
        raise Faulty(Fault.NOT_COUNTABLE, "neither AC nor AF of any population is told")


def checked_cell(
    population: str, count: int, number: int, most: int, counts: Mapping[Measure, int]
) -> tuple[int, int, int, int, int]:
    """The same of counts already read. Raises Faulty if they contradict each other or AN is not known."""
    if number == UNKNOWN and count != UNKNOWN:
        raise _untold(population)
    if number > most:
        raise Faulty(
            Fault.COUNTS, f"{population}: AN {number} is over {most}, the copies that its individuals have"
        )
    if number != UNKNOWN and count > number:
        raise Faulty(Fault.COUNTS, f"{population}: AC {count} is over AN {number}")
    het, hemi = counts.get(Measure.HET, UNKNOWN), counts.get(Measure.HEMI, UNKNOWN)
    hom = _homozygotes(counts, count, population)
    carriers = sum(people for people in (hom, het, hemi) if people != UNKNOWN)
    if Measure.ALLELE_COUNT in counts and carriers > count:
        raise Faulty(Fault.COUNTS, f"{population}: {carriers} people carry the allele, more than AC {count}")
    return count, number, hom, het, hemi


def _homozygotes(counts: Mapping[Measure, int], count: int, population: str) -> int:
    """Individuals with two copies.

    VCF writers put alleles into `AC_Hom` (two per individual), others individuals; which of them is told by the
    sum with the other counts, where all are there. Alone it is taken for alleles, as its name says.
    """
    if Measure.HOMOZYGOTES in counts:
        return counts[Measure.HOMOZYGOTES]
    hom = counts.get(Measure.HOM)
    if hom is None:
        return UNKNOWN
    het = counts.get(Measure.HET)
    rest = count - counts.get(Measure.HEMI, 0) - het if het is not None and count != UNKNOWN else None
    if rest == 2 * hom:
        return hom
    if hom % 2 == 0 and rest in {None, hom}:
        return hom // 2
    raise Faulty(Fault.COUNTS, f"{population}: het, hom and hemi do not add up to AC {count}")


def _from_frequency(text: str | None, number: int, population: str) -> int:
    if text is None:
        return UNKNOWN
    if number == UNKNOWN:
        raise _untold(population)
    try:
        frequency = float(text)
    except ValueError:
        frequency = -1.0
    if not 0 <= frequency <= 1:
        raise Faulty(Fault.COUNTS, f"{population}: AF {text!r} is not a number from 0 to 1")
    return round(frequency * number)


def _untold(population: str) -> Faulty:
    wanted = "AN, or [variants] population_sizes (on X and Y of both sexes)"
    return Faulty(
        Fault.NO_ALLELE_NUMBER,
        f"{population}: alleles are counted, but out of how many is not told: give {wanted}",
    )


def _count(text: str, measure: Measure, population: str) -> int:
    if not _INTEGER.match(text) or int(text) >= 1 << 31:
        raise Faulty(Fault.COUNTS, f"{population}: {measure} {text!r} is not a count")
    return int(text)
