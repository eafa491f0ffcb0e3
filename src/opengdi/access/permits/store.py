"""What the hub keeps of permits beside their events: the newest signed object, and when time brings something next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Engine,
    Index,
    Integer,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
)

from opengdi.kernel.database import aware, metadata, reading

access_permits: Final = Table(
    "access_permits",
    metadata,
    Column("permit", String(40), primary_key=True),
    Column("application", String(60), nullable=False),
    Column("version", Integer, nullable=False),
    Column("jws", Text, nullable=False),
    Column("due_at", DateTime(timezone=True)),
    Index("ix_access_permits_application", "application"),
    Index("ix_access_permits_due", "due_at"),
)


@dataclass(frozen=True, slots=True)
class KeptPermit:
    """The newest signed object of a permit."""

    permit: str
    version: int
    jws: str


def keep_permit(
    connection: Connection, permit: str, application: str, version: int, jws: str, due_at: datetime | None
) -> None:
    """From now on this is the signed object."""
    connection.execute(delete(access_permits).where(access_permits.c.permit == permit))
    row = {"permit": permit, "application": application, "version": version, "jws": jws, "due_at": due_at}
    connection.execute(insert(access_permits), row)


def permit_of_application(connection: Connection, application: str) -> str:
    """Number of the permit that an application led to; empty if it led to none."""
    query = select(access_permits.c.permit).where(access_permits.c.application == application)
    return connection.scalar(query.limit(1)) or ""


class PermitStore:
    """Reads what is kept."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def signed(self, permit: str) -> KeptPermit | None:
        """The newest signed object; None if there is no such permit."""
        columns = access_permits.c
        query = select(columns.permit, columns.version, columns.jws).where(columns.permit == permit)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return KeptPermit(row.permit, row.version, row.jws) if row else None

    def due(self, now: datetime) -> list[str]:
        """Permits to which time brings something, the longest due first."""
        columns = access_permits.c
        query = select(columns.permit).where(columns.due_at <= now).order_by(columns.due_at)
        with reading(self._engine) as connection:
            return list(connection.scalars(query))

    def next_due(self) -> datetime | None:
        """When time brings something next."""
        columns = access_permits.c
        query = select(columns.due_at).where(columns.due_at.is_not(None)).order_by(columns.due_at).limit(1)
        with reading(self._engine) as connection:
            found = connection.scalar(query)
        return aware(found) if found else None
