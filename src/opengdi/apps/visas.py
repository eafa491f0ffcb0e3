"""Wiring of visas: the issuer of a node or hub, and the clearinghouse that checks whatever people bring."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from starlette.types import ASGIApp, Scope

from opengdi.apps.networks import external_url
from opengdi.apps.process import Part
from opengdi.apps.service_state import ServiceState
from opengdi.identity.clearinghouse.keys import FetchedKeys, GivenKeys, KeyBook, KeySource, OwnKeys
from opengdi.identity.clearinghouse.model import Issuer, Pair, Policy, Trust
from opengdi.identity.clearinghouse.service import Clearinghouse
from opengdi.identity.issuer.api import issuer_routes
from opengdi.identity.issuer.model import BASE_PATH, BODIES_PATH, JWKS_PATH, IssuerProfile
from opengdi.identity.issuer.service import Body, Signers, VisaIssuer
from opengdi.identity.issuer.store import IssuedVisas
from opengdi.identity.ports import Grants, NoGrants, NoStandings, NothingRevoked, Revoked, Standings
from opengdi.kernel.clock import Clock
from opengdi.kernel.http.callers import PEER
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.keys import Algorithm, RotatingKeys, Rotation
from opengdi.kernel.principal import Duty, Principal, Role
from opengdi.standards.passport import VisaType

if TYPE_CHECKING:
    from opengdi.apps.identity_settings import TrustedIssuerSettings
    from opengdi.apps.settings import Settings

KEYS: Final = "visas"
"""Name of the rotating keys that sign visas."""

_OF_PEOPLE: Final = frozenset(VisaType) - {VisaType.CONTROLLED_ACCESS}
"""What the hubs that a node belongs to may say; they open no data."""

_WHOLE: Final = "*"
"""Every dataset here for which nobody is named more closely."""


@dataclass(frozen=True, slots=True)
class Visas:
    """The issuer and what it signs with."""

    issuer: VisaIssuer
    keys: RotatingKeys
    issued: IssuedVisas
    bodies: tuple[Body, ...] = ()

    @property
    def pair(self) -> Pair:
        return Pair(self.issuer.profile.iss, self.issuer.profile.jku)


def home_of(settings: Settings, own_broker: str = "") -> str:
    """`iss` of the broker whose people the own visas are about; own_broker: the hub's own, or that of a node's hub."""
    brokers = settings.identity.brokers
    return settings.identity.visas.subjects_of or own_broker or (brokers[0].issuer if brokers else "")


def linked_issuers(settings: Settings, own_broker: str) -> tuple[str, ...]:
    """Issuers that know a hub's people by the same `sub`: its broker and the nodes whose visas that collects."""
    nodes = [(node.issuer or node.url, node.bodies) for node in settings.identity.broker.nodes]
    bodies = [f"{issuer}{BODIES_PATH}/{name}" for issuer, names in nodes for name in names]
    return (own_broker, *(issuer for issuer, _ in nodes), *bodies)


def open_visas(
    kept: ServiceState,
    *,
    grants: Grants | None = None,
    standings: Standings | None = None,
    linked: tuple[str, ...] = (),
) -> Visas:
    """The visa issuer. linked: issuers that know people by the same `sub`, such as the broker and the nodes."""
    settings = kept.settings.identity.visas
    lifetime = timedelta(seconds=settings.lifetime_s)
    rotation = Rotation(
        timedelta(days=settings.key_days), timedelta(days=settings.announce_days), longest=lifetime
    )
    own = settings.issuer or external_url(kept.settings.public)

    def keys_of(name: str, algorithm: Algorithm) -> RotatingKeys:
        return RotatingKeys(kept.keys, name, kept.clock, algorithm=algorithm, rotation=rotation)

    keys, issued = keys_of(KEYS, settings.algorithm), IssuedVisas(kept.engine)
    bodies = tuple(
        Body(
            each.name,
            each.source,
            IssuerProfile.of_body(own, each.name, lifetime),
            keys_of(f"{KEYS}-{each.name}", each.algorithm),
        )
        for each in settings.bodies
    )
    issuer = VisaIssuer(
        Signers(IssuerProfile(own, lifetime, linked), keys, bodies),
        issued,
        kept.clock,
        kept.audit,
        grants=grants or NoGrants(),
        standings=standings or NoStandings(),
        new_id=lambda: secrets.token_urlsafe(16),
    )
    return Visas(issuer, keys, issued, bodies)


