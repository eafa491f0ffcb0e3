"""Resumable uploads by tus 1.0.0, and the public key that files must be encrypted to.

Spec: tus resumable upload protocol 1.0.0. One thing is added: `Upload-Metadata` on the last PATCH may declare digests,
which a sender that encrypts as it goes knows only then.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar, Final

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from opengdi.archive.uploads.bodies import chunks_of
from opengdi.archive.uploads.faults import BadDigest, NoSuchUpload, QuotaExceeded
from opengdi.archive.uploads.model import Protocol, Sender, Upload, UploadState, Wish
from opengdi.archive.uploads.rules import declared_in
from opengdi.archive.uploads.service import Inbox
from opengdi.kernel.clock import Clock
from opengdi.kernel.doors import submitting
from opengdi.kernel.errors import GdiError, Invalid, NotFound, NotPermitted
from opengdi.kernel.http.edge import REQUEST_ID
from opengdi.kernel.http.faults import fault_of
from opengdi.kernel.http.routing import TEMPLATE
from opengdi.kernel.principal import Principal
from opengdi.standards import tus
from opengdi.standards.faults import Malformed
from opengdi.standards.http_date import http_date
from opengdi.standards.problem import MEDIA_TYPE, Problem
from opengdi.standards.tus import Checksum, Concatenation

MOST_BYTES: Final = 5 * 1024**4
"""As large as an S3 object may be."""

KEY_PATH: Final = "key"

_FINAL: Final = "This upload is final: it was put together from others, and takes no more bytes."
"""Spec: "The Server MUST respond with the 403 Forbidden status to PATCH requests against a final upload URL"."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: int = HTTPStatus.NO_CONTENT
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a sender who is known, with its body unread. id: of the upload; empty: of none."""

    method: str
    id: str
    headers: Headers
    sender: Sender
    body: AsyncIterator[bytes]


class TusApi:
    """ASGI app for everything below `base`. public_key: the PEM text of the key that files must be encrypted to."""

    served: ClassVar[Mapping[str, str]] = {
        "": "POST OPTIONS",
        KEY_PATH: "GET",
        "{upload}": "HEAD PATCH DELETE OPTIONS",
    }
    """Methods by path, with parameters unfilled."""

    def __init__(
        self,
        base: str,
        identify: Callable[[Scope], Principal],
        inbox: Inbox,
        clock: Clock,
        *,
        public_key: Callable[[], str],
    ) -> None:
        self._base = base
        self._identify = identify
        self._inbox = inbox
        self._clock = clock
        self._public_key = public_key
        self._to_all: Mapping[str, Callable[[Asked], Awaitable[Answer]]] = {"POST": self._create}
        self._to_one: Mapping[str, Callable[[Asked], Awaitable[Answer]]] = {
            "HEAD": self._head,
            "PATCH": self._patch,
            "DELETE": self._terminate,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            answer = await self._answer(scope, headers, receive)
        except Malformed as error:
            answer = _problem(Invalid(str(error)), scope)
        except GdiError as error:
            answer = _problem(error, scope)
        await _send(answer, scope, send)

    async def _answer(self, scope: Scope, headers: Headers, receive: Receive) -> Answer:
        id_ = scope["path"].removeprefix(self._base).strip("/")
        method = _method(scope["method"], headers)
        scope[TEMPLATE] = f"{{upload}} {method}" if id_ else method
        if method == "OPTIONS":
            return _capabilities()
        if id_ == KEY_PATH and method in {"GET", "HEAD"}:
            return self._key()
        act = (self._to_one if id_ else self._to_all).get(method)
        if act is None:
            return _not_allowed(self._to_one if id_ else self._to_all, scope)
        principal = self._identify(scope)
        sender = Sender(submitting(principal), principal.subject)
        if headers.get("tus-resumable") != tus.SPEC_VERSION:
            return _other_version(scope)
        async with aclosing(chunks_of(receive, self._clock.monotonic)) as body:
            return await act(Asked(method, id_, headers, sender, body))

    def _key(self) -> Answer:
        text = self._public_key()
        told = {"algorithm": "crypt4gh", "publicKey": text, "fingerprint": "".join(text.splitlines()[1:-1])}
        return Answer(HTTPStatus.OK, {"content-type": "application/json"}, json.dumps(told).encode())

    async def _create(self, asked: Asked) -> Answer:
        joining = tus.read_concatenation(asked.headers.get("upload-concat"))
        metadata = tus.read_metadata(asked.headers.get("upload-metadata", ""))
        if joining is not None and joining.is_final:
            return await self._concatenate(asked, joining, metadata)
        length = tus.read_number("Upload-Length", asked.headers.get("upload-length"))
        if length > MOST_BYTES:
            return _too_long()
        wish = _wish(asked, metadata, length, partial=joining is not None)
        upload = await self._inbox.begin(asked.sender, wish)
        offset = 0
        if asked.headers.get("content-type") == tus.CONTENT_TYPE:
            upload, offset = await self._take(asked, upload, 0)
        headers = {"location": f"{self._base}/{upload.id}", "upload-offset": str(offset)}
        return Answer(HTTPStatus.CREATED, {**headers, **self._expires(upload), **_file(upload)})

    async def _concatenate(self, asked: Asked, joining: Concatenation, metadata: Mapping[str, str]) -> Answer:
        wish = _wish(asked, metadata, None, partial=False)
        done = await self._inbox.concatenate(
            asked.sender, wish, [self._id_of(path) for path in joining.paths]
        )
        return Answer(HTTPStatus.CREATED, {"location": f"{self._base}/{done.id}", **_file(done)})

    async def _head(self, asked: Asked) -> Answer:
        upload = await self._inbox.find(asked.sender, asked.id, Protocol.TUS)
        if upload.refusal:
            raise NoSuchUpload(upload.refusal, public=upload.refusal)
        if upload.is_whole:  # a client that hears that all bytes are there sends no more
            upload = await self._inbox.complete(upload)
        is_open = upload.state is UploadState.OPEN
        headers = {
            "upload-offset": str(upload.received if is_open else upload.size_bytes),
            "upload-length": str(upload.wish.length),
            "cache-control": "no-store",
            **_words(upload),
            **(self._expires(upload) if is_open else {}),
            **_file(upload),
        }
        return Answer(HTTPStatus.OK, headers)

    async def _patch(self, asked: Asked) -> Answer:
        if asked.headers.get("content-type") != tus.CONTENT_TYPE:
            return _unsupported()
        upload = await self._inbox.find(asked.sender, asked.id, Protocol.TUS)
        if upload.wish.is_final:
            raise NotPermitted(f"a PATCH of final upload {upload.id}", public=_FINAL)
        offset = tus.read_number("Upload-Offset", asked.headers.get("upload-offset"))
        upload, offset = await self._take(asked, upload, offset)
        headers = {"upload-offset": str(offset), **self._expires(upload), **_file(upload)}
        return Answer(HTTPStatus.NO_CONTENT, headers)

    async def _take(self, asked: Asked, upload: Upload, offset: int) -> tuple[Upload, int]:
        """Append the body; if the upload is complete by that, hand it over."""
        if upload.state is not UploadState.OPEN:
            return await self._taken_again(asked, upload, offset)
        await self._declare(asked, upload)
        checksum = tus.read_checksum(asked.headers.get("upload-checksum"))
        length = upload.wish.length or 0
        body = _within(asked.body, length - offset)
        if checksum is not None:
            body = _checked(body, checksum)
        offset = await self._inbox.append(upload, offset, body, whole=checksum is not None)
        upload = await self._inbox.find(asked.sender, upload.id, Protocol.TUS)
        if offset == length and not upload.wish.partial:
            upload = await self._inbox.complete(upload)
        return upload, offset

    async def _taken_again(self, asked: Asked, upload: Upload, offset: int) -> tuple[Upload, int]:
        """A PATCH of nothing at the end: the sender did not hear that it was done, or it was interrupted."""
        if offset != upload.size_bytes:
            raise NoSuchUpload(f"upload {upload.id} is {upload.state}")
        async for _ in _within(asked.body, 0):
            pass
        return await self._inbox.complete(upload), offset

    async def _declare(self, asked: Asked, upload: Upload) -> None:
        metadata = asked.headers.get("upload-metadata")
        if asked.method == "PATCH" and metadata is not None:
            declared, _ = declared_in(tus.read_metadata(metadata))
            await self._inbox.declare(upload, declared)

    async def _terminate(self, asked: Asked) -> Answer:
        await self._inbox.give_up(await self._inbox.find(asked.sender, asked.id, Protocol.TUS))
        return Answer()

    def _id_of(self, path: str) -> str:
        return path.removeprefix(self._base).strip("/")

    def _expires(self, upload: Upload) -> dict[str, str]:
        return {"upload-expires": http_date(upload.touched + self._inbox.idle)}


async def _within(body: AsyncIterator[bytes], left: int) -> AsyncIterator[bytes]:
    """The body. Raises Invalid before more passes than the upload still lacks."""
    async for chunk in body:
        left -= len(chunk)
        if left < 0:
            raise Invalid("more bytes come than Upload-Length says")
        yield chunk


async def _checked(body: AsyncIterator[bytes], checksum: Checksum) -> AsyncIterator[bytes]:
    """The body. Raises BadDigest at its end if it is not what the checksum says."""
    digest = tus.ALGORITHMS[checksum.algorithm]()
    async for chunk in body:
        digest.update(chunk)
        yield chunk
    if not hmac.compare_digest(digest.digest(), checksum.digest):
        raise BadDigest("what arrived has another digest than Upload-Checksum says; nothing of it is kept")


def _wish(asked: Asked, metadata: Mapping[str, str], length: int | None, *, partial: bool) -> Wish:
    """Raises Invalid. `filename` and `name` are what tus clients send by themselves."""
    path = "" if partial else metadata.get("path") or metadata.get("filename") or metadata.get("name") or ""
    declared, dataset = declared_in(metadata)
    said = (asked.headers.get(name, "") for name in ("upload-metadata", "upload-concat"))
    return Wish(Protocol.TUS, path, declared, dataset, length, partial, *said)


def _method(method: str, headers: Headers) -> str:
    """Spec: "If X-HTTP-Method-Override is set, the Server MUST use its value instead"; only a POST can hide another."""
    return headers.get("x-http-method-override", method).upper() if method == "POST" else method


def _words(upload: Upload) -> dict[str, str]:
    """Spec: "MUST include the Upload-Metadata header and its value as specified by the Client during the creation",
    "MUST include the Upload-Concat header and its value as received in the upload creation request".
    """
    told = {"upload-metadata": upload.wish.metadata, "upload-concat": upload.wish.concat}
    return {name: value for name, value in told.items() if value}


def _file(upload: Upload) -> dict[str, str]:
    """The accession of the file, once the archive has it; not of the specification."""
    return {"gdi-file-id": upload.file} if upload.file else {}


def _capabilities() -> Answer:
    return Answer(
        headers={
            "tus-version": tus.SPEC_VERSION,
            "tus-extension": ",".join(tus.EXTENSIONS),
            "tus-max-size": str(MOST_BYTES),
            "tus-checksum-algorithm": ",".join(tus.ALGORITHMS),
        }
    )


def _too_long() -> Answer:
    return _said(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"Upload-Length may be {MOST_BYTES} at most.")


def _unsupported() -> Answer:
    return _said(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type must be {tus.CONTENT_TYPE}.")


def _other_version(_scope: Scope) -> Answer:
    """Spec: "the Server MUST respond with the 412 Precondition Failed status
    and MUST include the Tus-Version header".
    """
    answer = _said(HTTPStatus.PRECONDITION_FAILED, f"Tus-Resumable must be {tus.SPEC_VERSION}.")
    return Answer(answer.status, {**answer.headers, "tus-version": tus.SPEC_VERSION}, answer.body)


def _not_allowed(table: Mapping[str, Any], _scope: Scope) -> Answer:
    allowed = ", ".join(("OPTIONS", *table))
    answer = _said(HTTPStatus.METHOD_NOT_ALLOWED, f"{allowed} are possible here.")
    return Answer(answer.status, {**answer.headers, "allow": allowed}, answer.body)


def _said(status: HTTPStatus, detail: str) -> Answer:
    body = Problem(status=status, title=status.phrase, detail=detail).to_json()
    return Answer(status, {"content-type": MEDIA_TYPE}, body)


def _problem(error: GdiError, scope: Scope) -> Answer:
    """Problem details, with the statuses that the protocol has for itself."""
    fault = fault_of(error, scope.get(REQUEST_ID, ""))
    status, title = int(fault.status), fault.status.phrase
    if isinstance(error, BadDigest):
        status, title = tus.CHECKSUM_MISMATCH, "Checksum Mismatch"
    elif isinstance(error, QuotaExceeded):
        status, title = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Quota Exceeded"
    elif isinstance(error, NotFound):
        status, title = HTTPStatus.NOT_FOUND, HTTPStatus.NOT_FOUND.phrase
    problem = Problem(
        status=status, title=title, detail=fault.detail, extensions={"requestId": fault.request_id}
    )
    headers = {name.decode(): value.decode() for name, value in fault.headers}
    return Answer(status, {**headers, "content-type": MEDIA_TYPE}, problem.to_json())


async def _send(answer: Answer, scope: Scope, send: Send) -> None:
    headers = {"tus-resumable": tus.SPEC_VERSION, **answer.headers}
    if answer.status != HTTPStatus.NO_CONTENT:
        headers["content-length"] = str(len(answer.body))
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": int(answer.status), "headers": raw})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})
