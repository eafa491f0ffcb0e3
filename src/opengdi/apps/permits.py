"""Wiring of permits: the hub issues and ends them, a node lives by them."""

from __future__ import annotations

import asyncio
import logging
import secrets
from base64 import b32encode
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from opengdi.access.applications.model import GRANTED, Application
from opengdi.access.applications.model import State as ApplicationState
from opengdi.access.cases.offers import read_until
from opengdi.access.cases.ports import Matching
from opengdi.access.cases.story import STORY as CASES
from opengdi.access.ledger import Ledger
from opengdi.access.model import Event, Purpose
from opengdi.access.permits.api import permit_routes
from opengdi.access.permits.automatic import Automation
from opengdi.access.permits.entitlements.grants import CurrentGrants
from opengdi.access.permits.entitlements.model import Demands
from opengdi.access.permits.entitlements.service import EVENT_ENDED, Entitlements
from opengdi.access.permits.entitlements.service import Means as NodeMeans
from opengdi.access.permits.held_api import held_permit_routes
from opengdi.access.permits.match_api import match_routes
from opengdi.access.permits.model import Approved, Command, Ended, Permit, Person, Signed, State
from opengdi.access.permits.ports import Heard
from opengdi.access.permits.precheck import (
    NOTHING_VERIFIED,
    Precheck,
    Verified,
    match_told,
    statement_of,
    use_of,
)
from opengdi.access.permits.revocation_api import entitlement_routes
from opengdi.access.permits.rules import Terms
from opengdi.access.permits.service import CHANGED, ENDED, ISSUED, Means, Permits
from opengdi.access.ports import Datasets
from opengdi.access.texts import access_texts
from opengdi.apps.applications import map_offers
from opengdi.apps.cases import body_keys, own_bodies
from opengdi.apps.doors import callers_of
from opengdi.apps.networks import external_url
from opengdi.apps.process import Part
from opengdi.identity.model import Grant
from opengdi.kernel.errors import Invalid, NotFound
from opengdi.kernel.feed import EVERYBODY, Notice
from opengdi.kernel.health import Condition, Finding, Probe
from opengdi.kernel.keys import PublicKey
from opengdi.kernel.principal import Principal
from opengdi.standards.duo.matching import Diseases, Source
from opengdi.standards.duo.statements import Statement
from opengdi.standards.faults import Malformed
from opengdi.standards.ontology.files import parse_csv, parse_obo
from opengdi.standards.ontology.graph import Ontology

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from opengdi.access.applications.service import Applications
    from opengdi.access.organisations.standings import Standings
    from opengdi.apps.access_settings import AccessRequestSettings, PermitSettings
    from opengdi.apps.access_wire import HubWire, NodeWire
    from opengdi.apps.hub import HubState
    from opengdi.apps.node import NodeState
    from opengdi.kernel.reception import ReceivedEvent

logger = logging.getLogger(__name__)

HUB_KEY: Final = "hub"
REVOCATION: Final = "revocation"
"""Kind of the notice of what was taken back; `identity.revocations` hears it."""

_DECIDED: Final = "case-decided"

# -- what both need


def open_diseases(settings: PermitSettings) -> Diseases:
    """The hierarchy of diseases of the settings; without one only equal terms match. Raises Invalid."""
    import hashlib

    if settings.diseases is None:
        return Diseases(Ontology(), Source("MONDO", "none", ""))
    try:
        text = settings.diseases.read_text(encoding="utf-8")
        terms = parse_obo(text) if settings.diseases.suffix == ".obo" else parse_csv(text)
    except (OSError, UnicodeDecodeError, Malformed) as error:
        raise Invalid(f"requests.permits.diseases {settings.diseases}: {error}") from error
    checksum = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    return Diseases(Ontology(terms), Source("MONDO", settings.diseases_version or "unnamed", checksum))


def terms_of(settings: PermitSettings) -> Terms:
    """How long things last, by the settings."""
    return Terms(
        tuple(sorted(set(settings.notices_days), reverse=True)),
        timedelta(days=settings.attest_days),
        timedelta(days=settings.longest_days),
        timedelta(days=settings.publish_days),
    )


def environments_of(settings: PermitSettings) -> Mapping[str, str]:
    """Country of each environment that is known."""
    return {each.id: each.country for each in settings.environments}


def new_number(kind: str) -> str:
    """`GDIP-` and ten characters of base 32; ids of texts are 32 hex digits."""
    if kind == "text":
        return secrets.token_hex(16)
    return f"{kind}-{b32encode(secrets.token_bytes(7)).decode()[:10]}"


