"""XML that S3 servers answer with, and the documents that are read: what a client sends, uploads that a store lists.

Spec: Amazon S3 API Reference, "Response Syntax" of each action.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import Final
from urllib.parse import quote
from xml.etree import ElementTree as ET

from opengdi.standards.faults import Malformed

NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STORAGE_CLASS: Final = ("StorageClass", "STANDARD")

Value = str | int | datetime | Sequence["Field"]
Field = tuple[str, Value]
"""An element: its name, and its text or the elements in it."""


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object in a listing. etag: without quotes."""

    key: str
    modified: datetime
    etag: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ListedUpload:
    """A multipart upload that is going on."""

    key: str
    upload_id: str
    initiated: datetime


@dataclass(frozen=True, slots=True)
class ListedPart:
    """A part that has arrived."""

    number: int
    modified: datetime
    etag: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a listing. prefixes: what lies below the delimiter. next: where the next page goes on; empty: nowhere.

    asked: parameters of the request, echoed by their names in the answer.
    """

    objects: Sequence[ListedObject] = ()
    prefixes: Sequence[str] = ()
    next: str = ""
    asked: Mapping[str, str] = field(default_factory=dict)
    url_encoded: bool = False


@dataclass(frozen=True, slots=True)
class NamedPart:
    """A part as the client names it when it completes an upload. checksums: Base64 by algorithm."""

    number: int
    etag: str
    checksums: Mapping[str, str] = field(default_factory=dict)


def error(code: str, message: str, *, resource: str, request_id: str) -> bytes:
    """The document of an error."""
    members: list[Field] = [
        ("Code", code),
        ("Message", message),
        ("Resource", resource),
        ("RequestId", request_id),
    ]
    return _document("Error", members, namespace="")


def list_of_buckets(owner: str, buckets: Iterable[tuple[str, datetime]]) -> bytes:
    """ListBuckets: names and when they were made."""
    listed: list[Field] = [("Bucket", [("Name", name), ("CreationDate", made)]) for name, made in buckets]
    return _document("ListAllMyBucketsResult", [("Owner", _owner(owner)), ("Buckets", listed)])


def bucket_location() -> bytes:
    """GetBucketLocation: the default region, which the specification says by an empty element."""
    return _document("LocationConstraint", [])


def list_of_objects(bucket: str, page: Page) -> bytes:
    """ListObjects; the next page goes on after `NextMarker`."""
    more: list[Field] = [("NextMarker", _shown(page.next, page))] if page.next else []
    members = [*_head(bucket, page), *more, ("IsTruncated", bool(page.next)), *_contents(page)]
    return _document("ListBucketResult", members)


def list_of_objects_v2(bucket: str, page: Page) -> bytes:
    """ListObjectsV2; the next page goes on by `NextContinuationToken`."""
    more: list[Field] = [("NextContinuationToken", page.next)] if page.next else []
    count = len(page.objects) + len(page.prefixes)
    counted: list[Field] = [("KeyCount", count), *more, ("IsTruncated", bool(page.next))]
    return _document("ListBucketResult", [*_head(bucket, page), *counted, *_contents(page)])


def upload_begun(bucket: str, key: str, upload_id: str) -> bytes:
    """CreateMultipartUpload."""
    members: list[Field] = [("Bucket", bucket), ("Key", key), ("UploadId", upload_id)]
    return _document("InitiateMultipartUploadResult", members)


def upload_completed(location: str, bucket: str, key: str, etag: str) -> bytes:
    """CompleteMultipartUpload."""
    members: list[Field] = [("Location", location), ("Bucket", bucket), ("Key", key), ("ETag", f'"{etag}"')]
    return _document("CompleteMultipartUploadResult", members)


def list_of_parts(
    bucket: str, key: str, upload_id: str, parts: Sequence[ListedPart], *, most: int, after: int, more: bool
) -> bytes:
    """ListParts."""
    members: list[Field] = [
        ("Bucket", bucket),
        ("Key", key),
        ("UploadId", upload_id),
        ("PartNumberMarker", after),
        *([("NextPartNumberMarker", parts[-1].number)] if parts else []),
        ("MaxParts", most),
        ("IsTruncated", more),
        _STORAGE_CLASS,
        *(("Part", _part(part)) for part in parts),
    ]
    return _document("ListPartsResult", members)


def list_of_uploads(bucket: str, page: Page, uploads: Sequence[ListedUpload]) -> bytes:
    """ListMultipartUploads; the next page goes on after the last upload of this one."""
    last = uploads[-1:] if page.next else []
    members: list[Field] = [
        ("Bucket", bucket),
        *((name, _shown(value, page)) for name, value in page.asked.items()),
        *(("NextKeyMarker", _shown(upload.key, page)) for upload in last),
        *(("NextUploadIdMarker", upload.upload_id) for upload in last),
        ("IsTruncated", bool(page.next)),
        *(("Upload", _upload(upload, page)) for upload in uploads),
        *(("CommonPrefixes", [("Prefix", _shown(prefix, page))]) for prefix in page.prefixes),
    ]
    return _document("ListMultipartUploadsResult", members)


def read_completion(body: bytes) -> tuple[NamedPart, ...]:
    """The parts that a CompleteMultipartUpload request names, in its order. Raises Malformed."""
    root = _read(body, "CompleteMultipartUpload")
    return tuple(_named_part(child) for child in root if _local(child.tag) == "Part")


def _named_part(element: ET.Element) -> NamedPart:
    members = _members(element)
    number = members.get("PartNumber", "")
    if not (number.isascii() and number.isdigit() and len(number) < 6):
        raise Malformed("each Part needs a PartNumber, a whole number")
    checksums = {
        name.removeprefix("Checksum").lower(): value
        for name, value in members.items()
        if name[:8] == "Checksum"
    }
    return NamedPart(int(number), members.get("ETag", "").strip('"').lower(), checksums)


@dataclass(frozen=True, slots=True)
class UploadsPage:
    """A page of a store's ListMultipartUploads. next: markers (key, upload) of the next page; None: it was the last."""

    uploads: tuple[ListedUpload, ...]
    next: tuple[str, str] | None


