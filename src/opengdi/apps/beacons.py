"""The two Beacons of a node: settings and stores in, routes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.routing import Route

from opengdi import __version__
from opengdi.apps.process import Part
from opengdi.apps.settings import Settings
from opengdi.discovery.beacon.api import BeaconApi, Sign
from opengdi.discovery.beacon.callers import Callers
from opengdi.discovery.beacon.collections import Collections
from opengdi.discovery.beacon.frequencies import Frequencies
from opengdi.discovery.beacon.holdings import Holdings, Published
from opengdi.discovery.beacon.model import (
    AGGREGATED,
    INDIVIDUALS,
    BeaconIdentity,
    BeaconProfile,
    Organisation,
    Paging,
)
from opengdi.discovery.beacon.people import People
from opengdi.discovery.beacon.scans import ScanThreads
from opengdi.discovery.beacon.service import Beacon
from opengdi.discovery.beacon.terms import TermLists
from opengdi.discovery.ports import SubjectStore, VariantStore
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.disclosure.guard import DifferencingGuard
from opengdi.kernel.disclosure.ledger import BudgetLedger
from opengdi.kernel.keys import Secret
from opengdi.kernel.peers import PeerVerifier

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""All of them: the Beacon says itself, in its own error shape, which it answers."""

_PROFILES = (AGGREGATED, INDIVIDUALS)


@dataclass(frozen=True, slots=True)
class BeaconStores:
    """What both Beacons read and write."""

    published: Published
    variants: VariantStore
    subjects: SubjectStore
    ledger: BudgetLedger
    guard: DifferencingGuard
    audit: AuditLog


@dataclass(frozen=True, slots=True)
class BeaconTrust:
    """How both Beacons tell who asks, and prove to a hub who answers."""

    address_name: Callable[[str], str]
    peers: PeerVerifier | None = None
    sign: Sign | None = None


def beacons_part(settings: Settings, stores: BeaconStores, trust: BeaconTrust) -> Part:
    """Routes and error shapes of the aggregated and the subject-level Beacon."""
    scans = ScanThreads()
    apis = {profile.name: _api(profile, settings, stores, trust, scans) for profile in _PROFILES}
    paths = {profile.name: _base_paths(settings, profile) for profile in _PROFILES}
    return Part(
        routes=[
            Route(f"{base}{tail}", apis[name], methods=_METHODS)
            for name, bases in paths.items()
            for base in bases
            for tail in ("", "/{rest:path}")
        ],
        shapes={base: apis[name].shape for name, bases in paths.items() for base in bases},
        close=scans.close,
    )


def _base_paths(settings: Settings, profile: BeaconProfile) -> Sequence[str]:
    """Where a Beacon answers, its main path first."""
    beacon = settings.beacon
    main = beacon.aggregated_path if profile is AGGREGATED else beacon.individuals_path
    return (main, *(alias for alias, name in beacon.aliases.items() if name == profile.name))


def _api(
    profile: BeaconProfile, settings: Settings, stores: BeaconStores, trust: BeaconTrust, scans: ScanThreads
) -> BeaconApi:
    holdings = Holdings(stores.published, settings.disclosure.policy, settings.beacon.access_url)
    beacon = Beacon(
        _identity(profile, settings),
        profile,
        holdings,
        frequencies=Frequencies(stores.variants, stores.ledger, scans),
        people=People(stores.variants, stores.subjects, stores.ledger, stores.guard, scans),
        collections=Collections(stores.subjects),
        audit=stores.audit,
        paging=Paging(settings.beacon.default_limit, settings.beacon.max_limit),
    )
    callers = Callers(_tokens(settings), trust.address_name, trust.peers)
    return BeaconApi(
        beacon,
        TermLists(holdings, stores.subjects, profile),
        callers.identify,
        base_paths=_base_paths(settings, profile),
        allowed_origins=settings.beacon.cors_origins,
        sign=trust.sign,
    )


def _tokens(settings: Settings) -> Mapping[str, Secret]:
    return {name: Secret(token.get_secret_value().encode()) for name, token in settings.beacon.tokens.items()}


def _identity(profile: BeaconProfile, settings: Settings) -> BeaconIdentity:
    node = settings.node
    other = INDIVIDUALS if profile is AGGREGATED else AGGREGATED
    organisation = node.organisation
    external = settings.public.external_url or f"http://{settings.public.host}:{settings.public.port}"
    return BeaconIdentity(
        id=f"{node.country.lower()}.{node.id}.{_WORDS[profile.name]}.{node.environment}",
        name=f"{node.name}: {profile.name}",
        description=node.description,
        environment=node.environment,
        organisation=Organisation(
            organisation.id, organisation.name, organisation.url, organisation.logo_url
        ),
        base_url=external + _base_paths(settings, profile)[0],
        alternative_url=external + _base_paths(settings, other)[0],
        software_version=__version__,
        production=node.environment == "prod",
    )


_WORDS = {"aggregated": "af-beacon", "individuals": "sl-beacon"}