def visas_part(
    visas: Visas,
    settings: Settings,
    *,
    identify: Callable[[Scope], Principal] | None = None,
    gate: Callable[[ASGIApp], ASGIApp] = lambda app: app,
) -> Part:
    """`/visas/v1/jwks` and `/visas/v1/permissions/{user}`.

    identify: who asks; not given: nobody is known but hubs. gate: makes the API believe the hubs of the settings.
    """
    asker = asking_brokers(settings, identify or _nobody)
    return Part(mounts={BASE_PATH: gate(Routing(issuer_routes(visas.issuer, asker, BASE_PATH)))})


def _nobody(_: Scope) -> Principal:
    return Principal("anonymous")


def asking_brokers(
    settings: Settings, identify: Callable[[Scope], Principal]
) -> Callable[[Scope], Principal]:
    """Who asks: a hub that signed its question and is a broker by the settings, else whom `identify` knows."""
    brokers = frozenset(settings.identity.visas.brokers)

    def asker(scope: Scope) -> Principal:
        peer: Principal | None = scope.get(PEER)
        if peer is None:
            return identify(scope)
        known = replace(peer, logged_in=True)
        return replace(known, duties=known.duties | {Duty(Role.BROKER)}) if peer.hub in brokers else known

    return asker


def open_clearinghouse(
    settings: Settings,
    clock: Clock,
    *,
    own_id: str,
    visas: Visas | None = None,
    home: str = "",
    brokers: Mapping[Pair, KeySource] | None = None,
    revoked: Revoked | None = None,
) -> Clearinghouse:
    """The clearinghouse by the settings.

    Brokers whose access tokens are taken are believed in passports too, hubs of a node in what they say of people.

    own_id: id of this node or hub. visas: the own issuer, the authority for datasets for which nobody is named more
    closely. home: `iss` of the broker whose people the own visas are about; brokers: those of this process, with keys.
    """
    told = settings.identity.passports
    sources: dict[Pair, KeySource] = dict(brokers or {})
    named = {Pair(each.iss, each.jku): each.keys for each in told.brokers}
    named |= {Pair(each.issuer, each.jwks_address): each.keys for each in settings.identity.brokers}
    for pair, keys in (named | {Pair(each.iss, each.jku): each.keys for each in told.issuers}).items():
        if keys:
            sources[pair] = GivenKeys(
                keys
            )  # what an operator gave is never fetched, whoever else names the pair
        sources.setdefault(pair, FetchedKeys(pair.jku, clock))
    issuers = [_issuer(each) for each in told.issuers]
    for hub in settings.federation.hubs:
        pair = Pair(hub.url, hub.url + JWKS_PATH)
        if all(each.pair != pair for each in issuers):  # an entry in the settings says it better
            issuers.append(Issuer(pair, _OF_PEOPLE, subjects_of=home))
            sources.setdefault(pair, FetchedKeys(pair.jku, clock))
    if visas is not None:
        sources[visas.pair] = OwnKeys(visas.keys.published)
        issuers.append(Issuer(visas.pair, frozenset(VisaType), (_WHOLE,), subjects_of=home))
        for body, each in zip(visas.bodies, settings.identity.visas.bodies, strict=True):
            pair = Pair(body.profile.iss, body.profile.jku)
            sources[pair] = OwnKeys(body.keys.published)
            issuers.append(
                Issuer(pair, datasets=each.datasets, sources=frozenset({each.source}), subjects_of=home)
            )
    trust = Trust((*named, *(brokers or {})), tuple(issuers))
    policy = Policy(
        audiences=frozenset({external_url(settings.public), own_id, *told.audiences}),
        bona_fide_by=frozenset(told.bona_fide_by),
        oldest_assertion=timedelta(days=told.oldest_assertion_days),
    )
    return Clearinghouse(trust, KeyBook(sources), revoked or NothingRevoked(), clock, policy)


def _issuer(told: TrustedIssuerSettings) -> Issuer:
    return Issuer(
        Pair(told.iss, told.jku),
        frozenset(told.types),
        told.datasets,
        frozenset(told.sources),
        told.subjects_of,
        told.accepts_bare_values,
        told.means_every_version,
    )
