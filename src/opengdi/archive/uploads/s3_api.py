"""The S3-compatible endpoint: the ten verbs that uploads need, one bucket per provider, nothing comes out again."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import ClassVar, Final

from starlette.types import Receive, Scope, Send

from opengdi.archive.uploads.bodies import chunks_of, small_body
from opengdi.archive.uploads.faults import NoSuchUpload
from opengdi.archive.uploads.model import Protocol, Sender, Upload, UploadState, Wish
from opengdi.archive.uploads.rules import bucket_of, declared_in
from opengdi.archive.uploads.s3_identity import S3Identity
from opengdi.archive.uploads.s3_listing import Listed, Wanted, list_objects, list_objects_below, list_uploads
from opengdi.archive.uploads.s3_payload import Payload
from opengdi.archive.uploads.s3_shape import XML, S3Refusal, error_answer
from opengdi.archive.uploads.service import Inbox
from opengdi.kernel.clock import Clock
from opengdi.kernel.doors import submitting
from opengdi.kernel.errors import Conflict, GdiError, Invalid, NotFound
from opengdi.kernel.http.decided import let_in
from opengdi.kernel.http.edge import REQUEST_ID
from opengdi.kernel.http.routing import TEMPLATE
from opengdi.kernel.principal import PROGRAM, Principal
from opengdi.standards.faults import Malformed
from opengdi.standards.http_date import http_date
from opengdi.standards.s3 import documents
from opengdi.standards.s3.checksums import HEADER
from opengdi.standards.s3.documents import ListedPart, Page
from opengdi.standards.s3.operations import (
    LARGEST_PART,
    LONGEST_KEY,
    MOST_PARTS,
    Operation,
    Verb,
    read_operation,
)
from opengdi.standards.s3.signature import Request

MOST_DOCUMENT_BYTES: Final = 4 * 1024**2
"""10,000 parts with a checksum each are less."""

_META: Final = "x-amz-meta-"
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back; a document, or nothing but headers."""

    status: HTTPStatus = HTTPStatus.OK
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a sender who is known, with its payload unread."""

    operation: Operation
    request: Request
    sender: Sender
    bucket: str
    payload: Payload


class S3Api:
    """ASGI app for everything below `base`."""

    served: ClassVar[Mapping[str, str]] = {
        "": "GET",
        "{bucket}": "GET HEAD PUT",
        "{bucket}/{key}": "GET HEAD PUT POST DELETE",
    }
    """Methods by path, with parameters unfilled."""

    def __init__(self, base: str, identity: S3Identity, inbox: Inbox, clock: Clock) -> None:
        self._base = base
        self._identity = identity
        self._inbox = inbox
        self._clock = clock
        self._verbs: Mapping[Verb, Callable[[Asked], Awaitable[Answer]]] = {
            Verb.LIST_BUCKETS: self._list_buckets,
            Verb.HEAD_BUCKET: self._head_bucket,
            Verb.CREATE_BUCKET: self._create_bucket,
            Verb.GET_BUCKET_LOCATION: self._locate_bucket,
            Verb.LIST_OBJECTS: self._list_objects,
            Verb.LIST_OBJECTS_V2: self._list_objects_v2,
            Verb.LIST_MULTIPART_UPLOADS: self._list_uploads,
            Verb.HEAD_OBJECT: self._head_object,
            Verb.PUT_OBJECT: self._put_object,
            Verb.CREATE_MULTIPART_UPLOAD: self._create_upload,
            Verb.UPLOAD_PART: self._upload_part,
            Verb.COMPLETE_MULTIPART_UPLOAD: self._complete_upload,
            Verb.ABORT_MULTIPART_UPLOAD: self._abort_upload,
            Verb.LIST_PARTS: self._list_parts,
            Verb.GET_OBJECT: self._refuse,
            Verb.DELETE_OBJECT: self._refuse,
            Verb.OTHER: self._refuse_other,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _request_of(scope)
        try:
            answer = await self._answer(scope, request, receive)
        except Malformed as error:
            answer = _told(Invalid(str(error)), scope)
        except GdiError as error:
            answer = _told(error, scope)
        await _send(answer, scope, send)

    async def _answer(self, scope: Scope, request: Request, receive: Receive) -> Answer:
        operation = read_operation(request.method, request.path.removeprefix(self._base), request.query)
        scope[TEMPLATE] = operation.verb.value
        identified = await self._identity.identify(request)
        sender = Sender(submitting(identified.principal), identified.principal.subject)
        let_in(identified.principal.subject)
        bucket = self._own_bucket(operation, identified.principal)
        async with aclosing(chunks_of(receive, self._clock.monotonic)) as chunks:
            payload = Payload(request, chunks, identified.seed)
            asked = Asked(operation, request, sender, bucket, payload)
            return await self._verbs[operation.verb](asked)

    def _own_bucket(self, operation: Operation, principal: Principal) -> str:
        """The bucket as the sender calls it. Raises S3Refusal for one that is not theirs, there or not."""
        own = bucket_of(submitting(principal))
        names = {own, bucket_of(principal.subject), bucket_of(principal.subject.removeprefix(PROGRAM))}
        asked = operation.bucket.removesuffix("/")
        if asked and bucket_of(asked) not in names:
            raise S3Refusal("AccessDenied", f"your bucket is {own}; there is nothing else for you here")
        return asked or own

    # buckets

    async def _list_buckets(self, asked: Asked) -> Answer:
        return _document(
            documents.list_of_buckets(asked.sender.provider, [(asked.bucket, self._clock.now())])
        )

    async def _head_bucket(self, _asked: Asked) -> Answer:
        return Answer()

    async def _create_bucket(self, _asked: Asked) -> Answer:
        raise S3Refusal("BucketAlreadyOwnedByYou", "the bucket is there already, and yours")

    async def _locate_bucket(self, _asked: Asked) -> Answer:
        return _document(documents.bucket_location())

    async def _list_objects(self, asked: Asked) -> Answer:
        return _document(documents.list_of_objects(asked.bucket, await self._page(asked, "marker")))

    async def _list_objects_v2(self, asked: Asked) -> Answer:
        return _document(documents.list_of_objects_v2(asked.bucket, await self._page(asked, "start-after")))

    async def _page(self, asked: Asked, from_: str) -> Page:
        operation, query = asked.operation, asked.operation.query
        is_v2 = operation.verb is Verb.LIST_OBJECTS_V2
        token = query.get("continuation-token", "") if is_v2 else ""
        most = operation.number("max-keys", _PAGE, most=_PAGE)
        after = _read_token(token) if token else query.get(from_, "")
        wanted = Wanted(query.get("prefix", ""), query.get("delimiter", ""), after, most)
        listed = await self._listed(asked, wanted)
        names = {
            "prefix": "Prefix",
            "delimiter": "Delimiter",
            "marker": "Marker",
            "start-after": "StartAfter",
        }
        echoed = {
            name: query.get(key, "") for key, name in names.items() if query.get(key) or key == "prefix"
        }
        return Page(
            listed.objects,
            listed.prefixes,
            _write_token(listed.next) if is_v2 else listed.next,
            {**echoed, "MaxKeys": str(most)},
            url_encoded=query.get("encoding-type") == "url",
        )

    async def _listed(self, asked: Asked, wanted: Wanted) -> Listed:
        """The SDA's `sda-cli` asks a bucket `user/` for `user/prefix`: in its inbox that is the folder of the user."""
        if asked.operation.bucket.endswith("/"):
            return await list_objects_below(self._inbox, asked.sender, wanted, asked.operation.bucket)
        return await list_objects(self._inbox, asked.sender, wanted)

    async def _list_uploads(self, asked: Asked) -> Answer:
        query = asked.operation.query
        most = asked.operation.number("max-uploads", _PAGE, most=_PAGE)
        key_marker = query.get("key-marker", "")
        # Without an id "only keys greater than the key-marker" are listed.
        after = (key_marker, query.get("upload-id-marker") or ("\U0010ffff" if key_marker else ""))
        found, more = await list_uploads(self._inbox, asked.sender, query.get("prefix", ""), after, most)
        asked_for = {"Prefix": query.get("prefix", ""), "KeyMarker": key_marker, "MaxUploads": str(most)}
        url_encoded = query.get("encoding-type") == "url"
        page = Page(next="more" if more else "", asked=asked_for, url_encoded=url_encoded)
        return _document(documents.list_of_uploads(asked.bucket, page, found))

    # objects

    async def _head_object(self, asked: Asked) -> Answer:
        upload = await self._inbox.completed(asked.sender, asked.operation.key)
        return Answer(
            headers=(
                _etag(upload.etag or upload.id),
                (b"content-length", b"%d" % upload.size_bytes),
                (b"last-modified", _http_date(upload)),
                (b"content-type", b"application/octet-stream"),
                (b"accept-ranges", b"none"),
            )
        )

    async def _put_object(self, asked: Asked) -> Answer:
        length = _needed_length(asked.payload)
        wish = _wish(asked, length)
        try:
            upload = await self._inbox.begin(asked.sender, wish)
        except Conflict:
            return await self._put_again(asked)
        try:
            part = await self._inbox.put_part(
                upload, 1, aiter(asked.payload), checksums=asked.payload.checksums, announced=length
            )
            named = documents.NamedPart(1, part.etag)
            await self._inbox.complete_parts(
                await self._inbox.find(asked.sender, upload.id, Protocol.S3), [named]
            )
        except BaseException:
            await self._inbox.abandon(upload.id)
            raise
        return Answer(headers=(_etag(part.etag), *_checksum_headers(part.checksums)))

    async def _put_again(self, asked: Asked) -> Answer:
        """A client that did not hear the answer sends once more: the same bytes are no conflict, others are."""
        try:
            there = await self._inbox.completed(asked.sender, asked.operation.key)
        except NotFound as error:
            raise Conflict(f"{asked.operation.key[:200]} is the archive's already, by another way") from error
        md5 = hashlib.md5(usedforsecurity=False)
        async for chunk in asked.payload:
            await asyncio.to_thread(md5.update, chunk)
        if md5.hexdigest() != there.etag:
            raise S3Refusal("OperationAborted", "there is another file of this path; nothing is overwritten")
        return Answer(headers=(_etag(there.etag),))

    async def _create_upload(self, asked: Asked) -> Answer:
        upload = await self._inbox.begin(asked.sender, _wish(asked, None))
        algorithm = asked.request.headers.get("x-amz-checksum-algorithm", "")
        echoed = ((b"x-amz-checksum-algorithm", algorithm.encode("ascii", "replace")),) if algorithm else ()
        body = documents.upload_begun(asked.bucket, asked.operation.key, upload.id)
        return _document(body, *echoed)

    async def _upload_part(self, asked: Asked) -> Answer:
        _refuse_copy(asked)
        number = asked.operation.number("partNumber", 0, least=1, most=MOST_PARTS)
        length = _needed_length(asked.payload)
        upload = await self._upload(asked)
        part = await self._inbox.put_part(
            upload, number, aiter(asked.payload), checksums=asked.payload.checksums, announced=length
        )
        return Answer(headers=(_etag(part.etag), *_checksum_headers(part.checksums)))

    async def _complete_upload(self, asked: Asked) -> Answer:
        body = await small_body(aiter(asked.payload), MOST_DOCUMENT_BYTES)
        try:
            named = documents.read_completion(body)
        except Malformed as error:
            raise S3Refusal("MalformedXML", str(error)) from error
        done = await self._inbox.complete_parts(await self._upload(asked), named)
        key = asked.operation.key
        location = f"{self._base}/{asked.bucket}/{key}"
        return _document(documents.upload_completed(location, asked.bucket, key, done.etag))

    async def _abort_upload(self, asked: Asked) -> Answer:
        await self._inbox.give_up(await self._upload(asked))
        return Answer(HTTPStatus.NO_CONTENT)

    async def _list_parts(self, asked: Asked) -> Answer:
        operation = asked.operation
        most = operation.number("max-parts", _PAGE, most=_PAGE)
        after = operation.number("part-number-marker", 0, most=MOST_PARTS)
        upload = await self._upload(asked)
        if upload.state is UploadState.COMPLETED:
            raise NoSuchUpload(f"upload {upload.id} is completed")
        parts = [part for number, part in (await self._inbox.parts(upload)).items() if number > after]
        listed = [ListedPart(part.number, part.stored, part.etag, part.size_bytes) for part in parts[:most]]
        body = documents.list_of_parts(
            asked.bucket, operation.key, upload.id, listed, most=most, after=after, more=len(parts) > most
        )
        return _document(body)

    async def _refuse(self, asked: Asked) -> Answer:
        verb = asked.operation.verb.value
        raise S3Refusal("AccessDenied", f"{verb}: what was sent is the archive's, and does not come out here")

    async def _refuse_other(self, _asked: Asked) -> Answer:
        raise S3Refusal("NotImplemented", "this endpoint takes uploads and lists them; it does nothing else")

    async def _upload(self, asked: Asked) -> Upload:
        id_ = asked.operation.query["uploadId"]
        return await self._inbox.find(asked.sender, id_, Protocol.S3, asked.operation.key)


