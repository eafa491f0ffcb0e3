"""No combination of what is shown tells what is hidden.

Small cohorts: every possible table is drawn up and all those that look the same from outside are compared, so that
the attacker knows the rule, too. Large ones: an integer solver finds the least and the greatest value that a
hidden cell can have. A hidden cell keeps k candidate values, or as many as its people, or those outside of it, can
have at all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from opengdi.kernel.disclosure.floors import Layout, Visibility, visibility
from opengdi.kernel.disclosure.genotypes import genotypes_visible

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


@pytest.mark.parametrize("people", [(6, 6), (8, 5), (10, 10)])
@pytest.mark.parametrize("floor", [2, 3])
@pytest.mark.parametrize("populations", [("Total", "F", "M"), ("Total",)], ids=["sexes", "total"])
def test_every_genotype_table_that_looks_alike_leaves_a_hidden_class_open(
    populations: tuple[str, ...], people: tuple[int, int], floor: int
) -> None:
    """What AC alone tells of a class is not the sub-counts' doing: they may not narrow it below k."""
    atoms: tuple[Atom, ...] = (("EE", "F"), ("EE", "M"))
    each = [[(hom, het) for hom in range(n + 1) for het in range(n + 1 - hom)] for n in people]
    without, alike = defaultdict(list), defaultdict(list)
    for (hom_f, het_f), (hom_m, het_m) in product(*each):
        world = (hom_f, het_f, people[0] - hom_f - het_f, hom_m, het_m, people[1] - hom_m - het_m)
        counts = (2 * hom_f + het_f, 2 * hom_m + het_m)
        seen, shown = view(atoms, (2 * people[0], 2 * people[1]), populations, counts, floor)
        told = tuple(sorted(shown.items()))
        without[told].append(world)
        alike[told, genotypes_told(world, counts, people, populations, seen, floor)].append(world)
    for (told, genotypes), worlds in alike.items():
        values, before = np.array(worlds), np.array(without[told])
        for places in ((0,), (1,), (2,), (3,), (4,), (5,), (0, 3), (1, 4), (2, 5)):
            found = np.unique(values[:, list(places)].sum(axis=1))
            prior = np.unique(before[:, list(places)].sum(axis=1))
            assert len(found) >= min(floor, len(prior)) or found.min() >= floor, (
                places,
                told,
                genotypes,
                found,
            )


def genotypes_told(
    world: Sequence[int],
    counts: Sequence[int],
    people: Sequence[int],
    populations: Sequence[str],
    seen: Visibility,
    floor: int,
) -> tuple[int, ...]:
    """The sub-counts that a record with this visibility shows, or none."""
    hom_f, het_f, _, hom_m, het_m, _ = world
    by_population = {
        "Total": (sum(counts), 2 * sum(people), hom_f + hom_m, het_f + het_m, 0),
        "F": (counts[0], 2 * people[0], hom_f, het_f, 0),
        "M": (counts[1], 2 * people[1], hom_m, het_m, 0),
    }
    if seen is not Visibility.ALL:
        return ()
    row = [
        count for group in zip(*(by_population[name] for name in populations), strict=True) for count in group
    ]
    sums = Layout.of(populations).sums
    shown = genotypes_visible(row, len(populations), floor, haploid=False, sums=sums)
    return tuple(row) if shown else ()


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_a_solver_finds_k_values_for_every_hidden_cell_of_a_large_table(data: st.DataObject) -> None:
    populations = data.draw(st.sampled_from(list(POPULATIONS.values())))
    numbers = data.draw(st.tuples(*[st.integers(0, 2000)] * 4))
    table = tuple(
        data.draw(
            st.integers(0, number)
            | st.integers(0, min(number, 40))
            | st.integers(max(0, number - 40), number)
        )
        for number in numbers
    )
    floor = data.draw(st.sampled_from([5, 10, 20]))
    _, shown = view(FOUR, numbers, populations, table, floor)
    for cell in set(cells_of(FOUR, populations)) - shown.keys():
        low, high = extremes(cell, shown, numbers)
        possible = summed(numbers, cell) + 1
        outside = sum(numbers) + 1 - summed(numbers, cell)  # nearly everybody is told by Total
        assert high - low + 1 >= min(floor, possible, outside) or is_public(low, possible - 1, floor), (
            cell,
            shown,
            low,
            high,
        )


def extremes(cell: Sequence[int], shown: dict[tuple[int, ...], int], numbers: Table) -> tuple[int, int]:
    """The least and the greatest AC of a cell under everything that is shown, by integer programming."""
    wanted = np.zeros(len(numbers))
    wanted[list(cell)] = 1
    rows = np.zeros((len(shown), len(numbers)))
    for row, places in enumerate(shown):
        rows[row, list(places)] = 1
    values = list(shown.values())
    constraints = [LinearConstraint(rows, values, values)] if shown else []
    ends = []
    for sign in (1, -1):
        found = milp(
            sign * wanted,
            constraints=constraints,
            bounds=Bounds(0, numbers),
            integrality=np.ones(len(numbers)),
        )
        assert found.success, found.message
        ends.append(sign * round(found.fun))
    return ends[0], ends[1]
