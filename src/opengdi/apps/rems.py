"""Wires the REMS-shaped interface into a hub, over its applications."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from starlette.types import Scope

from opengdi.access.permits.model import State as PermitState
from opengdi.access.permits.rules import opened
from opengdi.access.rems.api import Counter, rems_routes
from opengdi.access.rems.callers import Callers
from opengdi.access.rems.catalogue import Workshop
from opengdi.access.rems.faults import BASE, rems_error_shape
from opengdi.access.rems.people import People
from opengdi.access.rems.ports import Keys
from opengdi.access.rems.push import (
    EntitlementCourier,
    EntitlementTarget,
    EventCourier,
    EventTarget,
    Pushes,
)
from opengdi.access.rems.service import Defaults, Rems
from opengdi.access.rems.shapes import Shapes
from opengdi.access.rems.things import Things
from opengdi.access.rems.visas import SignedVisas
from opengdi.apps.networks import external_url
from opengdi.apps.process import Part
from opengdi.kernel.audit.segments import events_of, writers_in
from opengdi.kernel.health import Condition, Finding, Probe
from opengdi.kernel.keys import RotatingKeys, Rotation
from opengdi.kernel.outbox import Courier, Outbox, Sender
from opengdi.kernel.principal import Principal

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from opengdi.access.applications.model import Application
    from opengdi.access.model import Event
    from opengdi.access.permits.model import Permit
    from opengdi.access.permits.ports import Heard
    from opengdi.access.permits.service import Permits
    from opengdi.apps.access_settings import RemsSettings
    from opengdi.apps.applications import ApplicationDesk
    from opengdi.apps.hub import HubState
    from opengdi.apps.setting_types import SecretText
    from opengdi.kernel.feed import Notice

KEYS: Final = "rems-visas"
"""Name of the rotating keys that sign visas for consumers of the field."""

MOST_LINES: Final = 10_000


@dataclass(slots=True)
class RemsWire:
    """What an application's events are followed by, and later the routes over the applications.

    Applications are wired with `follow`; then `part` is asked with the applications.
    """

    state: HubState
    _pushes: Pushes | None = None
    _permits: Permits | None = None
    _people: People | None = None

    def address(self, subject: str) -> str:
        """E-mail address of somebody whom a client introduced; empty, if none did."""
        return (self._people.of([subject])[subject]["email"] or "") if self._people is not None else ""

    def follow(self, connection: Connection, state: Application, events: Sequence[Event]) -> None:
        """Write down what services are to be told; before `part` was asked there is nobody to tell."""
        if self._pushes is not None:
            self._pushes.follow(connection, state, events)

    def hear_standing(self, connection: Connection, notice: Notice) -> None:
        """`person.standing`: what somebody may use begins or ends for those who are told of entitlements."""
        if self._pushes is not None and self._pushes.entitlements:
            good = notice.body["inGoodStanding"] is True
            self._pushes.standing(connection, str(notice.body["subject"]), good=good)

    def attach(self, permits: Permits) -> Heard:
        """Know what permits open; what is answered hears of them."""
        self._permits = permits
        return self._hear_permit

    def _hear_permit(self, connection: Connection, permit: Permit, events: Sequence[Event]) -> None:
        """A permit was suspended, woken, amended: begin and end are told of with the application."""
        if self._pushes is None or not self._pushes.entitlements or self._permits is None:
            return
        before = self._permits.opened_before(connection, permit, events)
        if before.state is PermitState.NOTHING or permit.state is PermitState.ENDED:
            return
        now = events[-1].at
        self._pushes.permit(connection, permit.application, opened(before, now), opened(permit, now))

    def part(self, desk: ApplicationDesk, identify: Callable[[Scope], Principal], keys: Keys) -> Part:
        """Routes below `/api`, and what sends. Nothing, if it is not enabled."""
        settings, state = self.state.settings.requests.rems, self.state
        if not settings.enabled:
            return Part()
        around, store = desk.applications.around, desk.desk.store
        things = Things(state.engine)
        people = self._people = People(state.engine, things, lambda: secrets.token_hex(16))
        shapes = Shapes(around, things, people)
        rems = Rems(
            desk.applications,
            things,
            people,
            shapes,
            Defaults(settings.days, settings.environment),
            self._permits.opens if self._permits else None,
        )
        callers = Callers(
            identify, keys, state.audit, frozenset(settings.impersonating), frozenset(settings.bots)
        )
        counter = Counter(
            rems,
            Workshop(things, shapes),
            callers,
            store,
            _visas(state, settings) if settings.visas else None,
            partial(audit_lines, state.data_dir / "audit"),
        )
        outbox = Outbox(
            state.engine, state.clock, source=state.settings.hub.id, new_id=lambda: secrets.token_hex(16)
        )
        self._pushes = Pushes(
            outbox,
            shapes,
            _event_targets(settings),
            _entitlement_targets(settings),
            self._permits.opens_within if self._permits else None,
        )
        senders, couriers = _senders(self._pushes, settings.timeout_s)
        return Part(
            routes=rems_routes(counter),
            shapes={BASE: rems_error_shape},
            limits={f"{BASE}/applications/add-attachment": desk.limits},
            probes=(_probe(senders),) if senders else (),
            background=[sender.run for sender in senders],
            close=partial(_close, couriers),
        )


def audit_lines(folder: Path, actor: str | None) -> list[Mapping[str, Any]]:
    """The newest lines of the audit chain, as `/api/audit-log` tells them."""
    events = sorted(
        (
            event
            for writer in writers_in(folder)
            for event in events_of(writer)
            if actor is None or event.actor == actor or f"person:{actor}" in event.objects
        ),
        key=lambda event: event.time,
    )
    return [
        {
            "time": event.time,
            "userid": event.actor,
            "method": event.action,
            "path": " ".join(event.objects),
            "status": event.outcome,
        }
        for event in events[-MOST_LINES:]
    ]


def _visas(state: HubState, settings: RemsSettings) -> SignedVisas:
    lifetime = timedelta(seconds=settings.visa_lifetime_s)
    keys = RotatingKeys(state.keys, KEYS, state.clock, algorithm="RS256", rotation=Rotation(longest=lifetime))
    iss = f"{external_url(state.settings.public)}/"
    return SignedVisas(
        keys, iss, state.clock, state.audit, lambda: f"rems-{secrets.token_urlsafe(16)}", lifetime
    )


def _event_targets(settings: RemsSettings) -> tuple[EventTarget, ...]:
    return tuple(
        EventTarget(each.name, each.url, frozenset(each.types), each.application, _headers(each.token))
        for each in settings.events
    )


def _entitlement_targets(settings: RemsSettings) -> tuple[EntitlementTarget, ...]:
    return tuple(
        EntitlementTarget(each.name, each.add, each.remove, _headers(each.token))
        for each in settings.entitlements
    )


def _headers(token: SecretText) -> Mapping[str, str]:
    return {"authorization": f"Bearer {token.get_secret_value()}"} if token.get_secret_value() else {}


def _senders(pushes: Pushes, timeout_s: float) -> tuple[list[Sender], list[Courier]]:
    told: list[tuple[str, Courier]] = [
        *((each.destination, EventCourier(pushes, each, timeout_s=timeout_s)) for each in pushes.events),
        *(
            (each.destination, EntitlementCourier(pushes, each, timeout_s=timeout_s))
            for each in pushes.entitlements
        ),
    ]
    senders = [Sender(pushes.outbox, courier, to=destination) for destination, courier in told]
    return senders, [courier for _, courier in told]


def _probe(senders: list[Sender]) -> Probe:
    def look() -> Finding:
        trouble = "; ".join(sender.trouble for sender in senders if sender.trouble)
        return Finding(Condition.DEGRADED, trouble) if trouble else Finding()

    return Probe("rems-notifications", look)


def _close(couriers: list[Courier]) -> None:
    for courier in couriers:
        courier.close()
