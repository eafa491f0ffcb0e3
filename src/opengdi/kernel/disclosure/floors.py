"""Which frequency cells may be seen. Pure and cheap: called for every row of every answer.

Source: `disclosure control` design, two-sided floors and collapse to Total. That no hidden cell can be worked out
from those shown is tested by enumerating every table of a small cohort, and by a solver on large ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

UNKNOWN: Final = -1
"""A count that the source did not give."""

TOTAL: Final = "Total"


class Visibility(IntEnum):
    """How much of one allele's row may be seen."""

    NOTHING = 0
    TOTAL_ONLY = 1
    ALL = 2


def is_visible(allele_count: int, allele_number: int, floor: int) -> bool:
    """True if the cell is on the public side of the floor from below and from above."""
    return allele_count >= floor and allele_number - allele_count >= floor


Sums = tuple[tuple[int, tuple[int, ...]], ...]
"""(whole, parts): places of a population and of disjoint ones in it; whoever is in none of the parts is the rest."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the populations of a dataset add up; `total` is the place of Total, or -1 if there is none.

    A rest is a cell although nobody named it: of 1,000 people 499 women and 500 men leave one, whose genotypes are
    Total - F - M. So rests are held to the floor like every other cell.
    """

    total: int
    sums: Sums

    @classmethod
    def of(cls, populations: Sequence[str]) -> Self:
        """The layout that the labels tell: `Total`, a label (`EE`), a sex (`F`), a sex within a label (`EE_F`)."""
        places = {_split(name): place for place, name in enumerate(populations)}
        labels = sorted({label for label, _ in places if label})
        sums = [
            (place, parts)
            for (label, sex), place in places.items()
            for parts in (_by_sex(places, label, sex), _by_label(places, labels, label, sex))
            if parts
        ]
        return cls(places.get(("", ""), -1), tuple(sums))


_SEXES: Final = ("F", "M", "U")
_Places = dict[tuple[str, str], int]


def _split(population: str) -> tuple[str, str]:
    """Label and sex of a population; either is empty where it is not divided by it."""
    if population == TOTAL:
        return "", ""
    label, _, sex = population.rpartition("_")
    return (label, sex) if sex in _SEXES else (population, "")


def _by_sex(places: _Places, label: str, sex: str) -> tuple[int, ...]:
    return () if sex else tuple(places[label, each] for each in _SEXES if (label, each) in places)


def _by_label(places: _Places, labels: Sequence[str], label: str, sex: str) -> tuple[int, ...]:
    if label:
        return ()
    return tuple(
        part
        for each in labels
        for part in ([places[each, sex]] if (each, sex) in places else _by_sex(places, each, sex))
    )


def visibility(
    allele_counts: Sequence[int], allele_numbers: Sequence[int], total_index: int, floor: int, sums: Sums = ()
) -> Visibility:
    """How much of a row may be seen; `total_index` is the place of Total, or -1 if the dataset has none.

    One hidden cell, or a hidden rest of the sums in its `Layout`, collapses the row to Total, or it would follow by
    subtraction from the others. A population in which nobody was called (AN = 0) hides nothing.
    """
    collapsed = False
    for index, (count, number) in enumerate(zip(allele_counts, allele_numbers, strict=True)):
        if number == 0 or is_visible(count, number, floor):
            continue
        if index == total_index:
            return Visibility.NOTHING
        collapsed = True
    if not collapsed and not _hides_a_rest(allele_counts, allele_numbers, sums, floor):
        return Visibility.ALL if any(number > 0 for number in allele_numbers) else Visibility.NOTHING
    if total_index < 0 or allele_numbers[total_index] == 0:
        return Visibility.NOTHING
    return Visibility.TOTAL_ONLY


def _hides_a_rest(
    allele_counts: Sequence[int], allele_numbers: Sequence[int], sums: Sums, floor: int
) -> bool:
    """True if what the parts leave of a whole is a hidden cell. Parts that exceed it overlap: no rest follows."""
    for whole, parts in sums:
        number = allele_numbers[whole] - sum(allele_numbers[part] for part in parts)
        if number > 0 and not is_visible(
            allele_counts[whole] - sum(allele_counts[part] for part in parts), number, floor
        ):
            return True
    return False


def genotypes_visible(counts: Sequence[int], populations: int, floor: int, *, haploid: bool) -> bool:
    """True if every genotype class of every population is on the public side of the floor.

    counts: 5 * populations integers, all allele counts, then allele numbers, hom, het, hemi. One hidden class hides
    them all, or it would follow from AC = het + 2 hom + hemi or by subtraction from Total. The people who do not
    carry the allele are a class too. haploid: the contig has haploid calls, so that hemi = 0 tells something;
    elsewhere nobody can be hemizygous.
    """
    homozygous, heterozygous = (
        counts[2 * populations : 3 * populations],
        counts[3 * populations : 4 * populations],
    )
    hemizygous = counts[4 * populations :]
    if min(homozygous) < floor or min(heterozygous) < floor or min(hemizygous) < (floor if haploid else 0):
        return False
    numbers = counts[populations : 2 * populations]
    classes = zip(numbers, homozygous, heterozygous, hemizygous, strict=True)
    return all(number - 2 * (hom + het) - hemi >= 2 * floor for number, hom, het, hemi in classes)
