"""Telling services of the field what happens: a PUT per event, a POST per entitlement that begins or ends.

What is to be told is written in the transaction of the act, by ids; what it says is made when it is sent. Events go
one at a time in their order; one that is not answered by 200 is tried again later, alone.
Spec: REMS docs, "Event notification" and "Entitlement callbacks" (v1).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import msgspec
from sqlalchemy import Connection

from opengdi.access.applications.evolution import evolve
from opengdi.access.applications.model import GRANTED, Application, Role
from opengdi.access.applications.story import APPLICATIONS
from opengdi.access.model import Event
from opengdi.access.rems.entitlements import entitled
from opengdi.access.rems.model import Kind
from opengdi.access.rems.ports import OpensWithin
from opengdi.access.rems.shapes import Json, Shapes, time_of, typed
from opengdi.kernel.errors import Invalid, NotFound, Unavailable
from opengdi.kernel.outbox import Outbox

EVENT: Final = "eu.gdi.rems.event"
ADDED: Final = "eu.gdi.rems.entitlement.added"
REMOVED: Final = "eu.gdi.rems.entitlement.removed"

Use = tuple[str, str]
"""A person and a dataset."""

MOST_OF_ONE: Final = 1000
"""Applications of one person that are looked through."""


@dataclass(frozen=True, slots=True)
class EventTarget:
    """Who hears of events. types: only these, such as `application.event/approved`; empty: all.

    application: tell the whole application too. headers: sent along; they may hold a token.
    """

    name: str
    url: str
    types: frozenset[str] = frozenset()
    application: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def destination(self) -> str:
        return f"rems-events:{self.name}"


@dataclass(frozen=True, slots=True)
class EntitlementTarget:
    """Who hears of entitlements. add, remove: addresses; empty: that is not told."""

    name: str
    add: str
    remove: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def destination(self) -> str:
        return f"rems-entitlements:{self.name}"


@dataclass(frozen=True, slots=True)
class Pushes:
    """Follows applications and writes down what is to be told.

    opens: what permits open; what they do not is no entitlement. None: applications alone tell (in tests).
    """

    outbox: Outbox
    shapes: Shapes
    events: tuple[EventTarget, ...] = ()
    entitlements: tuple[EntitlementTarget, ...] = ()
    opens: OpensWithin | None = None

    def follow(self, connection: Connection, state: Application, fresh: Sequence[Event]) -> None:
        """As `applications.service.Follower`."""
        if not (self.events or self.entitlements):
            return
        ledger = self.shapes.around.ledger
        past = ledger.events_within(connection, APPLICATIONS, state.id)
        first = fresh[0].number
        for event, type_ in typed(past):
            if event.number >= first:
                self._tell_event(connection, state.id, event, type_)
        if self.entitlements:
            self._tell_entitlements(connection, past, first)

    def _tell_event(self, connection: Connection, id_: str, event: Event, type_: str) -> None:
        told = {
            "application": id_,
            "number": event.number,
            "position": event.position,
            "type": type_,
            "actor": event.actor,
            "time": time_of(event.at),
        }
        for target in self.events:
            if not target.types or type_ in target.types:
                self.outbox.write(connection, EVENT, id_, told, to=target.destination)

    def _tell_entitlements(self, connection: Connection, past: Sequence[Event], first: int) -> None:
        terms = frozenset(terms.id for terms in self.shapes.around.terms)
        before = Application()
        for event in past[: first - 1]:
            before = evolve(before, event)
        after = before
        for event in past[first - 1 :]:
            after = evolve(after, event)
        had, has = entitled(before, terms), entitled(after, terms)
        begun = {use for use in self._open(connection, after, has - had) if self._stands_well(use)}
        self._tell_all(connection, ADDED, after.id, begun)
        self._tell_all(connection, REMOVED, after.id, had - has)

    def standing(self, connection: Connection, subject: str, *, good: bool) -> None:
        """Somebody may use data no longer, or again: tell it of every entitlement of theirs. It may be told twice."""
        around, kind = self.shapes.around, ADDED if good else REMOVED
        terms = frozenset(terms.id for terms in around.terms)
        listing = around.ledger.list(APPLICATIONS, concerning=[subject], states=GRANTED, most=MOST_OF_ONE)
        for line in listing.lines:
            state = around.ledger.state(APPLICATIONS, line.id)
            theirs = {use for use in entitled(state, terms) if use[0] == subject}
            self._tell_all(
                connection, kind, state.id, self._open(connection, state, theirs) if good else theirs
            )

    def permit(
        self, connection: Connection, application: str, before: Collection[Use], after: Collection[Use]
    ) -> None:
        """A permit that goes on opens other uses than before: some end, or begin again. It may be told twice."""
        around = self.shapes.around
        terms = frozenset(terms.id for terms in around.terms)
        has = entitled(around.ledger.state(APPLICATIONS, application), terms)
        begun = has & (set(after) - set(before))
        self._tell_all(connection, ADDED, application, filter(self._stands_well, begun))
        self._tell_all(connection, REMOVED, application, set(before) - set(after))

    def _open(self, connection: Connection, state: Application, uses: Collection[Use]) -> set[Use]:
        """Those that the permit of the application opens now."""
        if self.opens is None or not uses:
            return set(uses)
        return set(uses) & self.opens(connection, state.permit).keys()

    def _stands_well(self, use: Use) -> bool:
        return self.shapes.around.standings.of(use[0]).may_request

    def _tell_all(self, connection: Connection, kind: str, application: str, uses: Iterable[Use]) -> None:
        for subject, dataset in sorted(uses):
            told = {"application": application, "subject": subject, "dataset": dataset}
            for target in self.entitlements:
                if target.add if kind == ADDED else target.remove:
                    self.outbox.write(connection, kind, subject, told, to=target.destination)

    def event_body(self, told: Mapping[str, Any], *, application: bool) -> Json:
        """What a target is told of an event; the application is as it was then."""
        id_ = str(told["application"])
        body: Json = {
            "event/id": told["position"],
            "event/type": told["type"],
            "event/actor": told["actor"],
            "event/time": told["time"],
            "application/id": self.shapes.things.number(Kind.APPLICATION, id_),
        }
        if application:
            events = self.shapes.around.ledger.events(APPLICATIONS, id_)[: told["number"]]
            state = APPLICATIONS.fold(events)
            body["event/application"] = self.shapes.whole(state, events, frozenset({Role.COORDINATOR}))
        return body

    def entitlement_body(self, told: Mapping[str, Any]) -> Json:
        """What a target is told of an entitlement."""
        subject = str(told["subject"])
        return {
            "application": self.shapes.things.number(Kind.APPLICATION, str(told["application"])),
            "user": subject,
            "resource": told["dataset"],
            "email": self.shapes.people.of([subject])[subject]["email"],
        }


class _Line:
    """An HTTP client of one target."""

    def __init__(self, headers: Mapping[str, str], timeout_s: float) -> None:
        self._client = httpx.Client(timeout=timeout_s, trust_env=False, headers=dict(headers))

    def send(self, method: str, url: str, body: Json) -> None:
        """Raises Unavailable if nobody answers, Invalid if the answer is not 200."""
        headers = {"content-type": "application/json"}
        try:
            status = self._client.request(
                method, url, content=msgspec.json.encode(body), headers=headers
            ).status_code
        except httpx.HTTPError as error:
            raise Unavailable(f"{url} does not answer: {type(error).__name__}") from error
        if status != httpx.codes.OK:
            raise Invalid(f"{url} answers {status}, not 200")

    def close(self) -> None:
        self._client.close()


class EventCourier:
    """Takes events to a target. `kernel.outbox.Courier`."""

    def __init__(self, pushes: Pushes, target: EventTarget, *, timeout_s: float) -> None:
        self._pushes = pushes
        self._target = target
        self._line = _Line(target.headers, timeout_s)

    def deliver(self, event_id: str, body: bytes) -> None:
        told = msgspec.json.decode(body)["data"]
        try:
            content = self._pushes.event_body(told, application=self._target.application)
        except NotFound as error:
            raise Invalid(f"event {event_id}: {error}") from error
        self._line.send("PUT", self._target.url, content)

    def close(self) -> None:
        self._line.close()


class EntitlementCourier:
    """Takes entitlements to a target. `kernel.outbox.Courier`."""

    def __init__(self, pushes: Pushes, target: EntitlementTarget, *, timeout_s: float) -> None:
        self._pushes = pushes
        self._target = target
        self._line = _Line(target.headers, timeout_s)

    def deliver(self, _event_id: str, body: bytes) -> None:
        event = msgspec.json.decode(body)
        url = self._target.add if event["type"] == ADDED else self._target.remove
        self._line.send("POST", url, self._pushes.entitlement_body(event["data"]))

    def close(self) -> None:
        self._line.close()
