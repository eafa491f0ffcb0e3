"""Which verb of S3 a request is, by method, path and query; path-style addressing, `/bucket/key`.

Only what an upload needs has a verb of its own; a request for anything else is told apart, so that it can be refused.
Spec: Amazon S3 API Reference, "Actions".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import unquote

from opengdi.standards.faults import Malformed

SMALLEST_PART: Final = 5 * 1024**2
LARGEST_PART: Final = 5 * 1024**3
MOST_PARTS: Final = 10_000
LONGEST_KEY: Final = 1024
"""Bytes; of a part: but for the last one, which may be smaller. Spec: "Amazon S3 multipart upload limits"."""


class Verb(StrEnum):
    """What is asked, by the names of the specification."""

    LIST_BUCKETS = "ListBuckets"
    HEAD_BUCKET = "HeadBucket"
    CREATE_BUCKET = "CreateBucket"
    GET_BUCKET_LOCATION = "GetBucketLocation"
    LIST_OBJECTS = "ListObjects"
    LIST_OBJECTS_V2 = "ListObjectsV2"
    LIST_MULTIPART_UPLOADS = "ListMultipartUploads"
    HEAD_OBJECT = "HeadObject"
    PUT_OBJECT = "PutObject"
    CREATE_MULTIPART_UPLOAD = "CreateMultipartUpload"
    UPLOAD_PART = "UploadPart"
    COMPLETE_MULTIPART_UPLOAD = "CompleteMultipartUpload"
    ABORT_MULTIPART_UPLOAD = "AbortMultipartUpload"
    LIST_PARTS = "ListParts"
    GET_OBJECT = "GetObject"
    DELETE_OBJECT = "DeleteObject"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Operation:
    """One request. bucket, key: empty where there is none. query: decoded, the first value of each name."""

    verb: Verb
    bucket: str = ""
    key: str = ""
    query: Mapping[str, str] = field(default_factory=dict)

    def number(self, name: str, default: int, *, least: int = 0, most: int) -> int:
        """A whole number of the query. Raises Malformed."""
        text = self.query.get(name) or str(default)
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1
        if value < least:
            raise Malformed(f"{name} must be a whole number from {least} to {most}")
        if value > most and name == "partNumber":
            raise Malformed(f"{name} must be a whole number from {least} to {most}")
        return min(value, most)


_SUBRESOURCES: Final = frozenset(
    """accelerate acl analytics attributes cors delete encryption intelligent-tiering inventory legal-hold lifecycle
    logging metadataTable metrics notification object-lock ownershipControls policy policyStatus publicAccessBlock
    renameObject replication requestPayment restore retention select session tagging torrent versionId versioning
    versions website""".split()  # noqa: SIM905  a list of words reads best as words
)
"""Other things of a bucket or an object; none of them is here."""

_SERVICE: Final = {"GET": Verb.LIST_BUCKETS}
_BUCKET: Final = {"HEAD": Verb.HEAD_BUCKET, "PUT": Verb.CREATE_BUCKET, "GET": Verb.LIST_OBJECTS}
_OBJECT: Final = {
    "HEAD": Verb.HEAD_OBJECT,
    "PUT": Verb.PUT_OBJECT,
    "GET": Verb.GET_OBJECT,
    "DELETE": Verb.DELETE_OBJECT,
}
_UPLOAD: Final = {
    "GET": Verb.LIST_PARTS,
    "PUT": Verb.UPLOAD_PART,
    "POST": Verb.COMPLETE_MULTIPART_UPLOAD,
    "DELETE": Verb.ABORT_MULTIPART_UPLOAD,
}


def read_operation(method: str, path: str, query: str) -> Operation:
    """What a request asks. path: below the base of the service, still encoded. Raises Malformed for bad encoding."""
    bucket, _, key = path.lstrip("/").partition("/")
    values = _values(query)
    where = (_decoded(bucket, "bucket"), _decoded(key, "key"))
    return Operation(_verb(method, *where, values), *where, values)


def _verb(method: str, bucket: str, key: str, query: Mapping[str, str]) -> Verb:
    if _SUBRESOURCES & query.keys():
        return Verb.OTHER
    if not bucket:
        return _SERVICE.get(method, Verb.OTHER)
    if not key:
        return _bucket_verb(method, query)
    if "uploadId" in query:
        return _UPLOAD.get(method, Verb.OTHER)
    if "uploads" in query:
        return Verb.CREATE_MULTIPART_UPLOAD if method == "POST" else Verb.OTHER
    return _OBJECT.get(method, Verb.OTHER)


def _bucket_verb(method: str, query: Mapping[str, str]) -> Verb:
    if method == "GET" and "location" in query:
        return Verb.GET_BUCKET_LOCATION
    if method == "GET" and "uploads" in query:
        return Verb.LIST_MULTIPART_UPLOADS
    if method == "GET" and query.get("list-type") == "2":
        return Verb.LIST_OBJECTS_V2
    return _BUCKET.get(method, Verb.OTHER)


def _values(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        found.setdefault(_decoded(name, "query"), _decoded(value.replace("+", " "), "query"))
    return found


def _decoded(text: str, where: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
        decoded.encode()  # bytes that were not encoded and are not UTF-8 show as lone surrogates
    except UnicodeError:
        raise Malformed(f"{where}: not UTF-8 after decoding") from None
    return decoded
