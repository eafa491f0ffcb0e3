"""How a person is assigned, vetted, active, revoked: decisions and what they add up to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from opengdi.access.ledger import Story
from opengdi.access.model import Event, Head, NewEvent
from opengdi.access.organisations import commands as c
from opengdi.access.organisations.facts import day, signed_data, signed_of
from opengdi.access.organisations.means import Means
from opengdi.access.organisations.model import (
    AffiliationRole,
    Capacity,
    DocumentKind,
    Licence,
    Organisation,
    OrganisationState,
    Person,
    PersonState,
    Signed,
)
from opengdi.access.organisations.permitted import PERSON, require
from opengdi.access.organisations.rules import unsigned
from opengdi.kernel.errors import Conflict, Invalid, NotPermitted

ANNOUNCED_DAYS: Final = (30, 7)
ENDED: Final = 0
LATELY_DAYS: Final = 14
"""An end that lies longer back is not announced any more."""

_ASSIGNING: Final = frozenset({OrganisationState.AGREED, OrganisationState.ACTIVE})


def assigned(
    state: Person,
    command: c.Assign,
    asker: str,
    capacities: frozenset[Capacity],
    organisation: Organisation,
    means: Means,
) -> list[NewEvent]:
    """Somebody may ask for data for an organisation. Raises NotPermitted, Conflict."""
    require(PERSON, state.state, capacities, "assign")
    if organisation.state not in _ASSIGNING:
        raise Conflict(
            f"{organisation.id} is {organisation.state}", public="The organisation has not agreed yet."
        )
    data = {
        "subject": command.subject,
        "organisation": organisation.id,
        "role": command.role,
        "by": asker,
        "contact": means.keep(command.subject, f"{command.name} <{command.email}>"),
    }
    return [NewEvent("assigned", data)]


def decide(
    state: Person,
    name: str,
    command: c.Command,
    asker: str,
    capacities: frozenset[Capacity],
    means: Means,
    now: datetime,
) -> list[NewEvent]:
    """What a command comes to. Raises NotPermitted, Conflict, NotFound, Invalid."""
    require(PERSON, state.state, capacities, name)
    if Capacity.OPERATOR in capacities and asker == state.subject:
        raise NotPermitted(f"{asker} cannot vet themselves", public="Another operator has to do this.")
    return _DECISIONS[name](state, command, asker, means, now)


def _vet(state: Person, command: c.VetPerson, _asker: str, means: Means, now: datetime) -> list[NewEvent]:
    faults = [
        f"{name} {until} is over already"
        for name, until in (
            ("trainingUntil", command.training_until),
            ("affiliationUntil", command.affiliation_until),
        )
        if until < now.date()
    ]
    if faults:
        raise Invalid("; ".join(faults))
    data = {
        "credentials": means.keep(state.subject, command.credentials),
        "trainedUntil": command.training_until.isoformat(),
        "affiliatedUntil": command.affiliation_until.isoformat(),
    }
    return [NewEvent("vetted", data), *_active_if(state.signed, means, now)]


def _sign(state: Person, command: c.Sign, asker: str, means: Means, now: datetime) -> list[NewEvent]:
    found, _ = means.version(command.document, command.version)
    if found.kind is not DocumentKind.USER_TERMS:
        raise Invalid(f"document {command.document} is not for people to sign: it is {found.kind}")
    signed = means.signed(command.document, command.version, command.sha256, asker, asker, now)
    events = [NewEvent("signed", signed_data(signed))]
    if state.state is PersonState.VETTED:
        events += _active_if((*state.signed, signed), means, now)
    return events


def _active_if(signed: Sequence[Signed], means: Means, now: datetime) -> list[NewEvent]:
    due = unsigned(signed, means.documents, (DocumentKind.USER_TERMS,), now)
    return [] if due else [NewEvent("activated")]


def _record_training(
    state: Person, command: c.RecordTraining, _asker: str, means: Means, now: datetime
) -> list[NewEvent]:
    if command.until < now.date():
        raise Invalid(f"until {command.until} is over already")
    evidence = means.keep(state.subject, command.evidence)
    return [NewEvent("trained", {"until": command.until.isoformat(), "evidence": evidence})]


def _confirm_affiliation(
    _state: Person, command: c.ConfirmAffiliation, _asker: str, _means: Means, now: datetime
) -> list[NewEvent]:
    if command.until < now.date():
        raise Invalid(f"until {command.until} is over already; to end an affiliation, revoke the person")
    return [NewEvent("affiliation-confirmed", {"until": command.until.isoformat()})]


def _record_licence(
    state: Person, command: c.RecordLicence, _asker: str, means: Means, now: datetime
) -> list[NewEvent]:
    if command.checked > now.date():
        raise Invalid(f"checked {command.checked} is in the future; expected the day of the check")
    if command.until is not None and command.until < command.checked:
        raise Invalid(f"until {command.until} is before checked {command.checked}")
    data = {
        "register": command.register,
        "number": means.keep(state.subject, command.number),
        "checked": command.checked.isoformat(),
        "until": command.until.isoformat() if command.until else None,
    }
    return [NewEvent("licence-recorded", data)]


def _withdraw_licence(
    state: Person, command: c.Because, _asker: str, means: Means, _now: datetime
) -> list[NewEvent]:
    if state.licence is None:
        raise Conflict("no licence is recorded", public="No licence is recorded.")
    return [NewEvent("licence-withdrawn", {"reason": means.keep(state.subject, command.reason)})]


def _revoke(state: Person, command: c.Because, _asker: str, means: Means, _now: datetime) -> list[NewEvent]:
    return [NewEvent("revoked", {"reason": means.keep(state.subject, command.reason)})]


def ends_soon(until: date | None, today: date) -> int | None:
    """How many days before its end it is to be announced now, 0: it has just ended; None: not yet, or no more."""
    if until is None:
        return None
    left = (until - today).days
    if left < 0:
        return ENDED if left >= -LATELY_DAYS else None
    return min((days for days in ANNOUNCED_DAYS if left <= days), default=None)


def ending(state: Person, now: datetime) -> list[NewEvent]:
    """What time brings: ends of training and affiliation are announced before they take away the good standing."""
    if state.state in {PersonState.UNKNOWN, PersonState.REVOKED}:
        return []
    events = []
    for what, until in (("training", state.trained_until), ("affiliation", state.affiliated_until)):
        days = ends_soon(until, now.date())
        if (
            until is None
            or days is None
            or any((what, until, told) in state.announced for told in range(days + 1))
        ):
            continue
        events.append(NewEvent("ending-announced", {"what": what, "until": until.isoformat(), "days": days}))
    return events


def _leave(_state: Person, _command: c.Plain, _asker: str, _means: Means, _now: datetime) -> list[NewEvent]:
    return [NewEvent("revoked", {"reason": ""})]


_DECISIONS: Final[dict[str, Callable[..., list[NewEvent]]]] = {
    "vet": _vet,
    "sign": _sign,
    "record-training": _record_training,
    "confirm-affiliation": _confirm_affiliation,
    "record-licence": _record_licence,
    "withdraw-licence": _withdraw_licence,
    "revoke": _revoke,
    "leave": _leave,
}


def evolve(state: Person, event: Event) -> Person:
    """The state after an event; one that is not known changes nothing."""
    tell = _TELLING.get(event.kind)
    return tell(state, event) if tell else state


def _told_assigned(state: Person, event: Event) -> Person:
    data = event.data
    return Person(
        data["subject"],
        PersonState.ASSIGNED,
        data["organisation"],
        AffiliationRole(data["role"]),
        data["contact"],
        data["by"],
        event.at,
        signed=state.signed,
    )


def _told_vetted(state: Person, event: Event) -> Person:
    data = event.data
    return replace(
        state,
        state=PersonState.VETTED,
        vetted=event.at,
        credentials=data["credentials"],
        trained_until=day(data["trainedUntil"]),
        affiliated_until=day(data["affiliatedUntil"]),
    )


def _told_licence(state: Person, event: Event) -> Person:
    data = event.data
    checked = date.fromisoformat(data["checked"])
    licence = Licence(data["register"], data["number"], checked, day(data["until"]), event.actor)
    return replace(state, licence=licence)


def _told_ending(state: Person, event: Event) -> Person:
    data = event.data
    told = (str(data["what"]), date.fromisoformat(data["until"]), int(data["days"]))
    return replace(state, announced=state.announced | {told})


_TELLING: Final[dict[str, Callable[[Person, Event], Person]]] = {
    "assigned": _told_assigned,
    "vetted": _told_vetted,
    "signed": lambda state, event: replace(state, signed=(*state.signed, signed_of(event))),
    "activated": lambda state, event: replace(state, state=PersonState.ACTIVE, active_since=event.at),
    "trained": lambda state, event: replace(state, trained_until=day(event.data["until"])),
    "affiliation-confirmed": lambda state, event: replace(state, affiliated_until=day(event.data["until"])),
    "licence-recorded": _told_licence,
    "licence-withdrawn": lambda state, _: replace(state, licence=None),
    "ending-announced": _told_ending,
    "revoked": lambda state, event: replace(
        state, state=PersonState.REVOKED, licence=None, reason=event.data["reason"]
    ),
}


def head(state: Person) -> Head:
    """What lists say of a person: ids and days."""
    summary = {
        "organisation": state.organisation,
        "role": state.role,
        "trainedUntil": state.trained_until.isoformat() if state.trained_until else None,
        "affiliatedUntil": state.affiliated_until.isoformat() if state.affiliated_until else None,
    }
    return Head(state.state, frozenset({state.subject, state.organisation}), summary)


PERSON_STORY: Final = Story("person", Person(), evolve, head)
