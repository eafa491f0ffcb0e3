"""What an application is: states, roles, commands, and the facts that its events add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from opengdi.access.model import AskedDataset, Purpose


class State(StrEnum):
    """Where an application stands. NOTHING: there is none yet."""

    NOTHING = "nothing"
    DRAFT = "draft"
    PENDING = "pending-confirmation"
    SUBMITTED = "submitted"
    REVIEWED = "under-review"
    RETURNED = "returned"
    APPROVED = "approved"
    PARTLY_APPROVED = "partly-approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"
    REVOKED = "revoked"
    DELETED = "deleted"


REMS_STATE: Mapping[State, str] = {
    State.DRAFT: "draft",
    State.PENDING: "submitted",
    State.SUBMITTED: "submitted",
    State.REVIEWED: "submitted",
    State.RETURNED: "returned",
    State.APPROVED: "approved",
    State.PARTLY_APPROVED: "approved",
    State.REJECTED: "rejected",
    State.WITHDRAWN: "closed",
    State.CLOSED: "closed",
    State.REVOKED: "revoked",
    State.DELETED: "closed",
    State.NOTHING: "draft",
}
"""What the older interface of the field calls them (with `application.state/` before)."""

OPEN: frozenset[State] = frozenset({State.PENDING, State.SUBMITTED, State.REVIEWED, State.RETURNED})
"""Submitted at least once, and not at an end."""

OVER: frozenset[State] = frozenset({State.WITHDRAWN, State.CLOSED, State.REVOKED, State.DELETED})

UNSENT: frozenset[State] = frozenset({State.NOTHING, State.DRAFT, State.DELETED})
"""Only those who take part know of the application."""

GRANTED: frozenset[State] = frozenset({State.APPROVED, State.PARTLY_APPROVED})


class Role(StrEnum):
    """What somebody is in one application; one person may be several."""

    APPLICANT = "applicant"
    MEMBER = "member"
    INVITED = "invited"
    SIGNING_OFFICIAL = "signing-official"
    REVIEWER_BODY = "reviewer-body"
    COORDINATOR = "coordinator"
    FORMER = "former"
    EVERYONE_ELSE = "everyone-else"


class Command(StrEnum):
    """What can be asked of an application."""

    SAVE_DRAFT = "save-draft"
    CHANGE_DATASETS = "change-datasets"
    INVITE_MEMBER = "invite-member"
    ACCEPT_INVITATION = "accept-invitation"
    DECLINE_INVITATION = "decline-invitation"
    UNINVITE_MEMBER = "uninvite-member"
    REMOVE_MEMBER = "remove-member"
    LEAVE = "leave"
    CHANGE_APPLICANT = "change-applicant"
    ACCEPT_TERMS = "accept-terms"
    ADD_ATTACHMENT = "add-attachment"
    REMOVE_ATTACHMENT = "remove-attachment"
    REDACT_ATTACHMENT = "redact-attachment"
    SUBMIT = "submit"
    RESUBMIT = "resubmit"
    CONFIRM = "confirm"
    REFUSE_CONFIRMATION = "refuse-confirmation"
    WITHDRAW = "withdraw"
    ANSWER = "answer"
    REMARK = "remark"
    APPEAL = "appeal"
    COPY_AS_NEW = "copy-as-new"
    AMEND = "amend"
    EXTEND = "extend"
    ATTEST = "attest"
    CLOSE_OUT = "close-out"
    CLOSE = "close"
    DELETE = "delete"


class CaseKind(StrEnum):
    """What a case asks of its body."""

    DECIDE = "decide"
    CENTRAL = "central"
    COUNTERSIGN = "countersign"


CloseOut = Literal["completed", "moved-institution", "transferred", "superseded", "never-begun"]
"""Why a project ends before its permit does. Source: DUOS, close-outs."""


@dataclass(frozen=True, slots=True)
class FormVersion:
    """A form as this application is asked it."""

    form: str
    version: int


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who would use the data besides the applicant. organisation: the one at the time of joining."""

    subject: str
    organisation: str = ""


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody who may become a member: a known subject, or whoever shows the token sent to an address.

    person: id of the text with name and address; token_sha256: of the token, which nobody keeps.
    """

    id: str
    until: datetime
    subject: str = ""
    person: str = ""
    token_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that was handed in. name: id of the text; redacted: its content is gone, that it was there is not."""

    id: str
    name: str
    sha256: str
    size: int
    media_type: str
    by: str
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class Version:
    """What was submitted, frozen. digest: of all of it, as cases and decisions name it; draft: of the content alone.

    content, title: ids of texts.
    """

    number: int
    digest: str
    content: str
    datasets: tuple[AskedDataset, ...]
    members: tuple[Member, ...]
    attachments: tuple[str, ...]
    purpose: Purpose
    until: str
    environment: str
    applicant: str
    organisation: str
    forms: tuple[FormVersion, ...]
    at: datetime
    title: str = ""
    draft: str = ""


