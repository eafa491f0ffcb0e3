"""Sets of people that are too alike to be counted both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.kernel.disclosure.differencing import Bitmap, ToldSets, count_people, packed, unpacked

COHORT = 100


def people(*numbers: int) -> Bitmap:
    bits = np.zeros(COHORT, dtype=np.uint8)
    bits[list(numbers)] = 1
    return np.packbits(bits)


def told(*sets: Bitmap) -> ToldSets:
    memory = ToldSets()
    for individuals in sets:
        memory.add(packed(individuals), count_people(individuals))
    return memory


def implied(memory: ToldSets, individuals: Bitmap, floor: int = 10) -> int | None:
    return memory.implied_size(individuals, count_people(individuals), COHORT, floor)


def test_the_first_set_is_told_as_it_is() -> None:
    assert implied(told(), people(*range(30))) is None


@pytest.mark.parametrize(
    "individuals", [people(*range(30)), people(*range(29)), people(*range(39)), people(*range(1, 31))]
)
def test_an_equal_set_and_one_that_differs_by_a_few_get_the_same_number(individuals: Bitmap) -> None:
    assert implied(told(people(*range(30))), individuals) == 30


@pytest.mark.parametrize("individuals", [people(*range(20)), people(*range(40)), people(*range(30, 60))])
def test_a_set_that_differs_by_the_floor_is_told_as_it_is(individuals: Bitmap) -> None:
    assert implied(told(people(*range(30))), individuals) is None


def test_almost_the_complement_gets_what_is_left_of_the_cohort() -> None:
    memory = told(people(*range(30)))
    assert implied(memory, people(*range(30, 100))) == 70
    assert implied(memory, people(*range(33, 100))) == 70
    assert implied(memory, people(*range(40, 100))) is None


def test_the_earliest_set_decides() -> None:
    memory = told(people(*range(30)), people(*range(40)))
    assert implied(memory, people(*range(35))) == 30


def test_a_packed_set_comes_back() -> None:
    assert unpacked(packed(people(3, 99))).tolist() == people(3, 99).tolist()


phenotypes = st.lists(st.lists(st.booleans(), min_size=COHORT, max_size=COHORT), min_size=2, max_size=2)


@given(phenotypes, st.permutations([0, 1, 2, 3]))
def test_a_question_its_parts_and_their_complements_never_isolate_a_few_people(
    columns: list[list[bool]], order: list[int]
) -> None:
    one, other = (np.array(column, dtype=bool) for column in columns)
    asked = [one, one & other, one & ~other, ~one]
    memory = told()
    answered: list[tuple[np.ndarray, int]] = []
    for place in order:
        individuals = np.packbits(asked[place])
        number = implied(memory, individuals)
        if number is None:
            number = count_people(individuals)
            memory.add(packed(individuals), number)
            answered.append((asked[place], number))
    for place, (mine, _) in enumerate(answered):
        for theirs, _ in answered[:place]:
            difference = int((mine ^ theirs).sum())
            assert 10 <= difference <= COHORT - 10