def _wish(asked: Asked, length: int | None) -> Wish:
    """What a sender wants who begins an object. Raises S3Refusal, Invalid."""
    _refuse_copy(asked)
    key = asked.operation.key
    if len(key.encode()) > LONGEST_KEY:
        raise S3Refusal("KeyTooLongError", f"a key may have {LONGEST_KEY} bytes")
    headers = asked.request.headers
    metadata = {name.removeprefix(_META): text for name, text in headers.items() if name.startswith(_META)}
    declared, dataset = declared_in(metadata)
    return Wish(Protocol.S3, key, declared, dataset, length)


def _refuse_copy(asked: Asked) -> None:
    if "x-amz-copy-source" in asked.request.headers:
        raise S3Refusal("AccessDenied", "nothing is copied here: send the bytes")


def _needed_length(payload: Payload) -> int:
    if payload.length is None:
        raise S3Refusal("MissingContentLength", "the length of what is sent must be announced")
    if payload.length > LARGEST_PART:
        raise S3Refusal(
            "EntityTooLarge", f"one part or object may have {LARGEST_PART} bytes; send more parts"
        )
    return payload.length


def _request_of(scope: Scope) -> Request:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("utf-8", "surrogateescape")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    path = scope.get("raw_path") or scope["path"].encode()
    return Request(
        scope["method"],
        path.decode("utf-8", "surrogateescape"),
        scope.get("query_string", b"").decode("utf-8", "surrogateescape"),
        headers,
    )


def _told(error: GdiError, scope: Scope) -> Answer:
    status, body = error_answer(error, resource=scope["path"], request_id=scope.get(REQUEST_ID, ""))
    return Answer(status, body, ((b"content-type", XML),))


def _document(body: bytes, *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(body=body, headers=((b"content-type", XML), *headers))


def _etag(etag: str) -> tuple[bytes, bytes]:
    return b"etag", f'"{etag}"'.encode()


def _checksum_headers(checksums: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [((HEADER + name).encode(), value.encode()) for name, value in checksums.items()]


def _http_date(upload: Upload) -> bytes:
    return http_date(upload.touched).encode()


def _write_token(after: str) -> str:
    return base64.urlsafe_b64encode(after.encode()).decode() if after else ""


def _read_token(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode()
    except (binascii.Error, ValueError):
        raise Malformed("continuation-token is none of this service") from None


async def _send(answer: Answer, scope: Scope, send: Send) -> None:
    names = {name for name, _ in answer.headers}
    length = () if b"content-length" in names else ((b"content-length", b"%d" % len(answer.body)),)
    headers = [*answer.headers, *(length if answer.status is not HTTPStatus.NO_CONTENT else ())]
    await send({"type": "http.response.start", "status": int(answer.status), "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})
