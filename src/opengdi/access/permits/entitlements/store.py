"""What a node keeps: permits it was told of, standings, what it took back itself, entitlements with their ends."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
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
    Select,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from opengdi.access.permits.document import PermitDocument
from opengdi.access.permits.entitlements.model import Entitlement, HeardStanding, Only, OwnRevocation
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

held_permit_people: Final = Table(
    "held_permit_people",
    metadata,
    Column("subject", String(200), primary_key=True),
    Column("permit", String(40), primary_key=True),
    Index("ix_held_permit_people_permit", "permit"),
)
"""Whom a permit that has not ended names."""

heard_standings: Final = Table(
    "heard_standings",
    metadata,
    Column("hub", String(200), primary_key=True),
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

own_revoked_applications: Final = Table(
    "own_revoked_applications",
    metadata,
    Column("application", String(200), primary_key=True),
    Column("permit", String(40), primary_key=True),
)
"""Applications on which a permit rested of which something was taken back."""

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

_MOST_NAMES: Final = 500


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


def keep_permit(connection: Connection, kept: KeptPermit, people: Collection[str], now: datetime) -> None:
    """From now on this is what is known of the permit. people: whom it names."""
    connection.execute(delete(held_permits).where(held_permits.c.permit == kept.permit))
    row = {"permit": kept.permit, "hub": kept.hub, "version": kept.version, "state": kept.state}
    connection.execute(insert(held_permits), {**row, "jws": kept.jws, "heard_at": now})
    connection.execute(delete(held_permit_people).where(held_permit_people.c.permit == kept.permit))
    if people and not kept.ended:
        rows = [{"subject": subject, "permit": kept.permit} for subject in sorted(set(people))]
        connection.execute(insert(held_permit_people), rows)


def open_permits(connection: Connection, only: Only) -> list[KeptPermit]:
    """Permits that have not ended."""
    query = select(held_permits).where(held_permits.c.state != ENDED).order_by(held_permits.c.permit)
    if only.permit:
        query = query.where(held_permits.c.permit == only.permit)
    if only.subject:
        query = query.where(held_permits.c.permit.in_(_permits_of(only.subject)))
    return [_permit(row) for row in connection.execute(query)]


def permits_in_use(connection: Connection) -> list[str]:
    """Numbers of permits that have not ended, or led to entitlements that have not."""
    still_open = select(held_permits.c.permit).where(held_permits.c.state != ENDED)
    opening = select(entitlements.c.permit).where(entitlements.c.ended_at.is_(None))
    return sorted(connection.scalars(still_open.union(opening)))


def _permits_of(subject: str) -> Select[tuple[str]]:
    return select(held_permit_people.c.permit).where(held_permit_people.c.subject == subject)


def permits_after(connection: Connection, after: str, most: int, only: str = "") -> list[KeptPermit]:
    """Permits by their numbers, also those that ended; `only` one of them if it is named."""
    query = select(held_permits).where(held_permits.c.permit > after, held_permits.c.jws != "")
    if only:
        query = query.where(held_permits.c.permit == only)
    return [_permit(row) for row in connection.execute(query.order_by(held_permits.c.permit).limit(most))]


def _permit(row: Row[Any]) -> KeptPermit:
    return KeptPermit(row.permit, row.hub, row.version, row.state, row.jws)


def keep_standing(connection: Connection, hub: str, standing: HeardStanding, now: datetime) -> None:
    """From now on this is what the hub says of the person."""
    columns = heard_standings.c
    connection.execute(delete(heard_standings).where(columns.hub == hub, columns.subject == standing.subject))
    row = {
        "hub": hub,
        "subject": standing.subject,
        "organisation": standing.organisation,
        "terms": msgspec.json.encode(sorted(standing.terms)).decode(),
        "until": standing.until,
        "good": standing.good,
        "heard_at": now,
    }
    connection.execute(insert(heard_standings), row)


def standings(connection: Connection, only: Only) -> dict[tuple[str, str], HeardStanding]:
    """What each hub says of people, by hub and subject; of those whom a permit names, of one person, or of all."""
    query, columns = select(heard_standings), heard_standings.c
    if only.permit:
        people = select(held_permit_people.c.subject).where(held_permit_people.c.permit == only.permit)
        query = query.where(columns.subject.in_(people))
    if only.subject:
        query = query.where(columns.subject == only.subject)
    return {
        (row.hub, row.subject): HeardStanding(
            row.subject,
            row.organisation,
            frozenset(msgspec.json.decode(row.terms)),
            aware(row.until) if row.until else None,
            bool(row.good),
        )
        for row in connection.execute(query)
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
    _keep_applications(connection, revocation)
    return True


def _keep_applications(connection: Connection, revocation: OwnRevocation) -> None:
    columns = own_revoked_applications.c
    known = set(connection.scalars(select(columns.application).where(columns.permit == revocation.permit)))
    rows = [
        {"application": application, "permit": revocation.permit}
        for application in sorted(revocation.applications - known)
    ]
    if rows:
        connection.execute(insert(own_revoked_applications), rows)


def forget_reasons(connection: Connection, subject: str) -> None:
    """Forget why this node took something back from a person; that it did stays."""
    this = update(own_revocations).where(own_revocations.c.subject == subject)
    connection.execute(this.values(reason=""))


def revocations(connection: Connection, permits: Collection[PermitDocument]) -> frozenset[OwnRevocation]:
    """What this node took back of these permits, and of others that rested on their applications."""
    columns, others = own_revocations.c, own_revoked_applications.c
    applications = {basis.application for document in permits for basis in document.bases}
    numbers = {document.permit for document in permits}
    of_applications: dict[str, set[str]] = {}
    for some in _batched(sorted(applications)):
        for row in connection.execute(select(own_revoked_applications).where(others.application.in_(some))):
            of_applications.setdefault(row.permit, set()).add(row.application)
    query = select(columns.permit, columns.dataset, columns.subject, columns.at)
    return frozenset(
        OwnRevocation(
            row.permit,
            row.dataset,
            row.subject,
            aware(row.at),
            frozenset(of_applications.get(row.permit, ())),
        )
        for some in _batched(sorted(numbers | of_applications.keys()))
        for row in connection.execute(query.where(columns.permit.in_(some)))
    )


def _batched(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """So many at a time as any database takes in one statement."""
    for start in range(0, len(names), _MOST_NAMES):
        yield names[start : start + _MOST_NAMES]


def open_entitlements(connection: Connection, only: Only) -> list[Entitlement]:
    """Entitlements that have not ended."""
    query = select(entitlements).where(entitlements.c.ended_at.is_(None)).order_by(entitlements.c.number)
    if only.subject:
        query = query.where(entitlements.c.subject == only.subject)
    if only.permit:
        query = query.where(entitlements.c.permit == only.permit)
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
