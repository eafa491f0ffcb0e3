"""The outbox: what is to be told to somebody is written in the transaction that gives cause to, and sent afterwards.

So nothing is told that did not happen, and nothing that happened goes untold: it is sent at least once, and whoever
is told knows a second time by the event's id. An event that is refused does not hold up those behind it.
Spec: CloudEvents 1.0.2, "JSON Event Format" and "HTTP Protocol Binding" (structured mode).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Engine,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from opengdi.kernel.clock import Clock
from opengdi.kernel.database import aware, metadata, reading
from opengdi.kernel.errors import GdiError, Invalid

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/cloudevents+json"

FIRST_REST_S: Final = 2.0
LONGEST_REST_S: Final = 3600.0
"""Rests of an event that was refused."""

LOOK_S: Final = 1.0
LONGEST_SILENCE_S: Final = 300.0
"""Rests between two looks, and at most while nobody answers."""

BATCH: Final = 100

outbox: Final = Table(
    "outbox",
    metadata,
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("written_at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("trouble", Text, nullable=False),
    Column("destination", String(200), nullable=False, server_default=text("''")),
    UniqueConstraint("id"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What has not been told yet; `oldest` is when the first of it was written. trouble: what last went wrong."""

    waiting: int
    oldest: datetime | None
    trouble: str


class Courier(Protocol):
    """Takes an event to whoever is to be told."""

    def deliver(self, event_id: str, body: bytes) -> None:
        """Returns when the event has arrived; telling the same one again must be harmless.

        Raises Unavailable if nobody can be told anything now, Invalid if this event was refused.
        """
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class LogCourier:
    """Tells nobody but the log."""

    def deliver(self, event_id: str, body: bytes) -> None:
        event = msgspec.json.decode(body)
        logger.info("event %s: %s %s", event_id, event["type"], event["subject"])

    def close(self) -> None:
        """Nothing is held."""


class Outbox:
    """Events of one node, in the order in which they were written.

    source: who tells, a URI reference, such as the node's id. new_id makes a fresh id each time.
    """

    def __init__(self, engine: Engine, clock: Clock, *, source: str, new_id: Callable[[], str]) -> None:
        self._engine = engine
        self._clock = clock
        self._source = source
        self._new_id = new_id

    def write(
        self, connection: Connection, kind: str, subject: str, data: Mapping[str, Any], *, to: str = ""
    ) -> str:
        """Id of an event that will be sent if the transaction of `connection` is committed.

        kind: reverse domain name, such as `eu.gdi.archive.file.ready`; subject: id of what it is about;
        data: ids and states; to: whom it is for, such as a hub's id: each is told apart, by a courier of its own.
        """
        now, id_ = self._clock.now(), self._new_id()
        event = {
            "specversion": "1.0",
            "id": id_,
            "source": self._source,
            "type": kind,
            "subject": subject,
            "time": now.isoformat(),
            "datacontenttype": "application/json",
            "data": dict(data),
        }
        row = {"id": id_, "body": msgspec.json.encode(event).decode(), "written_at": now, "due_at": now}
        connection.execute(insert(outbox), {**row, "attempts": 0, "trouble": "", "destination": to})
        return id_

    def drop(self, connection: Connection, subjects: Collection[str]) -> int:
        """Forget what is about any of these and has not been sent yet; how many events."""
        rows = connection.execute(select(outbox.c.number, outbox.c.body)).all() if subjects else []
        gone = [row.number for row in rows if msgspec.json.decode(row.body)["subject"] in subjects]
        connection.execute(delete(outbox).where(outbox.c.number.in_(gone)))
        return len(gone)

    def send_due(self, courier: Courier, most: int = 100, *, to: str = "") -> int:
        """Send what is due for `to`, the oldest first, and forget what has arrived; how many arrived.

        One that is refused rests for twice as long each time, up to an hour, and is never given up.
        Raises Unavailable if nobody can be told anything now.
        """
        arrived: list[int] = []
        try:
            for number, id_, body, attempts in self._due(most, to):
                try:
                    courier.deliver(id_, body.encode())
                except Invalid as refusal:
                    self._rest(number, attempts + 1, str(refusal))
                else:
                    arrived.append(number)
        finally:  # a process killed before this sends them again
            self._forget(arrived)
        return len(arrived)

    def backlog(self, *, to: str = "") -> Backlog:
        """What waits to be sent to `to`."""
        columns = outbox.c
        with reading(self._engine) as connection:
            count = select(func.count(), func.min(columns.written_at)).where(columns.destination == to)
            waiting, oldest = connection.execute(count).one()
            failed = select(columns.trouble).where(columns.trouble != "", columns.destination == to)
            trouble = connection.scalar(failed.order_by(columns.number.desc()).limit(1))
        return Backlog(waiting, aware(oldest) if oldest else None, trouble or "")

    def _due(self, most: int, to: str) -> list[tuple[int, str, str, int]]:
        columns = outbox.c
        query = (
            select(columns.number, columns.id, columns.body, columns.attempts)
            .where(columns.due_at <= self._clock.now(), columns.destination == to)
            .order_by(columns.number)
            .limit(most)
        )
        with reading(self._engine) as connection:
            return [(*row,) for row in connection.execute(query)]

    def _rest(self, number: int, attempts: int, trouble: str) -> None:
        rest = timedelta(seconds=min(LONGEST_REST_S, FIRST_REST_S * 2.0 ** min(attempts - 1, 30)))
        values = {"attempts": attempts, "trouble": trouble, "due_at": self._clock.now() + rest}
        with self._engine.begin() as connection:
            connection.execute(update(outbox).where(outbox.c.number == number).values(**values))

    def _forget(self, numbers: Sequence[int]) -> None:
        if numbers:
            with self._engine.begin() as connection:
                connection.execute(delete(outbox).where(outbox.c.number.in_(numbers)))


class Sender:
    """Empties an outbox, of what is for `to`, while a process serves.

    trouble: why nobody can be told anything now; empty: they can.
    """

    def __init__(self, outbox: Outbox, courier: Courier, *, to: str = "") -> None:
        self._outbox = outbox
        self._courier = courier
        self._to = to
        self._failures = 0
        self.trouble = ""

    async def run(self) -> None:
        """Send what is due, again and again; while nobody answers, with longer and longer rests."""
        while True:
            rest_s = await asyncio.to_thread(self.turn)
            await asyncio.sleep(rest_s)

    def turn(self) -> float:
        """Send what is due; how many seconds to rest then."""
        try:
            sent = self._outbox.send_due(self._courier, BATCH, to=self._to)
        except Exception as error:  # noqa: BLE001  the database may be away too: what is written is not lost
            self._failures += 1
            self.trouble = str(error) if isinstance(error, GdiError) else type(error).__name__
            logger.warning("events cannot be sent: %s", self.trouble)
            return min(LONGEST_SILENCE_S, LOOK_S * 2.0 ** min(self._failures, 30))
        self._failures, self.trouble = 0, ""
        return 0.0 if sent == BATCH else LOOK_S
