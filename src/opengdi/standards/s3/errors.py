"""Error codes of S3 and the statuses that go with them.

Spec: Amazon S3 API Reference, "Error responses", "List of error codes".
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

STATUS_OF: Final[Mapping[str, HTTPStatus]] = {
    "AccessDenied": HTTPStatus.FORBIDDEN,
    "BadDigest": HTTPStatus.BAD_REQUEST,
    "BucketAlreadyOwnedByYou": HTTPStatus.CONFLICT,
    "EntityTooLarge": HTTPStatus.BAD_REQUEST,
    "EntityTooSmall": HTTPStatus.BAD_REQUEST,
    "IncompleteBody": HTTPStatus.BAD_REQUEST,
    "InternalError": HTTPStatus.INTERNAL_SERVER_ERROR,
    "InvalidAccessKeyId": HTTPStatus.FORBIDDEN,
    "InvalidArgument": HTTPStatus.BAD_REQUEST,
    "InvalidDigest": HTTPStatus.BAD_REQUEST,
    "InvalidPart": HTTPStatus.BAD_REQUEST,
    "InvalidPartOrder": HTTPStatus.BAD_REQUEST,
    "InvalidRequest": HTTPStatus.BAD_REQUEST,
    "InvalidToken": HTTPStatus.BAD_REQUEST,
    "KeyTooLongError": HTTPStatus.BAD_REQUEST,
    "MalformedXML": HTTPStatus.BAD_REQUEST,
    "MethodNotAllowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "MissingContentLength": HTTPStatus.LENGTH_REQUIRED,
    "NoSuchBucket": HTTPStatus.NOT_FOUND,
    "NoSuchKey": HTTPStatus.NOT_FOUND,
    "NoSuchUpload": HTTPStatus.NOT_FOUND,
    "NotImplemented": HTTPStatus.NOT_IMPLEMENTED,
    "OperationAborted": HTTPStatus.CONFLICT,
    "QuotaExceeded": HTTPStatus.FORBIDDEN,
    "RequestTimeTooSkewed": HTTPStatus.FORBIDDEN,
    "RequestTimeout": HTTPStatus.BAD_REQUEST,
    "ServiceUnavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "SignatureDoesNotMatch": HTTPStatus.FORBIDDEN,
    "SlowDown": HTTPStatus.SERVICE_UNAVAILABLE,
    "XAmzContentSHA256Mismatch": HTTPStatus.BAD_REQUEST,
}
"""`QuotaExceeded` is Ceph's and Swift's, which clients show as they show any other; the rest are Amazon's own."""
