"""What a text may say of an event: ids, days, states. No names, no titles, no free text: letters travel far. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from opengdi.access.applications.model import Application
from opengdi.access.cases.model import Case
from opengdi.access.model import Event
from opengdi.access.notices.rules import APPLICATION, CASE, DOCUMENT, ONE, ORGANISATION, PERMIT
from opengdi.access.organisations.model import Document, Organisation, Person
from opengdi.access.permits.model import Permit

Facts = dict[str, str]

COMMON: Final = frozenset({"service", "url", "link", "code", "organisation"})
"""What every text may use. organisation: what it is called; code: of an invitation, else empty."""

FACTS: Final[Mapping[str, frozenset[str]]] = {
    APPLICATION: COMMON | {"application", "case", "body", "granted", "refused", "until"},
    PERMIT: COMMON | {"permit", "application", "until", "attest_by", "days", "duty", "datasets"},
    ORGANISATION: COMMON | {"until"},
    ONE: COMMON | {"until", "what", "days"},
    DOCUMENT: COMMON | {"document", "version", "until"},
    CASE: COMMON | {"case", "application", "body", "purpose", "step", "due", "deadline", "datasets"},
}
"""What texts about each story may use."""


def facts_of(story: str, state: Any, event: Event) -> Facts:
    """The facts of an event. state: after it. All but those that are looked up elsewhere."""
    return _TOLD[story](state, event)


def organisation_of(story: str, state: Any) -> str:
    """Id of the organisation that an event is about; empty: none."""
    match story:
        case "application" | "person":
            return str(state.organisation)
        case "permit":
            return str(state.holder.organisation)
        case "organisation":
            return str(state.id)
    return ""


def _application(state: Application, event: Event) -> Facts:
    data = event.data
    granted: Mapping[str, bool] = data.get("granted", {})
    case = str(data.get("case", "") or data.get("asked", {}).get("case", ""))
    body = next((at.opened.body for at in state.cases if at.opened.case == case), "")
    invitation = data.get("invitation")
    until = str(invitation.get("until", "")) if isinstance(invitation, Mapping) else state.until
    return {
        "application": state.id,
        "case": case,
        "body": body,
        "granted": _listed(release for release, yes in granted.items() if yes),
        "refused": _listed(release for release, yes in granted.items() if not yes),
        "until": until[:10],
    }


def _permit(state: Permit, event: Event) -> Facts:
    duty = next((each for each in state.duties if each.id == event.data.get("duty")), None)
    return {
        "permit": state.id,
        "application": state.application,
        "until": _day(state.until),
        "attest_by": _day(state.attest_by),
        "days": str(event.data.get("days", "")),
        "duty": duty.code if duty else "",
        "datasets": _listed(f"{each.dataset}@{each.version}" for each in state.datasets),
    }


def _organisation(_state: Organisation, event: Event) -> Facts:
    return {"until": str(event.data.get("until", ""))[:10]}


def _document(state: Document, event: Event) -> Facts:
    data = event.data
    return {"document": state.title, "version": str(data["version"]), "until": str(data["binding"])[:10]}


def _person(state: Person, event: Event) -> Facts:
    if "what" in event.data:
        return {name: str(event.data[name]) for name in ("what", "until", "days")}
    days = [day.isoformat() for day in (state.trained_until, state.affiliated_until) if day is not None]
    return {"until": min(days, default=""), "what": "", "days": ""}


def _case(case: Case, _event: Event) -> Facts:
    return {
        "case": case.id,
        "application": case.application.id,
        "body": case.body,
        "purpose": case.application.purpose.value,
        "step": case.state.value,
        "due": _day(case.clock.due),
        "deadline": _day(case.clock.deadline),
        "datasets": _listed(f"{each.dataset}@{each.version}" for each in case.datasets),
    }


_TOLD: Final[Mapping[str, Callable[[Any, Event], Facts]]] = {
    APPLICATION: _application,
    PERMIT: _permit,
    ORGANISATION: _organisation,
    ONE: _person,
    DOCUMENT: _document,
    CASE: _case,
}

NONE: Final = "–"
"""What stands where there is nothing to tell."""


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or NONE


def _day(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment else NONE
