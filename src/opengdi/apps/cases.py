"""Wiring of cases: the bodies that decide at this node or hub, their keys, what they hear and tell, their timers."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from opengdi.access import kinds
from opengdi.access.applications.api import CASE_ATTACHMENTS
from opengdi.access.cases.api import case_routes
from opengdi.access.cases.attachments_api import KeptAtHub, attachment_route
from opengdi.access.cases.belonging import organisations_of, take_standing
from opengdi.access.cases.model import OPEN, Silence, State
from opengdi.access.cases.ports import Automatic, HearsWord, Matching
from opengdi.access.cases.service import Body, CaseService, Surroundings
from opengdi.access.cases.story import STORY
from opengdi.access.cases.workflow import Rule, Workflows, read_workflows, shipped_workflows
from opengdi.access.decision import body_key_name
from opengdi.access.ledger import Ledger
from opengdi.apps.doors import PSEUDONYMS, callers_of, duty_book
from opengdi.apps.hub_questions import HubQuestions
from opengdi.apps.process import Part
from opengdi.apps.ticking import Ticking
from opengdi.kernel.errors import Invalid, Unavailable
from opengdi.kernel.keys import KeyFolder, PublicKey, pseudonym
from opengdi.kernel.metrics import NAMESPACE
from opengdi.kernel.principal import Duty

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from opengdi.apps.access_settings import AccessRequestSettings, BodySettings
    from opengdi.apps.access_wire import HubWire, NodeWire
    from opengdi.apps.hub import HubState
    from opengdi.apps.node import NodeState

_ATTACHMENT_S: Final = 30.0
"""Longest time for a hub to give a file."""

MOST_OPEN: Final = 10_000
"""Open cases that are looked at for the figures."""

DutiesOf = Callable[[str], frozenset[Duty]]


@dataclass(frozen=True, slots=True)
class LocalPeople:
    """Duties by the local table, organisations by what the hub of a case says."""

    engine: Engine
    of: DutiesOf

    def duties(self, subject: str) -> frozenset[Duty]:
        """The roles of a person; none for a stranger."""
        return self.of(subject)

    def organisations(self, subject: str, hub: str) -> frozenset[str]:
        """Where somebody belongs, as far as that hub said."""
        return organisations_of(self.engine, subject, hub)


def open_cases(
    state: NodeState | HubState,
    wire: NodeWire | HubWire,
    here: str,
    *,
    match: Matching | None = None,
    automatic: Automatic | None = None,
    hears_word: HearsWord | None = None,
) -> CaseService:
    """The cases of the bodies that decide here, and their ears on the wire. here: id of this node or hub.

    match: what the use conditions of a dataset say to a purpose; automatic: decides where holders let machines.
    hears_word: lives by what cases say. Raises Invalid for settings that cannot be.
    """
    settings = state.settings.requests
    hidden = state.keys.secret(PSEUDONYMS)
    around = Surroundings(
        node=here,
        people=LocalPeople(state.engine, duty_book(state).of),
        tell=wire.tell,
        pseudonym=partial(pseudonym, hidden, "decision"),
        new_id=lambda: secrets.token_hex(16),
        match=match,
        automatic=automatic,
        hears_word=hears_word,
    )
    service = CaseService(
        Ledger(state.engine, state.clock, state.audit),
        own_bodies(settings, state.keys),
        load_workflows(settings),
        around,
    )
    wire.on_from(kinds.CASE_OFFERED, service.take_offer)
    wire.on_from(kinds.CASE_WITHDRAWN, service.take_withdrawal)
    wire.on_from(kinds.CASE_APPEALED, service.take_appeal)
    wire.on_from(kinds.APPLICATION_CHANGED, service.take_change)
    wire.on_from(kinds.APPLICATION_HANDED_OVER, service.take_hand_over)
    wire.on_from(kinds.APPLICATION_MESSAGE, service.take_message)
    wire.on_from(kinds.PERSON_STANDING, take_standing)
    return service


def load_workflows(settings: AccessRequestSettings) -> Workflows:
    """Those of the settings, or those that ship. Raises Invalid."""
    if settings.workflows is None:
        return shipped_workflows()
    try:
        return read_workflows(settings.workflows.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"requests.workflows {settings.workflows} cannot be read: {error}") from error


def own_bodies(settings: AccessRequestSettings, keys: KeyFolder) -> Mapping[str, Body]:
    """The bodies that decide here, each with its key."""
    return {each.id: _body(each, keys) for each in settings.bodies if not each.node}


def body_keys(settings: AccessRequestSettings, keys: KeyFolder) -> Mapping[str, Collection[PublicKey]]:
    """The keys by which decisions of each known body are checked, wherever it decides."""
    elsewhere = {
        each.id: [PublicKey.from_text(text) for text in each.public_keys]
        for each in settings.bodies
        if each.node
    }
    own = {id_: [body.key.public] for id_, body in own_bodies(settings, keys).items()}
    return {**elsewhere, **own}


def _body(settings: BodySettings, keys: KeyFolder) -> Body:
    rule = Rule(
        settings.country,
        Silence(settings.silence),
        settings.quorum,
        settings.seats,
        settings.chair_breaks_ties,
    )
    key = keys.signing_key(body_key_name(settings.id))
    return Body(settings.id, settings.name or settings.id, settings.url, rule, key)


def cases_part(
    state: NodeState | HubState,
    wire: NodeWire | HubWire,
    here: str,
    *,
    match: Matching | None = None,
    automatic: Automatic | None = None,
    hears_word: HearsWord | None = None,
    kept: KeptAtHub | None = None,
) -> Part:
    """The cases of a process that serves: routes for the people of the bodies, and what time brings.

    kept: fetches attachments; a hub serves its own.
    """
    service = open_cases(state, wire, here, match=match, automatic=automatic, hears_word=hears_word)
    ticking = Ticking(
        "cases",
        state.settings.requests.look_s,
        {"time": service.due},
        detail=f"{len(service.bodies)} bodies decide here",
    )
    identify = callers_of(state).identify
    return Part(
        routes=[
            *case_routes(service, identify),
            *([attachment_route(service, identify, kept)] if kept else []),
        ],
        probes=(ticking.probe(),),
        background=(ticking.run,),
        collectors=(CasesByState(Ledger(state.engine, state.clock, state.audit)),),
    )


def attachments_of_hubs(state: NodeState) -> KeptAtHub:
    """Asks whichever hub of the settings keeps an attachment, in this node's name."""
    hubs = {hub.id: hub for hub in state.settings.federation.hubs if hub.public_keys}

    async def kept(hub: str, application: str, attachment: str, size: int) -> bytes:
        if hub not in hubs:
            raise Unavailable(
                f"federation.hubs knows no key of hub {hub}",
                public="This node knows no key of the hub that keeps the file: it must be added to federation.hubs.",
            )
        asks = HubQuestions.of(state, hubs[hub], timeout_s=_ATTACHMENT_S)
        path = "/".join(quote(part, safe="") for part in (application, attachment))
        try:
            return await asks.get(f"{CASE_ATTACHMENTS}/{path}", most_bytes=size)
        finally:
            await asks.aclose()

    return kept


class CasesByState(Collector):
    """How many cases are in each state, how many let the time of a step pass, and how long the oldest has waited."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def collect(self) -> Iterator[Metric]:
        """The metrics, as `prometheus_client` asks a collector for them."""
        counts = self._ledger.counts(STORY)
        cases = GaugeMetricFamily(
            f"{NAMESPACE}_cases", "Cases of the bodies here, by state.", labels=("state",)
        )
        for state in (each for each in State if each is not State.NOTHING):
            cases.add_metric((state.value,), counts.get(state.value, 0))
        yield cases
        waiting = self._ledger.list(STORY, states=OPEN, most=MOST_OPEN).lines
        late = sum(bool(line.summary.get("late")) for line in waiting)
        yield GaugeMetricFamily(
            f"{NAMESPACE}_cases_late", "Open cases whose step let its time pass.", value=late
        )
        now = self._ledger.now()
        oldest = max(((now - line.created).total_seconds() for line in waiting), default=0.0)
        yield GaugeMetricFamily(
            f"{NAMESPACE}_cases_oldest_open_seconds", "Age of the oldest case that is open.", value=oldest
        )
