"""Sessions and used-up logins in the state database. Methods block shortly: call them from a thread."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from opengdi.identity.login.model import Lifetimes, LoginRefused, Session
from opengdi.identity.login.rules import ends
from opengdi.identity.login.tables import login_attempts, login_sessions, people_details
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import aware, reading

_SEEN_EVERY: Final = timedelta(minutes=1)
"""How exactly it is remembered when a session was used last: a write for every request would be too dear."""


def digest_of(id_: str) -> str:
    """What stands in a table for a random id of at least 128 bits."""
    return hashlib.sha256(id_.encode()).hexdigest()


class SessionStore:
    """All sessions of this service, by the digest of their ids."""

    def __init__(self, engine: Engine, clock: Clock, lifetimes: Lifetimes) -> None:
        self._engine = engine
        self._clock = clock
        self._lifetimes = lifetimes
        self._ended: list[Callable[[Connection, str], None]] = []

    def on_end(self, listener: Callable[[Connection, str], None]) -> None:
        """Called with the digest of each session that somebody ends, within the transaction."""
        self._ended.append(listener)

    def begin(self, id_: str, subject: str, sealed: str, authenticated: datetime | None = None) -> None:
        """Keep a new session; what has ended meanwhile is swept out."""
        now = self._clock.now()
        old = or_(
            login_sessions.c.began_at < now - self._lifetimes.session,
            login_sessions.c.seen_at < now - self._lifetimes.idle,
        )
        row = {"digest": digest_of(id_), "subject": subject, "began_at": now, "seen_at": now}
        with self._engine.begin() as connection:
            connection.execute(delete(login_sessions).where(old))
            row |= {"id_token": sealed, "authenticated_at": authenticated}
            connection.execute(insert(login_sessions), row)

    def find(self, id_: str) -> Session | None:
        """The session with that id, while it lasts; it counts as used now."""
        digest, now = digest_of(id_), self._clock.now()
        with reading(self._engine) as connection:
            row = connection.execute(_KNOWN.where(login_sessions.c.digest == digest)).one_or_none()
        if row is None:
            return None
        session = Session(
            row.subject,
            aware(row.began_at),
            aware(row.seen_at),
            row.name or "",
            row.id_token,
            None if row.authenticated_at is None else aware(row.authenticated_at),
        )
        if now >= ends(session, self._lifetimes):
            self.end(id_)
            return None
        if now - session.seen >= min(_SEEN_EVERY, self._lifetimes.idle / 4):
            with self._engine.begin() as connection:
                used = update(login_sessions).where(login_sessions.c.digest == digest)
                connection.execute(used.values(seen_at=now))
        return session

    def end(self, id_: str) -> None:
        """Forget the session with that id, if there is one."""
        digest = digest_of(id_)
        with self._engine.begin() as connection:
            if connection.execute(delete(login_sessions).where(login_sessions.c.digest == digest)).rowcount:
                for listener in self._ended:
                    listener(connection, digest)

    def end_all_of(self, connection: Connection, subject: str) -> int:
        """Forget all sessions of a person, within a transaction of the caller's; how many there were."""
        ended = connection.execute(delete(login_sessions).where(login_sessions.c.subject == subject))
        return ended.rowcount

    def use_up(self, state: str) -> None:
        """Take note that a login came back. Raises LoginRefused if it did before."""
        now = self._clock.now()
        try:
            with self._engine.begin() as connection:
                old = login_attempts.c.used_at < now - 2 * self._lifetimes.attempt
                connection.execute(delete(login_attempts).where(old))
                connection.execute(insert(login_attempts), {"digest": digest_of(state), "used_at": now})
        except IntegrityError as error:
            raise LoginRefused("replay", "this login has been used already") from error


_KNOWN = select(login_sessions, people_details.c.name).join(
    people_details, login_sessions.c.subject == people_details.c.subject, isouter=True
)
