"""The budget ledger on the state database, SQLite or PostgreSQL.

The journal holds what each transaction booked, one row per purse for all datasets. Nothing is ever taken out of it;
the rows of a purse are merged into one when they are many, so that reading them stays quick.
What a purse has spent is read on first touch and kept in memory; a replay and a refusal never reach the database.
Charges that do are gathered, and all that wait are committed in one transaction: by the event loop itself where that
takes neither a network nor a wait, else by a thread (decision 0020). Every transaction first takes a turn, a row that
one writer can hold at a time, and then reads the rows of turns it has not seen: so processes that share the database
cannot overspend together either.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import sleep
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.engine.interfaces import DBAPICursor

from opengdi.kernel.database import (
    PromptWriter,
    prompt_writer,
    reading_by_driver,
    writing_by_driver,
)
from opengdi.kernel.disclosure.budget_rows import BudgetRows
from opengdi.kernel.disclosure.ledger import THE_PUBLIC, Charge
from opengdi.kernel.disclosure.purses import (
    Bookings,
    Purse,
    RememberedPurses,
    bookings_text,
    decide_all,
    joined_bookings,
    read_bookings,
)
from opengdi.kernel.errors import Unavailable
from opengdi.kernel.principal import Principal

logger = logging.getLogger(__name__)

_BATCH: Final = 1024
MERGED_FROM: Final = 4096
"""Rows of a purse that are merged into one: a row takes 18 µs to read, and nobody else books meanwhile (2026-11)."""
_GATHERING_S: Final = 0.004
"""Under load a batch of the thread waits that long for more, so that many charges share a transaction and two changes
of threads. A caller who is alone never waits. Measured at the door of a node, one core, 32 clients, when a transaction
still cost three times the 0.1 ms of today: 2,100 questions/s with 1 ms, 2,600 with 4 ms (2026-11)."""

_PROMPT_UNITS: Final = 4096
_PROMPT_TURNS: Final = 64
"""Batches of more units, and those before which more turns of others are to be read, would take the event loop
milliseconds and are left to the thread."""

_PROMPT_BATCHES: Final = 256
"""So many batches are booked by the event loop, then the thread books one, and as it commits folds the log, which has
grown to some 6 MiB."""


@dataclass(slots=True)
class _Waiting:
    """Charges of one request that the writer has to decide; `verdicts` in their order."""

    purses: tuple[str, ...]
    charges: Sequence[Charge]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[list[bool]]
    verdicts: list[bool] = field(default_factory=list)


class SqlBudgetLedger:
    """Satisfies `BudgetLedger`. Close it when done; what is charged after that is refused as Unavailable."""

    def __init__(self, engine: Engine, *, cache_bytes: int = 64 << 20) -> None:
        self._engine = engine
        self._remembered = RememberedPurses(cache_bytes)
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._seen: int | None = None
        self._rows = BudgetRows(engine)
        self._closed = False
        self._prompt = prompt_writer(engine)
        self._prompt_batches = 0
        self._gathered: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
        self._booking = threading.Lock()
        self._writer = threading.Thread(target=self._write, name="budget-ledger", daemon=True)
        self._writer.start()

    async def charge(self, asker: Principal, charges: Sequence[Charge]) -> list[bool]:
        purses = (asker.subject, THE_PUBLIC) if asker.is_anonymous else (asker.subject,)
        known = self._remembered.verdicts(purses, charges)
        return await self._decide(purses, charges) if known is None else known

    def close(self) -> None:
        """Finish what waits and stop."""
        self._closed = True
        self._queue.put(None)
        self._writer.join()
        if self._prompt is not None:
            with self._booking:
                self._prompt.close()

    async def _decide(self, purses: tuple[str, ...], charges: Sequence[Charge]) -> list[bool]:
        if self._closed:
            raise Unavailable("the budget ledger is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[bool]] = loop.create_future()
        waiting = _Waiting(purses, charges, loop, future)
        if self._prompt is None:
            self._queue.put(waiting)
        else:
            self._gather(self._prompt, waiting)
        return await future

    def _gather(self, prompt: PromptWriter, waiting: _Waiting) -> None:
        """Have it booked as soon as the tasks have run that are ready by now, with all that they charge."""
        gathered = self._gathered.get(waiting.loop)
        if gathered is None:
            gathered = self._gathered[waiting.loop] = []
            waiting.loop.call_soon(self._book_gathered, prompt, waiting.loop)
        gathered.append(waiting)

    def _book_gathered(self, prompt: PromptWriter, loop: asyncio.AbstractEventLoop) -> None:
        batch = self._gathered.pop(loop)
        if self._closed:
            _resolve(batch, Unavailable("the budget ledger is closed"))
        elif self._books_at_once(prompt, batch):
            _resolve(batch, None)
        else:
            for waiting in batch:
                self._queue.put(waiting)

    def _books_at_once(self, prompt: PromptWriter, batch: Sequence[_Waiting]) -> bool:
        """True if the batch could be booked without waiting for anything; else the thread is to book it."""
        if not self._booking.acquire(blocking=False):
            return False
        try:
            self._prompt_batches = (self._prompt_batches + 1) % _PROMPT_BATCHES
            if self._prompt_batches == 0 or not self._is_light(batch):
                return False
            return self._book(batch, prompt.writing(), most_turns=_PROMPT_TURNS)
        except Exception:  # noqa: BLE001  # the thread meets the same fault, and tells of it
            self._remembered.clear()
            return False
        finally:
            self._booking.release()

    def _is_light(self, batch: Sequence[_Waiting]) -> bool:
        """True if its purses are remembered and short, and its units are few."""
        purses = [
            self._remembered.get(name) for name in {name for waiting in batch for name in waiting.purses}
        ]
        return (
            all(purse is not None and purse.rows < MERGED_FROM for purse in purses)
            and sum(len(units) for waiting in batch for _, units in waiting.charges) <= _PROMPT_UNITS
        )

    def _write(self) -> None:
        """Body of the writer thread."""
        batch: list[_Waiting] = []
        while (first := self._queue.get()) is not None:
            if len(batch) > 1:
                sleep(_GATHERING_S)
            batch = [first, *self._drain()]
            fault = self._commit(batch)
            for loop in {waiting.loop for waiting in batch}:
                ours = [waiting for waiting in batch if waiting.loop is loop]
                if not loop.is_closed():
                    loop.call_soon_threadsafe(_resolve, ours, fault)
            if fault is None:
                self._merge_long_ones({name for waiting in batch for name in waiting.purses})

    def _drain(self) -> Iterator[_Waiting]:
        """What else waits, without waiting for it."""
        for _ in range(_BATCH):
            try:
                waiting = self._queue.get_nowait()
            except Empty:
                return
            if waiting is None:
                self._queue.put(None)
                return
            yield waiting

    def _commit(self, batch: Sequence[_Waiting]) -> Unavailable | None:
        """Decide and book a batch by the thread; the reason if nothing could be booked."""
        with self._booking:
            try:
                self._read_ahead(batch)
                self._book(batch, writing_by_driver(self._engine))
            except Exception as error:  # noqa: BLE001  # a writer that died would leave every caller waiting
                self._remembered.clear()
                return Unavailable(f"the budget ledger could not book: {error}")
        return None

    def _book(
        self,
        batch: Sequence[_Waiting],
        transaction: AbstractContextManager[DBAPICursor | None],
        *,
        most_turns: int = sys.maxsize,
    ) -> bool:
        """Decide and book a batch in one transaction; False if it could not begin, or others took more turns before."""
        touched: dict[str, Purse] = {}
        with transaction as cursor:
            if cursor is None:
                return False
            turn = self._rows.take_turn(cursor)
            if self._missed(turn) > most_turns:
                return False
            self._catch_up(cursor, turn)
            for waiting in batch:
                purses = [self._purse(cursor, touched, name) for name in waiting.purses]
                waiting.verdicts = decide_all(purses, waiting.charges)
            rows = [(turn, name, bookings_text(booked)) for name, booked in _reserved(touched.values())]
            if rows:
                self._rows.append(cursor, rows)
        self._seen = turn
        for purse in touched.values():
            purse.rows += 1
            self._remembered.keep(purse)
        return True

    def _read_ahead(self, batch: Sequence[_Waiting]) -> None:
        """Remember purses before the turn is taken: a long one takes seconds, in which nobody else could write."""
        names = {name for waiting in batch for name in waiting.purses}
        unknown = [name for name in names if self._remembered.get(name) is None]
        if not unknown:
            return
        with reading_by_driver(self._engine) as cursor:
            if (
                self._seen is None
            ):  # before the rows: what is booked meanwhile is read once more, and changes nothing
                self._seen = self._rows.turn(cursor)
            for name in unknown:
                self._remembered.keep(self._read(cursor, name))

    def _merge_long_ones(self, names: Iterable[str]) -> None:
        for name in names:
            purse = self._remembered.get(name)
            if purse is not None and purse.rows >= MERGED_FROM:
                try:
                    self._merge(purse)
                except Exception as error:  # noqa: BLE001  # nothing is lost; it is tried again after as many rows
                    logger.warning("the bookings of a purse could not be merged: %s", type(error).__name__)
                    purse.rows = 0

    def _merge(self, purse: Purse) -> None:
        """Put some rows of a purse, those that follow the last merged one, into one row.

        It has the turn meanwhile, for another process may merge the same rows.
        """
        with self._booking, writing_by_driver(self._engine) as cursor:
            turn = self._rows.take_turn(cursor)
            self._catch_up(cursor, turn)
            rows = self._rows.after(cursor, purse.name, purse.merged, MERGED_FROM)
            if rows:
                told = joined_bookings(each for _, booked in rows for each in read_bookings(booked))
                self._rows.join(cursor, purse.name, (rows[0][0], rows[-1][0]), bookings_text(told))
        if rows:
            purse.merged = rows[-1][0]
        purse.rows -= MERGED_FROM
        self._seen = turn

    def _missed(self, turn: int) -> int:
        """How many turns others took since our last one."""
        return 0 if self._seen is None else turn - self._seen - 1

    def _catch_up(self, cursor: DBAPICursor, turn: int) -> None:
        """Read everybody else's bookings of the purses that are remembered, up to this turn of ours."""
        if self._missed(turn):
            for name, booked in self._rows.since(cursor, self._seen or 0):
                purse = self._remembered.get(name)
                if purse is not None:
                    purse.book_all(read_bookings(booked))
                    self._remembered.keep(purse)

    def _purse(self, cursor: DBAPICursor, touched: dict[str, Purse], name: str) -> Purse:
        """A purse as it stands: touched by this transaction before, remembered, or read."""
        purse = touched.get(name)
        if purse is None:
            purse = touched[name] = self._remembered.get(name) or self._read(cursor, name)
        return purse

    def _read(self, cursor: DBAPICursor, name: str) -> Purse:
        purse = Purse(name)
        rows = self._rows.of(cursor, name)
        purse.book_all(booking for booked in rows for booking in read_bookings(booked))
        purse.rows = len(rows)
        return purse


def _reserved(purses: Iterable[Purse]) -> Iterator[tuple[str, Bookings]]:
    for purse in purses:
        booked = purse.bookings()
        if booked:
            yield purse.name, booked


def _resolve(batch: Sequence[_Waiting], fault: Unavailable | None) -> None:
    """On the loop of those who wait: hand out the verdicts, or the reason why there are none."""
    for waiting in batch:
        if waiting.future.done():  # its request was cancelled; what was booked stays booked
            continue
        if fault is None:
            waiting.future.set_result(waiting.verdicts)
        else:
            waiting.future.set_exception(fault)