class Ticking:
    """Does what time brings, again and again; trouble: why it cannot, empty: it can."""

    def __init__(self, name: str, work: Callable[[], int], every_s: float) -> None:
        self._name = name
        self._work = work
        self._every_s = every_s
        self.trouble = ""

    async def run(self) -> None:
        """As long as the process serves."""
        while True:
            try:
                await asyncio.to_thread(self._work)
                self.trouble = ""
            except Exception as error:  # noqa: BLE001  the database may be away: it is tried again
                self.trouble = type(error).__name__
                logger.warning("%s: what time brings cannot be done: %s", self._name, self.trouble)
            await asyncio.sleep(self._every_s)

    def probe(self) -> Probe:
        """For readiness; the process serves without it, but not for long."""

        def look() -> Finding:
            return Finding(Condition.DEGRADED, self.trouble) if self.trouble else Finding()

        return Probe(self._name, look, needed=False)


# -- the hub


@dataclass(slots=True)
class HubPermits:
    """The permits of a hub. applications: hears of permits; set by `attach`, as it is wired after them."""

    permits: Permits
    precheck: Precheck
    part: Part
    _legal_basis: str
    _datasets: list[Datasets] = field(default_factory=list)
    _applications: list[Applications] = field(default_factory=list)
    _listeners: list[Heard] = field(default_factory=list)

    def attach(self, applications: Applications, datasets: Datasets) -> None:
        """Tell applications of their permits, and know what can be asked for."""
        self._applications[:] = [applications]
        self._datasets[:] = [datasets]

    def on(self, listener: Heard) -> None:
        """Listen to what happens to permits, in the transaction in which it does."""
        self._listeners.append(listener)

    def follow(self, connection: Connection, application: Application, events: Sequence[Event]) -> None:
        """A follower of applications: once all cases are closed, what was granted becomes a permit."""
        for event in events:
            self._pass_on(connection, application, event)
        if not any(event.kind == _DECIDED for event in events):
            return
        if application.state is ApplicationState.REJECTED and application.permit:
            self.permits.refused(connection, application.permit, application.id, actor=events[-1].actor)
        if application.state not in GRANTED:
            return
        approved = self._approved(connection, application)
        permit = self.permits.settle(connection, approved)
        if permit and permit != application.permit and self._applications:
            self._applications[0].note_permit(connection, application.id, permit)

    def _pass_on(self, connection: Connection, application: Application, event: Event) -> None:
        """What the applicant does to the application holds for its permit."""
        if not application.permit:
            return
        if event.kind == "attested":
            told: tuple[Command, dict[str, Any]] = (Command.ATTEST, {})
        elif event.kind == "closed-out":
            told = (Command.CLOSE_OUT, {"for": event.data.get("reason", "completed")})
        elif event.kind == "member-removed":
            told = (Command.AMEND, {"removePeople": [event.data["subject"]]})
        else:
            return
        self.permits.by_application(connection, application.permit, *told, actor=event.actor)

    def _approved(self, connection: Connection, application: Application) -> Approved:
        version = application.version
        assert version is not None
        live = [case for case in application.cases if not case.withdrawn]
        asked = {dataset for case in live for dataset in case.opened.datasets}
        still = application.member_subjects
        link = application.follows
        extends = link.of if link is not None and link.kind == "extension" else ""
        title = connection.scalar(select(access_texts.c.body).where(access_texts.c.id == application.title))
        return Approved(
            application=application.id,
            digest=version.digest,
            digests=frozenset(each.digest for each in application.versions),
            purpose=version.purpose,
            applicant=Person(application.applicant, version.organisation),
            members=tuple(
                Person(each.subject, each.organisation) for each in version.members if each.subject in still
            ),
            datasets=tuple(sorted(asked)),
            decisions=tuple(Signed(case.opened.body, case.decision) for case in live),
            title=title or "",
            duo=self._duo(version.content),
            environment=version.environment,
            until=read_until(version.until, "until") if version.until else None,
            legal_basis=self._legal_basis,
            extends=self.permits.holding(connection, extends) if extends else "",
        )

    def _duo(self, content: str) -> Mapping[str, Any]:
        return self._applications[0].content(content).duo if self._applications else {}

    def heard(self, connection: Connection, permit: Permit, events: Sequence[Event]) -> None:
        """Applications end with their permits; others hear of every change."""
        for listener in self._listeners:
            listener(connection, permit, events)
        if permit.state is State.ENDED and permit.ended_by and self._applications:
            kind = "revoked" if permit.ended_by == Ended.REVOKED else "expired"
            state = self._applications[0].state(permit.application).state
            if state in {ApplicationState.APPROVED, ApplicationState.PARTLY_APPROVED}:
                self._applications[0].note_end(
                    connection, permit.application, kind, permit.ended_for, events[-1].actor
                )

    def statement(self, dataset: str, version: str) -> Statement | None:
        """What a dataset may be used for."""
        offered = self._datasets[0].find(dataset, version) if self._datasets else None
        return statement_of(offered.duo) if offered is not None else None

    def find(self, dataset: str, version: str = "") -> Any:
        """Implements `Datasets`, of whatever was attached."""
        return self._datasets[0].find(dataset, version) if self._datasets else None

    def all(self) -> Sequence[Any]:
        """Implements `Datasets`."""
        return self._datasets[0].all() if self._datasets else ()