@dataclass(frozen=True, slots=True)
class OpenedCase:
    """A case as it was split off: which body is asked what about which datasets. round: 1, 2, … for this body."""

    case: str
    kind: CaseKind
    node: str
    body: str
    datasets: tuple[AskedDataset, ...]
    round: int = 1


@dataclass(frozen=True, slots=True)
class CaseAt:
    """A case as far as the hub has heard. granted: by `dataset@version`, once decided; version: that it was decided on.

    clock: what the body says of its timers, as it says it. decision: JWS of the body.
    """

    opened: OpenedCase
    state: str = "offered"
    clock: Mapping[str, str] = field(default_factory=dict)
    decision: str = ""
    granted: Mapping[str, bool] = field(default_factory=dict)
    version: int = 0
    withdrawn: bool = False

    @property
    def is_decided(self) -> bool:
        return bool(self.decision)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, a request for change or a remark by a case. text: id of the text."""

    id: str
    case: str
    kind: Literal["change", "question", "remark"]
    text: str
    at: datetime
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """A remark of the applicant to a case (empty: to all), or the answer to what it asked. text: id of the text."""

    text: str
    by: str
    at: datetime
    case: str = ""
    answers: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """How two applications hang together: this one copies, amends or extends `of`; or is followed by it."""

    kind: Literal["copy", "amendment", "extension"]
    of: str


@dataclass(frozen=True, slots=True)
class Application:
    """Everything its events add up to. content: id of the newest text; digest: of that content alone.

    accepted: terms by subject. former: who was applicant or member and is no longer. confirmed_by: of the newest
    version. superseded: texts that the newest event made useless. ended: why it is at an end. submitted: first.
    """

    id: str = ""
    state: State = State.NOTHING
    applicant: str = ""
    organisation: str = ""
    created: datetime | None = None
    changed: datetime | None = None
    purpose: Purpose = Purpose.RESEARCH
    until: str = ""
    environment: str = ""
    title: str = ""
    content: str = ""
    digest: str = ""
    superseded: tuple[str, ...] = ()
    forms: tuple[FormVersion, ...] = ()
    datasets: tuple[AskedDataset, ...] = ()
    members: tuple[Member, ...] = ()
    invitations: tuple[Invitation, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    accepted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    former: frozenset[str] = frozenset()
    versions: tuple[Version, ...] = ()
    confirmed_by: str = ""
    refusal: str = ""
    cases: tuple[CaseAt, ...] = ()
    asked: tuple[Asked, ...] = ()
    said: tuple[Said, ...] = ()
    follows: Link | None = None
    followed_by: tuple[Link, ...] = ()
    permit: str = ""
    attested: datetime | None = None
    ended: str = ""
    events: int = 0
    submitted: datetime | None = None

    @property
    def version(self) -> Version | None:
        """The newest one that was submitted."""
        return self.versions[-1] if self.versions else None

    @property
    def bodies(self) -> frozenset[str]:
        """Who decides about it."""
        return frozenset(case.opened.body for case in self.cases if not case.withdrawn)

    @property
    def member_subjects(self) -> frozenset[str]:
        return frozenset(member.subject for member in self.members)


def release_key(dataset: AskedDataset) -> str:
    """`dataset@version`, the name of a release in decisions."""
    return f"{dataset.dataset}@{dataset.version}"
