"""Errors in S3's own shape: a code and a sentence in XML."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from opengdi.archive.uploads.faults import (
    BadDigest,
    Broken,
    NoSuchUpload,
    NotEncrypted,
    QuotaExceeded,
    WrongParts,
)
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
from opengdi.kernel.http.faults import BodyTooLarge, Fault, TooIdle
from opengdi.standards.s3 import documents
from opengdi.standards.s3.errors import STATUS_OF

XML: Final = b"application/xml"


class S3Refusal(NotPermitted):
    """A request that S3 has an error code of its own for."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, public=message)
        self.code = code


CODE_OF: Final[Mapping[type[GdiError], str]] = {
    BadDigest: "BadDigest",
    Broken: "IncompleteBody",
    NoSuchUpload: "NoSuchUpload",
    NotEncrypted: "InvalidRequest",
    QuotaExceeded: "QuotaExceeded",
    BodyTooLarge: "EntityTooLarge",
    TooIdle: "RequestTimeout",
    Invalid: "InvalidArgument",
    NotFound: "NoSuchKey",
    NotAuthenticated: "AccessDenied",
    NotPermitted: "AccessDenied",
    OverBudget: "SlowDown",
    Conflict: "OperationAborted",
    Unavailable: "ServiceUnavailable",
}
"""A row per kind; what this feature and the edge add stands before the kinds they belong to."""

_CODE_BY_STATUS: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.BAD_REQUEST: "InvalidArgument",
    HTTPStatus.NOT_FOUND: "NoSuchKey",
    HTTPStatus.UNAUTHORIZED: "AccessDenied",
    HTTPStatus.FORBIDDEN: "AccessDenied",
    HTTPStatus.METHOD_NOT_ALLOWED: "MethodNotAllowed",
    HTTPStatus.REQUEST_TIMEOUT: "RequestTimeout",
    HTTPStatus.CONFLICT: "OperationAborted",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "EntityTooLarge",
    HTTPStatus.TOO_MANY_REQUESTS: "SlowDown",
    HTTPStatus.SERVICE_UNAVAILABLE: "ServiceUnavailable",
    HTTPStatus.GATEWAY_TIMEOUT: "ServiceUnavailable",
}


def code_of(error: GdiError) -> str:
    """The code that tells the sender what can be done about `error`."""
    if isinstance(error, S3Refusal | WrongParts):
        return error.code
    return next(code for kind, code in CODE_OF.items() if isinstance(error, kind))


def error_answer(error: GdiError, *, resource: str, request_id: str) -> tuple[HTTPStatus, bytes]:
    """Status and document for an error."""
    code = code_of(error)
    return STATUS_OF[code], documents.error(code, error.public, resource=resource, request_id=request_id)


def as_s3_error(fault: Fault) -> tuple[bytes, bytes]:
    """What the edge says for S3: late answers and defects."""
    code = _CODE_BY_STATUS.get(fault.status, "InternalError")
    return XML, documents.error(code, fault.detail, resource="", request_id=fault.request_id)
