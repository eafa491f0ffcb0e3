"""Which event is told to whom: the table, and how a party becomes people. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from opengdi.access.applications.model import Application
from opengdi.access.applications.model import State as ApplicationState
from opengdi.access.cases.model import Case
from opengdi.access.cases.rules import awaited
from opengdi.access.model import Event
from opengdi.access.notices.model import INVITATION, MAILBOX, PERSON, Party, Rule, When, always
from opengdi.access.notices.ports import Directory
from opengdi.access.organisations.model import Document, DocumentKind, Organisation, Person
from opengdi.access.permits.model import Permit
from opengdi.kernel.principal import Role

APPLICATION, CASE, PERMIT, ORGANISATION = "application", "case", "permit", "organisation"
ONE, DOCUMENT = "person", "document"
"""Names of stories."""

_USERS: Final = (Party.HOLDER, Party.MEMBERS)
_ALL_OF_PERMIT: Final = (*_USERS, Party.OFFICIALS)
_OF_ORGANISATION: Final = (Party.OFFICIALS, Party.REGISTRANT)


def _asks(kind: str) -> Callable[[Any, Event], bool]:
    return lambda _state, event: event.data.get("asked", {}).get("kind") == kind


def _waits_for_confirmation(state: Application, _event: Event) -> bool:
    return state.state is ApplicationState.PENDING


def _nobody_signs(state: Organisation, _event: Event) -> bool:
    return not state.officials


def _by_themselves(_state: object, event: Event) -> bool:
    return event.actor == event.data.get("subject")


def _by_somebody_else(state: object, event: Event) -> bool:
    return not _by_themselves(state, event)


def _grants(_state: object, event: Event) -> bool:
    return any(each["granted"] for each in event.data["datasets"])


def _escalates(_state: object, event: Event) -> bool:
    return bool(event.data.get("policy") == "escalate")


def _lies_ahead(_state: object, event: Event) -> bool:
    return bool(event.data["days"])


def _is_over(state: object, event: Event) -> bool:
    return not _lies_ahead(state, event)


def _begins_a_later_step(_state: object, event: Event) -> bool:
    return event.number > 2  # the first step begins with the case, of which its people hear anyway


def _duty(name: str, story: str, event: str, parties: tuple[Party, ...], when: When = always) -> Rule:
    """Who gets it has to know, and cannot decline it."""
    return Rule(name, story, event, parties, duty=True, when=when)


def _news(name: str, story: str, event: str, parties: tuple[Party, ...], when: When = always) -> Rule:
    """Good to know; whoever does not want it says so."""
    return Rule(name, story, event, parties, duty=False, when=when)


NOTICES: Final = (
    _duty("confirmation-wanted", APPLICATION, "submitted", (Party.OFFICIALS,), _waits_for_confirmation),
    _duty("confirmation-refused", APPLICATION, "confirmation-refused", (Party.APPLICANT,)),
    _news("application-under-way", APPLICATION, "cases-opened", (Party.APPLICANT, Party.MEMBERS)),
    _duty("member-invited", APPLICATION, "member-invited", (Party.INVITED,)),
    _news("member-joined", APPLICATION, "member-joined", (Party.APPLICANT,)),
    _duty("member-removed", APPLICATION, "member-removed", (Party.SUBJECT,), _by_somebody_else),
    _news("member-left", APPLICATION, "member-removed", (Party.APPLICANT,), _by_themselves),
    _duty("applicant-now", APPLICATION, "applicant-changed", (Party.SUBJECT,)),
    _duty("change-requested", APPLICATION, "case-asked", (Party.APPLICANT,), _asks("change")),
    _duty("question-asked", APPLICATION, "case-asked", (Party.APPLICANT,), _asks("question")),
    _news("remark-made", APPLICATION, "case-asked", (Party.APPLICANT,), _asks("remark")),
    _news("decision-delayed", APPLICATION, "case-delayed", (Party.APPLICANT,)),
    _duty("case-decided", APPLICATION, "case-decided", (Party.APPLICANT, Party.OFFICIALS)),
    _news("application-withdrawn", APPLICATION, "withdrawn", (Party.MEMBERS, Party.OFFICIALS)),
    _duty("permit-issued", PERMIT, "issued", _ALL_OF_PERMIT),
    _duty("permit-decided-anew", PERMIT, "decided-anew", _ALL_OF_PERMIT),
    _duty("permit-amended", PERMIT, "amended", (*_ALL_OF_PERMIT, Party.SUBJECT)),
    _duty("use-ended", PERMIT, "use-ended", _USERS),
    _duty("permit-suspended", PERMIT, "suspended", _ALL_OF_PERMIT),
    _news("permit-resumed", PERMIT, "resumed", _ALL_OF_PERMIT),
    _news("permit-sleeps", PERMIT, "slept", (Party.MEMBERS,)),
    _news("permit-woken", PERMIT, "woken", (Party.MEMBERS,)),
    _duty("permit-ends-soon", PERMIT, "expiry-announced", _ALL_OF_PERMIT),
    _duty("attestation-due", PERMIT, "attestation-announced", (Party.HOLDER, Party.OFFICIALS)),
    _duty("extension-asked", PERMIT, "extension-asked", (Party.COORDINATORS,)),
    _duty("extension-refused", PERMIT, "extension-refused", (Party.HOLDER,)),
    _duty("duty-overdue", PERMIT, "duty-overdue", (Party.HOLDER, Party.OFFICIALS)),
    _duty("permit-expired", PERMIT, "expired", _ALL_OF_PERMIT),
    _duty("permit-closed", PERMIT, "closed-out", _ALL_OF_PERMIT),
    _duty("permit-revoked", PERMIT, "revoked", _ALL_OF_PERMIT),
    _duty("organisation-registered", ORGANISATION, "registered", (Party.ONBOARDING_OPERATORS,)),
    _duty("organisation-vetted", ORGANISATION, "vetted", _OF_ORGANISATION),
    _duty("organisation-agreed", ORGANISATION, "agreed", (Party.ONBOARDING_OPERATORS,)),
    _news("organisation-active", ORGANISATION, "activated", _OF_ORGANISATION),
    _duty("organisation-suspended", ORGANISATION, "suspended", _OF_ORGANISATION),
    _duty("organisation-reinstated", ORGANISATION, "reinstated", _OF_ORGANISATION),
    _duty("organisation-closed", ORGANISATION, "closed", _OF_ORGANISATION),
    _duty("organisation-invited", ORGANISATION, "invited", (Party.INVITED,)),
    _duty("official-named", ORGANISATION, "official-named", (Party.SUBJECT,), _by_somebody_else),
    _duty("official-removed", ORGANISATION, "official-removed", (Party.SUBJECT,)),
    _duty("official-missing", ORGANISATION, "official-removed", (Party.ONBOARDING_OPERATORS,), _nobody_signs),
    _duty("person-assigned", ONE, "assigned", (Party.SUBJECT,)),
    _duty("person-to-vet", ONE, "assigned", (Party.ONBOARDING_OPERATORS,)),
    _duty("person-vetted", ONE, "vetted", (Party.SUBJECT,)),
    _duty("standing-ends", ONE, "ending-announced", (Party.SUBJECT, Party.OFFICIALS), _lies_ahead),
    _duty("standing-ended", ONE, "ending-announced", (Party.SUBJECT, Party.OFFICIALS), _is_over),
    _duty("document-to-sign", DOCUMENT, "version-published", (Party.SIGNERS,)),
    _duty("person-revoked", ONE, "revoked", (Party.SUBJECT, Party.OFFICIALS)),
    _duty("case-opened", CASE, "opened", (Party.BODY,)),
    _duty("case-changed", CASE, "application-changed", (Party.BODY,)),
    _news("case-step", CASE, "step-entered", (Party.AWAITED,), _begins_a_later_step),
    _news("case-message", CASE, "message-received", (Party.BODY,)),
    _duty("case-reminder", CASE, "reminded", (Party.AWAITED,)),
    _duty("case-overdue", CASE, "overdue", (Party.AWAITED, Party.COORDINATION_POINT)),
    _duty("case-vetoed", CASE, "vetoed", (Party.BODY,)),
    _duty("case-consensus", CASE, "consensus-sought", (Party.BODY, Party.COORDINATION_POINT)),
    _duty("case-escalated", CASE, "silence-applied", (Party.COORDINATION_POINT, Party.BODY), _escalates),
    _news("case-closed", CASE, "decided", (Party.BODY,)),
    _duty("subjects-to-inform", CASE, "decided", (Party.COORDINATION_POINT,), _grants),
    _duty("case-appealed", CASE, "appealed", (Party.BODY,)),
    _news("case-withdrawn", CASE, "withdrawn", (Party.BODY,)),
)  # fmt: skip
"""Everything that is told. `docs/notices.md` shows it."""

RULES: Final[Mapping[str, Rule]] = {rule.name: rule for rule in NOTICES}

_IN_BODY: Final = (Role.DAC_CHAIR, Role.DAC_MEMBER, Role.ETHICS_MEMBER, Role.DATA_HOLDER)


def rules_for(story: str, event: str) -> list[Rule]:
    """The lines of the table for an event."""
    return [rule for rule in NOTICES if (rule.story, rule.event) == (story, event)]


def recipients(rule: Rule, state: Any, event: Event, directory: Directory) -> frozenset[str]:
    """Who is to be told of an event; nobody, if it is not one that is told. state: after the event."""
    if not rule.when(state, event):
        return frozenset()
    find = _FINDERS[rule.story]
    found = frozenset(who for party in rule.parties for who in find(party, state, event, directory))
    return found if rule.duty else found - {f"{PERSON}{event.actor}"}


def _people(subjects: Iterable[str]) -> frozenset[str]:
    return frozenset(f"{PERSON}{subject}" for subject in subjects if subject)


def _of_application(party: Party, state: Application, event: Event, directory: Directory) -> frozenset[str]:
    match party:
        case Party.APPLICANT:
            return _people([state.applicant])
        case Party.MEMBERS:
            return _people(state.member_subjects)
        case Party.SUBJECT:
            return _people([str(event.data["subject"])])
        case Party.INVITED:
            invited = event.data["invitation"]
            subject = str(invited.get("subject", ""))
            return _people([subject]) if subject else frozenset({f"{INVITATION}{invited['id']}"})
        case Party.OFFICIALS:
            taking_part = state.member_subjects | {state.applicant}  # they cannot confirm what is their own
            return _people(set(directory.officials(state.organisation)) - taking_part)
    return frozenset()


def _of_permit(party: Party, state: Permit, event: Event, directory: Directory) -> frozenset[str]:
    match party:
        case Party.HOLDER:
            return _people([state.holder.subject])
        case Party.MEMBERS:
            return _people(person.subject for person in state.members)
        case Party.SUBJECT:
            return _people(map(str, event.data.get("people", ())))
        case Party.OFFICIALS:
            return _people(directory.officials(state.holder.organisation))
        case Party.COORDINATORS:
            return _people(directory.holders(Role.COORDINATOR))
    return frozenset()


def _of_organisation(party: Party, state: Organisation, event: Event, directory: Directory) -> frozenset[str]:
    match party:
        case Party.OFFICIALS:
            return _people(state.officials)
        case Party.REGISTRANT:
            return _people([state.registrant])
        case Party.SUBJECT:
            return _people([str(event.data["subject"])])
        case Party.INVITED:
            return frozenset({f"{INVITATION}{event.data['invitation']}"})
        case Party.ONBOARDING_OPERATORS:
            return _people(directory.holders(Role.ONBOARDING_OPERATOR))
    return frozenset()


def _of_person(party: Party, state: Person, _event: Event, directory: Directory) -> frozenset[str]:
    match party:
        case Party.SUBJECT:
            return _people([state.subject])
        case Party.OFFICIALS:
            return _people(directory.officials(state.organisation))
        case Party.ONBOARDING_OPERATORS:
            return _people(directory.holders(Role.ONBOARDING_OPERATOR))
    return frozenset()


def _of_document(_party: Party, state: Document, _event: Event, directory: Directory) -> frozenset[str]:
    return _people(directory.signers(of_people=state.kind is DocumentKind.USER_TERMS))


def _of_case(party: Party, case: Case, _event: Event, directory: Directory) -> frozenset[str]:
    """People of the body who may know of the case; or its mailbox, which is the body's own to look after."""
    roles: Iterable[Role] = _IN_BODY
    nobody = case.application.people | {who for who, conflict in case.interests.items() if conflict}
    if party is Party.COORDINATION_POINT:
        roles = (Role.NATIONAL_COORDINATION_POINT,)
    elif directory.mailbox(case.body):
        return frozenset({f"{MAILBOX}{case.body}"})
    elif party is Party.AWAITED:
        roles, done = awaited(case)
        nobody |= done
    return _people({who for role in roles for who in directory.holders(role, case.body)} - nobody)


_FINDERS: Final[Mapping[str, Callable[[Party, Any, Event, Directory], frozenset[str]]]] = {
    APPLICATION: _of_application,
    CASE: _of_case,
    PERMIT: _of_permit,
    ORGANISATION: _of_organisation,
    ONE: _of_person,
    DOCUMENT: _of_document,
}
