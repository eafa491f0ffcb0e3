"""Wiring of permits at a hub: issued when the last case of an application is closed, told to nodes, ended by time."""

from __future__ import annotations

import secrets
from base64 import b32encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from opengdi.access.applications.erasing import REASON as ERASED
from opengdi.access.applications.model import GRANTED, Application
from opengdi.access.applications.model import State as ApplicationState
from opengdi.access.cases.offers import read_until
from opengdi.access.ledger import Ledger
from opengdi.access.model import Event
from opengdi.access.permits.api import permit_routes
from opengdi.access.permits.entitlements.service import EVENT_ENDED
from opengdi.access.permits.match_api import match_routes
from opengdi.access.permits.model import Approved, Command, Ended, Permit, Person, Signed, State
from opengdi.access.permits.ports import DataUse, Heard
from opengdi.access.permits.precheck import NOTHING_VERIFIED, Precheck, Verified, statement_of
from opengdi.access.permits.rules import Terms
from opengdi.access.permits.service import Means, Permits
from opengdi.access.ports import Datasets, OfferedDataset
from opengdi.apps.access_wire import HUB_KEY
from opengdi.apps.cases import body_keys
from opengdi.apps.doors import callers_of
from opengdi.apps.matching import environments_of, open_diseases
from opengdi.apps.process import Part
from opengdi.apps.taking_back import revocation_notice
from opengdi.apps.ticking import Ticking
from opengdi.identity.revocations.model import NOTICE as REVOCATION
from opengdi.kernel.feed import EVERYBODY
from opengdi.kernel.principal import Principal
from opengdi.standards.duo.statements import Statement

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from opengdi.access.applications.service import Applications
    from opengdi.access.organisations.standings import Standings
    from opengdi.apps.access_settings import PermitSettings
    from opengdi.apps.access_wire import HubWire
    from opengdi.apps.hub import HubState
    from opengdi.kernel.reception import ReceivedEvent

_DECIDED: Final = "case-decided"


@dataclass(slots=True)
class HubPermits:
    """The permits of a hub, of no use before `attach`: applications are wired after them."""

    permits: Permits
    precheck: Precheck
    part: Part
    _legal_basis: str
    _attached: tuple[Applications, Datasets] | None = None
    _listeners: list[Heard] = field(default_factory=list)

    def attach(self, applications: Applications, datasets: Datasets) -> None:
        """Tell applications of their permits, and know what can be asked for."""
        self._attached = (applications, datasets)

    @property
    def _applications(self) -> Applications:
        return self._wired()[0]

    @property
    def _datasets(self) -> Datasets:
        return self._wired()[1]

    def _wired(self) -> tuple[Applications, Datasets]:
        if self._attached is None:
            raise RuntimeError("permits know of no applications: `attach` was not called")
        return self._attached

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
        if permit and permit != application.permit:
            self._applications.note_permit(connection, application.id, permit)

    def _pass_on(self, connection: Connection, application: Application, event: Event) -> None:
        """What the applicant does to the application holds for its permit."""
        if not application.permit:
            return
        if event.kind == "applicant-changed":
            self.permits.handed_over(connection, application.permit, event.data["subject"], actor=event.actor)
            return
        if event.kind == "attested":
            told: tuple[Command, dict[str, Any]] = (Command.ATTEST, {})
        elif event.kind == "closed-out":
            told = (Command.CLOSE_OUT, {"for": event.data.get("reason", "completed")})
        elif event.kind == "revoked" and event.data.get("reason") == ERASED:
            self.permits.refused(connection, application.permit, application.id, actor=event.actor)
            return
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
        same = application.applicant == version.applicant
        return Approved(
            application=application.id,
            digest=version.digest,
            digests=frozenset(each.digest for each in application.versions),
            purpose=version.purpose,
            applicant=Person(
                application.applicant, version.organisation if same else application.organisation
            ),
            members=tuple(
                Person(each.subject, each.organisation) for each in version.members if each.subject in still
            ),
            datasets=tuple(sorted(asked)),
            decisions=tuple(Signed(case.opened.body, case.decision) for case in live),
            title=version.title,
            duo=self._duo(version.content),
            environment=version.environment,
            until=read_until(version.until, "until") if version.until else None,
            legal_basis=self._legal_basis,
            extends=self.permits.holding(connection, extends) if extends else "",
        )

    def _duo(self, content: str) -> Mapping[str, Any]:
        return self._applications.content(content).duo

    def heard(self, connection: Connection, permit: Permit, events: Sequence[Event]) -> None:
        """Applications end with their permits; others hear of every change."""
        for listener in self._listeners:
            listener(connection, permit, events)
        if permit.state is State.ENDED and permit.ended_by:
            kind = "revoked" if permit.ended_by == Ended.REVOKED else "expired"
            state = self._applications.state(permit.application).state
            if state in {ApplicationState.APPROVED, ApplicationState.PARTLY_APPROVED}:
                self._applications.note_end(
                    connection, permit.application, kind, permit.ended_for, events[-1].actor
                )

    def statement(self, dataset: str, version: str) -> Statement | None:
        """What a dataset may be used for."""
        offered = self._datasets.find(dataset, version)
        return statement_of(offered.duo) if offered is not None else None

    def find(self, dataset: str, version: str = "") -> OfferedDataset | None:
        """Implements `Datasets`, of whatever was attached."""
        return self._datasets.find(dataset, version)

    def all(self) -> Sequence[OfferedDataset]:
        """Implements `Datasets`."""
        return self._datasets.all()


