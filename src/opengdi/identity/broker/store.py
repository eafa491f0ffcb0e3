"""Grants, codes, refresh tokens and remembered choices in the hub's database; secrets are kept hashed only.

A code or a refresh token is used by one UPDATE that finds it unused, so that of two who bring it one is second; the
second use ends the grant (RFC 6749 section 4.1.2, RFC 9700 section 4.14.2). Methods block shortly: call them from a
thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Engine,
    Index,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.engine import Row

from opengdi.identity.broker.faults import Refused
from opengdi.identity.broker.model import Asked, CodeFacts, Consent, Granted
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import aware, metadata, reading

_KEPT: Final = timedelta(days=1)
"""How long what has ended is kept, so that a late second use is still noticed."""

broker_grants: Final = Table(
    "broker_grants",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("client", String(100), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("name", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("resources", Text, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
    Column("session", String(64), nullable=False, server_default=text("''")),
    Column("authenticated_at", DateTime(timezone=True)),
    Index("ix_broker_grants_subject", "subject", "client"),
    Index("ix_broker_grants_session", "session"),
)

broker_secrets: Final = Table(
    "broker_secrets",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("grant", String(64), nullable=False),
    Column("facts", Text, nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
    Index("ix_broker_secrets_grant", "grant"),
)

broker_consents: Final = Table(
    "broker_consents",
    metadata,
    Column("subject", String(200), primary_key=True),
    Column("client", String(100), primary_key=True),
    Column("scopes", Text, nullable=False),
    Column("resources", Text, nullable=False),
    Column("given_at", DateTime(timezone=True), nullable=False),
)

_CODE, _REFRESH = "code", "refresh"


def hashed(secret: str) -> str:
    """What is kept of a code or refresh token; they have 256 random bits, so no salt is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Grants:
    """ended: told of each grant that was taken back, within the transaction."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        new_secret: Callable[[], str],
        ended: Callable[[Connection, Granted], None] = lambda _connection, _granted: None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._new_secret = new_secret
        self._ended = ended

    def code(self, granted: Granted, asked: Asked, life_s: int) -> str:
        """A code for a new grant."""
        facts = msgspec.json.encode({"redirect_uri": asked.redirect_uri, "challenge": asked.challenge})
        now = self._clock.now()
        with self._engine.begin() as connection:
            self._tidy(connection, now)
            row = {
                "id": granted.id,
                "client": granted.client,
                "subject": granted.subject,
                "name": granted.name,
                "scopes": " ".join(granted.scopes),
                "resources": " ".join(granted.resources),
                "nonce": granted.nonce,
                "created_at": now,
                "until": granted.until,
                "session": granted.session,
                "authenticated_at": granted.authenticated,
            }
            connection.execute(insert(broker_grants), row)
            until = now + timedelta(seconds=life_s)
            return self._give(connection, _CODE, granted, until, facts.decode())

    def by_code(self, code: str, client: str, check: Callable[[CodeFacts], None]) -> Granted:
        """The grant of a code, which is used up. check: raises Refused if it is not the one who asked that brings it.

        Raises Refused. A code that comes again ends its grant; one with a wrong verifier is used up too.
        """
        with self._engine.begin() as connection:
            row, first = self._use(connection, _CODE, code, client)
            fault: Refused | None = None
            granted = self._granted(connection, row.grant)
            if not first:
                fault = Refused("invalid_grant", "the code was used before; what it gave has ended")
            elif aware(row.until) <= self._clock.now() or granted.revoked:
                fault = Refused("invalid_grant", "the code has ended")
            else:
                try:
                    check(CodeFacts(**msgspec.json.decode(row.facts)))
                except Refused as error:
                    fault = error
            if fault is not None:
                self._revoke(connection, granted)
        if fault is not None:
            raise fault
        return granted

    def refresh_token(self, granted: Granted) -> str:
        """A first refresh token."""
        with self._engine.begin() as connection:
            return self._give(connection, _REFRESH, granted, granted.until)

    def refreshed(self, token: str, client: str, check: Callable[[Granted], None]) -> tuple[Granted, str]:
        """The grant of a refresh token, and the next one: this one is used up. check: raises Refused, and all stays.

        Raises Refused. A token that comes again ends the grant: either it or its successor was stolen.
        """
        fault: Refused | None = None
        with self._engine.begin() as connection:
            row, first = self._use(connection, _REFRESH, token, client)
            granted = self._granted(connection, row.grant)
            if not first:
                self._revoke(connection, granted)
                fault = Refused(
                    "invalid_grant", "the refresh token was used before; all of its line has ended"
                )
                following = ""
            elif granted.revoked or granted.until <= self._clock.now():
                fault = Refused("invalid_grant", "the refresh token has ended")
                following = ""
            else:
                check(granted)  # raising here rolls back: the token is still good
                following = self._give(connection, _REFRESH, granted, granted.until)
        if fault is not None:
            raise fault
        return granted, following

    def holds(self, grant: str) -> bool:
        """True while a grant of a person has neither ended nor been taken back."""
        query = select(broker_grants.c.until).where(
            broker_grants.c.id == grant, broker_grants.c.revoked_at.is_(None)
        )
        with reading(self._engine) as connection:
            until = connection.scalar(query)
        return until is not None and aware(until) > self._clock.now()

    def name_of(self, grant: str) -> str:
        """What the person called themselves when they gave it."""
        with reading(self._engine) as connection:
            query = select(broker_grants.c.name).where(broker_grants.c.id == grant)
            return connection.scalar(query) or ""

    def revoke_secret(self, token: str, client: str) -> bool:
        """Take back the grant of a refresh token of that client; False if there is no such token."""
        columns = broker_secrets.c
        with self._engine.begin() as connection:
            query = select(columns.grant).where(columns.hash == hashed(token), columns.kind == _REFRESH)
            grant = connection.scalar(query)
            return grant is not None and self._revoke_of(connection, grant, client)

    def revoke(self, grant: str, client: str) -> bool:
        """Take back a grant that the client has; False if it has none of that id."""
        with self._engine.begin() as connection:
            return self._revoke_of(connection, grant, client)

    def consent(self, subject: str, client: str) -> Consent | None:
        """The choice that a person let us remember for a client."""
        return next((each for each in self.consents(subject) if each.client == client), None)

    def consents(self, subject: str) -> list[Consent]:
        """All remembered choices of a person."""
        columns = broker_consents.c
        query = select(broker_consents).where(columns.subject == subject).order_by(columns.client)
        with reading(self._engine) as connection:
            return [
                Consent(row.client, _words(row.scopes), _words(row.resources), aware(row.given_at))
                for row in connection.execute(query)
            ]

    def remember(self, subject: str, asked: Asked) -> None:
        """Keep a choice, in the place of an earlier one for the client."""
        columns = broker_consents.c
        with self._engine.begin() as connection:
            connection.execute(
                delete(broker_consents).where(columns.subject == subject, columns.client == asked.client.id)
            )
            row = {
                "subject": subject,
                "client": asked.client.id,
                "scopes": " ".join(asked.scopes),
                "resources": " ".join(asked.resources),
                "given_at": self._clock.now(),
            }
            connection.execute(insert(broker_consents), row)

    def forget(self, subject: str, client: str) -> bool:
        """Forget a choice and end what the client was given; False if there was neither."""
        consents, grants = broker_consents.c, broker_grants.c
        with self._engine.begin() as connection:
            gone = connection.execute(
                delete(broker_consents).where(consents.subject == subject, consents.client == client)
            ).rowcount
            running = select(grants.id).where(
                grants.subject == subject, grants.client == client, grants.revoked_at.is_(None)
            )
            ids = list(connection.scalars(running))
            for grant in ids:
                self._revoke(connection, self._granted(connection, grant))
        return bool(gone or ids)

    def end_session(self, connection: Connection, session: str) -> None:
        """Take back what was granted in a browser session that its person has ended; the caller's transaction."""
        columns = broker_grants.c
        query = select(columns.id).where(columns.session == session, columns.revoked_at.is_(None))
        for grant in list(connection.scalars(query)) if session else ():
            self._revoke(connection, self._granted(connection, grant))

    def end_all_of(self, connection: Connection, subject: str) -> None:
        """Take back everything that a person granted, within a transaction of the caller's."""
        columns = broker_grants.c
        query = select(columns.id).where(columns.subject == subject, columns.revoked_at.is_(None))
        for grant in list(connection.scalars(query)):
            self._revoke(connection, self._granted(connection, grant))

    def forget_person(self, connection: Connection, subject: str) -> None:
        """End all that a person granted, and forget their choices and how they called themselves."""
        self.end_all_of(connection, subject)
        connection.execute(
            update(broker_grants).where(broker_grants.c.subject == subject).values(name="", nonce="")
        )
        connection.execute(delete(broker_consents).where(broker_consents.c.subject == subject))

    def _give(
        self, connection: Connection, kind: str, granted: Granted, until: datetime, facts: str = "{}"
    ) -> str:
        secret = self._new_secret()
        row = {"hash": hashed(secret), "kind": kind, "grant": granted.id, "facts": facts, "until": until}
        connection.execute(insert(broker_secrets), row)
        return secret

    def _use(self, connection: Connection, kind: str, secret: str, client: str) -> tuple[Row[Any], bool]:
        """The secret's row, and whether this is its first use. Raises Refused if this client has no such secret."""
        columns = broker_secrets.c
        mine = select(broker_grants.c.id).where(broker_grants.c.client == client)
        found = (columns.hash == hashed(secret), columns.kind == kind, columns.grant.in_(mine))
        # The write comes first: it is what two who bring the same secret wait for each other at.
        used = connection.execute(
            update(broker_secrets).where(*found, columns.used_at.is_(None)).values(used_at=self._clock.now())
        ).rowcount
        row = connection.execute(select(broker_secrets).where(*found)).one_or_none()
        if row is None:
            raise Refused("invalid_grant", f"the {kind} is unknown, or another client's")
        return row, bool(used)

    def _granted(self, connection: Connection, grant: str) -> Granted:
        row = connection.execute(select(broker_grants).where(broker_grants.c.id == grant)).one()
        return Granted(
            row.id,
            row.client,
            row.subject,
            row.name,
            tuple(row.scopes.split()),
            tuple(row.resources.split()),
            aware(row.until),
            row.nonce,
            revoked=row.revoked_at is not None,
            session=row.session,
            authenticated=None if row.authenticated_at is None else aware(row.authenticated_at),
        )

    def _revoke_of(self, connection: Connection, grant: str, client: str) -> bool:
        columns = broker_grants.c
        found = connection.scalar(select(columns.id).where(columns.id == grant, columns.client == client))
        if found is not None:
            self._revoke(connection, self._granted(connection, grant))
        return found is not None

    def _revoke(self, connection: Connection, granted: Granted) -> None:
        if granted.revoked:
            return
        columns = broker_grants.c
        ending = update(broker_grants).where(columns.id == granted.id, columns.revoked_at.is_(None))
        if not connection.execute(ending.values(revoked_at=self._clock.now())).rowcount:
            return  # somebody else ended it meanwhile
        self._ended(connection, replace(granted, revoked=True))

    def _tidy(self, connection: Connection, now: datetime) -> None:
        """Forget what ended long ago. A code's or refresh token's hash is kept as long as its grant."""
        gone = select(broker_grants.c.id).where(broker_grants.c.until < now - _KEPT)
        connection.execute(delete(broker_secrets).where(broker_secrets.c.grant.in_(gone)))
        connection.execute(delete(broker_grants).where(broker_grants.c.until < now - _KEPT))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())
