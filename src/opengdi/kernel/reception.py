"""Reception of events that members send: signed, taken once each, handed to whoever handles their kind.

Spec: CloudEvents 1.0.2, "HTTP Protocol Binding" (structured mode); the signature is `kernel.courier`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Column, Connection, DateTime, Engine, String, Table, insert
from sqlalchemy.exc import IntegrityError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opengdi.kernel.clock import Clock
from opengdi.kernel.courier import SIGNATURE_HEADER, check_event
from opengdi.kernel.database import metadata
from opengdi.kernel.errors import Invalid, NotAuthenticated
from opengdi.kernel.keys import PublicKey
from opengdi.standards.faults import Malformed, Unverified

EVENTS_PATH: Final = "/events/v1"

received_events: Final = Table(
    "received_events",
    metadata,
    Column("sender", String(200), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("received_at", DateTime(timezone=True), nullable=False),
)


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """An event of a member, its signature checked."""

    sender: str
    id: str
    kind: str
    subject: str
    data: Mapping[str, Any]


Handle = Callable[[Connection, ReceivedEvent], None]
"""Takes an event within the transaction that remembers it. Raises Invalid to refuse it: the sender tries later."""


class Reception:
    """me: by which name members tell this service events, its id.

    keys_of: the keys of a member by its id, none for a stranger. handlers: by kind of event.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        me: str,
        keys_of: Callable[[str], Collection[PublicKey]],
        handlers: Mapping[str, Handle],
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._me = me
        self._keys_of = keys_of
        self._handlers = handlers

    def route(self) -> Route:
        """`POST /events/v1`: 204 once the event is taken, also if it was taken before."""

        async def receive(request: Request) -> Response:
            body = await request.body()
            await asyncio.to_thread(self.take, body, request.headers.get(SIGNATURE_HEADER, ""))
            return Response(status_code=204)

        return Route(EVENTS_PATH, receive, methods=["POST"])

    def take(self, body: bytes, signature: str) -> None:
        """Take an event once. Raises NotAuthenticated, Invalid."""
        event = self._checked(body, signature)
        handle = self._handlers.get(event.kind)
        if handle is None:
            raise Invalid(f"events of type {event.kind!r} are not taken here")
        try:
            with self._engine.begin() as connection:
                row = {"sender": event.sender, "id": event.id, "received_at": self._clock.now()}
                connection.execute(insert(received_events), row)
                handle(connection, event)
        except IntegrityError:
            if not self._has(event):
                raise

    def _has(self, event: ReceivedEvent) -> bool:
        columns = received_events.c
        query = received_events.select().where(columns.sender == event.sender, columns.id == event.id)
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def _checked(self, body: bytes, signature: str) -> ReceivedEvent:
        try:
            told = msgspec.json.decode(body)
            sender, kind, subject = (str(told[name]) for name in ("source", "type", "subject"))
            data = told.get("data") or {}
            if not isinstance(data, dict):
                raise Invalid("data of the event is no JSON object")
            id_ = check_event(signature, body, sender=sender, receiver=self._me, keys=self._keys_of(sender))
            if id_ != told.get("id"):
                raise NotAuthenticated("the signature is for an event of another id")
        except (Unverified, Malformed) as error:
            raise NotAuthenticated(f"an event's signature does not hold: {error}") from error
        except (msgspec.MsgspecError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise Invalid("the body is no CloudEvent in JSON with source, type, subject and id") from error
        return ReceivedEvent(sender, id_, kind, subject, data)
