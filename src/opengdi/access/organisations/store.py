"""Bytes of documents, by digest, and what was last told of people."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Engine,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
    insert,
    select,
    text,
    update,
)

from opengdi.kernel.database import metadata, reading
from opengdi.kernel.errors import NotFound

access_documents: Final = Table(
    "access_documents",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

access_standings: Final = Table(
    "access_standings",
    metadata,
    Column("subject", String(200), primary_key=True),
    Column("organisation", String(40), nullable=False),
    Column("told", Text, nullable=False),
    Column("told_at", DateTime(timezone=True), nullable=False),
    Index("ix_access_standings_organisation", "organisation"),
)

_TELLING: Final = 0x6764695F7374
"""Advisory lock of PostgreSQL: standings are told one after the other, each by what is known then."""


def keep_content(connection: Connection, sha256: str, content: bytes) -> None:
    """Keep the bytes of a version; the same bytes are kept once."""
    known = select(access_documents.c.sha256).where(access_documents.c.sha256 == sha256)
    if connection.scalar(known) is None:
        connection.execute(insert(access_documents), {"sha256": sha256, "content": content})


def content_of(engine: Engine, sha256: str) -> bytes:
    """The bytes with that digest. Raises NotFound."""
    query = select(access_documents.c.content).where(access_documents.c.sha256 == sha256)
    with reading(engine) as connection:
        found: bytes | None = connection.scalar(query)
    if found is None:
        raise NotFound(f"there are no bytes with digest {sha256}")
    return found


def lock_standings(connection: Connection) -> None:
    """Wait for whoever tells standings now; on SQLite whoever writes is alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TELLING})


def told_of(connection: Connection, subject: str) -> str:
    """What was last told of somebody; empty: nothing."""
    query = select(access_standings.c.told).where(access_standings.c.subject == subject)
    return connection.scalar(query) or ""


def keep_told(connection: Connection, subject: str, organisation: str, told: str, now: datetime) -> None:
    """Remember what is told of somebody now."""
    values = {"organisation": organisation, "told": told, "told_at": now}
    changed = update(access_standings).where(access_standings.c.subject == subject).values(**values)
    if connection.execute(changed).rowcount == 0:
        connection.execute(insert(access_standings), {"subject": subject, **values})
