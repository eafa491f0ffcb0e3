"""What follows from a command: events, or an error that says why not. Pure; ids, digests and checks come in."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import msgspec

from opengdi.access.applications.evolution import is_expired
from opengdi.access.applications.model import (
    Application,
    Asked,
    Attachment,
    CaseAt,
    Command,
    Invitation,
    OpenedCase,
    Role,
)
from opengdi.access.applications.outcome import case_of
from opengdi.access.applications.rules import needs_confirmation, refusal_of
from opengdi.access.forms.model import Fault
from opengdi.access.model import AskedDataset, Json, NewEvent
from opengdi.access.ports import Standing
from opengdi.kernel.errors import Conflict, Invalid, NotFound, NotPermitted

MOST_MEMBERS: Final = 100
MOST_ATTACHMENTS: Final = 50


class Faulty(Invalid):
    """The application cannot be submitted as it is; `faults` are all that is wrong."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        said = "; ".join(
            " ".join(filter(None, (fault.type, f"{fault.form}/{fault.field}".strip("/"), fault.detail)))
            for fault in self.faults
        )
        super().__init__(f"the application is not complete: {said}")


@dataclass(frozen=True, slots=True)
class Act:
    """Somebody wants something. data: what they said, texts replaced by ids; faults: that submitting would meet.

    standing: of the actor. split: the cases of these datasets. digest: of the version that would be submitted.
    """

    command: Command
    subject: str
    roles: frozenset[Role]
    data: Json = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    standing: Standing = field(default_factory=lambda: Standing(""))
    split: Callable[[Sequence[AskedDataset]], Sequence[OpenedCase]] = lambda _datasets: ()
    digest: str = ""


_Decide = Callable[[Application, Act, datetime], list[NewEvent]]


def decide(application: Application, act: Act, now: datetime) -> list[NewEvent]:
    """The events of a command. Raises NotFound, NotPermitted, Conflict or Invalid: then nothing happens."""
    refusal = refusal_of(application, act.roles, act.command)
    if refusal is not None:
        raise refusal
    return _DECIDE[act.command](application, act, now)


def _save(application: Application, act: Act, _now: datetime) -> list[NewEvent]:
    base = act.data.get("base", "")
    if base and base != application.digest:
        raise Conflict(
            f"the draft changed since {base}", public="The draft was changed meanwhile; load it again."
        )
    saved = {name: value for name, value in act.data.items() if name != "base"}
    return [] if saved["digest"] == application.digest else [NewEvent("draft-saved", saved)]


def _change_datasets(application: Application, act: Act, _now: datetime) -> list[NewEvent]:
    if msgspec.convert(act.data["datasets"], tuple[AskedDataset, ...]) == application.datasets:
        return []
    return [NewEvent("datasets-changed", act.data)]


def _invite(application: Application, act: Act, _now: datetime) -> list[NewEvent]:
    if len(application.members) + len(application.invitations) >= MOST_MEMBERS:
        raise Invalid(f"an application has {MOST_MEMBERS} members at most")
    invitation = msgspec.convert(act.data["invitation"], Invitation)
    taken = application.member_subjects | {application.applicant}
    if invitation.subject and invitation.subject in taken:
        raise Conflict(f"{invitation.subject} takes part already", public="That person takes part already.")
    return [NewEvent("member-invited", act.data)]


def _invitation(application: Application, id_: str) -> Invitation:
    found = next((invitation for invitation in application.invitations if invitation.id == id_), None)
    if found is None:
        raise NotFound(f"application {application.id} has no invitation {id_!r}")
    return found


def _join(application: Application, act: Act, now: datetime) -> list[NewEvent]:
    invitation = _invitation(application, str(act.data["invitation"]))
    if not invites(invitation, act.subject, str(act.data.get("token", ""))):
        raise NotPermitted(f"{act.subject} does not hold invitation {invitation.id}")
    if is_expired(invitation, now):
        raise Conflict(f"invitation {invitation.id} is over", public="The invitation is no longer valid.")
    if not act.standing.organisation:
        raise Conflict(
            f"{act.subject} belongs to no organisation",
            public="An organisation must assign you before you can join.",
        )
    joined = {"invitation": invitation.id, "organisation": act.standing.organisation}
    return [NewEvent("member-joined", joined)]


