"""The errors of htsget, and the JSON object in which they are told.

Spec: htsget v1.3.0, "Errors".
"""

from __future__ import annotations

import json
from typing import Final

from opengdi.standards.faults import Malformed

STATUS: Final = {
    "InvalidAuthentication": 401,
    "PermissionDenied": 403,
    "NotFound": 404,
    "PayloadTooLarge": 413,
    "UnsupportedFormat": 400,
    "InvalidInput": 400,
    "InvalidRange": 400,
}
"""HTTP status by error type."""

_NAME_OF: Final = {
    401: "InvalidAuthentication",
    403: "PermissionDenied",
    404: "NotFound",
    413: "PayloadTooLarge",
}
_OTHER_NAMES: Final = {
    416: "InvalidRange",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}
"""The specification leaves other statuses free: "servers MAY return additional errors"."""


class BadRequest(Malformed):
    """A request that breaks the specification; `error` is one of its types with status 400."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


def invalid_input(message: str) -> BadRequest:
    """Values or combinations of parameters that the specification does not allow."""
    return BadRequest("InvalidInput", message)


def invalid_range(message: str) -> BadRequest:
    """A range that ends before it starts."""
    return BadRequest("InvalidRange", message)


def unsupported_format(message: str) -> BadRequest:
    """A format that the server, or the file asked for, does not have."""
    return BadRequest("UnsupportedFormat", message)


def error_name(status: int) -> str:
    """The error type for a status that no parameter caused."""
    return _NAME_OF.get(status) or _OTHER_NAMES.get(status, "InvalidInput")


def error_document(error: str, message: str) -> bytes:
    """The JSON body of an error."""
    return json.dumps({"htsget": {"error": error, "message": message}}, separators=(",", ":")).encode()
