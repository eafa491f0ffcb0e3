"""The composition root of a hub: its state, and the process that serves the networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Engine

from opengdi.access.kinds import PERSON_STANDING
from opengdi.apps.disk import make_private_folder
from opengdi.apps.doors import callers_of
from opengdi.apps.networks import API_PATH, Federation, federation_part, open_federation
from opengdi.apps.node import AUDIT, COMMAND, audit_probe, database_probe, open_database
from opengdi.apps.organisations import Organisations, organisations
from opengdi.apps.process import Part, Process, alone_in, assemble, serve_process
from opengdi.apps.settings import Settings
from opengdi.kernel.audit.journal import AuditJournal, Cadence, open_journal
from opengdi.kernel.clock import Clock
from opengdi.kernel.keys import KeyFolder
from opengdi.portal.pages import PortalFacts, portal_routes

if TYPE_CHECKING:
    from opengdi.apps.access_wire import HubWire
    from opengdi.apps.erasure import HubErasing
    from opengdi.apps.identity import OpenIdentity

SIGNING_KEY: Final = "hub"
WRITER: Final = "hub"
"""Writer of the audit chain."""


@dataclass(frozen=True, slots=True)
class HubState:
    """What a hub keeps, opened. It holds no individual-level data."""

    settings: Settings
    clock: Clock
    engine: Engine
    keys: KeyFolder
    audit: AuditJournal

    @property
    def data_dir(self) -> Path:
        return self.settings.hub.data_dir


@contextmanager
def open_state(settings: Settings, clock: Clock, *, writer: str = COMMAND) -> Iterator[HubState]:
    """The hub's state, its folders made and its database at the newest revision; closed at the end.

    writer: whose audit chain this process writes.
    Raises Invalid, Conflict or Unavailable, naming what does not open.
    """
    hub = settings.hub
    make_private_folder(hub.data_dir)
    with ExitStack() as opened:
        keys = KeyFolder(hub.keys_dir, data_dir=hub.data_dir)
        engine = open_database(settings.database, hub.data_dir)
        opened.callback(engine.dispose)
        audit = opened.enter_context(
            open_journal(
                hub.data_dir / AUDIT,
                writer,
                key=keys.signing_key(SIGNING_KEY),
                clock=clock,
                cadence=Cadence(**settings.audit.model_dump()),
            )
        )
        yield HubState(settings, clock, engine, keys, audit)


@dataclass(frozen=True, slots=True)
class OpenHub:
    """A hub, wired and not yet started. erasing: for commands that forget people."""

    process: Process
    erasing: HubErasing


def build_hub(state: HubState) -> Process:
    """The hub's process, wired and not yet started."""
    return open_hub(state).process


def open_hub(state: HubState) -> OpenHub:
    """The hub, wired and not yet started."""
    from opengdi.apps.access_wire import open_hub_wire
    from opengdi.apps.identity import open_hub_identity
    from opengdi.apps.member_passports import MemberPassports

    federation = open_federation(state)
    wire = open_hub_wire(state, federation.members)  # parts of access add what they listen to
    onboarding = organisations(state, callers_of(state).identify, wire.feed)
    identity = open_hub_identity(state, wire, standings=onboarding)
    if identity.broker is not None:
        federation.client.tokens = MemberPassports(identity.broker.broker)
    doors = identity.doors
    parts, erasing = _parts(state, federation, wire, identity, onboarding)
    process = assemble(
        "hub", state.settings, state.clock, parts, gate=doors.gate, decided=doors.decisions.door
    )
    return OpenHub(process, erasing)


def _parts(
    state: HubState,
    federation: Federation,
    wire: HubWire,
    identity: OpenIdentity,
    onboarding: Organisations,
) -> tuple[Sequence[Part], HubErasing]:
    """What each feature brings, in the order in which they are closed last to first; and what forgets people."""
    from opengdi.apps.applications import applications_at_hub
    from opengdi.apps.cases import cases_part
    from opengdi.apps.cohorts import NetworkCounts
    from opengdi.apps.erasure import HubErasing
    from opengdi.apps.matching import open_matching
    from opengdi.apps.notices import addresses_of, notices_part
    from opengdi.apps.permits import open_hub_permits
    from opengdi.apps.rems import RemsWire
    from opengdi.federation.model import Network

    identify, rems = callers_of(state).identify, RemsWire(state)
    wire.on(PERSON_STANDING, rems.hear_standing)
    permits = open_hub_permits(state, wire, onboarding.standings)
    permits.on(rems.attach(permits.permits))
    applications = applications_at_hub(
        state,
        identify,
        wire,
        onboarding.standings,
        matcher=permits.precheck,
        count=NetworkCounts(federation.networks[Network.INDIVIDUALS]),
        followers=(permits.follow, rems.follow),
    )
    permits.attach(applications.applications, applications.catalogue)
    matching = open_matching(state, applications.catalogue)
    erasing = HubErasing(state, wire, onboarding.onboarding, applications, identity)
    parts = (
        Part(probes=(database_probe(state.engine), audit_probe(state.audit))),
        federation_part(state, federation),
        _portal_part(state.settings),
        onboarding.part,
        applications.part(wire.gate()),
        permits.part,
        rems.part(applications, identify, identity.doors.programs.principal),
        cases_part(state, wire, state.settings.hub.id, match=matching),
        notices_part(
            state,
            state.settings.hub.name,
            addresses_of(identity.login, rems.address),
            onboarding.standings,
        ),
        wire.part(),
        erasing.part(),
        *identity.parts,
    )
    erasing.listen()
    return parts, erasing


def _portal_part(settings: Settings) -> Part:
    """The page at the hub's address; it asks the hub's own networks."""
    hub = settings.hub
    network = f"{hub.base_path}{API_PATH}"
    notice = (
        "" if hub.environment == "prod" else f"This is a {hub.environment} hub: its data may be synthetic."
    )
    return Part(routes=portal_routes(PortalFacts(hub.name, notice, network, network)))


def run_hub(settings: Settings, clock: Clock) -> None:
    """Serve the hub until SIGTERM or SIGINT."""
    with alone_in(settings.hub.data_dir), open_state(settings, clock, writer=WRITER) as state:
        serve_process(build_hub(state), settings, state.data_dir)
