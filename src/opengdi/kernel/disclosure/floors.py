"""Which frequency cells may be seen. Pure and cheap: called for every row of every answer.

Source: `disclosure control` design, two-sided floors and collapse to Total.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

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


def visibility(
    allele_counts: Sequence[int], allele_numbers: Sequence[int], total_index: int, floor: int
) -> Visibility:
    """How much of a row may be seen; `total_index` is the place of Total, or -1 if the dataset has none.

    One hidden cell collapses the row to Total, or it would follow by subtraction from the others.
    A population in which nobody was called (AN = 0) hides nothing and does not collapse the row.
    """
    collapsed = False
    for index, (count, number) in enumerate(zip(allele_counts, allele_numbers, strict=True)):
        if number == 0 or is_visible(count, number, floor):
            continue
        if index == total_index:
            return Visibility.NOTHING
        collapsed = True
    if not collapsed:
        return Visibility.ALL if any(number > 0 for number in allele_numbers) else Visibility.NOTHING
    if total_index < 0 or allele_numbers[total_index] == 0:
        return Visibility.NOTHING
    return Visibility.TOTAL_ONLY


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
