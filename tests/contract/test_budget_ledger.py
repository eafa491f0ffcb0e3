"""The budget ledger on both engines: what is told is booked first, once, and never beyond the budget."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from tests.sqlite import migrated_engine

from opengdi.kernel.disclosure import sql_ledger
from opengdi.kernel.disclosure.ledger import UNLIMITED_FACTOR, BudgetAccount
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.disclosure.purses import Purse, read_bookings
from opengdi.kernel.disclosure.sql_ledger import SqlBudgetLedger
from opengdi.kernel.errors import Unavailable
from opengdi.kernel.principal import Principal, Tier

POLICY = DisclosurePolicy(af_budget_factor=0.5, global_budget_factor=1.0)
ACCOUNT = BudgetAccount("GDI-EE-UT-1", "1", 100, POLICY)
REGISTERED = Principal("token:tartu", Tier.REGISTERED)
PASSER_BY = Principal("anonymous:1")

SPENDER = """
import asyncio, sys
from opengdi.kernel.database import open_engine
from opengdi.kernel.disclosure.ledger import BudgetAccount
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.disclosure.sql_ledger import SqlBudgetLedger
from opengdi.kernel.principal import Principal, Tier

location, first, count, individuals = sys.argv[1], *map(int, sys.argv[2:])
account = BudgetAccount("GDI-EE-UT-1", "1", individuals, DisclosurePolicy(af_budget_factor=0.5))

async def spend():
    ledger = SqlBudgetLedger(open_engine(location))
    asker = Principal("token:tartu", Tier.REGISTERED)
    for unit in range(first, first + count):
        (told,) = await ledger.charge(asker, [(account, [unit])])
        if told:
            print(unit, flush=True)
    ledger.close()

