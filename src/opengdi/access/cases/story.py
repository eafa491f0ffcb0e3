"""What the events of a case add up to. An event that is not known changes nothing; none is ever refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from opengdi.access.cases.model import (
    OPEN,
    Application,
    Ballot,
    Case,
    CaseDataset,
    CaseKind,
    Clock,
    Decided,
    EthicsOutcome,
    State,
    Vote,
)
from opengdi.access.cases.rules import awaited
from opengdi.access.cases.workflow import workflow_of_json
from opengdi.access.decision import Ruling
from opengdi.access.ledger import Story
from opengdi.access.model import Event, Head, NewEvent, Purpose

_Data = Mapping[str, Any]


def evolve(case: Case, event: Event) -> Case:
    """The case after an event."""
    tell = _TELL.get(event.kind)
    return case if tell is None else tell(case, event, event.data)


_NOBODY: Final = ("hub:", "body:")
"""How actors that are no people are called."""


def is_nobody(actor: str) -> bool:
    """True for time and for hubs."""
    return actor.startswith(_NOBODY)


def clock_of(body: str) -> str:
    """Actor of what time brings to the cases of a body."""
    return f"body:{body}"


def hub_actor(hub: str) -> str:
    """Actor of what comes from a hub."""
    return f"hub:{hub}"


def fold_new(case: Case, events: Sequence[NewEvent], actor: str, now: datetime) -> Case:
    """What a case would be after these."""
    for number, new in enumerate(events, start=1):
        case = evolve(case, Event("", number, new.kind, now, actor, new.data))
    return case


def _opened(_case: Case, event: Event, data: _Data) -> Case:
    return Case(
        id=data["case"],
        kind=CaseKind(data["kind"]),
        body=data["body"],
        hub=data["hub"],
        round=data["round"],
        state=State.CONFORMITY,
        application=_application(data["application"]),
        datasets=_datasets(data["datasets"]),
        offer=data["offer"],
        workflow=workflow_of_json(data["workflow"]),
        clock=Clock(opened=event.at, deadline=_time(data["deadline"]), delay=_time(data["delay"])),
    )


def _application_changed(case: Case, _event: Event, data: _Data) -> Case:
    """Another version: what was found of the one before holds no longer. Vetoes and declarations stay."""
    names = {each["dataset"] for each in data["datasets"]}
    return replace(
        case,
        application=_application(data["application"]),
        datasets=_datasets(data["datasets"]),
        offer=data["offer"],
        clock=_resumed(case.clock, data),
        checked_by="",
        ethics_by="",
        conforms=None,
        ethics=None,
        opinions={},
        ballots={},
        closed=False,
        vetoes={name: by for name, by in case.vetoes.items() if name in names},
    )


def _applicant_changed(case: Case, _event: Event, data: _Data) -> Case:
    """The version is the same. Who asked before still took part: they do not judge it."""
    before = case.application
    application = replace(
        before,
        applicant=data["subject"],
        people=before.people | {data["subject"]},
        organisations=before.organisations | ({data["organisation"]} - {""}),
    )
    return replace(case, application=application)


def _step_entered(case: Case, _event: Event, data: _Data) -> Case:
    state = State(data["state"])
    clock = replace(case.clock, due=_time(data["due"]), remind=_time(data["remind"]))
    after = replace(case, state=state, clock=clock, late=False)
    if data.get("fresh"):
        after = replace(after, ballots={}, opinions={})
    return replace(after, closed=False) if state is State.VOTE else after


def _interest_declared(case: Case, event: Event, data: _Data) -> Case:
    who = event.actor
    after = replace(case, interests={**case.interests, who: data["conflict"]})
    if not data["conflict"]:
        return after
    return replace(
        after,
        ballots={subject: ballot for subject, ballot in case.ballots.items() if subject != who},
        opinions={subject: favours for subject, favours in case.opinions.items() if subject != who},
        reviewers=case.reviewers - {who},
        conforms=None if who == case.checked_by else case.conforms,
        ethics=None if who == case.ethics_by else case.ethics,
    )


def _reviewers_assigned(case: Case, _event: Event, data: _Data) -> Case:
    return replace(case, reviewers=case.reviewers | set(data["members"]))


def _conformity_checked(case: Case, event: Event, data: _Data) -> Case:
    return replace(case, conforms=data["conforms"], checked_by=event.actor)


def _ethics_checked(case: Case, event: Event, data: _Data) -> Case:
    return replace(case, ethics=EthicsOutcome(data["outcome"]), ethics_by=event.actor)


def _opinion_given(case: Case, event: Event, data: _Data) -> Case:
    return replace(case, opinions={**case.opinions, event.actor: data["favours"]})


def _ballot_cast(case: Case, event: Event, data: _Data) -> Case:
    ballot = Ballot({name: Vote(vote) for name, vote in data["votes"].items()}, data["chair"])
    return replace(case, ballots={**case.ballots, event.actor: ballot})


def _vote_closed(case: Case, _event: Event, _data: _Data) -> Case:
    return replace(case, closed=True)


def _vetoed(case: Case, event: Event, data: _Data) -> Case:
    return replace(case, vetoes={**case.vetoes, **dict.fromkeys(data["datasets"], event.actor)})


def _veto_lifted(case: Case, _event: Event, data: _Data) -> Case:
    lifted = set(data["datasets"])
    return replace(case, vetoes={name: by for name, by in case.vetoes.items() if name not in lifted})


def _consensus_sought(case: Case, _event: Event, data: _Data) -> Case:
    clock = replace(case.clock, due=_time(data["due"]), remind=None, deadline=_time(data["deadline"]))
    return replace(case, before=case.state, state=State.CONSENSUS, clock=clock)


def _asked(case: Case, _event: Event, data: _Data) -> Case:
    after = replace(case, clock=replace(case.clock, stopped=_time(data["stopped"])))
    if data["kind"] != "change":
        return after
    return replace(after, before=case.state, state=State.WAITING)


def _resume(case: Case, _event: Event, data: _Data) -> Case:
    after = replace(case, clock=_resumed(case.clock, data))
    return replace(after, state=case.before) if case.state is State.WAITING else after


def _resumed(clock: Clock, data: _Data) -> Clock:
    times = {name: _time(data[name]) for name in ("due", "remind", "deadline")}
    return replace(clock, stopped=None, **times)


def _extended(case: Case, _event: Event, data: _Data) -> Case:
    clock = replace(case.clock, due=_time(data["due"]), deadline=_time(data["deadline"]))
    return replace(case, clock=clock, extensions=case.extensions + 1)


def _reminded(case: Case, _event: Event, _data: _Data) -> Case:
    return replace(case, clock=replace(case.clock, remind=None))


def _overdue(case: Case, _event: Event, _data: _Data) -> Case:
    return replace(case, clock=replace(case.clock, due=None), late=True)


def _delayed(case: Case, _event: Event, data: _Data) -> Case:
    return replace(case, clock=replace(case.clock, delay=_time(data["next"])))


def _silence_applied(case: Case, _event: Event, data: _Data) -> Case:
    clock = replace(case.clock, deadline=_time(data.get("deadline")))
    after = replace(case, clock=clock, escalated=case.escalated or data["policy"] == "escalate")
    return replace(after, state=State.DECIDED) if data.get("upheld") else after


def _decided(case: Case, event: Event, data: _Data) -> Case:
    rulings = tuple(_ruling(each) for each in data["datasets"])
    found = Decided(
        rulings,
        "" if is_nobody(event.actor) else event.actor,
        event.at,
        data.get("jws", ""),
        data.get("digest", ""),
        data["tacit"],
        data["appeal"],
        data.get("automatic", False),
        case.application.people,
    )
    return replace(case, state=State.DECIDED, decided=found, clock=Clock(opened=case.clock.opened))


def _appealed(case: Case, _event: Event, data: _Data) -> Case:
    by = frozenset({case.decided.by}) - {""} if case.decided else frozenset()
    clock = Clock(case.clock.opened, deadline=_time(data["deadline"]), delay=_time(data["delay"]))
    return replace(
        case,
        state=State.APPEAL,
        excluded=case.excluded | by,
        ballots={},
        closed=False,
        clock=clock,
        escalated=False,
        late=False,
        extensions=0,
    )


def _withdrawn(case: Case, _event: Event, _data: _Data) -> Case:
    return replace(case, state=State.WITHDRAWN, clock=Clock(opened=case.clock.opened))


def _noted(case: Case, _event: Event, _data: _Data) -> Case:
    return case


_TELL: Final[Mapping[str, Callable[[Case, Event, _Data], Case]]] = {
    "opened": _opened,
    "application-changed": _application_changed,
    "applicant-changed": _applicant_changed,
    "step-entered": _step_entered,
    "interest-declared": _interest_declared,
    "reviewers-assigned": _reviewers_assigned,
    "conformity-checked": _conformity_checked,
    "ethics-checked": _ethics_checked,
    "opinion-given": _opinion_given,
    "ballot-cast": _ballot_cast,
    "vote-closed": _vote_closed,
    "vetoed": _vetoed,
    "veto-lifted": _veto_lifted,
    "consensus-sought": _consensus_sought,
    "consensus-concluded": _noted,
    "asked": _asked,
    "message-received": _noted,
    "appeal-refused": _noted,
    "resumed": _resume,
    "remarked": _noted,
    "extended": _extended,
    "reminded": _reminded,
    "overdue": _overdue,
    "delayed": _delayed,
    "silence-applied": _silence_applied,
    "decided": _decided,
    "appealed": _appealed,
    "withdrawn": _withdrawn,
}
"""Everything that can happen to a case."""

EVENT_KINDS: Final = tuple(_TELL)

OFFERING: Final = frozenset({"opened", "application-changed"})
"""Events that came with the application as a text."""


def offers_in(events: Iterable[Event]) -> list[str]:
    """Ids of the texts of all versions of the application."""
    return [event.data["offer"] for event in events if event.kind in OFFERING]


def _application(told: _Data) -> Application:
    return Application(
        id=told["id"],
        version=told["version"],
        digest=told["digest"],
        purpose=Purpose(told["purpose"]),
        applicant=told["applicant"],
        people=frozenset(told["people"]),
        organisations=frozenset(told["organisations"]),
        until=_time(told["until"]),
    )


def _datasets(told: Sequence[_Data]) -> tuple[CaseDataset, ...]:
    return tuple(CaseDataset(each["dataset"], each["version"], each["type"]) for each in told)


def _ruling(told: _Data) -> Ruling:
    return Ruling(
        told["dataset"],
        told["version"],
        told["granted"],
        told["reasons"],
        tuple(told["conditions"]),
        _time(told["until"]),
        tuple(told["regions"]),
    )


def _time(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told else None


def _head(case: Case) -> Head:
    clock, (roles, nobody) = case.clock, awaited(case)
    summary = {
        "kind": case.kind,
        "body": case.body,
        "application": case.application.id,
        "version": case.application.version,
        "purpose": case.application.purpose,
        "datasets": [each.dataset for each in case.datasets],
        "round": case.round,
        "due": clock.due.isoformat() if clock.due else None,
        "deadline": clock.deadline.isoformat() if clock.deadline else None,
        "stopped": clock.stopped.isoformat() if clock.stopped else None,
        "vetoed": sorted(case.vetoes),
        "open": case.state in OPEN,
        "late": case.late and case.state in OPEN,
        "waitsFor": sorted(roles),
        "notFor": sorted(nobody),
    }
    return Head(case.state, frozenset({case.body, of_application(case.application.id)}), summary)


def of_application(application: str) -> str:
    """By what lists find the cases of an application; it is nobody's subject."""
    return f"application:{application}"


STORY: Final = Story("case", Case(), evolve, _head)
"""How cases are told."""
