"""What is said about a count of people, and about sums of such counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.kernel.disclosure.counts import PublishedCount, publish_items, publish_people, total
from opengdi.kernel.disclosure.policy import DisclosurePolicy

POLICY = DisclosurePolicy(k_individuals=10, count_rounding=5, differencing_floor=1)

policies = st.builds(
    DisclosurePolicy,
    k_individuals=st.integers(0, 30),
    count_rounding=st.integers(1, 20),
    differencing_floor=st.integers(0, 20),
)
counts_in_cohorts = st.integers(1, 500).flatmap(
    lambda cohort: st.tuples(st.integers(0, cohort), st.just(cohort))
)


def bounds(count: PublishedCount) -> tuple[int, int]:
    match count.adjusted_to:
        case None:
            return count.number, count.number
        case (int(low), int(high)):
            return low, high
        case (str(text),) if text[0] == "<":
            return 0, int(text[1:]) - 1
        case (str(text),):
            return int(text[1:]) + 1, count.number
    raise AssertionError(count)


def test_nobody_and_too_few_people_are_told_alike() -> None:
    told = {publish_people(exact, 1000, POLICY) for exact in range(10)}
    assert told == {PublishedCount(0, exists=False, precision="imprecise", adjusted_to=("<10",))}


def test_everybody_and_nearly_everybody_are_told_alike() -> None:
    told = {publish_people(exact, 1000, POLICY) for exact in range(991, 1001)}
    assert told == {PublishedCount(1000, exists=True, precision="imprecise", adjusted_to=(">990",))}


@pytest.mark.parametrize(
    "exact, number, adjusted_to",
    [
        (10, 10, (10, 12)),
        (12, 10, (10, 12)),
        (13, 15, (13, 17)),
        (988, 990, (988, 990)),
        (990, 990, (988, 990)),
    ],
)
def test_counts_in_between_are_rounded_and_say_their_bounds(
    exact: int, number: int, adjusted_to: tuple[int, int]
) -> None:
    assert publish_people(exact, 1000, POLICY) == PublishedCount(
        number, exists=True, precision="rounded", adjusted_to=adjusted_to
    )


def test_bounds_leave_room_for_what_the_differencing_guard_changed() -> None:
    told = publish_people(50, 1000, DisclosurePolicy(count_rounding=5, differencing_floor=10))
    assert told.adjusted_to == (30, 70)


def test_a_cohort_of_less_than_twice_the_floor_tells_nothing() -> None:
    told = {publish_people(exact, 19, POLICY) for exact in range(20)}
    assert told == {PublishedCount(0, exists=False, precision="imprecise", adjusted_to=("<20",))}


def test_without_floor_and_rounding_a_count_is_exact() -> None:
    policy = DisclosurePolicy(k_individuals=0, count_rounding=1, differencing_floor=0)
    assert [publish_people(n, 9, policy) for n in range(10)] == [publish_items(n) for n in range(10)]


@given(counts_in_cohorts, policies)
def test_the_bounds_hold_the_exact_number_and_never_split_an_outer_class(
    case: tuple[int, int], policy: DisclosurePolicy
) -> None:
    exact, cohort = case
    told = publish_people(exact, cohort, policy)
    low, high = bounds(told)
    assert low <= exact <= high
    floor = policy.k_individuals
    if floor > 1 and not floor <= exact <= cohort - floor:
        assert min(high, cohort) - low + 1 >= min(floor, cohort + 1)


@given(counts_in_cohorts, policies)
def test_numbers_told_never_lie_in_a_hidden_class(case: tuple[int, int], policy: DisclosurePolicy) -> None:
    exact, cohort = case
    number = publish_people(exact, cohort, policy).number
    floor = policy.k_individuals
    assert number in {0, cohort} or floor <= number <= cohort - floor or floor <= 1


def test_a_sum_of_hidden_counts_is_hidden_with_their_common_bound() -> None:
    hidden = publish_people(3, 1000, POLICY)
    assert total([hidden, hidden]) == PublishedCount(
        0, exists=False, precision="imprecise", adjusted_to=("<19",)
    )


def test_a_sum_says_its_bounds_from_published_numbers_only() -> None:
    parts = [publish_people(0, 1000, POLICY), publish_people(51, 1000, POLICY)]
    assert total(parts) == PublishedCount(50, exists=True, precision="imprecise", adjusted_to=(48, 61))
    assert total(parts) == total([publish_people(9, 1000, POLICY), publish_people(48, 1000, POLICY)])


def test_a_sum_of_exact_counts_is_exact_and_of_rounded_ones_rounded() -> None:
    assert total([publish_items(3), publish_items(4)]) == publish_items(7)
    assert total([publish_items(3), publish_people(51, 1000, POLICY)]) == PublishedCount(
        53, exists=True, precision="rounded", adjusted_to=(51, 55)
    )
    assert total([]) == publish_items(0)


@given(st.lists(st.tuples(counts_in_cohorts, policies), max_size=6))
def test_the_sum_lies_within_the_bounds_that_are_told(
    cases: list[tuple[tuple[int, int], DisclosurePolicy]],
) -> None:
    exact = sum(case[0] for case, _ in cases)
    low, high = bounds(total(publish_people(*case, policy) for case, policy in cases))
    assert low <= exact <= high
