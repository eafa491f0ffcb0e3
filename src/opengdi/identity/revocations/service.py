"""Keeps revocations in the database and in memory, writes them at the hub, takes them from the feed at a node.

Methods block shortly but for `revoked`, which is a look into memory.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Engine,
    Integer,
    Row,
    String,
    Table,
    UniqueConstraint,
    delete,
    event,
    insert,
    select,
)

from opengdi.identity.model import CheckedVisa
from opengdi.identity.revocations.model import NOTICE, Kind, Revocation
from opengdi.identity.revocations.rules import Ended, as_notice, read_notice
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import aware, metadata, reading
from opengdi.kernel.feed import EVERYBODY, Feed, Notice

LOOK_S: Final = 1.0
"""Seconds between two looks for what another process wrote into the same database."""

revocations: Final = Table(
    "revocations",
    metadata,
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("permit", String(100), nullable=False),
    Column("jti", String(200), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("dataset", String(200), nullable=False),
    Column("node", String(200), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("id", name="uq_revocations_id"),
    sqlite_autoincrement=True,
)


class Revocations:
    """What was taken back, here and elsewhere; implements the port `Revoked`.

    kept: the longest life of a visa; after that nothing is left that was taken back. feed: the hub's, None at a node.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        kept: timedelta,
        *,
        new_id: Callable[[], str],
        feed: Feed | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._kept = kept
        self._new_id = new_id
        self._feed = feed
        self._ended = Ended()
        self._seen = 0
        self._refreshing = threading.Lock()
        self.is_ending = False
        self.refresh()

    def end(self) -> None:
        """Let streams that wait for news end: the process does."""
        self.is_ending = True

    def revoked(self, visa: CheckedVisa) -> bool:
        """True if this visa, its permit, its subject or its subject's use of the dataset was taken back."""
        return self._ended.covers(visa)

    def taken_back(
        self, subject: str, datasets: Collection[str], visas: Collection[str], since: datetime
    ) -> bool:
        """True if an address of data that was given to a person then opens nothing now (`delivery.ports.TakenBack`)."""
        return self._ended.anything_since(subject, datasets, visas, since)

    def token_revoked(self, grant: str, subject: str, issued: datetime) -> bool:
        """True if what the person granted was taken back, or the person was barred since."""
        barred = self._ended.subject_ended(subject)
        return (barred is not None and issued <= barred) or self._ended.covers_grant(grant)

    def write(
        self,
        connection: Connection,
        kind: Kind,
        *,
        permit: str = "",
        jti: str = "",
        subject: str = "",
        dataset: str = "",
        node: str = "",
    ) -> str:
        """Take something back if the transaction of `connection` is committed, and at the hub tell every node.

        The id of the revocation. Raises Invalid if a fact is missing that the kind needs.
        """
        told = {"permit": permit, "jti": jti, "subject": subject, "dataset": dataset, "node": node}
        at = self._clock.now().isoformat()
        revocation = read_notice({"id": self._new_id(), "kind": kind.value, "at": at, **told})
        if (
            self._feed is not None
        ):  # first: the feed lets one write after the other, so that numbers rise as told
            self._feed.write(connection, EVERYBODY, NOTICE, as_notice(revocation))
        self._take(connection, revocation)
        return revocation.id

    def hear(self, connection: Connection, notice: Notice) -> None:
        """A handler of notices of kind `revocation`; the same one may come again. Raises Invalid.

        Who was cut off hears late, and may have signed visas meanwhile: here it is taken back as of now.
        """
        told, now = read_notice(notice.body), self._clock.now()
        if told.at > now - self._kept:
            told = replace(told, at=max(told.at, now))
        self._take(connection, told)

    def _take(self, connection: Connection, revocation: Revocation) -> None:
        known = select(revocations.c.number).where(revocations.c.id == revocation.id)
        if connection.scalar(known) is None:
            row = {name: getattr(revocation, name) for name in (*_TEXTS, "at")}
            connection.execute(insert(revocations), {**row, "kind": revocation.kind.value})

        # In memory with the commit: a visa is never let in after its end was told, and nothing that was rolled back
        # stays, because the listener goes with the connection.
        def committed(_connection: Connection) -> None:
            self._ended.take(revocation)

        event.listen(connection, "commit", committed, once=True)

    def refresh(self) -> None:
        """Take what is in the database and not yet in memory; forget in both what is too old to matter."""
        with self._refreshing:
            for each in self.since(self._seen):
                self._ended.take(each)
                self._seen = max(self._seen, each.number)
            self._ended.forget_before(self._clock.now() - self._kept)

    @property
    def newest(self) -> int:
        """Number of the last one that the last look found."""
        return self._seen

    def since(self, number: int, most: int = 100_000) -> list[Revocation]:
        """What was taken back after that one, in order, and is young enough to matter."""
        columns = revocations.c
        oldest = self._clock.now() - self._kept
        query = (
            select(revocations)
            .where(columns.number > number, columns.at >= oldest)
            .order_by(columns.number)
            .limit(most)
        )
        with reading(self._engine) as connection:
            return [_read(row) for row in connection.execute(query)]

    def tidy(self) -> int:
        """Delete what is too old to matter; how many."""
        with self._engine.begin() as connection:
            old = revocations.c.at < self._clock.now() - self._kept
            return connection.execute(delete(revocations).where(old)).rowcount

    async def keep_fresh(self) -> None:
        """For as long as the process serves: hear what other processes on this database wrote, and tidy hourly."""
        looks = 0
        while True:
            await asyncio.to_thread(self.refresh)
            if looks % round(3600 / LOOK_S) == 0:
                await asyncio.to_thread(self.tidy)
            looks += 1
            await asyncio.sleep(LOOK_S)


_TEXTS: Final = ("id", "permit", "jti", "subject", "dataset", "node")


def _read(row: Row[Any]) -> Revocation:
    texts = {name: getattr(row, name) for name in _TEXTS}
    return replace(Revocation(kind=Kind(row.kind), at=aware(row.at), **texts), number=row.number)
