"""Which frequency cells may be seen. Pure and cheap: called for every row of every answer.

Source: `disclosure control` design, two-sided floors and collapse to Total. That no hidden cell can be worked out
from those shown is tested by enumerating every table of a small cohort, and by a solver on large ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
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


Part = tuple[int, tuple[int, ...]]
"""(whole, parts): places of a population and of disjoint ones in it; whoever is in none of the parts is the rest."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the populations of a dataset add up; `total` is the place of Total, or -1 if there is none.

    A rest is a cell although nobody named it: of 1,000 people 499 women and 500 men leave one, whose genotypes are
    Total - F - M. So rests are held to the floor like every other cell (`sums`).
    Labels and sexes that are given without all pairs of them are the margins of a table whose cells they bound, often
    closely: they are not shown together (`labels`, `sexes`: each with its pairs; empty where no pair is missing).
    """

    total: int
    sums: tuple[Part, ...] = ()
    labels: tuple[Part, ...] = ()
    sexes: tuple[Part, ...] = ()

    @classmethod
    def of(cls, populations: Sequence[str]) -> Layout:
        """The layout that the labels tell: `Total`, a label (`EE`), a sex (`F`), a sex within a label (`EE_F`)."""
        return _layout(tuple(populations))


@lru_cache(maxsize=256)
def _layout(populations: tuple[str, ...]) -> Layout:
    places = {_split(name): place for place, name in enumerate(populations)}
    names = sorted({label for label, _ in places if label})
    sums = [
        (place, parts)
        for (label, sex), place in places.items()
        for parts in (_by_sex(places, label, sex), _by_label(places, names, label, sex))
        if parts
    ]
    labels = tuple((places[each, ""], _by_sex(places, each, "")) for each in names if (each, "") in places)
    sexes = tuple((places["", sex], _pairs(places, names, sex)) for sex in _SEXES if ("", sex) in places)
    total = places.get(("", ""), -1)
    if all(len(pairs) == len(labels) for _, pairs in sexes) or not labels:
        return Layout(total, tuple(sums))
    return Layout(total, tuple(sums), labels, sexes)


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


def _pairs(places: _Places, labels: Sequence[str], sex: str) -> tuple[int, ...]:
    return tuple(places[each, sex] for each in labels if (each, sex) in places)


def _by_label(places: _Places, labels: Sequence[str], label: str, sex: str) -> tuple[int, ...]:
    if label:
        return ()
    return tuple(
        part
        for each in labels
        for part in ([places[each, sex]] if (each, sex) in places else _by_sex(places, each, sex))
    )


def visibility(
    allele_counts: Sequence[int], allele_numbers: Sequence[int], layout: Layout, floor: int
) -> Visibility:
    """How much of a row may be seen.

    One hidden cell or hidden rest collapses the row to Total, or it would follow by subtraction from the others.
    A population in which nobody was called (AN = 0) hides nothing.
    """
    collapsed = False
    for index, (count, number) in enumerate(zip(allele_counts, allele_numbers, strict=True)):
        if number == 0 or is_visible(count, number, floor):
            continue
        if index == layout.total:
            return Visibility.NOTHING
        collapsed = True
    if not collapsed and not _tells_a_rest(allele_counts, allele_numbers, layout, floor):
        return Visibility.ALL if any(number > 0 for number in allele_numbers) else Visibility.NOTHING
    if layout.total < 0 or allele_numbers[layout.total] == 0:
        return Visibility.NOTHING
    return Visibility.TOTAL_ONLY


def smallest_cell(allele_counts: Sequence[int], allele_numbers: Sequence[int], layout: Layout) -> int:
    """The highest floor under which all that the row tells may be seen: its smallest count on either side.

    Rests are cells too. `UNKNOWN` cells are not told; of a row that has some, Total stands alone and has no rest.
    """
    cells = [
        (count, number) for count, number in zip(allele_counts, allele_numbers, strict=True) if number > 0
    ]
    if UNKNOWN not in allele_numbers:
        rests = [(_rest(allele_counts, *each), _rest(allele_numbers, *each)) for each in layout.sums]
        cells += [(count, number) for count, number in rests if number > 0]
    return min((min(count, number - count) for count, number in cells), default=0)


def _tells_a_rest(
    allele_counts: Sequence[int], allele_numbers: Sequence[int], layout: Layout, floor: int
) -> bool:
    """True if what parts leave of a whole is a hidden cell, or if margins are given without their table."""
    for whole, parts in layout.sums:
        number = _rest(allele_numbers, whole, parts)
        # Parts that exceed their whole overlap, and nothing follows from them.
        if number > 0 and not is_visible(_rest(allele_counts, whole, parts), number, floor):
            return True
    return _has_rest(allele_numbers, layout.labels, layout.total) and _has_rest(
        allele_numbers, layout.sexes, layout.total
    )


def _has_rest(allele_numbers: Sequence[int], margins: Sequence[Part], total: int) -> bool:
    """True if some population of a margin holds people whom its pairs do not; one that is everybody divides nobody."""
    return any(
        _rest(allele_numbers, whole, pairs) > 0
        and (total < 0 or allele_numbers[whole] != allele_numbers[total])
        for whole, pairs in margins
    )


def _rest(counts: Sequence[int], whole: int, parts: Sequence[int]) -> int:
    return counts[whole] - sum(counts[part] for part in parts)