def open_hub_permits(state: HubState, wire: HubWire, standings: Standings) -> HubPermits:
    """Permits of a hub; `attach` is to be called once applications are there, `follow` to be given to them.

    standings: what is known of people and organisations. Raises Invalid for settings that cannot be.
    """
    settings = state.settings.requests.permits
    late: list[HubPermits] = []  # permits tell the applications that are wired after them

    def heard(connection: Connection, permit: Permit, events: Sequence[Event]) -> None:
        late[0].heard(connection, permit, events)

    def statement(dataset: str, version: str) -> Statement | None:
        return late[0].statement(dataset, version)

    permits = Permits(_means(state, wire, standings, statement=statement, heard=heard))
    precheck = Precheck(open_diseases(settings), lambda: state.clock.now().date())
    found = HubPermits(permits, precheck, Part(), settings.legal_basis)
    late.append(found)
    found.part = _part(state, found, standings)
    wire.on_event(EVENT_ENDED, partial(_ended_at_node, permits))
    return found


def _means(
    state: HubState, wire: HubWire, standings: Standings, *, statement: DataUse, heard: Heard
) -> Means:
    requests = state.settings.requests
    keys = body_keys(requests, state.keys)
    return Means(
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
        terms=terms_of(requests.permits),
        heard=(heard,),
    )


def _part(state: HubState, found: HubPermits, standings: Standings) -> Part:
    settings, identify = state.settings.requests.permits, callers_of(state).identify
    ticking = Ticking("permits", settings.look_s, {"time": found.permits.pass_time})

    def known_of(asker: Principal) -> Verified:
        return NOTHING_VERIFIED if asker.is_anonymous else _verified(standings, asker.subject)

    return Part(
        routes=[
            *permit_routes(found.permits, identify, partial(_names, standings)),
            *match_routes(found.precheck, found, identify, known_of, environments_of(settings)),
        ],
        probes=(ticking.probe(),),
        background=(ticking.run,),
    )


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
    **which: str,
) -> None:
    body = revocation_notice(kind, state.clock.now(), **which)
    wire.feed.write(connection, EVERYBODY, REVOCATION, body)


def _ended_at_node(permits: Permits, connection: Connection, event: ReceivedEvent) -> None:
    permits.ended_by_node(connection, event.sender, event.subject, event.data)


def terms_of(settings: PermitSettings) -> Terms:
    """How long things last, by the settings."""
    return Terms(
        tuple(sorted(set(settings.notices_days), reverse=True)),
        timedelta(days=settings.attest_days),
        timedelta(days=settings.longest_days),
        timedelta(days=settings.publish_days),
    )


def new_number(kind: str) -> str:
    """`GDIP-` and ten characters of base 32; ids of texts are 32 hex digits."""
    if kind == "text":
        return secrets.token_hex(16)
    return f"{kind}-{b32encode(secrets.token_bytes(7)).decode()[:10]}"
