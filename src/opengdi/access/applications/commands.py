"""Bodies of commands as they come over the wire, in camelCase; what is not known is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from opengdi.access.applications.cohorts import MOST_FILTERS, Cohort
from opengdi.access.applications.content import WireAnswer
from opengdi.access.applications.model import CloseOut, Command
from opengdi.access.model import Purpose
from opengdi.kernel.errors import Invalid

_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Prose = Annotated[str, msgspec.Meta(min_length=1, max_length=10_000)]


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A command without anything to say."""


class Wanted(Body, frozen=True):
    """A dataset that is asked for; no version: the newest."""

    dataset: Id
    version: Annotated[str, msgspec.Meta(max_length=60)] = ""


class Create(Body, frozen=True):
    datasets: Annotated[list[Wanted], msgspec.Meta(max_length=500)] = msgspec.field(default_factory=list)
    purpose: Purpose = Purpose.RESEARCH
    title: str = ""


class Save(Body, frozen=True):
    """What is left out stays as it is. base: digest of the draft that was changed, against overwriting others'."""

    title: str | None = None
    purpose: Purpose | None = None
    duo: dict[str, Any] | None = None
    answers: Annotated[list[WireAnswer], msgspec.Meta(max_length=2000)] | None = None
    environment: str | None = None
    until: str | None = None
    base: str = ""


class SaveCohort(Save, frozen=True):
    """A draft with another cohort; said by the hub that counted it, never over the wire."""

    cohort: Cohort | msgspec.UnsetType = msgspec.UNSET


class DefineCohort(Body, frozen=True):
    """Filters of Beacon v2; none: everybody in the datasets."""

    filters: Annotated[list[dict[str, Any]], msgspec.Meta(max_length=MOST_FILTERS)]
    base: str = ""


class ChangeDatasets(Body, frozen=True):
    datasets: Annotated[list[Wanted], msgspec.Meta(max_length=500)]


class Invite(Body, frozen=True):
    """Somebody known by subject, or by name and address."""

    subject: Annotated[str, msgspec.Meta(max_length=200)] = ""
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""
    email: Annotated[str, msgspec.Meta(max_length=320)] = ""


class OfInvitation(Body, frozen=True):
    invitation: Id
    token: Annotated[str, msgspec.Meta(max_length=200)] = ""


class OfPerson(Body, frozen=True):
    subject: Id


class OfTerms(Body, frozen=True):
    terms: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=100)]


class OfAttachment(Body, frozen=True):
    attachment: Id
    reason: Annotated[str, msgspec.Meta(max_length=10_000)] = ""


class Reasoned(Body, frozen=True):
    """text: why; needed."""

    text: Prose


class Noted(Body, frozen=True):
    """text: a note, if there is something to say."""

    text: Annotated[str, msgspec.Meta(max_length=10_000)] = ""


class AnswerTo(Body, frozen=True):
    answers: Id
    text: Prose


class Remark(Body, frozen=True):
    """case: to whom, empty: to all."""

    text: Prose
    case: Annotated[str, msgspec.Meta(max_length=200)] = ""


class Appeal(Body, frozen=True):
    case: Id
    text: Prose


class Extend(Body, frozen=True):
    until: Id


class CloseOutBody(Body, frozen=True):
    reason: CloseOut
    text: Annotated[str, msgspec.Meta(max_length=10_000)] = ""


BODIES: Final[Mapping[Command, type[Body]]] = {
    Command.SAVE_DRAFT: Save,
    Command.CHANGE_DATASETS: ChangeDatasets,
    Command.INVITE_MEMBER: Invite,
    Command.ACCEPT_INVITATION: OfInvitation,
    Command.DECLINE_INVITATION: OfInvitation,
    Command.UNINVITE_MEMBER: OfInvitation,
    Command.REMOVE_MEMBER: OfPerson,
    Command.LEAVE: Body,
    Command.CHANGE_APPLICANT: OfPerson,
    Command.ACCEPT_TERMS: OfTerms,
    Command.REMOVE_ATTACHMENT: OfAttachment,
    Command.REDACT_ATTACHMENT: OfAttachment,
    Command.SUBMIT: Body,
    Command.RESUBMIT: Body,
    Command.CONFIRM: Noted,
    Command.REFUSE_CONFIRMATION: Reasoned,
    Command.WITHDRAW: Noted,
    Command.ANSWER: AnswerTo,
    Command.REMARK: Remark,
    Command.APPEAL: Appeal,
    Command.COPY_AS_NEW: Body,
    Command.AMEND: Body,
    Command.EXTEND: Extend,
    Command.ATTEST: Noted,
    Command.CLOSE_OUT: CloseOutBody,
    Command.CLOSE: Noted,
    Command.DELETE: Body,
}
"""What each command says. Attachments are added by an upload, not by a body."""


def read_body(command: Command, content: bytes) -> Body:
    """The body of a command; nothing is an empty object. Raises Invalid, naming the field."""
    kind = BODIES.get(command)
    if kind is None:
        raise Invalid(f"{command} is not asked for this way; upload the file to …/attachments")
    body: Body = read_as(content, kind)
    return body


def has_nul(content: bytes) -> bool:
    """True for JSON with the character U+0000 in a text."""
    return _NUL.search(content) is not None


def read_as(content: bytes, kind: type[Any]) -> Any:
    """JSON as a struct. Raises Invalid, naming the field; also for the character that no database keeps."""
    if has_nul(content):
        raise Invalid("the body must not contain the character U+0000")
    try:
        return msgspec.json.decode(content or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"the body is not as it should be: {error}") from error
