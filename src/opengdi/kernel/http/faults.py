"""What a caller is told when a request fails: one table over the error kinds, and problem details as the shape.

An API whose standard has an error shape of its own hands an `ErrorShape` to the edge, for the paths below its base.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException

from opengdi.kernel.errors import (
    Conflict,
    GdiError,
    Invalid,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    OverBudget,
    Unavailable,
)
from opengdi.standards.problem import MEDIA_TYPE, Problem


class BodyTooLarge(Invalid):
    """The request body is longer than this listener takes."""


class TooIdle(Invalid):
    """The sender of a request body that may take any time sent nothing for too long."""


class TooSlow(Unavailable):
    """No answer began within the time limit."""

    public = "No answer was ready within the time limit; a narrower question may be answered."


STATUS_OF: Final[Mapping[type[GdiError], HTTPStatus]] = {
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooIdle: HTTPStatus.REQUEST_TIMEOUT,
    TooSlow: HTTPStatus.GATEWAY_TIMEOUT,
    Invalid: HTTPStatus.BAD_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    NotPermitted: HTTPStatus.FORBIDDEN,
    OverBudget: HTTPStatus.TOO_MANY_REQUESTS,
    Conflict: HTTPStatus.CONFLICT,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""A row per kind; the errors of the edge itself stand before the kinds they belong to."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A failed request in the caller's words; nothing here was not meant for a stranger's eyes."""

    status: HTTPStatus
    detail: str
    request_id: str
    headers: tuple[tuple[bytes, bytes], ...] = field(default=())


ErrorShape = Callable[[Fault], tuple[bytes, bytes]]
"""Media type and body of a fault."""


def status_of(error: GdiError) -> HTTPStatus:
    """The HTTP status that says what the caller can do about `error`."""
    return next(status for kind, status in STATUS_OF.items() if isinstance(error, kind))


def fault_of(error: Exception, request_id: str) -> Fault:
    """What to tell the caller about `error`; of a defect of ours, nothing but that it happened."""
    if isinstance(error, GdiError):
        challenge = (
            ((b"www-authenticate", error.challenge.encode("latin-1")),)
            if isinstance(error, NotAuthenticated)
            else ()
        )
        return Fault(status_of(error), error.public, request_id, challenge)
    if isinstance(error, HTTPException):  # raised by the routing: unknown path, wrong method
        headers = tuple((k.lower().encode(), v.encode()) for k, v in (error.headers or {}).items())
        status = HTTPStatus(error.status_code)
        return Fault(
            status, status.description if error.detail == status.phrase else error.detail, request_id, headers
        )
    return Fault(HTTPStatus.INTERNAL_SERVER_ERROR, "", request_id)


def as_problem(fault: Fault) -> tuple[bytes, bytes]:
    """The default shape: RFC 9457 problem details."""
    problem = Problem(
        status=fault.status,
        title=fault.status.phrase,
        detail=fault.detail,
        extensions={"requestId": fault.request_id},
    )
    return MEDIA_TYPE.encode(), problem.to_json()
