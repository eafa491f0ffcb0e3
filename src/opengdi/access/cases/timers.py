"""What time brings to a case: reminders, delay notices, and silence. Pure; each thing comes once, however late."""

from __future__ import annotations

from datetime import datetime

from opengdi.access.calendar import add_months, add_working_days
from opengdi.access.cases.clockwork import iso
from opengdi.access.cases.consequences import concluded, decided, why_not
from opengdi.access.cases.model import OPEN, Case, Note, RulingWish, Silence, State
from opengdi.access.cases.story import clock_of, fold_new
from opengdi.access.model import NewEvent


def next_due(case: Case) -> datetime | None:
    """When `due` has something to say next; None: never, as things are."""
    clock = case.clock
    if case.state not in OPEN:
        return None
    running = (clock.remind, clock.due, clock.deadline) if clock.stopped is None else ()
    return min((moment for moment in (*running, clock.delay) if moment is not None), default=None)


def due(case: Case, now: datetime, note: Note) -> list[NewEvent]:
    """All that has become due by now, in its order. note: what a tacit decision is said to be founded on."""
    events: list[NewEvent] = []
    while (moment := next_due(case)) is not None and moment <= now:
        fresh = _one(case, moment, now, note)
        events += fresh
        case = fold_new(case, fresh, clock_of(case.body), now)
    return events


def _one(case: Case, moment: datetime, now: datetime, note: Note) -> list[NewEvent]:
    clock, running = case.clock, case.clock.stopped is None
    if running and moment == clock.remind:
        return [NewEvent("reminded", {"for": iso(clock.due), "due": iso(moment)})]
    if running and moment == clock.deadline:
        return _silence(case, now, note)
    if running and moment == clock.due:
        if case.state is State.CONSENSUS:
            return concluded(case, reached=False, reason=note, now=now, tacit=True)
        return [NewEvent("overdue", {"state": case.state, "due": iso(moment)})]
    flow, following = case.workflow, moment
    while following <= now:  # after a long rest the applicant is told once, not once for each month
        following = add_months(following, flow.delay_months, flow.country)
    return [NewEvent("delayed", {"since": iso(clock.opened), "next": iso(following)})]


def _silence(case: Case, now: datetime, note: Note) -> list[NewEvent]:
    """Silence refuses, unless the body chose otherwise; on appeal, what was decided first stands."""
    flow = case.workflow
    if case.is_appeal:
        return [NewEvent("silence-applied", {"policy": Silence.DENY, "upheld": True})]
    if flow.silence is Silence.ESCALATE and not case.escalated:
        longer = add_working_days(now, flow.deadline_working_days, flow.country)
        return [NewEvent("silence-applied", {"policy": Silence.ESCALATE, "deadline": iso(longer)})]
    policy = Silence.APPROVE if flow.silence is Silence.APPROVE else Silence.DENY
    wishes = [
        RulingWish(
            each.dataset,
            granted=policy is Silence.APPROVE and _may_be_tacit(case, each.dataset, now),
            reasons=note,
        )
        for each in case.datasets
    ]
    return [NewEvent("silence-applied", {"policy": policy}), decided(case, wishes, tacit=True)]


def _may_be_tacit(case: Case, dataset: str, now: datetime) -> bool:
    """Only a countersignature, or what the committee had carried and nobody decided formally; never against a veto."""
    until = case.application.until
    if dataset in case.vetoes or until is None or until <= now:
        return False
    if case.workflow.step(State.COUNTERSIGNATURE) is not None:
        return case.state is State.COUNTERSIGNATURE
    return case.state is State.DECISION and case.closed and not why_not(case, dataset, "")
