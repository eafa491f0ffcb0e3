"""What an event makes of an application. Never fails: what it does not understand changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

import msgspec

from opengdi.access.applications.model import (
    Application,
    Asked,
    Attachment,
    CaseAt,
    FormVersion,
    Invitation,
    Link,
    Member,
    OpenedCase,
    Said,
    State,
    Version,
)
from opengdi.access.applications.outcome import case_of, state_by_cases
from opengdi.access.model import AskedDataset, Event, Purpose

_Evolve = Callable[[Application, Event], Application]


def evolve(application: Application, event: Event) -> Application:
    """The application after the event."""
    tell = _TELL.get(event.kind)
    counted = replace(application, changed=event.at, events=application.events + 1, superseded=())
    if tell is None:
        return counted
    try:
        return tell(counted, event)
    except (LookupError, TypeError, ValueError, AttributeError):  # an event of a form that nobody knows
        return counted


def _created(state: Application, event: Event) -> Application:
    data = event.data
    if state.state is not State.NOTHING:
        return state
    link = data.get("follows")
    return replace(
        state,
        id=event.stream.partition(":")[2],
        state=State.DRAFT,
        applicant=event.actor,
        organisation=str(data.get("organisation", "")),
        created=event.at,
        purpose=Purpose(data["purpose"]),
        content=str(data["content"]),
        digest=str(data["digest"]),
        title=str(data.get("title", "")),
        until=str(data.get("until", "")),
        environment=str(data.get("environment", "")),
        forms=_forms(data),
        datasets=_datasets(data),
        follows=None if link is None else msgspec.convert(link, Link),
    )


def _saved(state: Application, event: Event) -> Application:
    data = event.data
    submitted = {text for version in state.versions for text in (version.content, version.title)}
    gone = {state.content, state.title} - {str(data["content"]), str(data.get("title", ""))} - submitted
    return replace(
        state,
        superseded=tuple(sorted(gone)),
        purpose=Purpose(data["purpose"]),
        content=str(data["content"]),
        digest=str(data["digest"]),
        title=str(data.get("title", "")),
        until=str(data.get("until", "")),
        environment=str(data.get("environment", "")),
        forms=_forms(data),
    )


def _datasets_changed(state: Application, event: Event) -> Application:
    return replace(state, datasets=_datasets(event.data))


def _invited(state: Application, event: Event) -> Application:
    invitation = msgspec.convert(event.data["invitation"], Invitation)
    return replace(state, invitations=(*_without(state.invitations, invitation.id), invitation))


def _uninvited(state: Application, event: Event) -> Application:
    gone = str(event.data["invitation"])
    return replace(
        state, invitations=_without(state.invitations, gone), superseded=_persons(state.invitations, gone)
    )


def _joined(state: Application, event: Event) -> Application:
    member = Member(event.actor, str(event.data.get("organisation", "")))
    others = tuple(other for other in state.members if other.subject != member.subject)
    used = str(event.data["invitation"])
    return replace(
        state,
        members=(*others, member),
        superseded=_persons(state.invitations, used),
        invitations=_without(state.invitations, used),
        former=state.former - {member.subject},
    )


def _removed(state: Application, event: Event) -> Application:
    gone = str(event.data["subject"])
    return replace(
        state,
        members=tuple(member for member in state.members if member.subject != gone),
        former=state.former | {gone},
    )


def _applicant_changed(state: Application, event: Event) -> Application:
    fresh = str(event.data["subject"])
    return replace(
        state,
        applicant=fresh,
        organisation=str(event.data.get("organisation", "")),
        members=tuple(member for member in state.members if member.subject != fresh),
        former=(state.former | {state.applicant}) - {fresh},
    )


def _terms_accepted(state: Application, event: Event) -> Application:
    terms = frozenset(map(str, event.data["terms"]))
    before = state.accepted.get(event.actor, frozenset())
    return replace(state, accepted={**state.accepted, event.actor: before | terms})


def _attached(state: Application, event: Event) -> Application:
    return replace(
        state, attachments=(*state.attachments, msgspec.convert(event.data["attachment"], Attachment))
    )


def _detached(state: Application, event: Event) -> Application:
    gone = str(event.data["attachment"])
    return replace(state, attachments=tuple(file for file in state.attachments if file.id != gone))


def _redacted(state: Application, event: Event) -> Application:
    gone = str(event.data["attachment"])
    files = tuple(replace(file, redacted=True) if file.id == gone else file for file in state.attachments)
    return replace(state, attachments=files)


def _submitted(state: Application, event: Event) -> Application:
    data = event.data
    version = Version(
        len(state.versions) + 1,
        str(data["digest"]),
        state.content,
        state.datasets,
        state.members,
        tuple(file.id for file in state.attachments if not file.redacted),
        state.purpose,
        state.until,
        state.environment,
        state.applicant,
        str(data["organisation"]),
        state.forms,
        event.at,
        state.title,
        state.digest,
    )
    return replace(
        state,
        state=State.PENDING,
        organisation=version.organisation,
        submitted=state.submitted or event.at,
        versions=(*state.versions, version),
        confirmed_by="",
        refusal="",
    )


def _confirmed(state: Application, event: Event) -> Application:
    by = event.actor if event.data.get("official", True) else ""
    return replace(state, state=State.SUBMITTED, confirmed_by=by)


def _refused(state: Application, event: Event) -> Application:
    return replace(state, state=State.RETURNED, refusal=str(event.data.get("text") or "-"))


def _opened(state: Application, event: Event) -> Application:
    """Cases as they are after a submission: new ones, and those that fell away; what was asked is answered by it."""
    fresh = msgspec.convert(event.data["opened"], list[OpenedCase])
    gone = set(event.data.get("withdrawn", ()))
    kept = tuple(replace(at, withdrawn=True) if at.opened.case in gone else at for at in state.cases)
    changed = replace(
        state,
        cases=(*kept, *(CaseAt(opened) for opened in fresh)),
        asked=tuple(replace(ask, answered=ask.answered or ask.kind == "change") for ask in state.asked),
    )
    return _settled(changed)


def _settled(state: Application) -> Application:
    """In the state that its cases add up to, unless it waits for its own people or is at an end."""
    by_cases = {
        State.SUBMITTED,
        State.REVIEWED,
        State.RETURNED,
        State.APPROVED,
        State.PARTLY_APPROVED,
        State.REJECTED,
    }
    if state.state not in by_cases or (state.state is State.RETURNED and state.refusal):
        return state
    now = state_by_cases(state.cases, state.asked)
    went_on = state.state is State.RETURNED and now is not State.RETURNED
    return replace(_as_submitted(state) if went_on else state, state=now)


def _as_submitted(state: Application) -> Application:
    """As it was submitted last: what was changed since and not sent is nobody's concern once the cases went on."""
    version = state.version
    if version is None:
        return state
    kept = tuple(member for member in version.members if member.subject in state.member_subjects)
    left = state.member_subjects - {member.subject for member in kept}
    same_applicant = tuple(member for member in kept if member.subject != state.applicant)
    return replace(
        state,
        content=version.content,
        digest=version.draft,
        title=version.title,
        datasets=version.datasets,
        members=same_applicant,
        invitations=(),
        purpose=version.purpose,
        until=version.until,
        environment=version.environment,
        forms=version.forms,
        former=state.former | left,
    )


