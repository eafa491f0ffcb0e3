"""What one purse may still be told: distinct units, per dataset, over its versions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.kernel.disclosure.ledger import THE_PUBLIC, BudgetAccount
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.disclosure.power import budget
from opengdi.kernel.disclosure.purses import Purse, decide, decide_all
from opengdi.kernel.disclosure.spending import Spending

POLICY = DisclosurePolicy()
C = POLICY.af_budget_factor


def account(
    version: str, individuals: int, *, dataset: str = "A", policy: DisclosurePolicy = POLICY
) -> BudgetAccount:
    return BudgetAccount(dataset, version, individuals, policy)


ONE = account("1", 1000)


def told(units: range) -> Spending:
    spending = Spending()
    spending.book(ONE.release, ONE.individuals, units)
    return spending


def can_tell(spending: Spending, asked: BudgetAccount, units: Collection[int]) -> bool:
    return spending.afforded(asked, units) is not None


def waiting(spending: Spending) -> dict[tuple[str, str], list[int]]:
    """Units that are reserved, by dataset and version."""
    found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for versions, units in spending.reserved():
        for each in versions:
            found[each.dataset, each.version] += units
    return {told: sorted(units) for told, units in found.items()}


def test_the_budget_ends_at_the_factor_times_the_people() -> None:
    spending = told(range(459))
    assert can_tell(spending, ONE, [1000])
    assert not can_tell(spending, ONE, [1000, 1001])


def test_all_anonymous_callers_together_have_the_public_budget() -> None:
    spending = Spending(is_public=True)
    spending.book(ONE.release, ONE.individuals, range(9199))
    assert can_tell(spending, ONE, [10_000])
    assert not can_tell(spending, ONE, [10_000, 10_001])


def test_a_unit_told_before_is_a_replay_and_costs_nothing() -> None:
    spending = told(range(460))
    assert spending.verdict(ONE, range(460)) is True
    assert spending.afforded(ONE, [3, 3, 4]) == set()
    spending.book(ONE.release, ONE.individuals, range(10))
    assert spending.spent("A") == 460


def test_what_can_never_be_afforded_is_known_without_booking_and_what_is_new_is_not() -> None:
    spending = told(range(459))
    assert spending.verdict(ONE, [1000, 1001]) is False
    assert spending.verdict(ONE, [1000]) is None
    assert spending.verdict(account("1", 1000, dataset="B"), [1000]) is None


def test_reserved_units_count_as_spent_but_are_not_yet_a_replay() -> None:
    spending = told(range(0))
    spending.reserve(ONE, range(460))
    assert spending.verdict(ONE, [1]) is None
    assert not spending.afforded(ONE, [1])
    assert not can_tell(spending, ONE, [999])
    spending.settle()
    assert spending.verdict(ONE, [1]) is True
    assert spending.spent("A") == 460


def test_datasets_have_budgets_of_their_own() -> None:
    spending = told(range(460))
    other = account("1", 1000, dataset="B")
    assert spending.afforded(other, range(460)) == set(range(460))
    spending.reserve(other, range(460))
    assert waiting(spending) == {("B", "1"): list(range(460))}
    assert spending.spent("B") == 460


def test_a_new_version_does_not_refill_the_budget() -> None:
    spending = told(range(460))
    assert not can_tell(spending, account("2", 1000 + 2), [9999])
    assert can_tell(spending, account("2", 1000 + 3), [9999])


def test_an_allele_told_again_in_a_new_version_costs_again() -> None:
    spending = told(range(1))
    grown = account("2", 1100)
    assert spending.afforded(grown, [0]) == [0]
    spending.book(grown.release, grown.individuals, [0])
    assert spending.spent("A") == 2


def test_alleles_told_in_two_versions_are_held_to_the_batch_between_them() -> None:
    spending, grown = told(range(100)), account("2", 1010)
    assert can_tell(spending, grown, range(4))
    assert not can_tell(spending, grown, range(5)), "0.46 * 10 new people allow four"
    assert can_tell(spending, grown, range(100, 200)), "other alleles say nothing of the batch"
    spending.book(grown.release, grown.individuals, range(4))
    assert not can_tell(spending, grown, [50])


def test_a_new_version_about_the_same_people_may_be_asked_for_the_same_alleles() -> None:
    assert can_tell(told(range(100)), account("2", 1000), range(100))


def test_a_policy_without_batches_lets_versions_be_compared() -> None:
    spending = told(range(100))
    assert can_tell(spending, account("2", 1010, policy=DisclosurePolicy(min_update_batch=0)), range(100))


@dataclass
class SlowSpending:
    """The rules of one dataset, in sets."""

    people: dict[str, int] = field(default_factory=dict)
    booked: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    reserved: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def told(self, version: str) -> set[int]:
        return self.booked[version] | self.reserved[version]

    @property
    def spent(self) -> int:
        return sum(len(self.told(version)) for version in self.people)

    def afforded(self, version: str, people: int, units: Sequence[int]) -> set[int] | None:
        fresh = set(units) - self.told(version)
        if not fresh:
            return fresh
        if self.spent + len(fresh) > budget(people, C):
            return None
        mine = self.told(version) | fresh
        for other, of in self.people.items():
            if (
                other != version
                and of != people
                and len(mine & self.told(other)) > budget(abs(people - of), C)
            ):
                return None
        return fresh

    def reserve(self, version: str, people: int, fresh: Collection[int]) -> None:
        self.people.setdefault(version, people)
        self.reserved[version] |= set(fresh)

    def settle(self) -> None:
        for version in self.people:
            self.booked[version] |= self.reserved.pop(version, set())


PEOPLE = {"1": 40, "2": 60, "3": 100, "4": 60}


@pytest.mark.parametrize("filling", [0, 5000], ids=["few units", "units merged"])
@given(
    charges=st.lists(
        st.tuples(
            st.sampled_from("AB"),
            st.sampled_from(sorted(PEOPLE)),
            st.lists(st.integers(0, 60), min_size=1, max_size=12) | st.integers(0, 60).map(lambda one: [one]),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_every_charge_is_decided_as_the_rules_in_plain_sets_decide_it(
    filling: int, charges: list[tuple[str, str, list[int], bool]]
) -> None:
    ours, plain, known = Spending(), defaultdict[str, SlowSpending](SlowSpending), set()
    if filling:
        ours.book(("C", "1", 0), 1, range(30, filling))
    for dataset, version, units, settled in charges:
        asked, slow = account(version, PEOPLE[version], dataset=dataset), plain[dataset]
        expected = slow.afforded(version, PEOPLE[version], units)
        at_once = set(units) <= slow.booked[version] or (False if expected is None else None)
        assert ours.verdict(asked, units) is (at_once if asked.release in known else None)
        known.add(asked.release)
        fresh = ours.afforded(asked, units)
        assert (None if fresh is None else set(fresh)) == expected
        if fresh:
            ours.reserve(asked, fresh)
            slow.reserve(version, PEOPLE[version], fresh)
        assert waiting(ours) == {
            (name, each): sorted(them)
            for name, spent in plain.items()
            for each, them in spent.reserved.items()
            if them
        }
        if settled:
            ours.settle()
            for spent in plain.values():
                spent.settle()
        assert ours.spent(dataset) == slow.spent


@given(
    st.lists(
        st.tuples(st.sampled_from(["1", "2", "3"]), st.lists(st.integers(0, 60), max_size=12)), max_size=40
    )
)
def test_no_order_of_charges_spends_more_than_the_budget_or_the_batch(
    charges: list[tuple[str, list[int]]],
) -> None:
    spending, units_of = Spending(), defaultdict[str, set[int]](set)
    for version, units in charges:
        asked = account(version, PEOPLE[version])
        fresh = spending.afforded(asked, units)
        if fresh is not None:
            spending.reserve(asked, fresh)
            spending.settle()
            units_of[version].update(units)
    assert spending.spent("A") == sum(map(len, units_of.values())) <= 46
    for one, other in (("1", "2"), ("2", "3"), ("1", "3")):
        shared = units_of[one] & units_of[other]
        assert len(shared) <= 0.46 * abs(PEOPLE[one] - PEOPLE[other])


DATASETS = [
    account(version, 20 + place, dataset=name) for place, name in enumerate("ABCDE") for version in "12"
]
DATASETS.append(
    account("1", 9, dataset="open", policy=DisclosurePolicy(af_budget_factor=1e6, global_budget_factor=1e6))
)


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(DATASETS), min_size=1, max_size=6),
            st.lists(st.integers(0, 20), max_size=3) | st.integers(0, 20).map(lambda one: [one]),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_datasets_decided_together_are_decided_as_one_by_one(
    questions: list[tuple[list[BudgetAccount], list[int], bool]],
) -> None:
    together, alone = ([Purse("ada"), Purse(THE_PUBLIC)] for _ in range(2))
    for accounts, units, settled in questions:
        charges = [(each, units) for each in accounts]
        assert decide_all(together, charges) == [decide(alone, charge) for charge in charges]
        for ours, plain in zip(together, alone, strict=True):
            assert waiting(ours) == waiting(plain)
            assert [ours.spent(name) for name in "ABCDE"] == [plain.spent(name) for name in "ABCDE"]
            if settled:
                ours.settle()
                plain.settle()