asyncio.run(spend())
"""


@pytest.fixture
def ledger(engine: Engine) -> Iterator[SqlBudgetLedger]:
    ledger = SqlBudgetLedger(engine)
    yield ledger
    ledger.close()


async def test_a_caller_is_told_as_many_alleles_as_the_budget_holds(ledger: SqlBudgetLedger) -> None:
    told = [(await ledger.charge(REGISTERED, [(ACCOUNT, [unit])]))[0] for unit in range(60)]
    assert told == [True] * 50 + [False] * 10


async def test_a_replay_is_free_even_when_the_budget_is_spent(ledger: SqlBudgetLedger) -> None:
    assert await ledger.charge(REGISTERED, [(ACCOUNT, range(50))]) == [True]
    assert await ledger.charge(REGISTERED, [(ACCOUNT, [50])]) == [False]
    assert await ledger.charge(REGISTERED, [(ACCOUNT, range(50))]) == [True]


async def test_a_charge_that_does_not_fit_books_none_of_its_units(ledger: SqlBudgetLedger) -> None:
    assert await ledger.charge(REGISTERED, [(ACCOUNT, range(51))]) == [False]
    assert await ledger.charge(REGISTERED, [(ACCOUNT, range(100, 150))]) == [True]


async def test_datasets_have_budgets_of_their_own_and_are_decided_one_by_one(ledger: SqlBudgetLedger) -> None:
    small = BudgetAccount("GDI-EE-UT-2", "1", 2, POLICY)
    asked = [(ACCOUNT, [1, 2]), (small, [1, 2]), (small, [1]), (ACCOUNT, [])]
    assert await ledger.charge(REGISTERED, asked) == [True, False, True, True]


async def test_callers_have_budgets_of_their_own(ledger: SqlBudgetLedger) -> None:
    other = Principal("token:riga", Tier.REGISTERED)
    assert await ledger.charge(REGISTERED, [(ACCOUNT, range(50))]) == [True]
    assert await ledger.charge(other, [(ACCOUNT, range(50, 100))]) == [True]


async def test_all_anonymous_callers_share_one_more_budget(ledger: SqlBudgetLedger) -> None:
    told = [
        (
            await ledger.charge(
                Principal(f"anonymous:{caller}"), [(ACCOUNT, range(40 * caller, 40 * caller + 40))]
            )
        )[0]
        for caller in range(4)
    ]
    assert told == [True, True, False, False], "one answer per person in the public purse"
    assert await ledger.charge(Principal("anonymous:9"), [(ACCOUNT, range(40))]) == [True], "told already"
    assert await ledger.charge(REGISTERED, [(ACCOUNT, range(200, 240))]) == [True]


async def test_a_new_version_refills_nothing_and_may_hardly_be_compared_with_the_old_one(
    ledger: SqlBudgetLedger, engine: Engine
) -> None:
    grown = BudgetAccount(ACCOUNT.dataset, "2", 110, POLICY)
    assert await ledger.charge(REGISTERED, [(ACCOUNT, range(40))]) == [True]
    again = SqlBudgetLedger(engine)
    assert await again.charge(REGISTERED, [(grown, range(6))]) == [False], (
        "ten new people allow five alleles twice"
    )
    assert await again.charge(REGISTERED, [(grown, range(5))]) == [True]
    assert await again.charge(REGISTERED, [(grown, range(100, 111))]) == [False], "45 of 55 are spent"
    assert await again.charge(REGISTERED, [(grown, range(100, 110))]) == [True]
    again.close()


async def test_data_without_a_budget_are_not_booked(ledger: SqlBudgetLedger, engine: Engine) -> None:
    policy = DisclosurePolicy(af_budget_factor=UNLIMITED_FACTOR, global_budget_factor=UNLIMITED_FACTOR)
    free = BudgetAccount("GDI-EE-UT-3", "1", 1, policy)
    assert await ledger.charge(PASSER_BY, [(free, range(10_000))]) == [True]
    assert rows(engine) == 0


async def test_a_question_to_many_datasets_is_booked_in_one_row_of_each_purse(
    ledger: SqlBudgetLedger, engine: Engine
) -> None:
    accounts = [BudgetAccount(f"GDI-EE-UT-{number}", "1", 100, POLICY) for number in range(20)]
    charges = [(account, [7]) for account in accounts]
    assert await ledger.charge(PASSER_BY, charges) == [True] * 20
    assert rows(engine) == 2
    again = SqlBudgetLedger(engine)
    assert await again.charge(PASSER_BY, charges) == [True] * 20
    assert rows(engine) == 2, "all of it is a replay"
    assert await again.charge(PASSER_BY, [(accounts[3], range(7, 57))]) == [True], "in budget: 7 was booked"
    assert await again.charge(PASSER_BY, [(accounts[3], [0])]) == [False]
    again.close()


async def test_a_replay_beside_something_new_is_free(ledger: SqlBudgetLedger) -> None:
    other = BudgetAccount("GDI-EE-UT-2", "1", 100, POLICY)
    assert await ledger.charge(REGISTERED, [(ACCOUNT, range(50))]) == [True]
    asked = [(ACCOUNT, range(50)), (ACCOUNT, [50]), (other, range(50)), (other, [50])]
    assert await ledger.charge(REGISTERED, asked) == [True, False, True, False]


FEW = BudgetAccount("GDI-EE-UT-1", "1", 100, DisclosurePolicy(k_alleles=1)).of_losses(4)
"""Of alleles with four carriers, of which a purse of losses holds five."""


async def test_a_purse_of_losses_holds_for_all_processes_and_outlives_them(
    ledger: SqlBudgetLedger, engine: Engine
) -> None:
    other = SqlBudgetLedger(engine)
    asked = [(ledger, other)[unit % 2].charge(REGISTERED, [(FEW, [unit])]) for unit in range(40)]
    verdicts = [told for (told,) in await asyncio.gather(*asked)]
    assert sum(verdicts) == 5
    other.close()
    again = SqlBudgetLedger(engine, cache_bytes=0)
    for _ in range(2):
        assert [(await again.charge(REGISTERED, [(FEW, [unit])]))[0] for unit in range(40)] == verdicts
    again.close()


async def test_losses_and_answers_are_booked_apart(ledger: SqlBudgetLedger, engine: Engine) -> None:
    assert await ledger.charge(PASSER_BY, [(FEW, [1]), (ACCOUNT, [1, 2]), (FEW, range(9))]) == [
        True,
        True,
        False,
    ]
    assert await ledger.charge(REGISTERED, [(FEW, range(5)), (ACCOUNT, range(50))]) == [True, True]
    again = SqlBudgetLedger(engine)
    assert await again.charge(REGISTERED, [(FEW, [5]), (FEW, [4]), (ACCOUNT, [50])]) == [False, True, False]
    again.close()


async def test_merged_rows_still_know_what_was_lost(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_ledger, "MERGED_FROM", 4)
    ledger = SqlBudgetLedger(engine)
    for unit in range(5):
        assert await ledger.charge(REGISTERED, [(FEW, [unit]), (ACCOUNT, [unit])]) == [True, True]
    for unit in range(5, 40):
        assert await ledger.charge(REGISTERED, [(FEW, [unit]), (ACCOUNT, [unit])]) == [False, True]
    ledger.close()
    assert rows(engine) < 20, "rows were merged"
    again = SqlBudgetLedger(engine)
    assert await again.charge(REGISTERED, [(FEW, [5]), (FEW, range(5)), (ACCOUNT, range(40))]) == [
        False,
        True,
        True,
    ]
    again.close()


async def test_parallel_requests_cannot_overspend(ledger: SqlBudgetLedger, engine: Engine) -> None:
    asked = [ledger.charge(PASSER_BY, [(ACCOUNT, [unit, unit + 1])]) for unit in range(0, 400, 2)]
    verdicts = await asyncio.gather(*asked)
    assert sum(told for (told,) in verdicts) == 25
    assert units_booked(engine, PASSER_BY.subject) == 50


async def test_two_ledgers_on_one_database_cannot_overspend_together(engine: Engine) -> None:
    ledgers = [SqlBudgetLedger(engine), SqlBudgetLedger(engine)]
    asked = [ledgers[unit % 2].charge(REGISTERED, [(ACCOUNT, [unit])]) for unit in range(200)]
    verdicts = await asyncio.gather(*asked)
    for ledger in ledgers:
        ledger.close()
    assert sum(told for (told,) in verdicts) == 50
    assert units_booked(engine, REGISTERED.subject) == 50


async def test_what_one_ledger_booked_the_other_knows_when_it_books(engine: Engine) -> None:
    here, there = SqlBudgetLedger(engine), SqlBudgetLedger(engine)
    assert await there.charge(REGISTERED, [(ACCOUNT, [0])]) == [True]
    assert await here.charge(REGISTERED, [(ACCOUNT, range(1, 50))]) == [True]
    assert await there.charge(REGISTERED, [(ACCOUNT, [77])]) == [False]
    assert await there.charge(REGISTERED, [(ACCOUNT, [49])]) == [True]
    here.close()
    there.close()


def test_two_processes_on_one_database_cannot_overspend_together(location: str, engine: Engine) -> None:
    spenders = [start_spender(location, first, 120, 200) for first in (0, 1000)]
    told = [line for spender in spenders for line in spender.communicate(timeout=60)[0].split()]
    assert [spender.returncode for spender in spenders] == [0, 0]
    assert len(told) == len(set(told)) == units_booked(engine, REGISTERED.subject) == 100


async def test_whatever_a_killed_process_told_stays_booked(location: str, engine: Engine) -> None:
    spender = start_spender(location, 0, 1_000_000, 10_000_000)
    assert spender.stdout is not None
    told = [int(spender.stdout.readline()) for _ in range(100)]
    spender.send_signal(signal.SIGKILL)
    told += [int(line) for line in spender.communicate()[0].splitlines()]
    ledger = SqlBudgetLedger(engine)
    exhausted = BudgetAccount("GDI-EE-UT-1", "1", 2, POLICY)
    assert await ledger.charge(REGISTERED, [(exhausted, told)]) == [True], "all of it is a replay"
    assert await ledger.charge(REGISTERED, [(exhausted, [-1])]) == [False]
    ledger.close()


async def test_a_budget_outlives_the_ledger_and_a_full_cache(engine: Engine) -> None:
    for caller in range(5):
        ledger = SqlBudgetLedger(engine, cache_bytes=0)
        asker = Principal(f"token:{caller}", Tier.REGISTERED)
        assert await ledger.charge(asker, [(ACCOUNT, range(50))]) == [True]
        assert await ledger.charge(asker, [(ACCOUNT, [50])]) == [False]
        assert await ledger.charge(asker, [(ACCOUNT, [49])]) == [True]
        ledger.close()
    ledger = SqlBudgetLedger(engine)
    assert await ledger.charge(Principal("token:0", Tier.REGISTERED), [(ACCOUNT, [50])]) == [False]
    ledger.close()


async def test_many_rows_of_a_purse_become_one_and_all_of_it_stays_booked(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_ledger, "MERGED_FROM", 8)
    ledgers = [SqlBudgetLedger(engine), SqlBudgetLedger(engine)]
    for unit in range(50):
        assert await ledgers[unit % 2].charge(REGISTERED, [(ACCOUNT, [unit])]) == [True]
    for ledger in ledgers:
        assert await ledger.charge(REGISTERED, [(ACCOUNT, [50])]) == [False], "both know what either booked"
        ledger.close()
    assert rows(engine) < 25
    assert units_booked(engine, REGISTERED.subject) >= 50
    read_anew = SqlBudgetLedger(engine)
    assert await read_anew.charge(REGISTERED, [(ACCOUNT, range(50))]) == [True], "all of it is a replay"
    assert await read_anew.charge(REGISTERED, [(ACCOUNT, [50])]) == [False]
    read_anew.close()


async def test_versions_stay_apart_when_rows_are_merged(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_ledger, "MERGED_FROM", 2)
    other = BudgetAccount("GDI-EE-UT-2", "1", 100, POLICY)
    ledger = SqlBudgetLedger(engine)
    for unit in range(10):
        assert await ledger.charge(REGISTERED, [(ACCOUNT, [unit]), (other, [100 + unit])]) == [True, True]
    ledger.close()
    exhausted = BudgetAccount("GDI-EE-UT-1", "1", 2, POLICY)
    read_anew = SqlBudgetLedger(engine)
    assert await read_anew.charge(REGISTERED, [(exhausted, range(10))]) == [True]
    assert await read_anew.charge(REGISTERED, [(exhausted, range(100, 110))]) == [False]
    read_anew.close()


async def test_others_write_while_a_long_purse_is_read(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_beside_a_writer(self: SqlBudgetLedger, *arguments: Any) -> Purse:
        with engine.begin() as connection:
            connection.execute(text("UPDATE budget_turn SET turn = turn + 1"))
        return read(self, *arguments)

    read = SqlBudgetLedger._read
    monkeypatch.setattr(SqlBudgetLedger, "_read", read_beside_a_writer)
    ledger = SqlBudgetLedger(engine)
    assert await ledger.charge(REGISTERED, [(ACCOUNT, [1])]) == [True]
    ledger.close()


async def test_what_cannot_be_booked_may_not_be_told(ledger: SqlBudgetLedger, engine: Engine) -> None:
    assert await ledger.charge(REGISTERED, [(ACCOUNT, [1])]) == [True]
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE budget_journal RENAME TO budget_journal_away"))
    with pytest.raises(Unavailable, match="could not book"):
        await ledger.charge(REGISTERED, [(ACCOUNT, [2])])
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE budget_journal_away RENAME TO budget_journal"))
    assert await ledger.charge(REGISTERED, [(ACCOUNT, range(1, 50))]) == [True]
    assert units_booked(engine, REGISTERED.subject) == 49


async def test_the_event_loop_goes_on_while_another_process_holds_the_database(
    ledger: SqlBudgetLedger, engine: Engine
) -> None:
    assert await ledger.charge(REGISTERED, [(ACCOUNT, [1])]) == [True]
    with engine.begin() as connection:
        connection.execute(text("UPDATE budget_turn SET turn = turn + 1"))
        waiting = asyncio.ensure_future(ledger.charge(REGISTERED, [(ACCOUNT, [2])]))
        began = asyncio.get_running_loop().time()
        for _ in range(20):
            await asyncio.sleep(0.01)
        assert asyncio.get_running_loop().time() - began < 2
        assert not waiting.done()
    assert await waiting == [True]
    assert units_booked(engine, REGISTERED.subject) == 2


async def test_a_sqlite_node_books_small_charges_by_the_event_loop_and_the_rest_by_the_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_thread = []

    def commit(self: SqlBudgetLedger, batch: Sequence[Any]) -> Unavailable | None:
        by_thread.append([told for waiting in batch for _, units in waiting.charges for told in units])
        return committed(self, batch)

    committed = SqlBudgetLedger._commit
    monkeypatch.setattr(SqlBudgetLedger, "_commit", commit)
    engine = migrated_engine(tmp_path / "state.sqlite")
    ledger, large = SqlBudgetLedger(engine), BudgetAccount("GDI-EE-UT-3", "1", 100_000, POLICY)
    for unit in range(10):
        assert await ledger.charge(REGISTERED, [(ACCOUNT, [unit])]) == [True]
    assert by_thread == [[0]], "only the first, before which the purse was to be read"
    assert await ledger.charge(REGISTERED, [(large, range(5000))]) == [True]
    assert len(by_thread) == 2
    ledger.close()
    engine.dispose()


async def test_many_turns_of_others_are_caught_up_with_and_nothing_is_overspent(engine: Engine) -> None:
    mine, other = SqlBudgetLedger(engine), SqlBudgetLedger(engine)
    large = BudgetAccount("GDI-EE-UT-1", "1", 400, POLICY)
    assert await mine.charge(REGISTERED, [(large, [0])]) == [True]
    for unit in range(1, 199):
        assert await other.charge(REGISTERED, [(large, [unit])]) == [True]
    assert await mine.charge(REGISTERED, [(large, [199, 200])]) == [False]
    assert await mine.charge(REGISTERED, [(large, [199])]) == [True]
    mine.close()
    other.close()


async def test_the_log_of_a_sqlite_file_stays_short_whoever_books(tmp_path: Path) -> None:
    engine = migrated_engine(tmp_path / "state.sqlite")
    ledger, large = SqlBudgetLedger(engine), BudgetAccount("GDI-EE-UT-3", "1", 100_000, POLICY)
    for unit in range(1500):
        assert await ledger.charge(PASSER_BY, [(large, [unit])]) == [True]
    assert (tmp_path / "state.sqlite-wal").stat().st_size < 16 << 20
    ledger.close()
    engine.dispose()


async def test_a_cancelled_request_does_not_hold_up_the_others(ledger: SqlBudgetLedger) -> None:
    gone = asyncio.ensure_future(ledger.charge(REGISTERED, [(ACCOUNT, [1])]))
    await asyncio.sleep(0)
    gone.cancel()
    assert await ledger.charge(REGISTERED, [(ACCOUNT, [2])]) == [True]


async def test_a_closed_ledger_refuses(engine: Engine) -> None:
    ledger = SqlBudgetLedger(engine)
    ledger.close()
    with pytest.raises(Unavailable, match="closed"):
        await ledger.charge(REGISTERED, [(ACCOUNT, [1])])


def start_spender(location: str, first: int, count: int, individuals: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SPENDER, location, str(first), str(count), str(individuals)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONWARNINGS": "default"},
    )


def rows(engine: Engine) -> int:
    with engine.begin() as connection:
        return int(connection.execute(text("SELECT count(*) FROM budget_journal")).scalar_one())


def units_booked(engine: Engine, purse: str) -> int:
    with engine.begin() as connection:
        rows = connection.execute(
            text("SELECT booked FROM budget_journal WHERE purse = :purse"), {"purse": purse}
        )
        return sum(len(each.units) // 8 for (booked,) in rows for each in read_bookings(booked))
