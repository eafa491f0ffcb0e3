"""Wires the federation into a hub: registry, members, two Beacon networks under three base paths."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from opengdi import __version__
from opengdi.apps.doors import PSEUDONYMS, callers_of
from opengdi.apps.process import Part
from opengdi.apps.settings import HubSettings, PublicSettings, Settings
from opengdi.federation.api import NetworkMount, beacon_error_shape, network_routes
from opengdi.federation.budget import HubBudget
from opengdi.federation.circuit import CircuitPolicy
from opengdi.federation.client import HttpMemberClient
from opengdi.federation.credentials import HubCredentials
from opengdi.federation.directory import Directory, ProfileStore
from opengdi.federation.fanout import FanOut, everything
from opengdi.federation.hand import AnswersInHand
from opengdi.federation.informational import NetworkFacts, service_info
from opengdi.federation.keeping import KeptAnswers
from opengdi.federation.measures import KeptAnswersMeter
from opengdi.federation.model import SUBJECT_LEVEL, Member, Network
from opengdi.federation.registry_api import registry_routes
from opengdi.federation.registry_files import RegistryWatch
from opengdi.federation.service import BeaconNetwork
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.disclosure.rate import RequestRate
from opengdi.kernel.disclosure.sql_ledger import SqlBudgetLedger
from opengdi.kernel.errors import Unavailable
from opengdi.kernel.health import Condition, Finding, Probe
from opengdi.kernel.keys import KeyFolder, PublicKey
from opengdi.kernel.peers import PeerSigner
from opengdi.standards.beacon.questions import EntryType, Granularity

if TYPE_CHECKING:
    from opengdi.apps.hub import HubState

SIGNING_KEY: Final = "hub"
LAST_GOOD: Final = "registry.last-good.jws"
API_PATH: Final = "/v2.0.0"
"""What deployed clients append to a network's address; the answers are of the newest version."""

_AGGREGATED: Final = (EntryType.GENOMIC_VARIANT, EntryType.DATASET, EntryType.COHORT)


@dataclass(frozen=True, slots=True)
class Federation:
    """The running parts of a hub's federation, for the process and for tests."""

    watch: RegistryWatch
    client: HttpMemberClient
    directory: Directory
    fan_out: FanOut
    ledger: SqlBudgetLedger
    networks: Mapping[Network, BeaconNetwork]
    kept: KeptAnswers

    def members(self) -> list[Member]:
        """Every Beacon of the registry in force; none while there is no registry."""
        try:
            self.watch.look()
            return list(self.watch.registry.members)
        except Unavailable:
            return []


def federation_part(state: HubState, federation: Federation) -> Part:
    """Routes, readiness and background work of the networks."""
    settings, hub = state.settings, state.settings.hub
    callers = callers_of(state)
    mounts = _mounts(settings, federation.networks)
    rate = RequestRate(hub.requests, hub.requests_window_s, state.clock)
    routes = [route for mount in mounts for route in network_routes(mount, callers, __version__, rate.admit)]
    about = service_info(mounts[0].facts, __version__) | {
        "id": f"{hub.id}.registry",
        "name": f"{hub.name}: registry",
        "type": {"group": "org.ga4gh", "artifact": "service-registry", "version": "1.0.0"},
    }

    async def keep_fresh() -> None:
        try:
            await federation.directory.keep_fresh(federation.members, state.clock, every_s=hub.refresh_s)
        finally:
            await federation.fan_out.aclose()
            await federation.client.aclose()

    return Part(
        routes=[*registry_routes(federation.watch, about), *routes],
        shapes={mount.base: beacon_error_shape(mount.facts) for mount in mounts},
        frames=[mount.base for mount in mounts],
        probes=(_registry_probe(federation.watch), _members_probe(federation)),
        background=(keep_fresh,),
        collectors=(KeptAnswersMeter(federation.kept),),
        close=federation.ledger.close,
    )


def open_federation(state: HubState) -> Federation:
    """The federation by the registry in force; other parts of a hub ask it for the members too."""
    hub = state.settings.hub
    key = state.keys.signing_key(SIGNING_KEY)
    credentials = HubCredentials(
        PeerSigner(hub.id, key, state.clock, lambda: secrets.token_urlsafe(16)),
        state.keys.secret(PSEUDONYMS),
    )
    client = HttpMemberClient(
        credentials, max_answer_bytes=hub.max_answer_bytes, user_agent=f"opengdi-hub/{__version__}"
    )
    watch = RegistryWatch(
        hub.registry_file, hub.data_dir / LAST_GOOD, registry_keys(hub), state.clock, state.audit
    )
    directory = Directory(client, ProfileStore(hub.data_dir / "members"), timeout_s=hub.deadline_s)
    kept = KeptAnswers(hub.keep_answers_s, hub.keep_answers_mib << 20)
    fan_out = FanOut(client, state.clock, deadline_s=hub.deadline_s, policy=_circuit_policy(hub), kept=kept)
    ledger = SqlBudgetLedger(state.engine)
    budget = HubBudget(ledger, global_factor=state.settings.disclosure.global_budget_factor)
    hand = AnswersInHand(hub.answers_mib << 20)
    networks = _networks(watch, directory, fan_out, budget, state.audit, hand)
    return Federation(watch, client, directory, fan_out, ledger, networks, kept)