def open_hub_permits(
    state: HubState,
    wire: HubWire,
    standings: Standings,
) -> HubPermits:
    """Permits of a hub; `attach` is to be called once applications are there, `follow` to be given to them.

    standings: what is known of people and organisations. Raises Invalid for settings that cannot be.
    """
    settings = state.settings.requests.permits
    keys, identify = body_keys(state.settings.requests, state.keys), callers_of(state).identify
    late: list[HubPermits] = []

    def heard(connection: Connection, permit: Permit, events: Sequence[Event]) -> None:
        late[0].heard(connection, permit, events)

    def statement(dataset: str, version: str) -> Statement | None:
        return late[0].statement(dataset, version)

    permits = Permits(
        Means(
            hub=state.settings.hub.id,
            ledger=Ledger(state.engine, state.clock, state.audit),
            clock=state.clock,
            feed=wire.feed,
            key=state.keys.signing_key(HUB_KEY),
            body_keys=lambda body: keys.get(body, ()),
            data_use=statement,
            takes_back=partial(_tell_everybody, state, wire),
            new_id=new_number,
            officials=standings.officials,
            terms=terms_of(settings),
            heard=(heard,),
        )
    )
    precheck = Precheck(open_diseases(settings), lambda: state.clock.now().date())
    ticking = Ticking("permits", permits.pass_time, settings.look_s)
    found = HubPermits(
        permits,
        precheck,
        Part(),
        settings.legal_basis,
    )
    late.append(found)

    def known_of(asker: Principal) -> Verified:
        return NOTHING_VERIFIED if asker.is_anonymous else _verified(standings, asker.subject)

    found.part = Part(
        routes=[
            *permit_routes(permits, identify, partial(_names, standings)),
            *match_routes(precheck, found, identify, known_of, environments_of(settings)),
        ],
        probes=(ticking.probe(),),
        background=(ticking.run,),
    )
    wire.on_event(EVENT_ENDED, partial(_ended_at_node, permits))
    return found


def _names(standings: Standings, ids: Collection[str]) -> Mapping[str, str]:
    """What organisations are called; what people are called is not kept where permits could read it."""
    found = {id_: standings.organisation(id_).name for id_ in ids if id_.startswith("GDIO-")}
    return {id_: name for id_, name in found.items() if name}


def _verified(standings: Standings, subject: str) -> Verified:
    """What was checked of a person's organisation: what conditions of use may rest on."""
    organisation = standings.organisation(standings.person(subject).organisation)
    return Verified(
        not_for_profit=True if organisation.not_for_profit_verified else None,
        countries=frozenset({organisation.country} - {""}),
        institutions=frozenset({organisation.ror} - {""}),
        people=frozenset({subject}),
    )


def _tell_everybody(
    state: HubState,
    wire: HubWire,
    connection: Connection,
    kind: str,
    *,
    permit: str = "",
    subject: str = "",
    dataset: str = "",
    node: str = "",
) -> None:
    wire.feed.write(
        connection,
        EVERYBODY,
        REVOCATION,
        _revocation(kind, permit, subject, dataset, node, state.clock.now()),
    )


def _revocation(
    kind: str, permit: str, subject: str, dataset: str, node: str, at: datetime
) -> dict[str, Any]:
    told = {"permit": permit, "subject": subject, "dataset": dataset, "node": node}
    said = {name: value for name, value in told.items() if value}
    return {"id": secrets.token_hex(16), "kind": kind, "at": at.isoformat(), **said}


def _ended_at_node(permits: Permits, connection: Connection, event: ReceivedEvent) -> None:
    permits.ended_by_node(connection, event.sender, event.subject, event.data)


# -- a node


@dataclass(frozen=True, slots=True)
class NodePermits:
    """What permits open at a node. grants: implements `identity.ports.Grants`."""

    entitlements: Entitlements
    grants: CurrentGrants[Grant]
    part: Part


