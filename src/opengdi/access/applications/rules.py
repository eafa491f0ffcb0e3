"""Who may do what in which state: one table, from which the reference page is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain
from typing import Final

from opengdi.access.applications.model import UNSENT, Application, Command, Role, State
from opengdi.access.model import Purpose
from opengdi.kernel.errors import Conflict, GdiError, NotFound, NotPermitted
from opengdi.kernel.principal import Duty
from opengdi.kernel.principal import Role as Held

_C = Command

_EDITING: Final = frozenset(
    {
        _C.SAVE_DRAFT,
        _C.CHANGE_DATASETS,
        _C.INVITE_MEMBER,
        _C.UNINVITE_MEMBER,
        _C.REMOVE_MEMBER,
        _C.CHANGE_APPLICANT,
        _C.ACCEPT_TERMS,
        _C.ADD_ATTACHMENT,
        _C.REMOVE_ATTACHMENT,
        _C.COPY_AS_NEW,
    }
)
_WAITING: Final = frozenset({_C.WITHDRAW, _C.REMOVE_MEMBER, _C.ACCEPT_TERMS, _C.COPY_AS_NEW})
_TALKING: Final = frozenset({_C.ANSWER, _C.REMARK})
_USING: Final = frozenset(
    {
        _C.AMEND,
        _C.EXTEND,
        _C.ATTEST,
        _C.CLOSE_OUT,
        _C.REMOVE_MEMBER,
        _C.ACCEPT_TERMS,
        _C.COPY_AS_NEW,
        _C.REMARK,
    }
)
_STAYING: Final = frozenset({_C.ACCEPT_TERMS, _C.LEAVE, _C.COPY_AS_NEW})
_JOINING: Final = frozenset({_C.ACCEPT_INVITATION, _C.DECLINE_INVITATION})
_CARING: Final = frozenset({_C.CHANGE_APPLICANT, _C.REMOVE_MEMBER, _C.REDACT_ATTACHMENT, _C.CLOSE})
_COPYING: Final = frozenset({_C.COPY_AS_NEW})
_REDACTING: Final = frozenset({_C.REDACT_ATTACHMENT})

PERMITTED: Final[Mapping[tuple[State, Role], frozenset[Command]]] = {
    (State.DRAFT, Role.APPLICANT): _EDITING | {_C.SUBMIT, _C.DELETE},
    (State.DRAFT, Role.MEMBER): _STAYING,
    (State.DRAFT, Role.INVITED): _JOINING,
    (State.PENDING, Role.APPLICANT): _WAITING,
    (State.PENDING, Role.MEMBER): _STAYING,
    (State.PENDING, Role.SIGNING_OFFICIAL): frozenset({_C.CONFIRM, _C.REFUSE_CONFIRMATION}),
    (State.PENDING, Role.COORDINATOR): _CARING,
    (State.SUBMITTED, Role.APPLICANT): _WAITING | _TALKING,
    (State.SUBMITTED, Role.MEMBER): _STAYING,
    (State.SUBMITTED, Role.COORDINATOR): _CARING,
    (State.REVIEWED, Role.APPLICANT): _WAITING | _TALKING,
    (State.REVIEWED, Role.MEMBER): _STAYING,
    (State.REVIEWED, Role.COORDINATOR): _CARING,
    (State.RETURNED, Role.APPLICANT): _EDITING | _TALKING | {_C.RESUBMIT, _C.WITHDRAW},
    (State.RETURNED, Role.MEMBER): _STAYING,
    (State.RETURNED, Role.INVITED): _JOINING,
    (State.RETURNED, Role.COORDINATOR): _CARING,
    (State.APPROVED, Role.APPLICANT): _USING,
    (State.APPROVED, Role.MEMBER): _STAYING,
    (State.APPROVED, Role.SIGNING_OFFICIAL): frozenset({_C.CLOSE_OUT}),
    (State.APPROVED, Role.COORDINATOR): (_CARING - {_C.CLOSE}) | {_C.CLOSE_OUT},
    (State.PARTLY_APPROVED, Role.APPLICANT): _USING | {_C.APPEAL},
    (State.PARTLY_APPROVED, Role.MEMBER): _STAYING,
    (State.PARTLY_APPROVED, Role.SIGNING_OFFICIAL): frozenset({_C.CLOSE_OUT}),
    (State.PARTLY_APPROVED, Role.COORDINATOR): (_CARING - {_C.CLOSE}) | {_C.CLOSE_OUT},
    (State.REJECTED, Role.APPLICANT): _COPYING | {_C.APPEAL, _C.CLOSE},
    (State.REJECTED, Role.MEMBER): _COPYING,
    (State.REJECTED, Role.COORDINATOR): frozenset({_C.CLOSE, _C.REDACT_ATTACHMENT}),
    (State.WITHDRAWN, Role.APPLICANT): _COPYING,
    (State.WITHDRAWN, Role.MEMBER): _COPYING,
    (State.WITHDRAWN, Role.COORDINATOR): _REDACTING,
    (State.CLOSED, Role.APPLICANT): _COPYING,
    (State.CLOSED, Role.MEMBER): _COPYING,
    (State.CLOSED, Role.COORDINATOR): _REDACTING,
    (State.REVOKED, Role.APPLICANT): _COPYING,
    (State.REVOKED, Role.MEMBER): _COPYING,
    (State.REVOKED, Role.COORDINATOR): _REDACTING,
}
"""What is not here nobody may. REVIEWER_BODY and FORMER see, and act nowhere; EVERYONE_ELSE does not even see."""

UNCONFIRMED: Final = frozenset({Purpose.HEALTHCARE})
"""Purposes that need no signing official. Source: 1+MG data governance VII.3.4, the shorter path (E-31)."""


def roles_in(
    application: Application,
    subject: str,
    duties: frozenset[Duty] = frozenset(),
    signing_officials: frozenset[str] = frozenset(),
) -> frozenset[Role]:
    """What somebody is in an application. signing_officials: of the applicant's organisation.

    A coordinator or an official who takes part is only that: nobody confirms, or cares for, what is their own.
    """
    own = frozenset(_own_roles(application, subject))
    if own & {Role.APPLICANT, Role.MEMBER}:
        return own
    office: set[Role] = set()
    if application.state not in UNSENT:
        if subject in signing_officials or Duty(Held.SIGNING_OFFICIAL, application.organisation) in duties:
            office.add(Role.SIGNING_OFFICIAL)
        if Duty(Held.COORDINATOR) in duties:
            office.add(Role.COORDINATOR)
        if any(duty.of in application.bodies for duty in duties if duty.of):
            office.add(Role.REVIEWER_BODY)
    return own | office or frozenset({Role.EVERYONE_ELSE})


def _own_roles(application: Application, subject: str) -> Iterable[Role]:
    if not subject:
        return
    if subject == application.applicant:
        yield Role.APPLICANT
    if subject in application.member_subjects:
        yield Role.MEMBER
    if any(invitation.subject == subject for invitation in application.invitations):
        yield Role.INVITED
    if subject in application.former:
        yield Role.FORMER


def permitted(state: State, roles: Iterable[Role]) -> frozenset[Command]:
    """What the table lets somebody of these roles do now."""
    return frozenset(chain.from_iterable(PERMITTED.get((state, role), ()) for role in roles))


def refusal_of(application: Application, roles: frozenset[Role], command: Command) -> GdiError | None:
    """Why somebody may not do this now; None: they may. Strangers learn nothing."""
    if command in permitted(application.state, roles):
        return None
    if roles <= {Role.EVERYONE_ELSE}:
        return NotFound(f"application {application.id} does not concern the caller")
    if any(command in PERMITTED.get((state, role), ()) for state in State for role in roles):
        now = f"{command} is not possible while the application is {application.state}"
        return Conflict(now, public=f"{now}.")
    return NotPermitted(f"{', '.join(sorted(roles))} may not {command}")


def sees(roles: frozenset[Role]) -> bool:
    """True for everybody whom the application concerns."""
    return bool(roles - {Role.EVERYONE_ELSE})


_OUTSIDE: Final = frozenset({Role.INVITED, Role.FORMER, Role.EVERYONE_ELSE})


def is_outside(roles: frozenset[Role]) -> bool:
    """True for those who are only invited, no longer in it, or strangers: they read nothing that was written."""
    return roles <= _OUTSIDE


def shown_to(application: Application, roles: frozenset[Role], subject: str) -> Application:
    """The application as far as somebody of these roles may see it.

    Who is invited sees what it is about; who is no longer in it sees where it stands; neither sees what is written.
    """
    if not is_outside(roles):
        return application
    invited = Role.INVITED in roles
    return replace(
        application,
        content="",
        digest="",
        refusal="",
        forms=(),
        attachments=(),
        accepted={},
        versions=(),
        cases=(),
        asked=(),
        said=(),
        datasets=application.datasets if invited else (),
        members=application.members if invited else (),
        invitations=tuple(one for one in application.invitations if one.subject == subject),
    )


def needs_confirmation(purpose: Purpose) -> bool:
    """E-31: a signing official of the applicant's organisation confirms."""
    return purpose not in UNCONFIRMED
