"""A case without any database: people act, time passes, and the events are kept as they would be recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec

from opengdi.access.cases import arrivals, timers
from opengdi.access.cases.acts import read_act
from opengdi.access.cases.consequences import decide
from opengdi.access.cases.model import Actor, Case, CaseKind, Command, Criterion, Note, Offer
from opengdi.access.cases.offers import read_offer
from opengdi.access.cases.story import STORY, clock_of, hub_actor
from opengdi.access.cases.workflow import Rule, Workflow, shipped_workflows
from opengdi.access.model import Event, NewEvent
from opengdi.kernel.principal import Role

MONDAY = datetime(2026, 6, 1, 9, tzinfo=UTC)
WORKFLOWS = shipped_workflows()

MEMBERS = {
    "chair": frozenset({Role.DAC_CHAIR}),
    "one": frozenset({Role.DAC_MEMBER}),
    "two": frozenset({Role.DAC_MEMBER}),
    "three": frozenset({Role.DAC_MEMBER}),
    "ethicist": frozenset({Role.ETHICS_MEMBER}),
    "ncp": frozenset({Role.NATIONAL_COORDINATION_POINT}),
    "holder": frozenset({Role.DATA_HOLDER}),
    "coordinator": frozenset({Role.COORDINATOR}),
    "stranger": frozenset(),
}
ALL_GOOD = {"criteria": dict.fromkeys(Criterion, True)}
A, B = "GDI-EE-A-1", "GDI-EE-B-1"


def offer_json(
    purpose: str = "research", kind: str = "decide", datasets: Sequence[str] = (A, B), **application: Any
) -> dict[str, Any]:
    return {
        "case": "GDIA-0123456789.ee.dac",
        "kind": kind,
        "body": "ee.dac",
        "hub": "eu.hub",
        "round": 1,
        "application": {
            "id": "GDIA-0123456789",
            "version": 1,
            "digest": "d1",
            "title": "Rare variants",
            "purpose": purpose,
            "duo": {},
            "applicant": {"subject": "ada", "organisation": "GDIO-1"},
            "members": [{"subject": "bob", "organisation": "GDIO-2"}],
            "until": "2027-12-31",
            **application,
        },
        "datasets": [{"dataset": each, "version": "1", "type": "1MGCompliant"} for each in datasets],
    }


def workflow(purpose: str = "research", kind: CaseKind = CaseKind.DECIDE, **rule: Any) -> Workflow:
    return Rule("EE", **rule).apply(WORKFLOWS[purpose, kind])  # type: ignore[index]


@dataclass
class Deliberation:
    """case: where it stands; events: how it came there."""

    flow: Workflow
    now: datetime = MONDAY
    case: Case = field(default_factory=Case)
    events: list[Event] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    organisations: dict[str, frozenset[str]] = field(default_factory=dict)
    _numbers: Any = field(default_factory=count)

    @classmethod
    def begun(
        cls, purpose: str = "research", kind: str = "decide", datasets: Sequence[str] = (A, B), **rule: Any
    ) -> Deliberation:
        found = cls(workflow(purpose, CaseKind(kind), **rule))
        found.arrive(read_offer(offer_json(purpose, kind, datasets)))
        return found

    def new_id(self) -> str:
        return f"text-{next(self._numbers)}"

    def note(self, text: str) -> Note:
        note = Note(self.new_id(), text)
        self.texts[note.id] = text
        return note

    def record(self, new: Sequence[NewEvent], actor: str) -> list[str]:
        """As the ledger does it: what is kept is JSON."""
        for each in new:
            data = msgspec.json.decode(msgspec.json.encode(each.data))
            event = Event("case:x", len(self.events) + 1, each.kind, self.now, actor, data)
            self.events.append(event)
            self.case = STORY.evolve(self.case, event)
        return [each.kind for each in new]

    def arrive(self, offer: Offer) -> list[str]:
        note = self.note(offer.text)
        return self.record(arrivals.opened(self.case, offer, self.flow, note, self.now), hub_actor("eu.hub"))

    def change(self, digest: str = "d2", datasets: Sequence[str] = (A, B)) -> list[str]:
        told = offer_json(self.case.application.purpose, self.case.kind, datasets, version=2, digest=digest)
        offer = read_offer(told)
        note = self.note(offer.text)
        return self.record(arrivals.changed(self.case, offer, note, self.now), hub_actor("eu.hub"))

    def answer(self, text: str = "Because.", *, answers: bool = True) -> list[str]:
        new = arrivals.told(self.case, self.note(text), self.now, answers=answers)
        return self.record(new, hub_actor("eu.hub"))

    def appeal(self, text: str = "You misread the plan.", made: datetime | None = None) -> list[str]:
        events = arrivals.appealed(self.case, self.note(text), self.now, made or self.now)
        return self.record(events, hub_actor("eu.hub"))

    def withdraw(self) -> list[str]:
        return self.record(arrivals.withdrawn(self.case), hub_actor("eu.hub"))

    def actor(self, who: str) -> Actor:
        return Actor(who, MEMBERS.get(who, frozenset()), self.organisations.get(who, frozenset()))

    def act(self, who: str, command: str, **said: Any) -> list[str]:
        act, named = read_act(Command(command), msgspec.json.encode(said), self.new_id)
        act = replace(act, members={each: MEMBERS.get(each, frozenset()) for each in named})
        return self.record(decide(self.case, act, self.actor(who), self.now), who)

    def declare(self, *who: str) -> None:
        for each in who:
            self.act(each, "declare-interest", conflict=False)

    def wait(self, days: float) -> list[str]:
        self.now += timedelta(days=days)
        return self.look()

    def look(self) -> list[str]:
        new = timers.due(self.case, self.now, self.note("silence"))
        return self.record(new, clock_of("ee.dac"))

    def up_to_vote(self) -> Deliberation:
        self.declare(*(name for name in MEMBERS if name != "stranger"))
        self.act("one", "check-conformity", **ALL_GOOD)
        if self.case.state == "ethics-check":
            self.act("ethicist", "check-ethics", outcome="cleared")
        if self.case.state == "opinion":
            self.act("ncp", "give-opinion", favours=True)
        return self

    def up_to_decision(self, vote: str = "grant") -> Deliberation:
        self.up_to_vote()
        self.act("one", "cast-ballot", vote=vote)
        self.act("two", "cast-ballot", vote=vote)
        return self

    def decide(self, who: str = "chair", *granted: str, until: str | None = None) -> list[str]:
        rulings = [
            {"dataset": each, "granted": True, "until": until}
            if each in granted
            else {"dataset": each, "granted": False, "reasons": "out of scope"}
            for each in sorted(self.case.names)
        ]
        return self.act(who, "decide", datasets=rulings)

    @property
    def granted(self) -> set[str]:
        found = self.case.decided
        return {ruling.dataset for ruling in found.rulings if ruling.granted} if found else set()
