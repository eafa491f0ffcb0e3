"""What clients are told when something fails: of a command `{success: false, errors}`, else `{error}`."""

from __future__ import annotations

from typing import Any

import msgspec

from opengdi.access.applications.decisions import Faulty
from opengdi.access.forms.model import Fault
from opengdi.kernel.errors import Conflict, GdiError, Invalid, NotFound, NotPermitted
from opengdi.kernel.http import faults

BASE = "/api"

COMMAND_FAULTS: dict[type[GdiError], str] = {
    Invalid: "invalid-request",
    NotFound: "application-not-found",
    NotPermitted: "forbidden",
    Conflict: "forbidden",
}
"""Kinds that a command answers with status 200; all others fail as any request does."""


def command_errors(error: GdiError, forms: dict[str, int]) -> list[dict[str, Any]]:
    """What is wrong, as clients read it. forms: numbers of the application's forms by our id."""
    if isinstance(error, Faulty):
        return [_fault(fault, forms) for fault in error.faults]
    type_ = next(name for kind, name in COMMAND_FAULTS.items() if isinstance(error, kind))
    return [{"type": type_, "message": error.public}]


def _fault(fault: Fault, forms: dict[str, int]) -> dict[str, Any]:
    told: dict[str, Any] = {"type": fault.type}
    if fault.form:
        told |= {"form-id": forms.get(fault.form), "field-id": fault.field}
    return told | ({"message": fault.detail} if fault.detail else {})


def rems_error_shape(fault: faults.Fault) -> tuple[bytes, bytes]:
    """Media type and body of a failed request."""
    return b"application/json", msgspec.json.encode({"error": fault.detail, "request-id": fault.request_id})
