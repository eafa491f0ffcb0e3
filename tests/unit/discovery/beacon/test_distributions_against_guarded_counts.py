"""What a cohort's distribution tells everybody, less what a guarded count tells one caller, is no handful of people.

Every table of a small cohort is drawn up; those that look the same from outside are candidates to an attacker.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.node_beacons import AGGREGATED, HeldRows, manifest, node_beacons

from opengdi.discovery.beacon.collections import _distribution
from opengdi.discovery.model import Cohort
from opengdi.kernel.disclosure.counts import publish_open_cell, publish_people
from opengdi.kernel.disclosure.policy import DisclosurePolicy

K = 3
POLICY = DisclosurePolicy(k_individuals=K, differencing_floor=K, count_rounding=2)
COARSE = DisclosurePolicy()


def tables(cohort: int, cells: int) -> Iterator[tuple[int, ...]]:
    """Every way in which `cells` cells and those in none of them divide the cohort."""
    for table in product(range(cohort + 1), repeat=cells):
        if sum(table) <= cohort:
            yield table


def isolates(candidates: set[int], subset: int, cohort: int) -> bool:
    """True if a cell with one of these sizes, less a part of it with `subset` people, is 1 to k - 1 people for certain.

    The attacker asks for the part first, so that its number is off by the rounding only.
    """
    told = publish_people(subset, cohort, POLICY).number
    alike = [size for size in range(cohort + 1) if publish_people(size, cohort, POLICY).number == told]
    left = {size - part for size in candidates for part in alike if part <= size}
    return bool(left) and all(0 < number < K for number in left)


@pytest.mark.parametrize(("cohort", "cells"), [(29, 1), (40, 2), (41, 2), (47, 2), (36, 3), (37, 3), (10, 2)])
def test_a_cell_less_a_guarded_count_is_never_a_handful_for_certain(cohort: int, cells: int) -> None:
    alike: dict[tuple[tuple[str, int], ...], list[tuple[int, ...]]] = defaultdict(list)
    for table in tables(cohort, cells):
        seen = _distribution({str(place): number for place, number in enumerate(table)}, cohort, POLICY)
        assert isinstance(seen, dict)
        alike[tuple(seen.items())].append(table)
    assert len(alike) > (1 if cohort > 10 else 0)
    for seen_as, group in alike.items():
        for cell in range(cells):
            candidates = {table[cell] for table in group}
            assert not seen_as or len(candidates) >= 2 * K
            assert not any(isolates(candidates, part, cohort) for part in range(K, cohort - K + 1))


@given(st.integers(1, 3000), st.data())
def test_a_cell_and_everybody_else_are_told_alike(cohort: int, data: st.DataObject) -> None:
    exact = data.draw(st.integers(0, cohort))
    cell, rest = (publish_open_cell(number, cohort, COARSE) for number in (exact, cohort - exact))
    match cell.adjusted_to, rest.adjusted_to:
        case (int(low), int(high)), (int(other_low), int(other_high)):
            assert (other_low, other_high) == (cohort - high, cohort - low)
            assert low <= exact <= high
            assert high - low + 1 >= 2 * COARSE.k_individuals
            assert cell.number + rest.number - cohort in (-1, 0, 1)


async def test_the_number_of_a_cell_does_not_follow_its_members_one_by_one(tmp_path: Path) -> None:
    told = set()
    for women in range(592, 610):
        event = {"eventGenders": {"distribution": {"genders": {"female": women, "male": 1000 - women}}}}
        cohort = Cohort("c", {"cohortType": "study-defined", "collectionEvents": [event]}, None)
        with node_beacons(tmp_path / str(women), [HeldRows(manifest(), [], [], [cohort])]) as node:
            (record,) = (await node.get(f"{AGGREGATED}/cohorts")).json()["response"]["collections"]
        told.add(str(record["collectionEvents"][0]["eventGenders"]["distribution"]["genders"]))
    assert told == {"{'female': 600, 'male': 400}"}
