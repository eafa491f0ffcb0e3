"""No combination of what is shown tells what is hidden.

Small cohorts: every possible table is drawn up and all those that look the same from outside are compared, so that
the attacker knows the rule, too. Large ones: an integer solver finds the least and the greatest value that a
hidden cell can have. A hidden cell keeps k candidate values, or all that its people could have had anyway.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import product

import numpy as np
import pytest

from opengdi.kernel.disclosure.floors import Layout, Visibility, visibility

Atom = tuple[str, str]
"""Label and sex of people who are told apart by nothing else."""

Table = tuple[int, ...]


def belongs(atom: Atom, population: str) -> bool:
    return population in {"Total", atom[0], atom[1], f"{atom[0]}_{atom[1]}"}


def members(atoms: Sequence[Atom], population: str) -> tuple[int, ...]:
    return tuple(place for place, atom in enumerate(atoms) if belongs(atom, population))


def summed(table: Sequence[int], places: Iterable[int]) -> int:
    return sum(table[place] for place in places)


def cells_of(atoms: Sequence[Atom], populations: Sequence[str]) -> list[tuple[int, ...]]:
    """Everything somebody may want to know: the populations, and the people that none of them names."""
    return [members(atoms, population) for population in populations] + [
        (place,) for place in range(len(atoms))
    ]


def view(
    atoms: Sequence[Atom], numbers: Table, populations: Sequence[str], table: Table, floor: int
) -> tuple[Visibility, dict[tuple[int, ...], int]]:
    layout = Layout.of(populations)
    cells = [members(atoms, population) for population in populations]
    counts = [summed(table, cell) for cell in cells]
    called = [summed(numbers, cell) for cell in cells]
    seen = visibility(counts, called, layout, floor)
    shown = {
        Visibility.ALL: range(len(cells)),
        Visibility.TOTAL_ONLY: (layout.total,),
        Visibility.NOTHING: (),
    }[seen]
    return seen, {cells[place]: counts[place] for place in shown}


POPULATIONS = {
    "one country": ("Total", "EE", "F", "M", "EE_F", "EE_M"),
    "sexes": ("Total", "F", "M"),
    "one sex given": ("Total", "F"),
    "countries": ("Total", "EE", "LV"),
    "all": ("Total", "EE", "LV", "F", "M", "EE_F", "EE_M", "LV_F", "LV_M"),
    "finest only": ("EE_F", "EE_M", "LV_F", "LV_M", "Total"),
    "margins only": ("Total", "EE", "LV", "F", "M"),
    "without total": ("EE", "EE_F", "EE_M"),
}
FOUR = (("EE", "F"), ("EE", "M"), ("LV", "F"), ("LV", "M"))
UNKNOWN = (("EE", "F"), ("EE", "M"), ("EE", "U"))


@pytest.mark.parametrize("floor", [2, 3])
@pytest.mark.parametrize(
    "atoms, numbers",
    [(FOUR, (6, 6, 6, 6)), (FOUR, (8, 6, 4, 6)), (UNKNOWN, (12, 12, 2)), (UNKNOWN, (12, 10, 8))],
)
@pytest.mark.parametrize("populations", POPULATIONS.values(), ids=POPULATIONS.keys())
def test_every_table_that_looks_alike_leaves_a_hidden_cell_open(
    populations: tuple[str, ...], atoms: tuple[Atom, ...], numbers: Table, floor: int
) -> None:
    alike: dict[Hashable, list[Table]] = defaultdict(list)
    for table in product(*(range(number + 1) for number in numbers)):
        seen, shown = view(atoms, numbers, populations, table, floor)
        alike[seen, tuple(sorted(shown.items()))].append(table)
    for (_, shown_items), tables in alike.items():
        values = np.array(tables)
        for cell in cells_of(atoms, populations):
            possible = summed(numbers, cell) + 1
            found = np.unique(values[:, list(cell)].sum(axis=1))
            is_told = len(found) == 1 and is_public(int(found[0]), possible - 1, floor)
            assert is_told or len(found) >= min(floor, possible), (cell, shown_items, found)


def is_public(count: int, number: int, floor: int) -> bool:
    return number == 0 or (count >= floor and number - count >= floor)
