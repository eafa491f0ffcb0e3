"""The guard on both engines: what a caller was told of people is remembered, also over a restart."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from sqlalchemy import Engine, text

from opengdi.kernel.disclosure.differencing import Bitmap
from opengdi.kernel.disclosure.guard import DifferencingGuard
from opengdi.kernel.disclosure.ledger import BudgetAccount
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.errors import OverBudget, Unavailable
from opengdi.kernel.principal import Principal, Tier

COHORT = 1000
ACCOUNT = BudgetAccount("GDI-EE-UT-1", "1", COHORT, DisclosurePolicy(k_individuals=10, differencing_floor=10))
ASKER = Principal("token:tartu", Tier.REGISTERED)


def first(number: int) -> Bitmap:
    return np.packbits(np.arange(COHORT) < number)


async def test_a_few_people_more_or_less_do_not_show(engine: Engine) -> None:
    guard = DifferencingGuard(engine)
    assert await guard.settle(ASKER, ACCOUNT, first(100)) == 100
    assert [await guard.settle(ASKER, ACCOUNT, first(number)) for number in range(91, 110)] == [100] * 19
    assert await guard.settle(ASKER, ACCOUNT, first(110)) == 110
    assert await guard.settle(ASKER, ACCOUNT, ~first(105)) == 900


async def test_an_implied_number_stays_whatever_is_asked_later(engine: Engine) -> None:
    women, ill = first(500), np.packbits(np.arange(COHORT) >= 497)
    guard = DifferencingGuard(engine)
    assert await guard.settle(ASKER, ACCOUNT, women) == 500
    few = np.packbits((np.arange(COHORT) >= 497) & (np.arange(COHORT) < 800))
    assert await guard.settle(ASKER, ACCOUNT, few) == 303
    assert await guard.settle(ASKER, ACCOUNT, first(800)) == 803
    assert await guard.settle(ASKER, ACCOUNT, first(808)) == 803
    assert await DifferencingGuard(engine).settle(ASKER, ACCOUNT, first(800)) == 803
    assert await guard.settle(ASKER, ACCOUNT, ill) == 500, "almost the complement of the women"


async def test_a_restart_forgets_nothing(engine: Engine) -> None:
    assert await DifferencingGuard(engine).settle(ASKER, ACCOUNT, first(100)) == 100
    assert await DifferencingGuard(engine).settle(ASKER, ACCOUNT, first(101)) == 100


async def test_a_guard_that_forgets_idle_callers_reads_them_again(engine: Engine) -> None:
    guard = DifferencingGuard(engine, callers=1)
    other = Principal("token:riga", Tier.REGISTERED)
    assert await guard.settle(ASKER, ACCOUNT, first(100)) == 100
    assert await guard.settle(other, ACCOUNT, first(101)) == 101
    assert await guard.settle(ASKER, ACCOUNT, first(101)) == 100


async def test_two_processes_answer_as_one(engine: Engine) -> None:
    here, there = DifferencingGuard(engine), DifferencingGuard(engine)
    assert await here.settle(ASKER, ACCOUNT, first(500)) == 500
    assert await there.settle(ASKER, ACCOUNT, first(200)) == 200
    assert await here.settle(ASKER, ACCOUNT, first(203)) == 200
    answers = await asyncio.gather(
        *((here, there)[number % 2].settle(ASKER, ACCOUNT, first(300 + number)) for number in range(8))
    )
    assert len(set(answers)) == 1


async def test_anonymous_callers_are_one_caller(engine: Engine) -> None:
    guard = DifferencingGuard(engine)
    assert await guard.settle(Principal("anonymous:1"), ACCOUNT, first(100)) == 100
    assert await guard.settle(Principal("anonymous:2"), ACCOUNT, first(101)) == 100
    assert await guard.settle(ASKER, ACCOUNT, first(101)) == 101


async def test_sets_that_the_floor_hides_are_not_remembered(engine: Engine) -> None:
    guard = DifferencingGuard(engine)
    assert [await guard.settle(ASKER, ACCOUNT, first(number)) for number in (0, 9, 995)] == [0, 9, 995]
    assert await guard.settle(ASKER, ACCOUNT, first(12)) == 12


async def test_a_policy_may_switch_the_guard_off(engine: Engine) -> None:
    account = BudgetAccount("GDI-EE-UT-1", "1", COHORT, DisclosurePolicy(differencing_floor=0))
    guard = DifferencingGuard(engine)
    assert [await guard.settle(ASKER, account, first(number)) for number in (100, 101)] == [100, 101]


async def test_a_caller_whose_sets_fill_the_memory_is_told_no_more(engine: Engine) -> None:
    guard = DifferencingGuard(engine, sets_bytes=0)
    assert await guard.settle(ASKER, ACCOUNT, first(100)) == 100
    with pytest.raises(OverBudget):
        await guard.settle(ASKER, ACCOUNT, first(500))
    assert await guard.settle(ASKER, ACCOUNT, first(100)) == 100


async def test_what_cannot_be_written_down_is_not_told(engine: Engine) -> None:
    guard = DifferencingGuard(engine)
    await guard.settle(ASKER, ACCOUNT, first(500))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE people_told RENAME TO people_told_away"))
    with pytest.raises(Unavailable):
        await guard.settle(ASKER, ACCOUNT, first(100))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE people_told_away RENAME TO people_told"))
    assert await guard.settle(ASKER, ACCOUNT, first(105)) == 105
