"""When a case enters a step, stops waiting or gets more time: the times that its events then say. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from opengdi.access.calendar import INSTANT, add_days, add_working_days, working_days_between
from opengdi.access.cases.model import Case, Note, State
from opengdi.access.model import NewEvent


def iso(moment: datetime | None) -> str | None:
    """As events say it."""
    return moment.isoformat() if moment else None


def text_of(note: Note) -> dict[str, str]:
    """The reference to what somebody wrote, if anything."""
    return {"text": note.id} if note else {}


def later(end: datetime, working_days: int, country: str) -> datetime:
    """The end of a period that is longer by so many working days than the one that ends at `end`."""
    return add_working_days(end - INSTANT, working_days, country)


def step_after(case: Case, state: State) -> State:
    """The step that follows in this case's workflow."""
    states = [step.state for step in case.workflow.steps]
    return states[min(states.index(state) + 1, len(states) - 1)] if state in states else State.DECISION


def enter(case: Case, state: State, now: datetime, *, fresh: bool = False) -> NewEvent:
    """The case goes on with a step. fresh: ballots cast before count no longer."""
    flow, step = case.workflow, case.workflow.step(state)
    due = remind = None
    if step is not None and step.working_days:
        due = add_working_days(now, step.working_days, flow.country)
    if step is not None and step.reminder_days:
        remind = add_days(now, step.reminder_days, flow.country)
    data: dict[str, Any] = {"state": state, "due": iso(due), "remind": iso(remind)}
    return NewEvent("step-entered", data | {"fresh": True} if fresh else data)


def resumed_clock(case: Case, now: datetime) -> dict[str, str | None]:
    """Its times, put off by as long as the applicant was waited for."""
    clock, country = case.clock, case.workflow.country
    stopped = clock.stopped or now

    def put_off(moment: datetime | None) -> datetime | None:
        if moment is None or moment <= stopped:
            return moment
        return add_working_days(now, working_days_between(stopped, moment, country), country)

    return {
        "due": iso(put_off(clock.due)),
        "remind": iso(put_off(clock.remind)),
        "deadline": iso(put_off(clock.deadline)),
    }
