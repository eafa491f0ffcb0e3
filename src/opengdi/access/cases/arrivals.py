"""What comes from the hub: an offer, another version of the application, a message, an appeal, the end of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from opengdi.access.calendar import add_months, add_working_days
from opengdi.access.cases.clockwork import enter, iso, resumed_clock
from opengdi.access.cases.model import OPEN, Application, Case, CaseDataset, Note, Offer, State, Workflow
from opengdi.access.cases.story import fold_new
from opengdi.access.cases.workflow import workflow_as_json
from opengdi.access.model import NewEvent
from opengdi.kernel.errors import Invalid


def opened(case: Case, offer: Offer, workflow: Workflow, note: Note, now: datetime) -> list[NewEvent]:
    """The case begins; nothing, if it has begun already: the same offer may come twice."""
    if case.state is not State.NOTHING:
        return []
    country = workflow.country
    data = {
        "case": offer.case,
        "kind": offer.kind,
        "body": offer.body,
        "hub": offer.hub,
        "round": offer.round,
        **_asked_for(offer.application, offer.datasets, note),
        "workflow": workflow_as_json(workflow),
        "deadline": iso(add_working_days(now, workflow.deadline_working_days, country)),
        "delay": iso(add_months(now, workflow.delay_months, country)),
    }
    event = NewEvent("opened", data)
    begun = fold_new(case, [event], "hub:", now)
    return [event, enter(begun, workflow.steps[0].state, now)]


def changed(case: Case, offer: Offer, note: Note, now: datetime) -> list[NewEvent]:
    """Another version of the application: it is looked at from the start, with the time that was left."""
    if case.state not in OPEN or offer.application.digest == case.application.digest:
        return []
    if not offer.datasets:
        raise Invalid(f"{case.id}: a changed application asks for no dataset any more; withdraw the case")
    asked = _asked_for(offer.application, offer.datasets, note)
    event = NewEvent("application-changed", {**asked, **resumed_clock(case, now)})
    first = State.APPEAL if State.APPEAL in {case.state, case.before} else case.workflow.steps[0].state
    return [event, enter(case, first, now, fresh=True)]


def handed_over(case: Case, subject: str, organisation: str) -> list[NewEvent]:
    """Somebody else asks from now on for what was asked for."""
    if case.state is State.NOTHING or case.application.applicant == subject:
        return []
    return [NewEvent("applicant-changed", {"subject": subject, "organisation": organisation})]


def _asked_for(application: Application, datasets: Sequence[CaseDataset], note: Note) -> dict[str, Any]:
    return {
        "application": {
            "id": application.id,
            "version": application.version,
            "digest": application.digest,
            "purpose": application.purpose,
            "applicant": application.applicant,
            "people": sorted(application.people),
            "organisations": sorted(application.organisations),
            "until": iso(application.until),
        },
        "datasets": [
            {"dataset": each.dataset, "version": each.version, "type": each.type} for each in datasets
        ],
        "offer": note.id,
    }


def told(case: Case, note: Note, now: datetime, *, answers: bool) -> list[NewEvent]:
    """The applicant writes; an answer lets the clock go on, unless a change of the application is awaited."""
    if case.state is State.NOTHING or not note:
        return []
    event = NewEvent("message-received", {"text": note.id, "answers": answers})
    waited = answers and case.clock.stopped is not None and case.state in OPEN - {State.WAITING}
    return [event, NewEvent("resumed", dict(resumed_clock(case, now)))] if waited else [event]


def appealed(case: Case, note: Note, now: datetime, made: datetime) -> list[NewEvent]:
    """Others decide again, or it is told why not: the applicant is to hear of that.

    made: when the applicant appealed, which may be before it was heard here. Raises Invalid if nothing is said.
    """
    flow = case.workflow
    if case.state is State.APPEAL:
        return []
    if not note:
        raise Invalid(f"{case.id}: an appeal says why")
    if (refusal := _no_appeal(case, min(made, now))) is not None:
        return [NewEvent("appeal-refused", {"text": note.id, **refusal})]
    data = {
        "text": note.id,
        "deadline": iso(add_working_days(now, flow.deadline_working_days, flow.country)),
        "delay": iso(add_months(now, flow.delay_months, flow.country)),
    }
    return [NewEvent("appealed", data)]


def _no_appeal(case: Case, made: datetime) -> dict[str, Any] | None:
    """Why nobody decides again: there is nothing to appeal against, not again, or not any more."""
    flow, found = case.workflow, case.decided
    if case.state is not State.DECIDED or found is None or all(ruling.granted for ruling in found.rulings):
        return {"why": "no-denial"}
    if found.appeal:
        return {"why": "second"}
    end = add_working_days(found.at, flow.appeal_working_days, flow.country)
    return {"why": "late", "until": iso(end)} if made >= end else None


def appealed_or_told(case: Case, note: Note, now: datetime, made: datetime) -> list[NewEvent]:
    """An appeal to all bodies of an application: for those that denied nothing it is a message."""
    denied = case.decided is not None and not all(ruling.granted for ruling in case.decided.rulings)
    if case.state is State.DECIDED and denied:
        return appealed(case, note, now, made)
    return told(case, note, now, answers=False)


def withdrawn(case: Case) -> list[NewEvent]:
    """The applicant asks no longer; what was decided already opens nothing any more."""
    return [NewEvent("withdrawn")] if case.state in OPEN | {State.DECIDED} else []