def invites(invitation: Invitation, subject: str, token: str) -> bool:
    """True if the invitation is for that subject, or the token is its own."""
    if invitation.subject:
        return invitation.subject == subject
    shown = hashlib.sha256(token.encode()).hexdigest()
    return bool(token) and hmac.compare_digest(shown, invitation.token_sha256)


def _decline(application: Application, act: Act, _now: datetime) -> list[NewEvent]:
    invitation = _invitation(application, str(act.data["invitation"]))
    if not invites(invitation, act.subject, str(act.data.get("token", ""))):
        raise NotPermitted(f"{act.subject} does not hold invitation {invitation.id}")
    return [NewEvent("member-uninvited", {"invitation": invitation.id})]


def _uninvite(application: Application, act: Act, _now: datetime) -> list[NewEvent]:
    return [
        NewEvent("member-uninvited", {"invitation": _invitation(application, str(act.data["invitation"])).id})
    ]


def _remove(application: Application, act: Act, _now: datetime) -> list[NewEvent]:
    subject = str(act.data["subject"])
    if subject not in application.member_subjects:
        raise NotFound(f"{subject!r} is no member of application {application.id}")
    return [NewEvent("member-removed", {"subject": subject})]


def _leave(_application: Application, act: Act, _now: datetime) -> list[NewEvent]:
    return [NewEvent("member-removed", {"subject": act.subject})]


def _hand_over(application: Application, act: Act, _now: datetime) -> list[NewEvent]:
    subject = str(act.data["subject"])
    member = next((member for member in application.members if member.subject == subject), None)
    if member is None:
        raise Invalid(f"subject {subject!r} must be a member of the application to become its applicant")
    return [NewEvent("applicant-changed", {"subject": subject, "organisation": member.organisation})]


def _accept_terms(application: Application, act: Act, _now: datetime) -> list[NewEvent]:
    fresh = sorted(set(act.data["terms"]) - application.accepted.get(act.subject, frozenset()))
    return [NewEvent("terms-accepted", {"terms": fresh})] if fresh else []


def _attach(application: Application, act: Act, _now: datetime) -> list[NewEvent]:
    if len(application.attachments) >= MOST_ATTACHMENTS:
        raise Invalid(f"an application has {MOST_ATTACHMENTS} attachments at most")
    return [NewEvent("attachment-added", act.data)]


def _attachment(application: Application, act: Act) -> Attachment:
    id_ = str(act.data["attachment"])
    found = next((file for file in application.attachments if file.id == id_), None)
    if found is None:
        raise NotFound(f"application {application.id} has no attachment {id_!r}")
    return found


def _detach(application: Application, act: Act, _now: datetime) -> list[NewEvent]:
    file = _attachment(application, act)
    if any(file.id in version.attachments for version in application.versions):
        raise Conflict(
            f"attachment {file.id} was submitted", public="What was submitted stays; it can be redacted."
        )
    return [NewEvent("attachment-removed", {"attachment": file.id})]


def _redact(application: Application, act: Act, _now: datetime) -> list[NewEvent]:
    file = _attachment(application, act)
    if file.redacted:
        return []
    return [NewEvent("attachment-redacted", {"attachment": file.id, "text": act.data.get("text", "")})]


def _submit(application: Application, act: Act, now: datetime) -> list[NewEvent]:
    if act.faults:
        raise Faulty(act.faults)
    submitted = NewEvent("submitted", {"digest": act.digest, "organisation": act.standing.organisation})
    if needs_confirmation(application.purpose):
        return [submitted]
    return [submitted, NewEvent("confirmed", {"official": False}), _open(application, act, now)]


def _confirm(application: Application, act: Act, now: datetime) -> list[NewEvent]:
    if act.faults:
        raise Faulty(act.faults)
    return [NewEvent("confirmed", {"text": act.data.get("text", "")}), _open(application, act, now)]