def _case(state: Application, event: Event, change: Callable[[CaseAt], CaseAt]) -> Application:
    at = case_of(state, str(event.data["case"]))
    if at is None:
        return state
    cases = tuple(change(one) if one is at else one for one in state.cases)
    return _settled(replace(state, cases=cases))


def _case_changed(state: Application, event: Event) -> Application:
    clock = {str(name): str(value) for name, value in event.data.get("clock", {}).items()}
    now = str(event.data["state"])
    return _case(state, event, lambda at: replace(at, state=now, clock=clock))


def _case_decided(state: Application, event: Event) -> Application:
    data = event.data
    granted = {str(name): bool(value) for name, value in data["granted"].items()}
    jws, version = str(data["decision"]), int(data["version"])
    return _case(
        state,
        event,
        lambda at: replace(at, state="decided", decision=jws, granted=granted, version=version),
    )


def _asked(state: Application, event: Event) -> Application:
    ask = msgspec.convert({**event.data["asked"], "at": event.at}, Asked)
    return _settled(replace(state, asked=(*state.asked, ask)))


def _said(state: Application, event: Event) -> Application:
    data = event.data
    said = Said(
        str(data["text"]), event.actor, event.at, str(data.get("case", "")), str(data.get("answers", ""))
    )
    asked = tuple(
        replace(ask, answered=True) if ask.id == said.answers and ask.kind == "question" else ask
        for ask in state.asked
    )
    return replace(state, said=(*state.said, said), asked=asked)


