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