def registry_keys(hub: HubSettings) -> list[PublicKey]:
    """The keys that may sign the registry: those in the settings, or the hub's own."""
    return [PublicKey.from_text(text) for text in hub.registry_keys] or [
        open_keys(hub).signing_key(SIGNING_KEY).public
    ]


def open_keys(hub: HubSettings) -> KeyFolder:
    """The hub's keys."""
    return KeyFolder(hub.keys_dir, data_dir=hub.data_dir)


def _circuit_policy(hub: HubSettings) -> CircuitPolicy:
    return CircuitPolicy(failures=hub.rest_after_failures, rest_s=hub.rest_s, quarantine_s=hub.quarantine_s)


ASSUMED: Final = {Network.AGGREGATED: Granularity.RECORD, Network.INDIVIDUALS: Granularity.COUNT}
"""Of people numbers are told unless records are asked for; those each node opens by the visas of who asks."""


def _networks(
    watch: RegistryWatch,
    directory: Directory,
    fan_out: FanOut,
    budget: HubBudget,
    audit: AuditLog,
    hand: AnswersInHand,
) -> dict[Network, BeaconNetwork]:
    most = {Network.AGGREGATED: everything, Network.INDIVIDUALS: most_told_of_people}

    def network(kind: Network) -> BeaconNetwork:
        return BeaconNetwork(
            lambda: watch.members(kind),
            fan_out,
            directory,
            budget=budget,
            audit=audit,
            hand=hand,
            default_granularity=ASSUMED[kind],
            most_of=most[kind],
        )

    return {kind: network(kind) for kind in Network}


def most_told_of_people(member: Member) -> Granularity:
    """Records only of members with a pinned key: they are shown the asker's passport. Others know nobody."""
    return Granularity.COUNT if member.key is None else Granularity.RECORD


def _mounts(settings: Settings, networks: Mapping[Network, BeaconNetwork]) -> Sequence[NetworkMount]:
    base = settings.hub.base_path
    every_type = (*_AGGREGATED, *sorted(SUBJECT_LEVEL))
    both = _facts(settings, f"{base}{API_PATH}", "", every_type, networks)
    mounts = [NetworkMount(f"{base}{API_PATH}", both, networks)]
    for kind, entry_types in ((Network.AGGREGATED, _AGGREGATED), (Network.INDIVIDUALS, tuple(EntryType))):
        path = f"{base}/{kind.value}{API_PATH}"
        facts = _facts(settings, path, f".{kind.value}", entry_types, (kind,))
        mounts.append(NetworkMount(path, facts, {kind: networks[kind]}))
    return mounts


_LEVELS: Final = {Network.AGGREGATED: ("PUBLIC",), Network.INDIVIDUALS: ("REGISTERED", "CONTROLLED")}


def _facts(
    settings: Settings,
    path: str,
    suffix: str,
    entry_types: tuple[EntryType, ...],
    kinds: Collection[Network],
) -> NetworkFacts:
    """What is said of some networks at once is true of each: the least that one of them assumes, who may ask at all."""
    hub, organisation = settings.hub, settings.hub.organisation
    return NetworkFacts(
        id=f"{hub.id}{suffix}",
        name=hub.name,
        description=f"Beacon network of {hub.name}",
        environment=hub.environment,
        url=f"{external_url(settings.public)}{path}",
        organisation_id=organisation.id,
        organisation_name=organisation.name,
        organisation_url=organisation.url or external_url(settings.public),
        logo_url=organisation.logo_url,
        entry_types=entry_types,
        default_granularity=min(ASSUMED[kind] for kind in kinds),
        security_levels=tuple(level for kind, levels in _LEVELS.items() if kind in kinds for level in levels),
    )


def external_url(public: PublicSettings) -> str:
    """Address by which others reach the public listener, without trailing slash."""
    return public.external_url or f"http://{public.host}:{public.port}"


def _registry_probe(watch: RegistryWatch) -> Probe:
    def look() -> Finding:
        watch.look()
        registry = watch.registry
        detail = f"version {registry.version}, {len(registry.services)} services"
        return (
            Finding(Condition.DEGRADED, f"{detail}; refused: {watch.fault}")
            if watch.fault
            else Finding(detail=detail)
        )

    return Probe("registry", look)


def _members_probe(federation: Federation) -> Probe:
    def look() -> Finding:
        resting = [member.service for member in federation.members() if federation.fan_out.is_open(member)]
        return Finding(Condition.DEGRADED, f"resting: {', '.join(resting)}") if resting else Finding()

    return Probe("members", look, needed=False)
