"""Puts identity together: whom a node or hub believes, what it signs, and the doors that follow from both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from opengdi.apps.beacons import peer_gate
from opengdi.apps.broker import (
    OpenBroker,
    OpenTokens,
    issuer_of,
    open_broker,
    open_hub_revocations,
    open_node_revocations,
    open_tokens,
    revocations_part,
)
from opengdi.apps.doors import Doors, callers_of, duty_book, keys_probe, open_doors
from opengdi.apps.login import OpenLogin, open_login
from opengdi.apps.process import Part, Wrap
from opengdi.apps.visas import Visas, home_of, linked_issuers, open_clearinghouse, open_visas, visas_part
from opengdi.identity.broker.api import BASE as BROKER
from opengdi.identity.clearinghouse.keys import FetchedKeys, KeySource
from opengdi.identity.clearinghouse.model import Pair
from opengdi.identity.clearinghouse.service import Clearinghouse
from opengdi.identity.login.api import About
from opengdi.identity.login.session_store import SessionStore
from opengdi.identity.ports import Grants, Sessions, Standings
from opengdi.identity.revocations.model import NOTICE, Kind
from opengdi.identity.revocations.rules import read_notice
from opengdi.identity.revocations.service import Revocations
from opengdi.kernel.feed import Notice

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from opengdi.apps.access_wire import HubWire, NodeWire
    from opengdi.apps.hub import HubState
    from opengdi.apps.node import NodeState
    from opengdi.apps.service_state import ServiceState
    from opengdi.apps.settings import Settings
    from opengdi.identity.login.model import Person

JWKS: Final = "/jwks"


@dataclass(frozen=True, slots=True)
class OpenIdentity:
    """Identity of a process. parts: what it serves of it."""

    doors: Doors
    clearinghouse: Clearinghouse
    visas: Visas
    revocations: Revocations
    login: OpenLogin | None
    broker: OpenBroker | None
    parts: tuple[Part, ...]


def open_node_identity(
    state: NodeState, wire: NodeWire, *, grants: Grants | None = None, standings: Standings | None = None
) -> OpenIdentity:
    """Identity of a node. grants: what its permits open, which is what it signs visas for."""
    settings = state.settings
    home = home_of(settings, _first_hubs_broker(settings))
    revocations = open_node_revocations(state, wire)
    visas = open_visas(state, grants=grants, standings=standings)
    clearinghouse = open_clearinghouse(
        settings,
        state.clock,
        own_id=settings.node.id,
        visas=visas,
        home=home,
        brokers=_hubs_brokers(state),
        revoked=revocations,
    )
    tokens = open_tokens(state, clearinghouse, revocations)
    login = open_login(state, "node", arriving=_arriving(state), about=_about(state, standings))
    if login is not None:
        wire.on(NOTICE, ends_sessions_of_barred(login.store))
    sessions = login.sessions if login else None
    doors = open_doors(
        state,
        passed_over=_passed_over(login, None),
        issuers=(visas.pair.iss, *(each.iss for each in settings.identity.passports.issuers)),
        passports=clearinghouse,
        access_tokens=tokens.tokens if tokens else None,
        sessions=sessions,
        revoked=revocations,
        home=frozenset({home, *([settings.identity.login.issuer] if login else [])} - {""}),
    )
    parts = (*_parts(state, visas, revocations, login, None, tokens, gate=peer_gate(state)), doors.part())
    return OpenIdentity(doors, clearinghouse, visas, revocations, login, None, parts)


def open_hub_identity(
    state: HubState,
    wire: HubWire,
    *,
    grants: Grants | None = None,
    standings: Standings | None = None,
) -> OpenIdentity:
    """Identity of a hub. standings: what it may say of people, which makes them registered here too."""
    settings, home = state.settings, issuer_of(state)
    revocations = open_hub_revocations(state, wire)
    linked = linked_issuers(settings, home) if settings.identity.broker.enabled else ()
    visas = open_visas(state, grants=grants, standings=standings, linked=linked)
    login = open_login(
        state, "hub", issuer=lambda: home, arriving=_arriving(state), about=_about(state, standings)
    )
    if login is not None:
        wire.on(NOTICE, ends_sessions_of_barred(login.store))
    sessions: Sessions | None = login.sessions if login else None
    broker = None
    if login is not None:
        addresses = login.people.address
        broker = open_broker(
            state, wire, revocations, sessions=login.sessions, addresses=addresses, own=visas.issuer
        )
        if broker is not None:
            login.store.on_end(broker.broker.grants.end_session)
    clearinghouse = open_clearinghouse(
        settings,
        state.clock,
        own_id=settings.hub.id,
        visas=visas,
        home=home,
        brokers={broker.pair: broker.keys} if broker else {},
        revoked=revocations,
    )
    doors = open_doors(
        state,
        passed_over=_passed_over(login, broker),
        passports=clearinghouse,
        access_tokens=broker.tokens(clearinghouse) if broker else None,
        sessions=sessions,
        revoked=revocations,
        standings=standings,
        home=frozenset({home}),
    )
    parts = (*_parts(state, visas, revocations, login, broker, None, public=True), doors.part())
    return OpenIdentity(doors, clearinghouse, visas, revocations, login, broker, parts)


def _passed_over(login: OpenLogin | None, broker: OpenBroker | None) -> frozenset[str]:
    """Where credentials are shown that are the business of the API alone."""
    parts = [each.part for each in (login, broker) if each is not None]
    return frozenset(base for part in parts for base in part.own_credentials)


def _first_hubs_broker(settings: Settings) -> str:
    return next((f"{hub.url}{BROKER}" for hub in settings.federation.hubs), "")


def _hubs_brokers(state: NodeState) -> Mapping[Pair, KeySource]:
    """The brokers of this node's hubs, but for those that settings name themselves, perhaps with their keys.

    Their keys are fetched when the first passport comes.
    """
    told = state.settings.identity
    named = {each.iss for each in told.passports.brokers} | {each.issuer for each in told.brokers}
    issuers = {f"{hub.url}{BROKER}" for hub in state.settings.federation.hubs} - named
    return {Pair(iss, f"{iss}{JWKS}"): FetchedKeys(f"{iss}{JWKS}", state.clock) for iss in sorted(issuers)}


def _arriving(state: ServiceState) -> Callable[[Connection, Person], None]:
    """Who logs in is given what was kept for their verified address."""
    book = duty_book(state)

    def arriving(connection: Connection, person: Person) -> None:
        if person.email:
            book.recognise(connection, person.subject, person.email)

    return arriving


def _about(state: ServiceState, standings: Standings | None) -> About:
    """What a page is told of the person who is logged in."""

    def organisation(subject: str) -> str:
        standing = standings.standing(subject) if standings is not None else None
        return standing.organisation if standing is not None else ""

    return About(duty_book(state).of, organisation)


def ends_sessions_of_barred(store: SessionStore) -> Callable[[Connection, Notice], None]:
    """Who is taken back as a whole is logged out everywhere."""

    def hear(connection: Connection, notice: Notice) -> None:
        revocation = read_notice(notice.body)
        if revocation.kind is Kind.SUBJECT:
            store.end_all_of(connection, revocation.subject)

    return hear


def _parts(
    state: ServiceState,
    visas: Visas,
    revocations: Revocations,
    login: OpenLogin | None,
    broker: OpenBroker | None,
    tokens: OpenTokens | None,
    *,
    public: bool = False,
    gate: Wrap = lambda app: app,
) -> tuple[Part, ...]:
    opened = (login, broker, tokens)
    return (
        Part(probes=(keys_probe(state),)),
        visas_part(visas, state.settings, identify=callers_of(state).identify, gate=gate),
        revocations_part(revocations, public=public),
        *(each.part for each in opened if each is not None),
    )
