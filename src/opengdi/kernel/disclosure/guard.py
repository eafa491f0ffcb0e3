"""Two counts of people that differ by a handful are the same as an answer about that handful.

The guard remembers the sets of people whose size a caller was told, also over a restart. A set that differs by
fewer people than the policy's `differencing_floor` from one of them, from its complement, or from what two of them
make, gets the number that these imply: whether two sets are equal or differ by a few cannot be seen, as it could
from a refusal. All anonymous callers are one caller here: a new address must not give a new start.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sqlalchemy import Column, Engine, Integer, LargeBinary, String, Table, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from opengdi.kernel.database import metadata, reading
from opengdi.kernel.disclosure.differencing import Bitmap, ToldSets, count_people, packed, unpacked
from opengdi.kernel.disclosure.ledger import THE_PUBLIC, BudgetAccount
from opengdi.kernel.errors import OverBudget, Unavailable
from opengdi.kernel.principal import Principal

people_told: Final = Table(
    "people_told",
    metadata,
    Column("purse", String(200), primary_key=True),
    Column("dataset", String(128), primary_key=True),
    Column("version", String(128), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("individuals", LargeBinary, nullable=False),
)
"""place: 0, 1, ... in the order of telling; number: what was told; individuals: a bitmap, compressed."""


_QUICK_BYTES: Final = 4096
"""Larger sets take milliseconds to compare and are given to a thread."""


class _Key(NamedTuple):
    purse: str
    dataset: str
    version: str


@dataclass(slots=True)
class _Memory:
    """What one caller was told of one dataset; `turn` lets one question at a time be settled."""

    told: ToldSets
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class DifferencingGuard:
    """Settles what may be said about the size of a set of people.

    Each caller may be told about at most `sets_bytes` of distinct sets per dataset version: a guard that forgot
    the oldest would let them be compared. The memory of `callers` callers and datasets is kept at a time.
    """

    def __init__(self, engine: Engine, *, sets_bytes: int = 8 << 20, callers: int = 64) -> None:
        self._engine = engine
        self._sets_bytes = sets_bytes
        self._callers = callers
        self._memories: OrderedDict[_Key, _Memory] = OrderedDict()

    async def settle(self, asker: Principal, account: BudgetAccount, individuals: Bitmap) -> int:
        """How many people to publish: the size of the set, or what an earlier one from which it hardly differs implies.

        Sets that the floor on people hides tell nothing and are not remembered.
        Raises OverBudget if no further set can be remembered, Unavailable if it cannot be written down.
        """
        size = count_people(individuals)
        policy, cohort = account.policy, account.individuals
        hidden = not policy.k_individuals <= size <= cohort - policy.k_individuals
        if hidden or policy.differencing_floor <= 1:
            return size
        key = _Key(THE_PUBLIC if asker.is_anonymous else asker.subject, account.dataset, account.version)
        memory = await self._memory(key)
        compared = (individuals, size, cohort, policy.differencing_floor)
        async with memory.turn:
            while True:
                number = await _in_time(memory.told.told_before, *compared)
                if number is not None:
                    return number
                number = await _in_time(memory.told.implied, *compared)
                number = size if number is None else number
                if await self._remembers(key, memory, individuals, number):
                    return number

    async def _memory(self, key: _Key) -> _Memory:
        if key not in self._memories:
            memory = _Memory(ToldSets())
            await asyncio.to_thread(self._catch_up, key, memory.told)
            self._memories.setdefault(key, memory)
        self._memories.move_to_end(key)
        self._forget_idle()
        return self._memories[key]

    def _forget_idle(self) -> None:
        """Drop the memories used least recently; one that is being settled stays, or its question would race."""
        for key in list(self._memories)[: max(len(self._memories) - self._callers, 0)]:
            if not self._memories[key].turn.locked():
                del self._memories[key]

    async def _remembers(self, key: _Key, memory: _Memory, individuals: Bitmap, number: int) -> bool:
        """True if the set is written down; False if another process wrote one meanwhile, which is then known here."""
        if memory.told.size_bytes > self._sets_bytes:
            raise OverBudget(f"{key.purse} has been told of too many sets of people in {key.dataset}")
        blob = packed(individuals)
        try:
            if await asyncio.to_thread(self._append, key, len(memory.told.blobs), blob, number):
                memory.told.add(blob, count_people(individuals), number)
                return True
            await asyncio.to_thread(self._catch_up, key, memory.told)
        except SQLAlchemyError as error:
            raise Unavailable(f"the differencing guard could not write down a set: {error}") from error
        return False

    def _append(self, key: _Key, place: int, blob: bytes, number: int) -> bool:
        row = {**key._asdict(), "place": place, "number": number, "individuals": blob}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(people_told), row)
        except IntegrityError:
            return False
        return True

    def _catch_up(self, key: _Key, told: ToldSets) -> None:
        """Add the sets that are written down and not yet known here."""
        asked = (
            select(people_told.c.individuals, people_told.c.number)
            .where(people_told.c.purse == key.purse, people_told.c.dataset == key.dataset)
            .where(people_told.c.version == key.version, people_told.c.place >= len(told.blobs))
            .order_by(people_told.c.place)
        )
        with reading(self._engine) as connection:
            rows = [(bytes(blob), number) for blob, number in connection.execute(asked)]
        for blob, number in rows:
            told.add(blob, count_people(unpacked(blob)), number)


async def _in_time(
    compare: Callable[[Bitmap, int, int, int], int | None], individuals: Bitmap, *numbers: int
) -> int | None:
    """What `compare` says, by a thread if the set is large."""
    if individuals.nbytes <= _QUICK_BYTES:
        return compare(individuals, *numbers)
    return await asyncio.to_thread(compare, individuals, *numbers)
