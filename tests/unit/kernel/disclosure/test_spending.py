"""What one purse may still be told: distinct units, per dataset, over its versions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.disclosure.spending import Spending

POLICY = DisclosurePolicy()
C = POLICY.af_budget_factor


def told(version: str, individuals: int, units: range) -> Spending:
    spending = Spending()
    spending.book(version, individuals, units)
    return spending


def test_the_budget_ends_at_the_factor_times_the_people() -> None:
    spending = told("1", 1000, range(459))
    assert spending.affords("1", 1000, {1000}, C, POLICY)
    assert not spending.affords("1", 1000, {1000, 1001}, C, POLICY)


def test_a_unit_told_before_is_a_replay_and_costs_nothing() -> None:
    spending = told("1", 1000, range(460))
    assert spending.is_replay("1", range(460))
    assert spending.fresh("1", [3, 3, 4]) == set()
    spending.book("1", 1000, range(10))
    assert spending.spent == 460


def test_reserved_units_count_as_spent_but_are_not_yet_a_replay() -> None:
    spending = Spending()
    spending.reserve("1", 1000, range(460))
    assert not spending.is_replay("1", [1])
    assert spending.fresh("1", [1]) == set()
    assert not spending.affords("1", 1000, {999}, C, POLICY)
    spending.settle()
    assert spending.is_replay("1", [1])
    assert spending.spent == 460


def test_a_new_version_does_not_refill_the_budget() -> None:
    spending = told("1", 1000, range(460))
    assert not spending.affords("2", 1000 + 2, {9999}, C, POLICY)
    assert spending.affords("2", 1000 + 3, {9999}, C, POLICY)


def test_an_allele_told_again_in_a_new_version_costs_again() -> None:
    spending = told("1", 1000, range(1))
    assert spending.fresh("2", [0]) == {0}
    spending.book("2", 1100, [0])
    assert spending.spent == 2


def test_alleles_told_in_two_versions_are_held_to_the_batch_between_them() -> None:
    spending = told("1", 1000, range(100))
    assert spending.affords("2", 1010, set(range(4)), C, POLICY)
    assert not spending.affords("2", 1010, set(range(5)), C, POLICY), "0.46 * 10 new people allow four"
    assert spending.affords("2", 1010, set(range(100, 200)), C, POLICY), (
        "other alleles say nothing of the batch"
    )
    spending.book("2", 1010, range(4))
    assert not spending.affords("2", 1010, {50}, C, POLICY)


def test_a_new_version_about_the_same_people_may_be_asked_for_the_same_alleles() -> None:
    spending = told("1", 1000, range(100))
    assert spending.affords("2", 1000, set(range(100)), C, POLICY)


def test_a_policy_without_batches_lets_versions_be_compared() -> None:
    spending = told("1", 1000, range(100))
    assert spending.affords("2", 1010, set(range(100)), C, DisclosurePolicy(min_update_batch=0))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["1", "2", "3"]),
            st.lists(st.integers(0, 60), max_size=12),
        ),
        max_size=40,
    )
)
def test_no_order_of_charges_spends_more_than_the_budget_or_the_batch(
    charges: list[tuple[str, list[int]]],
) -> None:
    people = {"1": 40, "2": 60, "3": 100}
    spending = Spending()
    for version, units in charges:
        fresh = spending.fresh(version, units)
        if spending.affords(version, people[version], fresh, C, POLICY):
            spending.reserve(version, people[version], fresh)
            spending.settle()
    units_of = {version: set(told.booked.as_list()) for version, told in spending.versions.items()}
    assert spending.spent == sum(map(len, units_of.values())) <= 46
    for one, other in (("1", "2"), ("2", "3"), ("1", "3")):
        shared = units_of.get(one, set()) & units_of.get(other, set())
        assert len(shared) <= 0.46 * abs(people[one] - people[other])


@given(
    st.lists(st.tuples(st.sampled_from(["1", "2"]), st.lists(st.integers(0, 30), max_size=6)), max_size=30),
    st.sampled_from(["1", "2", "3"]),
    st.lists(st.integers(0, 30), min_size=1, max_size=3),
)
def test_what_is_afforded_is_what_is_fresh_and_within_the_budget(
    charges: list[tuple[str, list[int]]], version: str, units: list[int]
) -> None:
    people = {"1": 20, "2": 60, "3": 60}
    spending = Spending()
    for told_version, told_units in charges:
        spending.reserve(told_version, people[told_version], spending.fresh(told_version, told_units))
        if len(told_units) % 2:
            spending.settle()
    fresh = spending.fresh(version, units)
    expected = fresh if not fresh or spending.affords(version, people[version], fresh, C, POLICY) else None
    afforded = spending.afforded(version, people[version], units, C, POLICY)
    assert (None if afforded is None else set(afforded)) == expected
