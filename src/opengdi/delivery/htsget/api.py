"""htsget over HTTP: one ASGI app; every failure in the standard's form.

`/reads/{id}` and `/variants/{id}` give tickets (an id may hold `/`), `…/service-info` tells of the service, and
`/data/{grant}` is what tickets point to. Spec: htsget v1.3.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar, Final
from urllib.parse import parse_qsl, unquote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from opengdi.delivery.download.recipients import key_in
from opengdi.delivery.htsget.data import DataDoor, Opened
from opengdi.delivery.htsget.tickets import Asked, Tickets
from opengdi.delivery.http import (
    Identify,
    Origins,
    answer,
    answer_json,
    asked_range,
    range_headers,
    segments_below,
    start,
)
from opengdi.delivery.streams import CallerGone, Sending, Streams, while_connected
from opengdi.kernel.errors import GdiError, Invalid, NotFound
from opengdi.kernel.http.edge import REQUEST_ID
from opengdi.kernel.http.faults import Fault, fault_of
from opengdi.kernel.http.origin import origin_of
from opengdi.kernel.http.routing import TEMPLATE
from opengdi.standards.byte_ranges import ByteRange, Unsatisfiable, unsatisfied_range
from opengdi.standards.faults import Malformed
from opengdi.standards.htsget.errors import BadRequest, error_document, error_name, invalid_input
from opengdi.standards.htsget.request import Kind, TicketRequest, parse_get, parse_post
from opengdi.standards.htsget.ticket import MEDIA_TYPE, service_document
from opengdi.standards.service_info import Service

SERVICE_INFO: Final = "service-info"
_JSON: Final = (b"content-type", b"application/json")
_TICKET: Final = (b"content-type", MEDIA_TYPE.encode())
_OCTETS: Final = (b"content-type", b"application/octet-stream")
_FETCHING: Final = ("GET", "HEAD", "OPTIONS")
_ASKING: Final = (*_FETCHING, "POST")
_KINDS: Final = {kind.datatype: kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class HtsgetParts:
    """What the API stands on. services: what each endpoint says of itself. external_url: "" is the caller's own way."""

    tickets: Tickets
    data: DataDoor
    streams: Streams
    services: Mapping[Kind, Service]
    external_url: str = ""


