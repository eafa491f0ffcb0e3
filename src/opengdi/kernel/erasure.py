"""Erasures of people: which were asked for at a hub, and who has said that they are carried out. decision 0019

What is erased is the business of whoever keeps it. The rows hold ids only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import Column, Connection, DateTime, Engine, String, Table, insert, select

from opengdi.kernel.clock import Clock
from opengdi.kernel.database import aware, metadata, reading
from opengdi.kernel.errors import Invalid

NOTICE: Final = "person.erased"
"""Kind of the feed's notice: {erasure, subject}. Whoever hears it forgets the person."""

DONE: Final = "eu.gdi.person.erased"
"""Kind of the event by which a node says that it has: {erasure}."""

erasures: Final = Table(
    "erasures",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("subject", String(255), nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("asked_by", String(200), nullable=False),
)

erasures_done: Final = Table(
    "erasures_done",
    metadata,
    Column("erasure", String(32), primary_key=True),
    Column("member", String(200), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure that was asked for. done: who has carried it out, and when that was heard."""

    id: str
    subject: str
    asked: datetime
    by: str
    done: Mapping[str, datetime] = field(default_factory=dict)


class Erasures:
    """All erasures of one hub. Methods block shortly: call them from a thread."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def ask(self, connection: Connection, id_: str, subject: str, by: str) -> Erasure:
        """Note that somebody is to be forgotten, within the transaction in which the hub forgets them."""
        found = Erasure(id_, subject, self._clock.now(), by)
        row = {"id": id_, "subject": subject, "asked_at": found.asked, "asked_by": by}
        connection.execute(insert(erasures), row)
        return found

    def carried_out(self, connection: Connection, id_: str, member: str) -> None:
        """A member says that it has. Raises Invalid for an erasure that nobody asked for."""
        columns = erasures_done.c
        if connection.execute(select(erasures.c.id).where(erasures.c.id == id_)).first() is None:
            raise Invalid(f"no erasure {id_[:40]!r} was asked for here")
        said = select(columns.at).where(columns.erasure == id_, columns.member == member)
        if connection.execute(said).first() is None:
            row = {"erasure": id_, "member": member, "at": self._clock.now()}
            connection.execute(insert(erasures_done), row)

    def all(self) -> list[Erasure]:
        """Every erasure, the oldest first."""
        with reading(self._engine) as connection:
            asked = connection.execute(select(erasures).order_by(erasures.c.asked_at, erasures.c.id)).all()
            done: dict[str, dict[str, datetime]] = {}
            for row in connection.execute(select(erasures_done)):
                done.setdefault(row.erasure, {})[row.member] = aware(row.at)
        return [
            Erasure(row.id, row.subject, aware(row.asked_at), row.asked_by, done.get(row.id, {}))
            for row in asked
        ]
