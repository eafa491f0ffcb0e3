"""Our words and those of REMS, as data: states and roles, commands, events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opengdi.access.applications.model import GRANTED, Application, Command, Role, State
from opengdi.access.model import Event

COMMANDS: Final[Mapping[Command, str]] = {
    Command.SAVE_DRAFT: "save-draft",
    Command.CHANGE_DATASETS: "change-resources",
    Command.INVITE_MEMBER: "invite-member",
    Command.ACCEPT_INVITATION: "accept-invitation",
    Command.UNINVITE_MEMBER: "uninvite-member",
    Command.REMOVE_MEMBER: "remove-member",
    Command.CHANGE_APPLICANT: "change-applicant",
    Command.ACCEPT_TERMS: "accept-licenses",
    Command.REDACT_ATTACHMENT: "redact-attachments",
    Command.SUBMIT: "submit",
    Command.RESUBMIT: "submit",
    Command.REMARK: "remark",
    Command.COPY_AS_NEW: "copy-as-new",
    Command.CLOSE: "close",
    Command.WITHDRAW: "close",
    Command.DELETE: "delete",
}
"""What REMS calls a command; those that it does not know are not told."""

ROLES: Final[Mapping[Role, str]] = {
    Role.APPLICANT: "applicant",
    Role.MEMBER: "member",
    Role.SIGNING_OFFICIAL: "reviewer",
    Role.REVIEWER_BODY: "reviewer",
    Role.COORDINATOR: "handler",
    Role.FORMER: "everyone-else",
    Role.INVITED: "everyone-else",
    Role.EVERYONE_ELSE: "everyone-else",
}

EVENTS: Final[Mapping[str, str]] = {
    "created": "created",
    "draft-saved": "draft-saved",
    "datasets-changed": "resources-changed",
    "member-invited": "member-invited",
    "member-uninvited": "member-uninvited",
    "member-joined": "member-joined",
    "member-removed": "member-removed",
    "applicant-changed": "applicant-changed",
    "terms-accepted": "licenses-accepted",
    "submitted": "submitted",
    "answered": "remarked",
    "remarked": "remarked",
    "attachment-redacted": "attachments-redacted",
    "withdrawn": "closed",
    "closed": "closed",
    "closed-out": "closed",
    "expired": "closed",
    "revoked": "revoked",
    "deleted": "deleted",
}

_BY_STATE: Final[Mapping[State, str]] = {
    State.APPROVED: "approved",
    State.PARTLY_APPROVED: "approved",
    State.REJECTED: "rejected",
    State.RETURNED: "returned",
}


def event_type(event: Event, before: Application, after: Application) -> str:
    """What REMS calls an event, such as `application.event/approved`; empty: it has no such event."""
    told = EVENTS.get(event.kind, "")
    if before.state is not after.state and after.state in _BY_STATE and before.state not in GRANTED:
        told = _BY_STATE[after.state]
    return f"application.event/{told}" if told else ""
