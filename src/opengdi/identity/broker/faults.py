"""Failures in the shape of OAuth. Spec: RFC 6749 sections 4.1.2.1 and 5.2; RFC 6750 section 3.1; RFC 8707; RFC 8693."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import msgspec

from opengdi.kernel.errors import Invalid, NotAuthenticated, NotPermitted
from opengdi.kernel.http.faults import Fault

NO_STORE: Final = {"Cache-Control": "no-cache, no-store", "Pragma": "no-cache"}
"""Spec: GA4GH AAI 1.2.1, RFC 6749 section 5.1."""


class Refused(Invalid):
    """A request that is told no, with the code of the specification. `str()` is a sentence for the client's author."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class UnknownClient(NotAuthenticated):
    """The client did not prove who it is."""

    code = "invalid_client"
    public = "The client is unknown, or did not prove who it is."


class BadToken(NotAuthenticated):
    """The access token does not hold."""

    code = "invalid_token"
    public = "The access token does not hold: it has ended, was taken back, or is for something else."


class TooNarrow(NotPermitted):
    """The access token holds, but is not good for this."""

    code = "insufficient_scope"
    public = "The access token is not for this; scope openid is needed."


def error_document(code: str, description: str) -> bytes:
    """The body of an error answer."""
    return msgspec.json.encode({"error": code, "error_description": plain(description)})


def oauth_shape(fault: Fault) -> tuple[bytes, bytes]:
    """The shape of failures that no handler of the broker told: too large, too slow, no such path, a defect."""
    match fault.status:
        case HTTPStatus.UNAUTHORIZED:
            code = "invalid_token"
        case HTTPStatus.FORBIDDEN:
            code = "access_denied"
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            code = "temporarily_unavailable" if status == HTTPStatus.SERVICE_UNAVAILABLE else "server_error"
        case _:
            code = "invalid_request"
    return b"application/json", error_document(code, fault.detail or fault.status.phrase)


def plain(text: str) -> str:
    """Spec: RFC 6749 section 5.2, `error_description` has printable ASCII without quotation mark and backslash."""
    return "".join(each if " " <= each <= "~" and each not in '"\\' else "'" for each in text)[:300]
