"""What answers with few carriers cost them, and the purse that bounds what any one person can have lost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from opengdi.kernel.disclosure.floors import Layout, Visibility, smallest_cell, visibility
from opengdi.kernel.disclosure.genotypes import fewest_people, genotypes_visible
from opengdi.kernel.disclosure.ledger import THE_PUBLIC, BudgetAccount
from opengdi.kernel.disclosure.losses import FREE_FROM, MICRO, capacity, floored_policy, loss
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.disclosure.purses import Purse, bookings_text, decide, decide_all, read_bookings

LOW = DisclosurePolicy(k_alleles=1, k_individuals=1)
ACCOUNT = BudgetAccount("A", "1", 1000, LOW)


def test_what_two_to_nine_carriers_lose_and_that_one_alone_is_never_told_of() -> None:
    nats = [round(loss(carriers) / MICRO, 4) for carriers in range(2, 11)]
    assert nats == [2.9957, 1.207, 0.5824, 0.2944, 0.1502, 0.0761, 0.0381, 0.0188, 0.0092]
    assert loss(1) == loss(0) > capacity(replace(LOW, individual_budget=1e6 - 1))


@given(st.integers(2, FREE_FROM), st.integers(8, 10**6))
def test_a_yes_costs_no_more_than_is_charged_however_many_people_there_are(
    carriers: int, alleles: int
) -> None:
    """Source: −log(1 − (1 − f)^(2N)), f the frequency in the dataset, which is charged for as if it were less."""
    frequency = carriers / alleles
    nats = -math.log1p(-((1 - frequency) ** alleles)) if frequency < 1 else 0.0
    assert nats * MICRO <= loss(carriers)


def test_more_carriers_lose_less() -> None:
    losses = [loss(carriers) for carriers in range(1, 20)]
    assert all(one > other for one, other in pairwise(losses))


def test_the_purse_is_minus_the_logarithm_of_the_false_positives() -> None:
    assert capacity(DisclosurePolicy()) == pytest.approx(-math.log(0.05) * MICRO, rel=0.002)
    assert capacity(replace(LOW, individual_budget=0)) == 0


@pytest.mark.parametrize(
    ("policy", "is_needed"),
    [
        (DisclosurePolicy(), False),
        (DisclosurePolicy(k_alleles=20, k_individuals=10), False),
        (DisclosurePolicy(k_alleles=9), True),
        (DisclosurePolicy(k_individuals=9), True),
        (replace(LOW, individual_budget=1e6), False),
        (replace(LOW, individual_budget=0), True),
    ],
)
def test_floors_that_hide_few_carriers_need_no_purse(policy: DisclosurePolicy, is_needed: bool) -> None:
    floored = floored_policy(policy)
    assert (floored is not None) is is_needed
    if floored is not None:
        assert min(floored.k_alleles, floored.k_individuals) >= FREE_FROM
        assert floored.strictest(policy) == floored


def test_the_stricter_of_two_budgets_wins() -> None:
    assert LOW.strictest(replace(LOW, individual_budget=1.5)).individual_budget == 1.5
    assert replace(LOW, individual_budget=1.5).strictest(LOW).individual_budget == 1.5


def tells(purse: Purse, carriers: int, *units: int, version: str = "1") -> bool:
    return decide([purse], (replace(ACCOUNT, version=version).of_losses(carriers), units))


def test_five_alleles_of_four_carriers_are_told_and_then_none_but_those_five() -> None:
    purse = Purse("ada")
    for _ in range(2):
        assert [tells(purse, 4, unit) for unit in range(10)] == [True] * 5 + [False] * 5
    assert not tells(purse, 6, 100), "0.15 nats are not left"
    assert tells(purse, 8, 100), "0.038 are"
    assert decide([purse], (ACCOUNT, [9])), "answers themselves have a budget of their own"


def test_an_allele_of_one_carrier_is_never_told_of() -> None:
    purse = Purse("ada")
    assert purse.verdict(ACCOUNT.of_losses(1), [1]) is False
    assert not tells(purse, 1, 1)
    assert tells(purse, 2, 2)


def test_a_new_version_refills_nothing() -> None:
    purse = Purse("ada")
    assert all(tells(purse, 4, unit) for unit in range(5))
    assert not tells(purse, 4, 0, version="2")
    assert purse.lost("A") == 5 * loss(4)
    assert purse.spent("A") == 0


def test_all_anonymous_callers_together_learn_no_more_than_one() -> None:
    public = Purse(THE_PUBLIC)
    callers = [Purse(f"anonymous:{number}") for number in range(8)]
    charge = ACCOUNT.of_losses(4)
    told = [decide([each, public], (charge, [unit])) for unit, each in enumerate(callers)]
    assert told == [True] * 5 + [False] * 3


def test_a_spent_purse_is_known_without_booking_even_for_a_number_of_carriers_never_told() -> None:
    """Or it would take longer to say that a rare allele is absent than that an absent one is."""
    purse = Purse("ada")
    assert purse.verdict(ACCOUNT.of_losses(4), [1]) is None
    assert all(tells(purse, 4, unit) for unit in range(5))
    purse.settle()
    for carriers in range(1, 7):
        assert purse.verdict(ACCOUNT.of_losses(carriers), [999]) is False
    assert purse.verdict(replace(ACCOUNT, version="2").of_losses(4), [999]) is False
    assert purse.verdict(ACCOUNT.of_losses(4), [3]) is True


def test_bookings_of_losses_survive_the_journal_and_older_rows_are_read() -> None:
    purse, again = Purse("ada"), Purse("ada")
    assert tells(purse, 3, 5)
    assert decide([purse], (ACCOUNT, [5, 6]))
    again.book_all(read_bookings(bookings_text(purse.bookings())))
    assert (again.lost("A"), again.spent("A")) == (loss(3), 2)
    assert again.verdict(ACCOUNT.of_losses(3), [5]) is True
    old = read_bookings('[["A","1",1000,"BQAAAAAAAAA="]]')
    again.book_all(old)
    assert old[0].loss == 0
    assert again.spent("A") == 2, "unit 5 was told already"


CHARGES = st.lists(
    st.tuples(
        st.sampled_from("AB"), st.sampled_from("12"), st.integers(1, 9), st.integers(0, 30), st.booleans()
    ),
    max_size=60,
)


@given(CHARGES, st.floats(0, 8))
def test_no_order_of_questions_costs_anyone_more_than_the_purse_and_what_was_told_stays_told(
    charges: Sequence[tuple[str, str, int, int, bool]], nats: float
) -> None:
    """In one process, or in one that reads anew what the others booked."""
    policy = replace(LOW, individual_budget=nats)
    purse, journal, told = Purse("ada"), list[str](), set[tuple[str, str, int, int]]()
    for dataset, version, carriers, unit, restarted in charges:
        if restarted:
            purse = Purse("ada")
            purse.book_all(booking for row in journal for booking in read_bookings(row))
        account = BudgetAccount(dataset, version, 1000, policy).of_losses(carriers)
        lost = sum(loss(each[2]) for each in told if each[0] == dataset)
        asked = (dataset, version, carriers, unit)
        expected = asked in told or lost + loss(carriers) <= capacity(policy)
        assert purse.verdict(account, [unit]) in (None, expected)
        assert decide([purse], (account, [unit])) is expected
        journal.append(bookings_text(purse.bookings()))
        purse.settle()
        told |= {asked} if expected else set()
        assert purse.lost(dataset) == sum(loss(each[2]) for each in told if each[0] == dataset)
        assert purse.lost(dataset) <= capacity(policy)


@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 9)), min_size=1, max_size=4),
            st.integers(0, 12),
        ),
        max_size=30,
    )
)
def test_datasets_decided_together_lose_as_one_by_one(
    questions: Sequence[tuple[Sequence[tuple[str, int]], int]],
) -> None:
    together, alone = ([Purse("ada"), Purse(THE_PUBLIC)] for _ in range(2))
    for asked, unit in questions:
        accounts = [BudgetAccount(dataset, "1", 1000, LOW) for dataset, _ in asked]
        charges = [
            (account.of_losses(carriers) if carriers else account, [unit])
            for account, (_, carriers) in zip(accounts, asked, strict=True)
        ]
        assert decide_all(together, charges) == [decide(alone, charge) for charge in charges]
        for ours, plain in zip(together, alone, strict=True):
            assert [ours.lost(name) for name in "ABC"] == [plain.lost(name) for name in "ABC"]
            assert [ours.spent(name) for name in "ABC"] == [plain.spent(name) for name in "ABC"]
            ours.settle()
            plain.settle()


POPULATIONS = ("Total", "F", "M")
NUMBERS = st.integers(0, 40)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=3, max_size=3), st.integers(1, 45))
def test_the_smallest_cell_is_the_highest_floor_under_which_a_row_is_seen_whole(
    cells: Sequence[tuple[int, int]], floor: int
) -> None:
    counts = [min(cell) for cell in cells]
    numbers = [max(cell) for cell in cells]
    assume(any(numbers))
    layout = Layout.of(POPULATIONS)
    is_whole = visibility(counts, numbers, layout, floor) is Visibility.ALL
    assert is_whole is (smallest_cell(counts, numbers, layout) >= floor)


def test_of_a_total_that_stands_alone_its_own_cell_is_the_smallest() -> None:
    assert smallest_cell([50, -1, -1], [90, -1, -1], Layout.of(POPULATIONS)) == 40


@given(st.lists(st.integers(0, 20), min_size=4, max_size=4), st.booleans(), st.integers(1, 12))
def test_the_fewest_people_are_the_highest_floor_under_which_genotypes_are_shown(
    classes: Sequence[int], haploid: bool, floor: int
) -> None:
    hom, het, hemi, others = classes
    number = 2 * (hom + het + others) + hemi
    counts = (2 * hom + het + hemi, number, hom, het, hemi)
    fewest = fewest_people(counts, 1, 12, haploid=haploid)
    assert genotypes_visible(counts, 1, floor, haploid=haploid) is (fewest >= floor)
