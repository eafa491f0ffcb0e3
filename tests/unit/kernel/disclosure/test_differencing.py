"""Sets of people that are too alike to be counted both."""

from __future__ import annotations

import itertools

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


def tell(memory: ToldSets, individuals: Bitmap, number: int | None = None) -> None:
    size = count_people(individuals)
    memory.add(packed(individuals), size, size if number is None else number)


def told(*sets: Bitmap) -> ToldSets:
    memory = ToldSets()
    for individuals in sets:
        tell(memory, individuals)
    return memory


def implied(memory: ToldSets, individuals: Bitmap, floor: int = 10) -> int | None:
    compared = (individuals, count_people(individuals), COHORT, floor)
    before = memory.told_before(*compared)
    return memory.implied(*compared) if before is None else before


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


def test_a_union_does_not_tell_how_few_are_in_both() -> None:
    memory = told(people(*range(30)), people(*range(27, 60)))
    assert implied(memory, people(*range(60))) == 63
    assert implied(memory, people(*range(60, 100))) == 37
    assert implied(told(people(*range(30)), people(*range(15, 60))), people(*range(60))) is None


def test_a_set_without_another_does_not_tell_how_few_are_outside_of_it() -> None:
    memory = told(people(*range(60)), people(*range(27), 60, 61, 62))
    assert implied(memory, people(*range(27, 60))) == 30
    assert implied(memory, people(*range(27), *range(60, 100))) == 70


def test_what_was_told_once_is_told_again_whatever_is_asked_between() -> None:
    memory = told(people(*range(30)), people(*range(27, 60)))
    union = people(*range(60))
    tell(memory, union, 63)
    tell(memory, people(*range(5, 64)))
    assert implied(memory, union) == 63
    assert implied(memory, people(*range(1, 61))) == 63


def test_a_packed_set_comes_back() -> None:
    assert unpacked(packed(people(3, 99))).tolist() == people(3, 99).tolist()


phenotypes = st.lists(st.lists(st.booleans(), min_size=COHORT, max_size=COHORT), min_size=2, max_size=2)


@given(phenotypes, st.permutations(range(6)))
def test_no_two_or_three_answers_about_two_phenotypes_isolate_a_few_people(
    columns: list[list[bool]], order: list[int]
) -> None:
    one, other = (np.array(column, dtype=bool) for column in columns)
    asked = [one, other, one & other, one & ~other, one | other, ~one]
    memory = told()
    answered: list[np.ndarray] = []
    for place in order:
        individuals = np.packbits(asked[place])
        if implied(memory, individuals) is None:
            tell(memory, individuals)
            answered.append(asked[place].astype(int))
    signs = [(a, b, c) for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1)]
    for trio in itertools.combinations(answered, 3):
        for sign in signs:
            if np.count_nonzero(sign) > 1:
                combined = sum(each * people for each, people in zip(sign, trio, strict=True))
                isolated = min(np.count_nonzero(combined - shift) for shift in (-1, 0, 1))
                assert isolated >= 10 or (isolated == 0 and not np.any(combined))
