"""How a user organisation is registered, vetted, signs, is active, suspended, closed: decisions and their effect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from opengdi.access.ledger import Story
from opengdi.access.model import Event, Head, NewEvent
from opengdi.access.organisations import commands as c
from opengdi.access.organisations.facts import moment, signed_data, signed_of
from opengdi.access.organisations.means import Means, code_digest
from opengdi.access.organisations.model import (
    AffiliationRole,
    Asking,
    Capacity,
    Check,
    CheckKind,
    DocumentKind,
    Invitation,
    Organisation,
    OrganisationState,
    Signed,
)
from opengdi.access.organisations.permitted import ORGANISATION, require
from opengdi.access.organisations.ror import ror_id
from opengdi.access.organisations.rules import JOINING, has_signed
from opengdi.kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from opengdi.kernel.ids import country_code

REQUIRED_CHECKS: Final = (CheckKind.LEGAL_EXISTENCE, CheckKind.SIGNING_AUTHORITY)
INVITATION_TIME: Final = timedelta(days=30)

SIGNABLE: Final = frozenset({*JOINING, DocumentKind.HEALTHCARE_CONTRACT})
"""What an organisation signs."""

Decision = Sequence[NewEvent]


def registered(command: c.Register, registrant: str, id_: str, means: Means, now: datetime) -> list[NewEvent]:
    """An organisation begins. Raises Invalid that names all that is wrong."""
    facts = _facts(command)
    contacts = {
        "legalRepresentative": _contact(means, f"contact:{id_}", command.legal_representative),
        "registrant": _contact(means, registrant, command.registrant),
    }
    events = [NewEvent("registered", {**facts, "id": id_, "registrant": registrant, "contacts": contacts})]
    if command.official is None:
        return [*events, NewEvent("official-named", {"subject": registrant})]
    return [*events, _invited(command.official, means, now, official=True)]


def decide(
    state: Organisation,
    name: str,
    command: c.Command,
    asker: str,
    capacities: frozenset[Capacity],
    means: Means,
    now: datetime,
) -> list[NewEvent]:
    """What a command comes to. Raises NotPermitted, Conflict, NotFound, Invalid."""
    require(ORGANISATION, state.state, capacities, name)
    if Capacity.OPERATOR in capacities and asker in state.officials | {state.registrant}:
        raise NotPermitted(
            f"{asker} cannot be operator and part of {state.id}",
            public="Another onboarding operator has to do this: you act for this organisation.",
        )
    return _DECISIONS[name](state, command, asker, means, now)


def _correct(
    state: Organisation, command: c.Correct, _asker: str, means: Means, _now: datetime
) -> list[NewEvent]:
    contacts = {
        "legalRepresentative": _contact(means, f"contact:{state.id}", command.legal_representative),
        "registrant": _contact(means, state.registrant, command.registrant),
    }
    return [NewEvent("corrected", {**_facts(command), "contacts": contacts})]


def _record_check(
    state: Organisation, command: c.Looked, _asker: str, means: Means, now: datetime
) -> list[NewEvent]:
    if command.on > now.date():
        raise Invalid(f"on {command.on} is in the future; expected the day of the check")
    if command.kind is CheckKind.ROR and command.passed and not state.ror:
        raise Invalid("the organisation has given no ror to check")
    evidence = means.keep(f"organisation:{state.id}", command.evidence)
    data = {
        "kind": command.kind,
        "passed": command.passed,
        "evidence": evidence,
        "on": command.on.isoformat(),
    }
    return [NewEvent("check-recorded", data)]


def _vet(state: Organisation, command: c.Vet, asker: str, means: Means, now: datetime) -> list[NewEvent]:
    events = [event for check in command.checks for event in _record_check(state, check, asker, means, now)]
    told = {check.kind: check.passed for check in command.checks}
    required = [*REQUIRED_CHECKS, *((CheckKind.NOT_FOR_PROFIT,) if state.not_for_profit else ())]
    missing = [kind for kind in required if not told.get(kind, state.passed(kind))]
    if missing:
        raise Conflict(
            f"{', '.join(missing)} not passed for {state.id}",
            public=f"Checks that are not passed yet: {', '.join(missing)}.",
        )
    return [*events, NewEvent("vetted")]


def _appoint(
    state: Organisation, command: c.AppointOfficial, _asker: str, _means: Means, _now: datetime
) -> list[NewEvent]:
    return [] if command.subject in state.officials else [_named(command.subject)]


def _remove(
    state: Organisation, command: c.RemoveOfficial, _asker: str, _means: Means, _now: datetime
) -> list[NewEvent]:
    if command.subject not in state.officials:
        raise NotFound(f"{command.subject} is no signing official of {state.id}")
    if len(state.officials) == 1:
        raise Conflict("the last official", public="Name another signing official first.")
    return [NewEvent("official-removed", {"subject": command.subject})]


def forgotten(subject: str, state: Organisation, _now: datetime) -> list[NewEvent]:
    """Somebody signs no longer, even if nobody is left who does."""
    gone = subject in state.officials
    return [NewEvent("official-removed", {"subject": subject})] if gone else []


def _invite_official(
    _state: Organisation, command: c.InviteOfficial, _asker: str, means: Means, now: datetime
) -> list[NewEvent]:
    return [_invited(command, means, now, official=True)]


def _invite_person(
    _state: Organisation, command: c.InvitePerson, _asker: str, means: Means, now: datetime
) -> list[NewEvent]:
    return [_invited(command, means, now, official=False, role=command.role)]


def _cancel_invitation(
    state: Organisation, command: c.CancelInvitation, _asker: str, _means: Means, _now: datetime
) -> list[NewEvent]:
    if command.invitation not in {each.id for each in state.invitations.values()}:
        raise NotFound(f"there is no invitation {command.invitation}")
    return [NewEvent("invitation-ended", {"invitation": command.invitation})]


def _accept_office(
    state: Organisation, command: c.AcceptOffice, asker: str, _means: Means, now: datetime
) -> list[NewEvent]:
    invitation = find_invitation(state, command.code, now, official=True)
    return [_named(asker), NewEvent("invitation-ended", {"invitation": invitation.id, "by": asker})]


def find_invitation(state: Organisation, code: str, now: datetime, *, official: bool) -> Invitation:
    """The invitation of that code. Raises NotFound if there is none that holds."""
    found = state.invitations.get(code_digest(code))
    if found is None or found.official is not official or now >= found.until:
        raise NotFound("the invitation is unknown, used or over", public="This invitation does not hold.")
    return found


def _sign(state: Organisation, command: c.Sign, asker: str, means: Means, now: datetime) -> list[NewEvent]:
    _signable(means, command.document, command.version)
    signed = means.signed(command.document, command.version, command.sha256, asker, state.id, now)
    return with_signature(state, signed, means, now)


def _ask_signature(
    _state: Organisation, command: c.AskSignature, _asker: str, means: Means, _now: datetime
) -> list[NewEvent]:
    """Nothing yet: the service is asked first, and `asked` tells that it was."""
    _signable(means, command.document, command.version)
    return []


def asked(asking: Asking) -> list[NewEvent]:
    """An external service collects a signature."""
    data = {"id": asking.id, "document": asking.document, "version": asking.version}
    return [NewEvent("signature-asked", {**data, "sha256": asking.sha256, "by": asking.by})]


def collected(
    state: Organisation, asking_id: str, signed: Signed | None, means: Means, now: datetime
) -> list[NewEvent]:
    """What an external service answers. signed: None, if the signature was refused. Told twice, it counts once."""
    asking = next((each for each in state.askings if each.id == asking_id), None)
    if asking is None:
        return []
    if signed is None:
        return [NewEvent("signature-refused", {"id": asking_id})]
    if state.state is OrganisationState.CLOSED:
        raise Conflict(f"{state.id} is closed")
    done = NewEvent("signature-collected", {"id": asking_id})
    return [done, *with_signature(state, signed, means, now)]


def with_signature(state: Organisation, signed: Signed, means: Means, now: datetime) -> list[NewEvent]:
    """A signature; with the last of what joining needs, the organisation has agreed."""
    events = [NewEvent("signed", signed_data(signed))]
    both = (*state.signed, signed)
    if state.state is OrganisationState.VETTED and all(
        has_signed(both, means.documents, kind, now) for kind in JOINING
    ):
        events.append(NewEvent("agreed"))
    return events


def _signable(means: Means, document: str, version: int) -> None:
    found, _ = means.version(document, version)
    if found.kind not in SIGNABLE:
        raise Invalid(f"document {document} is not for organisations to sign: it is {found.kind}")


def _activate(
    state: Organisation, _command: c.Plain, _asker: str, means: Means, now: datetime
) -> list[NewEvent]:
    missing = [kind for kind in JOINING if not has_signed(state.signed, means.documents, kind, now)]
    if missing:
        raise Conflict(f"{missing[0]} is unsigned", public=f"Not signed as in force: {', '.join(missing)}.")
    return [NewEvent("activated")]


def _pause(kind: str) -> Callable[..., list[NewEvent]]:
    def decide_it(
        state: Organisation, command: c.Because, _asker: str, means: Means, _now: datetime
    ) -> list[NewEvent]:
        return [NewEvent(kind, {"reason": means.keep(f"organisation:{state.id}", command.reason)})]

    return decide_it


_DECISIONS: Final[dict[str, Callable[..., list[NewEvent]]]] = {
    "correct": _correct,
    "record-check": _record_check,
    "vet": _vet,
    "appoint-official": _appoint,
    "remove-official": _remove,
    "invite-official": _invite_official,
    "accept-office": _accept_office,
    "invite-person": _invite_person,
    "cancel-invitation": _cancel_invitation,
    "sign": _sign,
    "ask-signature": _ask_signature,
    "activate": _activate,
    "suspend": _pause("suspended"),
    "reinstate": _pause("reinstated"),
    "close": _pause("closed"),
}


def _facts(command: c.Register) -> dict[str, Any]:
    faults, ror = [], ""
    try:
        country_code(command.country)
    except Invalid as error:
        faults.append(str(error))
    try:
        ror = ror_id(command.ror) if command.ror else ""
    except Invalid as error:
        faults.append(str(error))
    if not ror and not command.registration_number:
        faults.append("ror or registrationNumber is needed, so that the legal entity can be found")
    if faults:
        raise Invalid("; ".join(faults))
    return {
        "name": command.name,
        "country": command.country,
        "domain": command.domain,
        "ror": ror,
        "registrationNumber": command.registration_number,
        "notForProfit": command.not_for_profit,
    }


def _contact(means: Means, about: str, contact: c.Contact) -> str:
    return means.keep(about, f"{contact.name} <{contact.email}>")


def _invited(
    contact: c.Contact,
    means: Means,
    now: datetime,
    *,
    official: bool,
    role: AffiliationRole = AffiliationRole.MEMBER,
) -> NewEvent:
    id_ = means.new_id()
    data = {
        "invitation": id_,
        "digest": code_digest(means.code_of(id_)),
        "official": official,
        "role": role,
        "contact": _contact(means, f"invitation:{id_}", contact),
        "until": (now + INVITATION_TIME).isoformat(),
    }
    return NewEvent("invited", data)


def _named(subject: str) -> NewEvent:
    return NewEvent("official-named", {"subject": subject})


def evolve(state: Organisation, event: Event) -> Organisation:
    """The state after an event; one that is not known changes nothing."""
    tell = _TELLING.get(event.kind)
    return tell(state, event) if tell else state


def _told_facts(state: Organisation, event: Event) -> Organisation:
    data = event.data
    return replace(
        state,
        name=data["name"],
        country=data["country"],
        domain=data["domain"],
        ror=data["ror"],
        registration_number=data["registrationNumber"],
        not_for_profit=data["notForProfit"],
        contacts=data["contacts"],
    )


def _told_registered(state: Organisation, event: Event) -> Organisation:
    known = _told_facts(state, event)
    return replace(
        known,
        id=event.data["id"],
        registrant=event.data["registrant"],
        state=OrganisationState.REGISTERED,
    )


def _told_check(state: Organisation, event: Event) -> Organisation:
    data = event.data
    on = date.fromisoformat(data["on"])
    check = Check(CheckKind(data["kind"]), data["passed"], data["evidence"], on, event.actor)
    return replace(state, checks=(*state.checks, check))


def _told_invited(state: Organisation, event: Event) -> Organisation:
    data = event.data
    invitation = Invitation(
        data["invitation"],
        data["official"],
        AffiliationRole(data["role"]),
        data["contact"],
        moment(data["until"]),
        event.actor,
    )
    return replace(state, invitations={**state.invitations, data["digest"]: invitation})


def _told_invitation_ended(state: Organisation, event: Event) -> Organisation:
    left = {key: each for key, each in state.invitations.items() if each.id != event.data["invitation"]}
    return replace(state, invitations=left)


def _told_asked(state: Organisation, event: Event) -> Organisation:
    data = event.data
    asking = Asking(data["id"], data["document"], data["version"], data["sha256"], data["by"])
    return replace(state, askings=(*state.askings, asking))


def _told_answered(state: Organisation, event: Event) -> Organisation:
    left = tuple(each for each in state.askings if each.id != event.data["id"])
    return replace(state, askings=left)


def _told_suspended(state: Organisation, event: Event) -> Organisation:
    return replace(state, state=OrganisationState.SUSPENDED, before=state.state, reason=event.data["reason"])


def _told_reinstated(state: Organisation, event: Event) -> Organisation:
    return replace(state, state=state.before, reason=event.data["reason"])


_TELLING: Final[dict[str, Callable[[Organisation, Event], Organisation]]] = {
    "registered": _told_registered,
    "corrected": _told_facts,
    "official-named": lambda state, event: replace(
        state, officials=state.officials | {event.data["subject"]}
    ),
    "official-removed": lambda state, event: replace(
        state, officials=state.officials - {event.data["subject"]}
    ),
    "check-recorded": _told_check,
    "vetted": lambda state, _: replace(state, state=OrganisationState.VETTED),
    "invited": _told_invited,
    "invitation-ended": _told_invitation_ended,
    "signed": lambda state, event: replace(state, signed=(*state.signed, signed_of(event))),
    "signature-asked": _told_asked,
    "signature-collected": _told_answered,
    "signature-refused": _told_answered,
    "agreed": lambda state, _: replace(state, state=OrganisationState.AGREED),
    "activated": lambda state, event: replace(state, state=OrganisationState.ACTIVE, active_since=event.at),
    "suspended": _told_suspended,
    "reinstated": _told_reinstated,
    "closed": lambda state, event: replace(
        state, state=OrganisationState.CLOSED, reason=event.data["reason"], invitations={}, askings=()
    ),
}


def head(state: Organisation) -> Head:
    """What lists say of an organisation, and by what it is found: people, invitations, signatures asked for."""
    concerned = (
        state.officials
        | {state.registrant}
        | {f"invitation:{digest}" for digest in state.invitations}
        | {f"signing:{asking.id}" for asking in state.askings}
    )
    summary = {"name": state.name, "country": state.country, "ror": state.ror, "domain": state.domain}
    return Head(state.state, concerned, summary)


ORGANISATION_STORY: Final = Story("organisation", Organisation(), evolve, head)
