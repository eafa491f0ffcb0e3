"""The two Beacons of a node: settings and stores in, routes out."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from starlette.types import ASGIApp, Scope

from opengdi import __version__
from opengdi.apps.doors import callers_of
from opengdi.apps.process import Part, Wrap
from opengdi.apps.settings import Settings
from opengdi.discovery.beacon.api import BeaconApi, Identify
from opengdi.discovery.beacon.cohorts import CohortLists
from opengdi.discovery.beacon.frequencies import Frequencies
from opengdi.discovery.beacon.holdings import FilesAddress, Holdings, Published, no_files
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
from opengdi.discovery.beacon.selection import Selector
from opengdi.discovery.beacon.service import Beacon
from opengdi.discovery.beacon.terms import TermLists
from opengdi.discovery.model import ShelvedRelease
from opengdi.discovery.ports import SubjectStore, VariantStore
from opengdi.discovery.subjects.hierarchy import load_ontology
from opengdi.discovery.subjects.store import BitmapSubjectStore
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.disclosure.anomaly import Alarm
from opengdi.kernel.disclosure.guard import DifferencingGuard
from opengdi.kernel.disclosure.ledger import BudgetLedger
from opengdi.kernel.disclosure.rate import RequestRate
from opengdi.kernel.disclosure.sql_ledger import SqlBudgetLedger
from opengdi.kernel.disclosure.watch import Watch
from opengdi.kernel.http.callers import Callers
from opengdi.kernel.http.faults import ErrorShape
from opengdi.kernel.http.peer_gate import PeerGate, no_edition
from opengdi.kernel.keys import PublicKey
from opengdi.kernel.logging import current_request_id
from opengdi.kernel.peers import AnswerSigner, PeerVerifier
from opengdi.kernel.principal import Principal
from opengdi.standards.beacon.answer import handover

if TYPE_CHECKING:
    from opengdi.apps.node import NodeState
    from opengdi.discovery.variants.serving import ServedVariants

SIGNING_KEY: Final = "node"

_PROFILES = (AGGREGATED, INDIVIDUALS)


@dataclass(frozen=True, slots=True)
class BeaconStores:
    """What both Beacons read and write. files: where holders of a visa find those of a dataset."""

    published: Published
    variants: VariantStore
    subjects: SubjectStore
    ledger: BudgetLedger
    guard: DifferencingGuard
    audit: AuditLog
    files: FilesAddress = no_files


def discovery_part(state: NodeState, served: ServedVariants, files: FilesAddress = no_files) -> Part:
    """Both Beacons over the node's stores, known to the hubs that the settings name."""
    ledger = SqlBudgetLedger(state.engine)
    stores = BeaconStores(
        published=served.published,
        variants=served.store,
        subjects=BitmapSubjectStore(
            served.published,
            load_ontology(state.settings.beacon.hierarchies),
            floor=state.settings.disclosure.k_individuals,
        ),
        ledger=ledger,
        guard=DifferencingGuard(state.engine, sets_bytes=state.settings.beacon.told_sets_mib << 20),
        audit=state.audit,
        files=files,
    )
    edition = Editions(served.published).current if state.settings.federation.tell_editions else no_edition
    part = beacons_part(state.settings, stores, callers_of(state), peer_gate(state, edition))
    return replace(part, close=partial(_close_in_turn, (part.close, ledger.close)))


class Editions:
    """Names what is published: another name after every change of it, and after every start, hence of settings.

    Two processes of one node never use the same names, so that an answer of one is never taken for one of the other.
    """

    def __init__(self, published: Published) -> None:
        self._published = published
        self._process = secrets.token_urlsafe(9)
        self._seen: Sequence[ShelvedRelease] = ()
        self._number = 0

    def current(self) -> str:
        """The name of what is published now."""
        seen = self._published()
        if seen is not self._seen:
            self._seen = seen
            self._number += 1
        return f"{self._process}.{self._number}"