def _open(application: Application, act: Act, _now: datetime) -> NewEvent:
    """Cases that are new, and cases whose datasets are no longer asked for.

    A case that asks about other datasets than before is withdrawn and opened anew, as a later round.
    """
    wanted = list(act.split(application.datasets))
    live = [at for at in application.cases if not at.withdrawn]
    kept = [at for at in live if any(_same(at, case) for case in wanted)]
    fresh = [case for case in wanted if not any(_same(at, case) for at in kept)]
    taken = {at.opened.case for at in application.cases}
    opened = [_numbered(case, taken) for case in fresh]
    return NewEvent(
        "cases-opened",
        {
            "opened": msgspec.to_builtins(opened),
            "withdrawn": [at.opened.case for at in live if at not in kept],
            "told": [at.opened.case for at in kept],
        },
    )


def _same(at: CaseAt, case: OpenedCase) -> bool:
    one = at.opened
    return (one.kind, one.node, one.body, one.datasets) == (case.kind, case.node, case.body, case.datasets)


def _numbered(case: OpenedCase, taken: set[str]) -> OpenedCase:
    id_, number = case.case, 1
    while id_ in taken:
        number += 1
        id_ = f"{case.case}.{number}"
    taken.add(id_)
    return replace(case, case=id_, round=number)


def _plain(kind: str) -> _Decide:
    def told(_application: Application, act: Act, _now: datetime) -> list[NewEvent]:
        return [NewEvent(kind, act.data)]

    return told


def _answer(application: Application, act: Act, _now: datetime) -> list[NewEvent]:
    asked = _open_question(application, str(act.data["answers"]))
    return [NewEvent("answered", {"case": asked.case, "answers": asked.id, "text": act.data["text"]})]


def _open_question(application: Application, id_: str) -> Asked:
    found = next((asked for asked in application.asked if asked.id == id_), None)
    if found is None:
        raise NotFound(f"application {application.id} was not asked {id_!r}")
    if found.answered:
        raise Conflict(f"{id_} is answered", public="This was answered already.")
    return found


def _remark(application: Application, act: Act, _now: datetime) -> list[NewEvent]:
    case = str(act.data.get("case", ""))
    if case and case_of(application, case) is None:
        raise NotFound(f"application {application.id} has no case {case!r}")
    return [NewEvent("remarked", {"case": case, "text": act.data["text"]})]


def _appeal(application: Application, act: Act, _now: datetime) -> list[NewEvent]:
    at = case_of(application, str(act.data["case"]))
    if at is None or at.withdrawn:
        raise NotFound(f"application {application.id} has no case {act.data['case']!r}")
    if all(at.granted.values()):
        raise Conflict(f"case {at.opened.case} refused nothing", public="This case refused nothing.")
    return [NewEvent("appealed", {"case": at.opened.case, "text": act.data["text"]})]


def _by_service(_application: Application, act: Act, _now: datetime) -> list[NewEvent]:
    """The new application is made by the service; this one only remembers that there is one that changes it."""
    return [NewEvent("followed", {"by": act.data["by"]})]


def _nothing(_application: Application, _act: Act, _now: datetime) -> list[NewEvent]:
    return []


_DECIDE: Final[Mapping[Command, _Decide]] = {
    Command.SAVE_DRAFT: _save,
    Command.CHANGE_DATASETS: _change_datasets,
    Command.INVITE_MEMBER: _invite,
    Command.ACCEPT_INVITATION: _join,
    Command.DECLINE_INVITATION: _decline,
    Command.UNINVITE_MEMBER: _uninvite,
    Command.REMOVE_MEMBER: _remove,
    Command.LEAVE: _leave,
    Command.CHANGE_APPLICANT: _hand_over,
    Command.ACCEPT_TERMS: _accept_terms,
    Command.ADD_ATTACHMENT: _attach,
    Command.REMOVE_ATTACHMENT: _detach,
    Command.REDACT_ATTACHMENT: _redact,
    Command.SUBMIT: _submit,
    Command.RESUBMIT: _submit,
    Command.CONFIRM: _confirm,
    Command.REFUSE_CONFIRMATION: _plain("confirmation-refused"),
    Command.WITHDRAW: _plain("withdrawn"),
    Command.ANSWER: _answer,
    Command.REMARK: _remark,
    Command.APPEAL: _appeal,
    Command.COPY_AS_NEW: _nothing,
    Command.AMEND: _by_service,
    Command.EXTEND: _by_service,
    Command.ATTEST: _plain("attested"),
    Command.CLOSE_OUT: _plain("closed-out"),
    Command.CLOSE: _plain("closed"),
    Command.DELETE: _plain("deleted"),
}
