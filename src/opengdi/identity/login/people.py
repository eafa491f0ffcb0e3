"""Who has logged in: one opaque subject for each person of a provider; names and addresses apart, erasable.

Methods block shortly: call them from a thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from opengdi.identity.login.model import Identity, LoginRefused, Person
from opengdi.identity.login.tables import login_sessions, people, people_details
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import aware, reading
from opengdi.kernel.errors import NotFound

Arriving = Callable[[Connection, Person], None]
"""Called in the transaction of every login, so that duties kept for a verified e-mail address are given."""


def nothing_awaits(_connection: Connection, _person: Person) -> None:
    """For services where nobody waits for anybody."""


class People:
    """new_subject: makes the opaque id of a newcomer from who they are at the provider."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        new_subject: Callable[[Identity], str],
        arriving: Arriving = nothing_awaits,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._new_subject = new_subject
        self._arriving = arriving

    def arrive(self, identity: Identity) -> Person:
        """The person who just logged in, with name and address as the provider tells them now."""
        try:
            return self._arrive(identity)
        except IntegrityError:  # the same newcomer from two browsers at once
            pass
        try:
            return self._arrive(identity)
        except IntegrityError as error:
            raise LoginRefused(
                "subject", "the provider's sub is that of somebody of another provider"
            ) from error

    def _arrive(self, identity: Identity) -> Person:
        now = self._clock.now()
        same = (people.c.issuer == identity.issuer) & (people.c.upstream == identity.subject)
        with self._engine.begin() as connection:
            row = connection.execute(select(people).where(same)).one_or_none()
            if row is None:
                subject, first = self._new_subject(identity), now
                known = {"subject": subject, "issuer": identity.issuer, "upstream": identity.subject}
                connection.execute(insert(people), {**known, "first_login": now, "last_login": now})
            else:
                subject, first = row.subject, aware(row.first_login)
                connection.execute(update(people).where(same).values(last_login=now))
            person = Person(
                subject, identity.issuer, identity.subject, first, now, identity.name, identity.email
            )
            self._keep_details(connection, person)
            self._arriving(connection, person)
        return person

    @staticmethod
    def _keep_details(connection: Connection, person: Person) -> None:
        connection.execute(delete(people_details).where(people_details.c.subject == person.subject))
        details = {"subject": person.subject, "name": person.name, "email": person.email}
        connection.execute(insert(people_details), {**details, "recorded_at": person.last})

    def find(self, subject: str) -> Person:
        """Somebody by our id. Raises NotFound."""
        with reading(self._engine) as connection:
            row = connection.execute(_KNOWN.where(people.c.subject == subject)).one_or_none()
        if row is None:
            raise NotFound(f"nobody with the id {subject} has logged in here")
        return _person(row)

    def address(self, subject: str) -> str:
        """The verified e-mail address of somebody; empty if there is none, if it was erased, or if nobody is known."""
        with reading(self._engine) as connection:
            query = select(people_details.c.email).where(people_details.c.subject == subject)
            return connection.scalar(query) or ""

    def at(self, email: str) -> list[Person]:
        """Everybody whose verified address is `email`."""
        with reading(self._engine) as connection:
            rows = connection.execute(_KNOWN.where(people_details.c.email == email.lower())).all()
        return [_person(row) for row in rows]

    def erase(self, subject: str) -> bool:
        """Forget name and address, and end all sessions; False if there was nothing. The id stays, for the records."""
        with self._engine.begin() as connection:
            return self.forget(connection, subject)

    @staticmethod
    def forget(connection: Connection, subject: str) -> bool:
        """`erase` within a transaction of the caller's."""
        connection.execute(delete(login_sessions).where(login_sessions.c.subject == subject))
        done = connection.execute(delete(people_details).where(people_details.c.subject == subject))
        return done.rowcount > 0


_KNOWN = select(people, people_details.c.name, people_details.c.email).join(
    people_details, people.c.subject == people_details.c.subject, isouter=True
)


def _person(row: Row[Any]) -> Person:
    return Person(
        row.subject,
        row.issuer,
        row.upstream,
        aware(row.first_login),
        aware(row.last_login),
        row.name or "",
        row.email or "",
    )