def peer_gate(state: NodeState, edition: Callable[[], str] = no_edition) -> Wrap:
    """What makes an API believe the hubs of the settings, and sign its answers to them."""
    pins = {
        hub.id: [PublicKey.from_text(text) for text in hub.public_keys]
        for hub in state.settings.federation.hubs
    }
    verifier = PeerVerifier(pins, state.settings.node.id, state.clock)
    signer = AnswerSigner(state.settings.node.id, state.keys.signing_key(SIGNING_KEY), state.clock)

    def refused(_reason: str) -> None:
        state.audit.append("peer.refuse", actor="anonymous", outcome=Outcome.REFUSED)

    return lambda app: PeerGate(app, verifier, signer, refused, edition)


def _close_in_turn(closers: Sequence[Callable[[], None] | None]) -> None:
    for close in closers:
        if close is not None:
            close()


def beacons_part(
    settings: Settings, stores: BeaconStores, callers: Callers, gate: Wrap = lambda app: app
) -> Part:
    """Routes and error shapes of the aggregated and the subject-level Beacon; `gate` is put around each."""
    scans = ScanThreads()
    watch = watch_over(settings, stores.audit)
    mounts: dict[str, ASGIApp] = {}
    shapes: dict[str, ErrorShape] = {}
    for profile in _PROFILES:
        api = _api(profile, settings, stores, watch=watch, callers=callers, scans=scans)
        app = gate(api)
        for base in _base_paths(settings, profile):
            mounts[base] = app
            shapes[base] = api.shape
    return Part(mounts=mounts, shapes=shapes, close=scans.close)


def _base_paths(settings: Settings, profile: BeaconProfile) -> Sequence[str]:
    """Where a Beacon answers, its main path first."""
    beacon = settings.beacon
    main = beacon.aggregated_path if profile is AGGREGATED else beacon.individuals_path
    return (main, *(alias for alias, name in beacon.aliases.items() if name == profile.name))


def watch_over(settings: Settings, audit: AuditLog) -> Watch:
    """Counts how often each caller asks, and writes down who asks as if they held a genome."""

    def report(asker: Principal, alarm: Alarm) -> None:
        audit.append(f"disclosure.alarm.{alarm}", actor=asker.subject, request=current_request_id.get())

    beacon = settings.beacon
    return Watch(RequestRate(beacon.requests, beacon.requests_window_s, SystemClock()), report)


def _at_a_rate(identify: Identify, watch: Watch) -> Identify:
    """`identify`, refusing who asks too often."""

    def admitted(scope: Scope) -> Principal:
        asker = identify(scope)
        watch.admit(asker)
        return asker

    return admitted


def _api(
    profile: BeaconProfile,
    settings: Settings,
    stores: BeaconStores,
    *,
    watch: Watch,
    callers: Callers,
    scans: ScanThreads,
) -> BeaconApi:
    holdings = Holdings(
        stores.published, settings.disclosure.policy, settings.beacon.access_url, stores.files
    )
    cohorts = CohortLists(stores.subjects, scans)
    beacon = Beacon(
        _identity(profile, settings),
        profile,
        holdings,
        frequencies=Frequencies(stores.variants, stores.ledger, watch, scans),
        people=People(
            Selector(stores.variants, stores.subjects, cohorts, scans),
            stores.ledger,
            stores.guard,
            watch,
            SystemClock(),
        ),
        cohorts=cohorts,
        audit=stores.audit,
        paging=Paging(settings.beacon.default_limit, settings.beacon.max_limit),
    )
    return BeaconApi(
        beacon,
        TermLists(holdings, stores.subjects, cohorts, profile),
        _at_a_rate(callers.identify_or_pass if profile is AGGREGATED else callers.identify, watch),
        base_paths=_base_paths(settings, profile),
        allowed_origins=settings.beacon.cors_origins,
    )


def _identity(profile: BeaconProfile, settings: Settings) -> BeaconIdentity:
    node = settings.node
    other = INDIVIDUALS if profile is AGGREGATED else AGGREGATED
    organisation = node.organisation
    external = settings.public.external_url
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
        handovers=tuple(handover(*each.model_dump().values()) for each in settings.beacon.handovers),
    )


_WORDS = {"aggregated": "af-beacon", "individuals": "sl-beacon"}