def open_node_permits(state: NodeState, wire: NodeWire) -> NodePermits:
    """Permits at a node, and their ears on the wire."""
    settings, node = state.settings.requests, state.settings.node.id
    bodies = own_bodies(settings, state.keys)
    hubs = {
        hub.id: [PublicKey.from_text(text) for text in hub.public_keys]
        for hub in state.settings.federation.hubs
    }
    base = external_url(state.settings.public)
    cases = Ledger(state.engine, state.clock, state.audit)

    def people_of(case: str, digest: str) -> Collection[str]:
        try:
            found = cases.state(CASES, case).application
        except NotFound:
            return ()
        return found.people if found.digest == digest else ()

    entitlements = Entitlements(
        NodeMeans(
            engine=state.engine,
            clock=state.clock,
            audit=state.audit,
            hub_keys=lambda hub: hubs.get(hub, ()),
            body_keys=lambda body: [bodies[body].key.public] if body in bodies else (),
            case_people=people_of,
            body_named=partial(_named_body, state, frozenset(bodies)),
            demands=Demands(
                node,
                {id_: body.url or f"{base}/bodies/{id_}" for id_, body in bodies.items()},
                settings.permits.terms,
            ),
            tells=wire.tell,
            takes_back=partial(_tell_own_doors, state, wire),
        )
    )
    for kind, handle in (
        (ISSUED, entitlements.hear_permit),
        (CHANGED, entitlements.hear_permit),
        (ENDED, entitlements.hear_end),
        ("person.standing", entitlements.hear_standing),
    ):
        wire.on_from(kind, handle)
    ticking = Ticking("entitlements", entitlements.reconcile_now, settings.permits.look_s)
    part = Part(
        routes=[
            *entitlement_routes(entitlements, callers_of(state).identify),
            *held_permit_routes(entitlements, callers_of(state).identify, node),
        ],
        probes=(ticking.probe(),),
        background=(ticking.run,),
    )
    return NodePermits(entitlements, CurrentGrants(entitlements, Grant), part)


def _named_body(state: NodeState, own: frozenset[str], dataset: str, version: str) -> str:
    """The body that this node names for a release: by its settings, or by the release itself.

    Where nobody is named and one body decides here, it is that one's.
    """
    for offered in state.settings.requests.datasets:
        if (offered.dataset, offered.version) == (dataset, version):
            return offered.body
    try:
        decided_by = state.shelf.find(dataset, version).manifest.decided_by
    except NotFound:
        decided_by = ""
    if decided_by in own:
        return decided_by
    return next(iter(own)) if len(own) == 1 else ""


def _tell_own_doors(
    state: NodeState,
    wire: NodeWire,
    connection: Connection,
    kind: str,
    *,
    permit: str = "",
    subject: str = "",
    dataset: str = "",
    node: str = "",
) -> None:
    """What this node takes back holds at its own doors before the hub has told everybody."""
    now = state.clock.now()
    body = _revocation(kind, permit, subject, dataset, node, now)
    for handle in wire.handlers_for(node).get(REVOCATION, ()):
        handle(connection, Notice(0, REVOCATION, now, body))


# -- what cases ask


def open_matching(state: NodeState | HubState, datasets: Datasets | None = None) -> Matching:
    """For `cases`: what the conditions of a dataset say to an application. datasets: the hub's catalogue."""
    settings = state.settings.requests
    precheck = Precheck(open_diseases(settings.permits), lambda: state.clock.now().date())
    environments = environments_of(settings.permits)
    named = {(each.dataset, each.version): each.duo for each in map_offers(settings)}
    conditions = {each.dataset: each.duo for each in settings.conditions}

    def matching(application: Mapping[str, Any], dataset: str, version: str) -> Mapping[str, Any] | None:
        duo = named.get((dataset, version), conditions.get(dataset))
        if duo is None and datasets is not None and (offered := datasets.find(dataset, version)):
            duo = offered.duo
        if duo is None:
            return None
        try:
            place = environments.get(str(application.get("environment", "")), "")
            verified = Verified(environments=frozenset({place} - {""}))
            use = use_of(Purpose(application["purpose"]), application.get("duo") or {}, verified)
            return match_told(precheck.full(use, duo))
        except (Invalid, KeyError, ValueError) as error:
            return {"verdict": "abstain", "findings": [{"reason": str(error)}], "duties": [], "sources": []}

    return matching


def open_automation(settings: AccessRequestSettings) -> Automation:
    """What holders let machines decide (`apps.automatic` hands it to cases). Raises Invalid."""
    permits = settings.permits
    return Automation(frozenset(permits.automatic), open_diseases(permits), permits.automatic_days)