class HtsgetApi:
    """The ASGI app below `base`."""

    served: ClassVar[Mapping[str, str]] = {
        "reads/service-info": "GET",
        "variants/service-info": "GET",
        "reads/{id}": "GET POST",
        "variants/{id}": "GET POST",
        "data/{grant}": "GET",
    }
    """Methods by path, with parameters unfilled."""

    def __init__(
        self, parts: HtsgetParts, identify: Identify, *, base: str, allowed_origins: Sequence[str] = ("*",)
    ) -> None:
        self._parts = parts
        self._identify = identify
        self._base = base
        self._origins = Origins(allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._route(scope, receive, send)
        except (Malformed, GdiError) as error:
            await self._refuse(error, scope, send)
        except CallerGone:
            return

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        where, *rest = segments_below(scope, self._base) or ("",)
        if where == "data" and len(rest) == 1:
            scope[TEMPLATE] = "data/{grant}"
            if not await self._is_settled(scope, send, _FETCHING):
                await self._send_data(rest[0], scope, receive, send)
        elif where in _KINDS and any(rest):
            scope[TEMPLATE] = f"{where}/{{id}}"
            if not await self._is_settled(scope, send, _ASKING):
                await self._send_document(_KINDS[where], unquote("/".join(rest)), scope, receive, send)
        else:
            raise NotFound("no such path", public="There is nothing at this address.")

    async def _is_settled(self, scope: Scope, send: Send, allowed: Sequence[str]) -> bool:
        """True if the method alone gives the answer: a browser's question before a request."""
        if scope["method"] == "OPTIONS":
            headers = self._origins.preflight(scope, ", ".join(allowed).encode())
            await answer(scope, send, HTTPStatus.NO_CONTENT, b"", headers)
            return True
        if scope["method"] not in allowed:
            raise _WrongMethod(", ".join(allowed))
        return False

    async def _send_document(
        self, kind: Kind, file_id: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        cors = self._origins.headers(scope)
        if file_id == SERVICE_INFO:
            scope[TEMPLATE] = f"{kind.datatype}/{SERVICE_INFO}"
            await answer_json(scope, send, service_document(self._parts.services[kind], kind), cors)
            return
        asker = self._identify(scope)
        asked = Asked(
            kind,
            file_id,
            await _ticket_request(kind, scope, receive),
            asker,
            f"{self._parts.external_url or origin_of(scope)}{self._base}/data",
            key_in(Headers(scope=scope)),
            scope.get(REQUEST_ID, ""),
        )
        async with while_connected(receive):
            document = await self._parts.tickets.issue(asked)
        await answer(scope, send, HTTPStatus.OK, document, [_TICKET, *cors])

    async def _send_data(self, sealed: str, scope: Scope, receive: Receive, send: Send) -> None:
        """What was granted, or one range of it. Credentials that come along are neither needed nor looked at."""
        async with while_connected(receive):
            found = await self._parts.data.open(sealed)
        sent = Headers(scope=scope)
        part = _asked_range(sent, found) if scope["method"] == "GET" else None
        span = part or ByteRange(0, found.size)
        headers = [_OCTETS, *range_headers(found.size, found.etag, part), *self._origins.headers(scope)]
        begin = start(HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK, headers)
        if scope["method"] == "HEAD":
            await send(begin)
            await send({"type": "http.response.body", "body": b""})
            return
        what, request = f"htsget {found.mode}", scope.get(REQUEST_ID, "")
        sending = Sending(found.subject, found.file_id, what, request, found.holds)
        await self._parts.streams.send(sending, begin, found.stream(span.first, span.stop), receive, send)

    async def _refuse(self, error: Exception, scope: Scope, send: Send) -> None:
        fault = fault_of(
            error if isinstance(error, GdiError) else Invalid(str(error)), scope.get(REQUEST_ID, "")
        )
        status, headers = fault.status, [*fault.headers, *self._origins.headers(scope)]
        name = error.error if isinstance(error, BadRequest) else error_name(status)
        if isinstance(error, _PastTheEnd):
            status, name = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "InvalidRange"
            headers.append((b"content-range", unsatisfied_range(error.size).encode()))
        if isinstance(error, _WrongMethod):
            status = HTTPStatus.METHOD_NOT_ALLOWED
            headers.append((b"allow", error.allowed.encode()))
        await answer(scope, send, status, error_document(name, fault.detail), [_JSON, *headers])


def shape(fault: Fault) -> tuple[bytes, bytes]:
    """The standard's error shape, for faults that the edge meets before or around this app."""
    return _JSON[1], error_document(error_name(fault.status), fault.detail or fault.status.phrase)


class _WrongMethod(Invalid):
    """A method that means nothing here (405)."""

    def __init__(self, allowed: str) -> None:
        super().__init__(f"only these methods are possible here: {allowed}")
        self.allowed = allowed


class _PastTheEnd(Invalid):
    """A range that begins behind the last byte (416)."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the range begins past the last of {size} bytes")
        self.size = size


async def _ticket_request(kind: Kind, scope: Scope, receive: Receive) -> TicketRequest:
    """Raises BadRequest, and BodyTooLarge through the edge."""
    if scope["method"] != "POST":
        query = scope["query_string"].decode("latin-1")
        return parse_get(kind, parse_qsl(query, keep_blank_values=True))
    if scope["query_string"]:
        raise invalid_input("a POST is asked by its body alone; put the parameters of the address there")
    return parse_post(kind, await Request(scope, receive).body())


def _asked_range(sent: Mapping[str, str], found: Opened) -> ByteRange | None:
    """The range that is asked for and may be taken. Raises Malformed."""
    try:
        return asked_range(sent, found.size, found.etag)
    except Unsatisfiable as error:
        raise _PastTheEnd(found.size) from error