def _appealed(state: Application, event: Event) -> Application:
    """The remark is kept; whether a case is decided anew is told by its body."""
    return _said(state, event)


def _ended_as(end: State) -> _Evolve:
    def ended(state: Application, event: Event) -> Application:
        return replace(state, state=end, ended=str(event.data.get("reason", "")))

    return ended


def _permit_issued(state: Application, event: Event) -> Application:
    return replace(state, permit=str(event.data["permit"]))


def _attested(state: Application, event: Event) -> Application:
    return replace(state, attested=event.at)


def _followed(state: Application, event: Event) -> Application:
    return replace(state, followed_by=(*state.followed_by, msgspec.convert(event.data["by"], Link)))


def _forms(data: Mapping[str, object]) -> tuple[FormVersion, ...]:
    return msgspec.convert(data["forms"], tuple[FormVersion, ...])


def _datasets(data: Mapping[str, object]) -> tuple[AskedDataset, ...]:
    return msgspec.convert(data["datasets"], tuple[AskedDataset, ...])


def _persons(invitations: tuple[Invitation, ...], id_: str) -> tuple[str, ...]:
    """Texts with name and address, which nobody needs once an invitation was used or taken back."""
    return tuple(one.person for one in invitations if one.id == id_ and one.person)


def _without(invitations: tuple[Invitation, ...], id_: str) -> tuple[Invitation, ...]:
    return tuple(invitation for invitation in invitations if invitation.id != id_)


_TELL: Final[Mapping[str, _Evolve]] = {
    "created": _created,
    "draft-saved": _saved,
    "datasets-changed": _datasets_changed,
    "member-invited": _invited,
    "member-uninvited": _uninvited,
    "member-joined": _joined,
    "member-removed": _removed,
    "applicant-changed": _applicant_changed,
    "terms-accepted": _terms_accepted,
    "attachment-added": _attached,
    "attachment-removed": _detached,
    "attachment-redacted": _redacted,
    "submitted": _submitted,
    "confirmed": _confirmed,
    "confirmation-refused": _refused,
    "cases-opened": _opened,
    "case-changed": _case_changed,
    "case-delayed": lambda state, _event: state,
    "case-decided": _case_decided,
    "case-asked": _asked,
    "appeal-refused": _asked,
    "answered": _said,
    "remarked": _said,
    "appealed": _appealed,
    "withdrawn": _ended_as(State.WITHDRAWN),
    "closed": _ended_as(State.CLOSED),
    "closed-out": _ended_as(State.CLOSED),
    "expired": _ended_as(State.CLOSED),
    "revoked": _ended_as(State.REVOKED),
    "deleted": _ended_as(State.DELETED),
    "permit-issued": _permit_issued,
    "attested": _attested,
    "followed": _followed,
}
KINDS: Final = frozenset(_TELL)
"""Kinds of events that an application knows."""


def is_expired(invitation: Invitation, now: datetime) -> bool:
    """True once nobody can join by it."""
    return invitation.until <= now