def read_list_of_uploads(body: bytes) -> UploadsPage:
    """What a store answers to ListMultipartUploads without an encoding type. Raises Malformed."""
    root = _read(body, "ListMultipartUploadsResult")
    uploads = tuple(_listed_upload(child) for child in root if _local(child.tag) == "Upload")
    told = _members(root)
    if told.get("IsTruncated", "false") != "true":
        return UploadsPage(uploads, None)
    return UploadsPage(uploads, (told.get("NextKeyMarker", ""), told.get("NextUploadIdMarker", "")))


def _listed_upload(element: ET.Element) -> ListedUpload:
    members = _members(element)
    try:
        initiated = datetime.fromisoformat(members["Initiated"])
        upload = ListedUpload(members["Key"], members["UploadId"], initiated)
    except (KeyError, ValueError) as error:
        raise Malformed("each Upload needs Key, UploadId and Initiated, a time") from error
    if initiated.tzinfo is None:
        raise Malformed("Initiated must say its time zone")
    return upload


def _read(body: bytes, name: str) -> ET.Element:
    if (
        b"<!" in body or b"\0" in body
    ):  # a document type, also in UTF-16, could name entities; nobody sends one
        raise Malformed("the document must not have a document type, comments or CDATA")
    try:
        root = ET.fromstring(body)  # noqa: S314  without a document type there are no entities to expand
    except (ET.ParseError, ValueError, LookupError):  # an unknown encoding is a LookupError
        raise Malformed("the document is not well-formed XML") from None
    if _local(root.tag) != name:
        raise Malformed(f"the document must be a {name}")
    return root


def _members(element: ET.Element) -> dict[str, str]:
    return {_local(child.tag): (child.text or "").strip() for child in element}


def _local(tag: str) -> str:
    """The name of an element without its namespace."""
    return tag.rpartition("}")[2]


def _head(bucket: str, page: Page) -> list[Field]:
    asked: list[Field] = [(name, _shown(value, page)) for name, value in page.asked.items()]
    encoding: list[Field] = [("EncodingType", "url")] if page.url_encoded else []
    return [("Name", bucket), *asked, *encoding]


def _contents(page: Page) -> list[Field]:
    objects: list[Field] = [("Contents", _object(found, page)) for found in page.objects]
    prefixes: list[Field] = [
        ("CommonPrefixes", [("Prefix", _shown(prefix, page))]) for prefix in page.prefixes
    ]
    return objects + prefixes


def _object(found: ListedObject, page: Page) -> list[Field]:
    return [
        ("Key", _shown(found.key, page)),
        ("LastModified", found.modified),
        ("ETag", f'"{found.etag}"'),
        ("Size", found.size_bytes),
        _STORAGE_CLASS,
    ]


def _part(part: ListedPart) -> list[Field]:
    return [
        ("PartNumber", part.number),
        ("LastModified", part.modified),
        ("ETag", f'"{part.etag}"'),
        ("Size", part.size_bytes),
    ]


def _upload(upload: ListedUpload, page: Page) -> list[Field]:
    return [
        ("Key", _shown(upload.key, page)),
        ("UploadId", upload.upload_id),
        _STORAGE_CLASS,
        ("Initiated", upload.initiated),
    ]


def _owner(name: str) -> list[Field]:
    return [("ID", name), ("DisplayName", name)]


def _shown(text: str, page: Page) -> str:
    return quote(text, safe="/") if page.url_encoded else text


def _document(root: str, members: Sequence[Field], *, namespace: str = NAMESPACE) -> bytes:
    attribute = f' xmlns="{namespace}"' if namespace else ""
    return f"{_DECLARATION}<{root}{attribute}>{_written(members)}</{root}>".encode()


def _written(members: Sequence[Field]) -> str:
    return "".join(f"<{name}>{_text(value)}</{name}>" for name, value in members)


def _text(value: Value) -> str:
    if isinstance(value, str):
        return escape(_NOT_XML.sub("\ufffd", value), quote=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        moment = value.astimezone(UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    return _written(value)
