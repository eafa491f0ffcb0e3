"""What a node keeps: permits it was told of, standings, what it took back itself, entitlements with their ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Engine,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from opengdi.access.permits.entitlements.model import Entitlement, HeardStanding, OwnRevocation
from opengdi.kernel.database import aware, metadata, reading

held_permits: Final = Table(
    "held_permits",
    metadata,
    Column("permit", String(40), primary_key=True),
    Column("hub", String(200), nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("jws", Text, nullable=False),
    Column("heard_at", DateTime(timezone=True), nullable=False),
)

heard_standings: Final = Table(
    "heard_standings",
    metadata,
    Column("subject", String(200), primary_key=True),
    Column("organisation", String(60), nullable=False),
    Column("terms", Text, nullable=False),
    Column("until", DateTime(timezone=True)),
    Column("good", Boolean, nullable=False),
    Column("heard_at", DateTime(timezone=True), nullable=False),
)

own_revocations: Final = Table(
    "own_revocations",
    metadata,
    Column("permit", String(40), primary_key=True),
    Column("dataset", String(200), primary_key=True),
    Column("subject", String(200), primary_key=True),
    Column("by", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

entitlements: Final = Table(
    "entitlements",
    metadata,
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("permit", String(40), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("dataset", String(200), nullable=False),
    Column("version", String(60), nullable=False),
    Column("source", String(300), nullable=False),
    Column("asserted", DateTime(timezone=True), nullable=False),
    Column("start_at", DateTime(timezone=True), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("regions", Text, nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("reason", String(60), nullable=False),
    Index("ix_entitlements_subject", "subject", "ended_at"),
    Index("ix_entitlements_permit", "permit"),
    sqlite_autoincrement=True,
)

ENDED: Final = "ended"


@dataclass(frozen=True, slots=True)
class KeptPermit:
    """A permit as it was told. state: `ended` once it was said to have ended; then it stays so."""

    permit: str
    hub: str
    version: int
    state: str
    jws: str

    @property
    def ended(self) -> bool:
        return self.state == ENDED


def kept_permit(connection: Connection, permit: str) -> KeptPermit | None:
    """What is kept of a permit."""
    row = connection.execute(select(held_permits).where(held_permits.c.permit == permit)).first()
    return None if row is None else _permit(row)


def keep_permit(connection: Connection, kept: KeptPermit, now: datetime) -> None:
    """From now on this is what is known of the permit."""
    connection.execute(delete(held_permits).where(held_permits.c.permit == kept.permit))
    row = {"permit": kept.permit, "hub": kept.hub, "version": kept.version, "state": kept.state}
    connection.execute(insert(held_permits), {**row, "jws": kept.jws, "heard_at": now})


def open_permits(connection: Connection, only: str = "") -> list[KeptPermit]:
    """Permits that have not ended; `only` one of them if it is named."""
    query = select(held_permits).where(held_permits.c.state != ENDED).order_by(held_permits.c.permit)
    if only:
        query = query.where(held_permits.c.permit == only)
    return [_permit(row) for row in connection.execute(query)]


def permits_after(connection: Connection, after: str, most: int, only: str = "") -> list[KeptPermit]:
    """Permits by their numbers, also those that ended; `only` one of them if it is named."""
    query = select(held_permits).where(held_permits.c.permit > after, held_permits.c.jws != "")
    if only:
        query = query.where(held_permits.c.permit == only)
    return [_permit(row) for row in connection.execute(query.order_by(held_permits.c.permit).limit(most))]


def _permit(row: Row[Any]) -> KeptPermit:
    return KeptPermit(row.permit, row.hub, row.version, row.state, row.jws)


def keep_standing(connection: Connection, standing: HeardStanding, now: datetime) -> None:
    """From now on this is what is known of the person."""
    connection.execute(delete(heard_standings).where(heard_standings.c.subject == standing.subject))
    row = {
        "subject": standing.subject,
        "organisation": standing.organisation,
        "terms": msgspec.json.encode(sorted(standing.terms)).decode(),
        "until": standing.until,
        "good": standing.good,
        "heard_at": now,
    }
    connection.execute(insert(heard_standings), row)


def standings(connection: Connection) -> dict[str, HeardStanding]:
    """Everybody who was heard of, by subject."""
    return {
        row.subject: HeardStanding(
            row.subject,
            row.organisation,
            frozenset(msgspec.json.decode(row.terms)),
            aware(row.until) if row.until else None,
            bool(row.good),
        )
        for row in connection.execute(select(heard_standings))
    }


def keep_revocation(
    connection: Connection, revocation: OwnRevocation, *, by: str, reason: str, now: datetime
) -> bool:
    """False if it was taken back already."""
    columns = own_revocations.c
    known = select(columns.permit).where(
        columns.permit == revocation.permit,
        columns.dataset == revocation.dataset,
        columns.subject == revocation.subject,
    )
    if connection.execute(known).first() is not None:
        return False
    row = {"permit": revocation.permit, "dataset": revocation.dataset, "subject": revocation.subject}
    connection.execute(insert(own_revocations), {**row, "by": by, "reason": reason, "at": now})
    return True


def revocations(connection: Connection) -> frozenset[OwnRevocation]:
    """All that this node took back."""
    columns = own_revocations.c
    query = select(columns.permit, columns.dataset, columns.subject)
    return frozenset(OwnRevocation(*row) for row in connection.execute(query))


def open_entitlements(connection: Connection, *, subject: str = "", permit: str = "") -> list[Entitlement]:
    """Entitlements that have not ended; of one person, of one permit, or all."""
    query = select(entitlements).where(entitlements.c.ended_at.is_(None)).order_by(entitlements.c.number)
    if subject:
        query = query.where(entitlements.c.subject == subject)
    if permit:
        query = query.where(entitlements.c.permit == permit)
    return [_entitlement(row) for row in connection.execute(query)]


def _entitlement(row: Row[Any]) -> Entitlement:
    return Entitlement(
        row.permit,
        row.subject,
        row.dataset,
        row.version,
        row.source,
        aware(row.asserted),
        aware(row.start_at),
        aware(row.until),
        tuple(msgspec.json.decode(row.regions)),
    )


def grant(connection: Connection, granted: Iterable[Entitlement]) -> None:
    """Write entitlements down."""
    rows = [
        {
            "permit": each.permit,
            "subject": each.subject,
            "dataset": each.dataset,
            "version": each.version,
            "source": each.source,
            "asserted": each.asserted,
            "start_at": each.start,
            "until": each.until,
            "regions": msgspec.json.encode(each.regions).decode(),
            "ended_at": None,
            "reason": "",
        }
        for each in granted
    ]
    if rows:
        connection.execute(insert(entitlements), rows)


def end(connection: Connection, ended: Entitlement, reason: str, now: datetime) -> None:
    """End an entitlement; its line stays."""
    columns = entitlements.c
    connection.execute(
        update(entitlements)
        .where(
            columns.permit == ended.permit,
            columns.subject == ended.subject,
            columns.dataset == ended.dataset,
            columns.version == ended.version,
            columns.ended_at.is_(None),
        )
        .values(ended_at=now, reason=reason)
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """An entitlement as it is listed. ended: when, None while it holds."""

    entitlement: Entitlement
    ended: datetime | None
    reason: str


def listed(
    engine: Engine, *, permit: str = "", subject: str = "", dataset: str = "", most: int = 1000
) -> list[Listed]:
    """Entitlements, the newest first, also those that ended."""
    query = select(entitlements).order_by(entitlements.c.number.desc()).limit(most)
    for column, value in (("permit", permit), ("subject", subject), ("dataset", dataset)):
        if value:
            query = query.where(entitlements.c[column] == value)
    with reading(engine) as connection:
        return [
            Listed(_entitlement(row), aware(row.ended_at) if row.ended_at else None, row.reason)
            for row in connection.execute(query)
        ]
