"""Downloads over HTTP: one ASGI app, paths by one table, refusals as problem documents with an `errorCode`.

`/files/{id}` is header and body as one Crypt4GH file, `/files/{id}/header` and `/files/{id}/content` are its parts,
`/granted/{grant}` is one of them without a bearer, by a signed address. Only single ranges are answered.
`/metadata/…`, `/s3/…` and `/s3-encrypted/…` are how clients of version 1 of the field's API ask for the same, and
`/objects/{dataset}/{path}` tells of a file as the Data Repository Service does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from opengdi.delivery.door import admission, reached_whole, still_open
from opengdi.delivery.download.faults import Code, PastTheEnd, Refused
from opengdi.delivery.download.grants import Grants, Redeemed
from opengdi.delivery.download.listing import Listing, Page, PathFilter
from opengdi.delivery.download.recipients import RecipientKeys, RegisteredKey, read_key, recipient_of
from opengdi.delivery.download.service import (
    CONTENT,
    HEADER,
    PART,
    WHOLE,
    Downloads,
    Representation,
    content_tag,
)
from opengdi.delivery.download.v1 import Coordinates, as_array, dataset_in
from opengdi.delivery.http import (
    JSON,
    Header,
    Identify,
    Origins,
    answer,
    answer_json,
    asked_range,
    json_body,
    range_headers,
    segments_below,
    start,
)
from opengdi.delivery.model import HeldFile
from opengdi.delivery.named import NamedPath, named
from opengdi.delivery.ports import Files, TakenBack, nothing_taken_back
from opengdi.delivery.streams import Sending, Sent, Streams, send_pieces
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import GdiError, Invalid, NotAuthenticated, NotFound
from opengdi.kernel.http.edge import REQUEST_ID
from opengdi.kernel.http.faults import Fault, fault_of
from opengdi.kernel.http.routing import TEMPLATE
from opengdi.kernel.http.running import all_hold, credential_holds
from opengdi.kernel.principal import Principal
from opengdi.standards.byte_ranges import ByteRange, Unsatisfiable, unsatisfied_range
from opengdi.standards.crypt4gh import PublicKey
from opengdi.standards.drs.ids import portable_name, unescape_id
from opengdi.standards.faults import Malformed
from opengdi.standards.problem import MEDIA_TYPE, Problem
from opengdi.standards.service_info import Service

_METHODS: Final = b"GET, HEAD, OPTIONS, PUT, DELETE"
_READING: Final = frozenset({"GET", "HEAD"})
_OCTETS: Final = (b"content-type", b"application/octet-stream")


Describe = Callable[[Principal, str, Scope], Awaitable[dict[str, Any]]]
"""The DRS object of an accession, as the caller of that scope may see it. Raises NotAuthenticated, NotPermitted."""


@dataclass(frozen=True, slots=True)
class DownloadParts:
    """What the API stands on."""

    files: Files
    downloads: Downloads
    listing: Listing
    keys: RecipientKeys
    grants: Grants
    streams: Streams
    describe: Describe
    service: Service
    clock: Clock
    taken_back: TakenBack = nothing_taken_back


class DownloadApi:
    """The ASGI app below `base`."""

    served: ClassVar[Mapping[str, str]] = {
        "files/{id}": "GET",
        "files/{id}/header": "GET",
        "files/{id}/content": "GET",
        "granted/{grant}": "GET",
        "keys": "GET PUT DELETE",
        "datasets": "GET",
        "datasets/{id}": "GET",
        "datasets/{id}/files": "GET",
        "metadata/datasets": "GET",
        "metadata/datasets/{id}/files": "GET",
        "s3/{dataset}/{path}": "GET",
        "s3-encrypted/{dataset}/{path}": "GET",
        "objects/{dataset}/{path}": "GET",
        "service-info": "GET",
    }
    """Methods by path, with parameters unfilled."""

    def __init__(
        self, parts: DownloadParts, identify: Identify, *, base: str = "", allowed_origins: Sequence[str] = ()
    ) -> None:
        self._parts = parts
        self._identify = identify
        self.base = base
        self._origins = Origins(allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS":
            headers = self._origins.preflight(scope, _METHODS)
            await answer(scope, send, HTTPStatus.NO_CONTENT, b"", headers)
            return
        try:
            await self._route(scope, receive, send)
        except (Malformed, GdiError) as error:
            await self._refuse(error, scope, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        match segments_below(scope, self.base):
            case ("files", file_id):
                scope[TEMPLATE] = "files/{id}"
                await self._send_file(scope, receive, send, unescape_id(file_id), WHOLE)
            case ("files", file_id, ("header" | "content") as part):
                scope[TEMPLATE] = f"files/{{id}}/{part}"
                await self._send_file(scope, receive, send, unescape_id(file_id), part)
            case (("s3" | "s3-encrypted") as where, *rest) if len(rest) > 1:
                scope[TEMPLATE] = f"{where}/{{dataset}}/{{path}}"
                await self._send_named(scope, receive, send, rest)
            case ("granted", grant):
                await self._send_granted(scope, receive, send, grant)
            case ("keys",):
                await self._tend_key(scope, receive, send)
            case ("metadata", "datasets", *dataset, "files") if dataset:
                await self._list_all_files(scope, receive, send, dataset)
            case other:
                await self._tell(scope, send, other)

    async def _tell(self, scope: Scope, send: Send, path: Sequence[str]) -> None:
        """Documents."""
        match path:
            case ("service-info",):
                await self._introduce(scope, send)
            case ("objects", *rest) if len(rest) > 1:
                await self._describe_named(scope, send, rest)
            case ("datasets", *rest):
                await self._list(scope, send, rest)
            case ("metadata", "datasets"):
                await self._list_all(scope, send)
            case _:
                raise _nothing_here()

    async def _introduce(self, scope: Scope, send: Send) -> None:
        scope[TEMPLATE] = "service-info"
        _check_method(scope)
        await answer_json(scope, send, self._parts.service.as_document(), self._origins.headers(scope))

    async def _send_file(self, scope: Scope, receive: Receive, send: Send, file_id: str, what: str) -> None:
        _check_method(scope)
        asker = self._identify(scope)
        parts = self._parts
        now = parts.clock.now()
        file = await reached_whole(parts.files, asker, file_id, now)
        if what == CONTENT:
            found = parts.downloads.content(file)
        else:
            recipient = await recipient_of(Headers(scope=scope), asker.subject, parts.keys)
            found = await self._for_recipient(file, recipient, what, scope)
        of_file = still_open(parts.files, file, admission(asker, file, now), parts.taken_back)
        opened = Redeemed(found, asker.subject, all_hold(of_file, credential_holds(scope)))
        await self._send(opened, scope, receive, send)

    async def _for_recipient(
        self, file: HeldFile, recipient: PublicKey, what: str, scope: Scope
    ) -> Representation:
        """The header, the whole, or the part of it that coordinates name; "Range" is stronger than they are."""
        downloads, request = self._parts.downloads, Request(scope)
        if what == HEADER:
            return await downloads.header(file, recipient)
        asked = Coordinates.from_query(request.query_params).within(file)
        if asked is None or "range" in request.headers:
            return await downloads.whole(file, recipient)
        return await downloads.part(file, recipient, *asked)

    async def _send_named(self, scope: Scope, receive: Receive, send: Send, rest: Sequence[str]) -> None:
        _check_method(scope)
        file = await self._named(self._identify(scope), rest)
        await self._send_file(scope, receive, send, file.id, WHOLE)

    async def _describe_named(self, scope: Scope, send: Send, rest: Sequence[str]) -> None:
        scope[TEMPLATE] = "objects/{dataset}/{path}"
        _check_method(scope)
        asker = self._identify(scope)
        file = await self._named(asker, rest)
        document = await self._parts.describe(asker, file.id, scope)
        await answer_json(scope, send, document, self._origins.headers(scope))

    async def _named(self, asker: Principal, rest: Sequence[str]) -> HeldFile:
        wanted = NamedPath.from_segments(rest)
        return await named(self._parts.files, asker, wanted, self._parts.clock.now())

    async def _send_granted(self, scope: Scope, receive: Receive, send: Send, grant: str) -> None:
        scope[TEMPLATE] = "granted/{grant}"
        _check_method(scope)
        bearer = self._bearer(scope)
        await self._send(await self._parts.grants.redeem(grant, bearer), scope, receive, send)

    def _bearer(self, scope: Scope) -> str | None:
        """Who shows a signed address, if credentials come with it."""
        asker = self._identify(scope)
        return None if asker.is_anonymous else asker.subject

    async def _send(self, opened: Redeemed, scope: Scope, receive: Receive, send: Send) -> None:
        """The representation or one range of it; `Range` means something to GET alone (RFC 9110 §14.2)."""
        sent, found = Headers(scope=scope), opened.found
        is_ranged = scope["method"] == "GET" and found.what not in {HEADER, PART}
        part = _asked_range(sent, found) if is_ranged else None
        span = part or ByteRange(0, found.size)
        headers = [_OCTETS, *_headers(found, part), *self._origins.headers(scope)]
        begin = start(HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK, headers)
        if scope["method"] == "HEAD":
            await send(begin)
            await send({"type": "http.response.body", "body": b""})
            return
        sending = Sending(opened.subject, found.file.id, found.what, scope.get(REQUEST_ID, ""), opened.holds)
        pieces = self._parts.downloads.read(found, span.first, span.stop)
        await self._parts.streams.send(sending, begin, pieces, receive, send)

    async def _tend_key(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[TEMPLATE] = "keys"
        _check_method(scope, {"GET", "HEAD", "PUT", "DELETE"})
        asker, keys = self._known(scope), self._parts.keys
        match scope["method"]:
            case "PUT":
                kept = await keys.register(asker.subject, await _sent_key(Request(scope, receive)))
            case "DELETE":
                await keys.forget(asker.subject)
                await answer(scope, send, HTTPStatus.NO_CONTENT, b"", self._origins.headers(scope))
                return
            case _:
                found = await keys.find(asker.subject)
                if found is None:
                    raise NotFound(f"{asker.subject} has no key", public="You have registered no key.")
                kept = found
        await answer_json(scope, send, _key_document(kept), self._origins.headers(scope))

    async def _list(self, scope: Scope, send: Send, rest: Sequence[str]) -> None:
        listing, query = self._parts.listing, Request(scope).query_params
        scope[TEMPLATE] = "/".join(("datasets", "{id}", "files")[: len(rest) + 1])
        _check_method(scope)
        asker = self._identify(scope)
        match rest:
            case []:
                document = await listing.datasets(asker, Page.from_query(query))
            case [dataset]:
                document = await listing.dataset(asker, unescape_id(dataset))
            case [dataset, "files"]:
                wanted = PathFilter.from_query(query)
                page = Page.from_query(query)
                document = await listing.files(asker, unescape_id(dataset), wanted, page, base=self.base)
            case _:
                raise _nothing_here()
        await answer_json(scope, send, document, self._origins.headers(scope))

    async def _list_all(self, scope: Scope, send: Send) -> None:
        scope[TEMPLATE] = "metadata/datasets"
        _check_method(scope)
        mine = await self._parts.listing.whole_datasets(self._identify(scope))
        await answer_json(scope, send, mine, self._origins.headers(scope))

    async def _list_all_files(
        self, scope: Scope, receive: Receive, send: Send, segments: Sequence[str]
    ) -> None:
        scope[TEMPLATE] = "metadata/datasets/{id}/files"
        _check_method(scope)
        asker = self._identify(scope)
        dataset = dataset_in(asker, segments, Request(scope).query_params.get("scheme", ""))
        pieces = as_array(self._parts.listing.every_file(asker, dataset), dataset)
        first = await anext(pieces)  # refuses before anything is sent
        headers = [(b"content-type", JSON), *self._origins.headers(scope)]
        await send(start(HTTPStatus.OK, headers))
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.body", "body": first, "more_body": True})
        await send_pieces(pieces, receive, send, Sent())

    def _known(self, scope: Scope) -> Principal:
        asker = self._identify(scope)
        if asker.is_anonymous:
            raise NotAuthenticated("nobody known keeps a key")
        return asker

    async def _refuse(self, error: Exception, scope: Scope, send: Send) -> None:
        known = error if isinstance(error, GdiError) else Invalid(str(error))
        fault = fault_of(known, scope.get(REQUEST_ID, ""))
        status, headers = fault.status, [*fault.headers, *self._origins.headers(scope)]
        if isinstance(error, PastTheEnd):
            status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            headers.append((b"content-range", unsatisfied_range(error.size).encode()))
        if isinstance(error, _WrongMethod):
            status = HTTPStatus.METHOD_NOT_ALLOWED
            headers.append((b"allow", _METHODS))
        code = error.code if isinstance(error, Refused) else ""
        body = _problem(status, fault.detail, fault.request_id, code)
        await answer(scope, send, status, body, [(b"content-type", MEDIA_TYPE.encode()), *headers])


def shape(fault: Fault) -> tuple[bytes, bytes]:
    """The error shape of the API, for faults that the edge meets before or around this app."""
    return MEDIA_TYPE.encode(), _problem(fault.status, fault.detail, fault.request_id, "")


class _WrongMethod(Invalid):
    """A method that means nothing here (405)."""


def _check_method(scope: Scope, allowed: frozenset[str] | set[str] = _READING) -> None:
    if scope["method"] not in allowed:
        raise _WrongMethod(f"{scope['method']} is not possible here; {', '.join(sorted(allowed))} are.")


def _asked_range(sent: Mapping[str, str], found: Representation) -> ByteRange | None:
    """The range that is asked for and may be taken. Raises Refused."""
    try:
        return asked_range(sent, found.size, found.etag)
    except Unsatisfiable as error:
        raise PastTheEnd(found.size) from error
    except Malformed as error:
        raise Refused(Code.RANGE_INVALID, f"{error}.") from error


def _headers(found: Representation, part: ByteRange | None) -> list[Header]:
    length = (b"content-length", b"%d" % found.size)
    if found.what == HEADER:
        return [length, (b"sda-content-etag", content_tag(found.file).encode())]
    headers = range_headers(found.size, found.etag, part) if found.etag else [length]
    if found.what in {WHOLE, PART}:
        name = portable_name(found.file.name)
        headers.append((b"content-disposition", f'attachment; filename="{name}.c4gh"'.encode()))
    return headers


async def _sent_key(request: Request) -> PublicKey:
    """From a body that is the key itself, or JSON with it as `publicKey`. Raises Refused, Malformed."""
    body = await request.body()
    if not body.lstrip().startswith(b"{"):
        return read_key(body)
    document = await json_body(request)
    text = document.get("publicKey") if isinstance(document, dict) else None
    if not isinstance(text, str):
        raise Refused(Code.KEY_MISSING, "publicKey must be the key, Base64 or PEM.")
    return read_key(text)


def _key_document(kept: RegisteredKey) -> dict[str, str]:
    return {"publicKey": str(kept.key), "registered": kept.registered.isoformat()}


def _problem(status: int, detail: str, request_id: str, code: str) -> bytes:
    extensions = {"errorCode": code, "correlationId": request_id}
    kept = {name: value for name, value in extensions.items() if value}
    return Problem(int(status), HTTPStatus(status).phrase, detail, extensions=kept).to_json()


def _nothing_here() -> NotFound:
    return NotFound("no such path", public="There is nothing at this address.")
