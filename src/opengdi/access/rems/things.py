"""Numbers of things, because clients count; and what clients made: organisations, forms, workflows, items, users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    insert,
    select,
    text,
    update,
)

from opengdi.access.rems.model import Kind, Thing
from opengdi.kernel.database import metadata, reading
from opengdi.kernel.errors import NotFound

access_rems_things: Final = Table(
    "access_rems_things",
    metadata,
    Column("kind", String(30), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", String(300), nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("kind", "name", name="uq_access_rems_things_kind"),
)

_COUNTING: Final = 0x6764695F7265
"""Advisory lock of PostgreSQL: numbers are given out one after the other."""

MOST_NUMBER: Final = 2**31 - 1
_MOST_KEPT: Final = 100_000


class Things:
    """Methods block shortly: call them from a thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._numbers: dict[tuple[Kind, str], int] = {}

    def number(self, kind: Kind, name: str) -> int:
        """The number of a thing, given out when it is first asked for."""
        return self.numbers(kind, [name])[name]

    def numbers(self, kind: Kind, names: list[str]) -> dict[str, int]:
        """The numbers of several things."""
        known = {name: self._numbers[kind, name] for name in names if (kind, name) in self._numbers}
        asked = [name for name in names if name not in known]
        if not asked:
            return known
        columns = access_rems_things.c
        query = select(columns.name, columns.number).where(columns.kind == kind, columns.name.in_(asked))
        with reading(self._engine) as connection:
            found = {row.name: row.number for row in connection.execute(query)}
        if missing := [name for name in asked if name not in found]:
            with self._engine.begin() as connection:
                found |= {name: self.number_within(connection, kind, name) for name in missing}
        if len(self._numbers) > _MOST_KEPT:
            self._numbers = {}
        self._numbers |= {(kind, name): number for name, number in found.items()}  # they never change
        return known | found

    def number_within(self, connection: Connection, kind: Kind, name: str) -> int:
        """The same in somebody else's transaction."""
        columns = access_rems_things.c
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _COUNTING})
        query = select(columns.number).where(columns.kind == kind, columns.name == name)
        found = connection.scalar(query)
        if found is not None:
            return int(found)
        last = connection.scalar(select(func.max(columns.number)).where(columns.kind == kind)) or 0
        connection.execute(
            insert(access_rems_things), {"kind": kind, "number": last + 1, "name": name, "body": ""}
        )
        return int(last) + 1

    def put(self, kind: Kind, name: str, body: Mapping[str, Any]) -> int:
        """Keep what a client says of a thing; its number."""
        columns = access_rems_things.c
        with self._engine.begin() as connection:
            number = self.number_within(connection, kind, name)
            connection.execute(
                update(access_rems_things)
                .where(columns.kind == kind, columns.number == number)
                .values(body=msgspec.json.encode(body).decode())
            )
        return number

    def find(self, kind: Kind, number: int) -> Thing:
        """Raises NotFound."""
        columns = access_rems_things.c
        row = None
        if 0 < number <= MOST_NUMBER:
            query = select(access_rems_things).where(columns.kind == kind, columns.number == number)
            with reading(self._engine) as connection:
                row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound(f"there is no {kind} {number}")
        return _thing(row)

    def named(self, kind: Kind, name: str) -> Thing | None:
        """The thing of that name, if it has a number."""
        columns = access_rems_things.c
        query = select(access_rems_things).where(columns.kind == kind, columns.name == name)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _thing(row)

    def those(self, kind: Kind, names: list[str]) -> dict[str, Thing]:
        """Those of these names that have a number."""
        columns = access_rems_things.c
        query = select(access_rems_things).where(columns.kind == kind, columns.name.in_(names))
        with reading(self._engine) as connection:
            return {row.name: _thing(row) for row in connection.execute(query)}

    def all(self, kind: Kind) -> list[Thing]:
        """All of a kind, by number."""
        columns = access_rems_things.c
        query = select(access_rems_things).where(columns.kind == kind).order_by(columns.number)
        with reading(self._engine) as connection:
            return [_thing(row) for row in connection.execute(query)]


def _thing(row: Row[Any]) -> Thing:
    body: Mapping[str, Any] = msgspec.json.decode(row.body) if row.body else {}
    return Thing(Kind(row.kind), row.number, row.name, body)
