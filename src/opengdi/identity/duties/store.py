"""The table of roles. Methods block shortly on the database."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    Index,
    String,
    Table,
    insert,
    select,
    update,
)

from opengdi.identity.duties.model import GivenDuty
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import aware, metadata, reading
from opengdi.kernel.errors import Conflict, Invalid, NotFound
from opengdi.kernel.principal import Duty, Role

duties_given: Final = Table(
    "duties_given",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("subject", String(200), nullable=False),
    Column("email", String(254), nullable=False),
    Column("role", String(40), nullable=False),
    Column("held_for", String(200), nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("until", DateTime(timezone=True), nullable=True),
    Column("given_by", String(200), nullable=False),
    Column("ended_at", DateTime(timezone=True), nullable=True),
    Column("ended_by", String(200), nullable=False),
    Index("ix_duties_given_subject", "subject"),
    Index("ix_duties_given_email", "email"),
)

_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}\Z")


def new_id() -> str:
    """An id that was never given before."""
    return secrets.token_hex(8)


class DutyBook:
    """`ports.Duties`. Each change leaves an audit line, or it does not happen."""

    def __init__(
        self, engine: Engine, clock: Clock, audit: AuditLog, make_id: Callable[[], str] = new_id
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._make_id = make_id

    def of(self, subject: str) -> frozenset[Duty]:
        """The roles of a person that hold now; none for a stranger."""
        now = self._clock.now()
        given = self._select(duties_given.c.subject == subject) if subject else ()
        return frozenset(each.duty for each in given if each.holds_at(now))

    def give(self, who: str, duty: Duty, actor: str, until: datetime | None = None) -> GivenDuty:
        """Give somebody a role from now on. who: the broker's id of the person, or an e-mail address until they log in.

        Raises Invalid, and Conflict if they have it already.
        """
        now = self._clock.now()
        subject, email = _who(who)
        if until is not None and until <= now:
            raise Invalid(f"until {until.isoformat()} lies in the past")
        if duty.role is Role.PROVIDER and not duty.of:
            raise Invalid("the role provider must name the data provider: provider:<name>")
        given = GivenDuty(self._make_id(), subject, email, duty, now, until, actor)
        with self._engine.begin() as connection:
            same = self._read(connection, _is(subject, email))
            if any(each.duty == duty and each.holds_at(now) for each in same):
                raise Conflict(f"{who} is {_told(duty)} already")
            connection.execute(insert(duties_given), _row(given))
            self._audit.append("duty.give", actor=actor, objects=_objects(given))
        return given

    def end(self, id_: str, actor: str) -> GivenDuty:
        """Take a role back from now on; doing it twice is no error. Raises NotFound."""
        columns = duties_given.c
        with self._engine.begin() as connection:
            found = self._read(connection, columns.id == id_)
            if not found:
                raise NotFound(f"there is no role {id_}; `gdi people list` shows all")
            this = update(duties_given).where(columns.id == id_, columns.ended_at.is_(None))
            if connection.execute(this.values(ended_at=self._clock.now(), ended_by=actor)).rowcount:
                self._audit.append("duty.end", actor=actor, objects=_objects(found[0]))
            return self._read(connection, columns.id == id_)[0]

    def recognise(self, connection: Connection, subject: str, email: str) -> int:
        """Somebody logged in: what was given to their address is theirs from now on. How many roles that were.

        email: as the identity provider verified it; one that nobody verified must not come here. connection: of the
        transaction that remembers the login.
        """
        columns = duties_given.c
        waiting = self._read(connection, (columns.email == email.lower()) & (columns.subject == ""))
        for each in waiting:
            connection.execute(update(duties_given).where(columns.id == each.id).values(subject=subject))
            self._audit.append("duty.recognise", actor=subject, objects=(f"duty:{each.id}",))
        return len(waiting)

    def forget_addresses(
        self, connection: Connection, subject: str, addresses: Collection[str], actor: str
    ) -> None:
        """Forget the addresses of a person; a role that waits for one of them has nobody to come and ends."""
        columns = duties_given.c
        waiting = (columns.subject == "") & columns.email.in_(sorted({each.lower() for each in addresses}))
        self._end_all(connection, waiting, actor)
        theirs = update(duties_given).where((columns.subject == subject) | waiting)
        connection.execute(theirs.values(email=""))

    def end_all_of(self, connection: Connection, subject: str, actor: str) -> None:
        """Take all roles of a person back, within a transaction of the caller's."""
        self._end_all(connection, duties_given.c.subject == subject, actor)

    def _end_all(self, connection: Connection, condition: ColumnElement[bool], actor: str) -> None:
        running = condition & duties_given.c.ended_at.is_(None)
        for each in self._read(connection, running):
            self._audit.append("duty.end", actor=actor, objects=_objects(each))
        ended = update(duties_given).where(running)
        connection.execute(ended.values(ended_at=self._clock.now(), ended_by=actor))

    def all(self) -> tuple[GivenDuty, ...]:
        """Every role that was ever given, oldest first."""
        return self._select(None)

    def holders(self, role: Role, of: str = "") -> tuple[str, ...]:
        """Subjects who hold a role for `of` now, sorted; somebody who has not logged in yet is none."""
        now, columns = self._clock.now(), duties_given.c
        given = self._select((columns.role == role) & (columns.held_for == of) & (columns.subject != ""))
        return tuple(sorted({each.subject for each in given if each.holds_at(now)}))

    def _select(self, condition: ColumnElement[bool] | None) -> tuple[GivenDuty, ...]:
        with reading(self._engine) as connection:
            return self._read(connection, condition)

    def _read(self, connection: Connection, condition: ColumnElement[bool] | None) -> tuple[GivenDuty, ...]:
        query = select(duties_given).order_by(duties_given.c.since, duties_given.c.id)
        query = query if condition is None else query.where(condition)
        return tuple(map(_given, connection.execute(query)))


def _who(text: str) -> tuple[str, str]:
    """(subject, e-mail address), one of them empty. Raises Invalid."""
    if "@" in text and _EMAIL.match(text):
        return "", text.lower()
    if not text or len(text) > 200 or not text.isascii() or not text.isprintable() or " " in text:
        raise Invalid(f"{text[:80]!r} must be an e-mail address, or a person's id as the hub gave it")
    return text, ""


def _is(subject: str, email: str) -> ColumnElement[bool]:
    return duties_given.c.subject == subject if subject else duties_given.c.email == email


def _told(duty: Duty) -> str:
    return f"{duty.role}:{duty.of}" if duty.of else duty.role


def _objects(given: GivenDuty) -> tuple[str, ...]:
    """Ids for the audit chain: an e-mail address is no id, so the row stands for the person."""
    person = (f"subject:{given.subject}",) if given.subject else ()
    return (f"duty:{given.id}", f"role:{_told(given.duty)}", *person)


def _row(given: GivenDuty) -> dict[str, Any]:
    return {
        "id": given.id,
        "subject": given.subject,
        "email": given.email,
        "role": given.duty.role,
        "held_for": given.duty.of,
        "since": given.since,
        "until": given.until,
        "given_by": given.given_by,
        "ended_at": given.ended,
        "ended_by": given.ended_by,
    }


def _given(row: Any) -> GivenDuty:
    until, ended = (None if time is None else aware(time) for time in (row.until, row.ended_at))
    return GivenDuty(
        row.id,
        row.subject,
        row.email,
        Duty(Role(row.role), row.held_for),
        aware(row.since),
        until,
        row.given_by,
        ended,
        row.ended_by,
    )
