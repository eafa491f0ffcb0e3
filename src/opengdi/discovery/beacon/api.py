"""A Beacon over HTTP: one ASGI app, paths by one table, every answer and every failure in Beacon's form.

`/{entry}`, `/{entry}/{id}`, `/{parent}/{id}/{entry}` and `…/filtering_terms` are one rule for all entry types.
GET and POST ask the same. The app is given the path below its base, which is the same under every alias.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from http import HTTPStatus
from typing import ClassVar, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive, Scope, Send

from opengdi.discovery.beacon.framework import SelfDescription
from opengdi.discovery.beacon.service import Beacon
from opengdi.discovery.beacon.terms import FILTERING_TERMS, TermLists
from opengdi.kernel.errors import GdiError, Invalid, NotFound
from opengdi.kernel.http.faults import Fault, fault_of
from opengdi.kernel.http.origin import origin_of
from opengdi.kernel.http.routing import TEMPLATE
from opengdi.kernel.principal import Principal
from opengdi.standards.beacon.answer import error_answer
from opengdi.standards.beacon.entry_types import BY_PATH
from opengdi.standards.beacon.questions import BeaconRequest, EntryType
from opengdi.standards.beacon.request import (
    Target,
    parse_get,
    parse_listing_get,
    parse_listing_post,
    parse_post,
)
from opengdi.standards.faults import Malformed

T = TypeVar("T")
Header = tuple[bytes, bytes]
Identify = Callable[[Scope], Principal]
"""Who asks, from verified credentials and the address. Raises NotAuthenticated for credentials that do not hold."""

_JSON: Final = (b"content-type", b"application/json")
_ALLOW: Final = (b"allow", b"GET, HEAD, OPTIONS, POST")
INFORMATIONAL: Final = frozenset(
    {"", "info", "service-info", "configuration", "map", "entry_types", "openapi.json"}
)
_METHODS: Final = frozenset({"GET", "HEAD", "POST"})

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class BeaconApi:
    """The ASGI app of one Beacon."""

    served: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (*sorted(INFORMATIONAL), "{entry}", "{entry}/{id}", "{parent}/{id}/{entry}"), "GET POST"
    ) | {FILTERING_TERMS: "GET POST", f"{{entry}}/{FILTERING_TERMS}": "GET POST"}
    """Methods by path, with parameters unfilled."""

    def __init__(
        self,
        beacon: Beacon,
        terms: TermLists,
        identify: Identify,
        *,
        base_paths: Sequence[str],
        allowed_origins: Sequence[str] = (),
    ) -> None:
        """`base_paths`: where the app is mounted, aliases included. `allowed_origins`: CORS, `*` for everybody."""
        self._beacon = beacon
        self._terms = terms
        self._identify = identify
        self._base_paths = sorted(base_paths, key=len, reverse=True)
        self._origins = frozenset(allowed_origins)
        self._description = SelfDescription(beacon.identity, beacon.profile)
        self._documents = lru_cache(maxsize=16)(self._informational_documents)

    def _informational_documents(self, origin: str) -> Mapping[str, bytes]:
        """Bodies by path; they change only with the settings, and with the caller's way here if those name none."""
        identity = self._beacon.identity.at(origin)
        described = SelfDescription(identity, self._beacon.profile)
        documents = {
            "": described.info(),
            "info": described.info(),
            "service-info": described.service_info(),
            "configuration": described.configuration(),
            "map": described.map(),
            "entry_types": described.entry_types(),
            "openapi.json": described.openapi(),
        }
        return {name: _encode(document) for name, document in documents.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, body, headers = await self._respond(scope, receive)
        length = (b"content-length", b"%d" % len(body))
        headers = [_JSON, length, *headers, *self._cors(scope)]
        await send({"type": "http.response.start", "status": int(status), "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _respond(self, scope: Scope, receive: Receive) -> tuple[HTTPStatus, bytes, Sequence[Header]]:
        if scope["method"] == "OPTIONS":
            return HTTPStatus.NO_CONTENT, b"", (_ALLOW,)
        target: Target | None = None
        try:
            if scope["method"] not in _METHODS:
                return (
                    HTTPStatus.METHOD_NOT_ALLOWED,
                    self._error(None, 405, "Ask with GET or POST."),
                    (_ALLOW,),
                )
            path = self._path_below_base(scope["path"])
            if "/".join(path) in INFORMATIONAL:
                scope[TEMPLATE] = "/".join(path)
                return HTTPStatus.OK, self._documents(origin_of(scope))["/".join(path)], ()
            if path[-1] == FILTERING_TERMS:
                return HTTPStatus.OK, await self._filtering_terms(path[:-1], scope, receive), ()
            target = self._target(path)
            scope[TEMPLATE] = _template(path)
            return HTTPStatus.OK, await self._answer(target, scope, receive), ()
        except (Malformed, GdiError) as error:
            fault = fault_of(error if isinstance(error, GdiError) else Invalid(str(error)), "")
            return fault.status, self._error(target, fault.status, fault.detail), fault.headers

    async def _answer(self, target: Target, scope: Scope, receive: Receive) -> bytes:
        asker = self._identify(scope)
        self._beacon.admit(asker)
        request = await _asked(scope, receive, partial(parse_get, target), partial(parse_post, target))
        return _encode(await self._beacon.answer(request, asker))

    async def _filtering_terms(self, path: tuple[str, ...], scope: Scope, receive: Receive) -> bytes:
        scope[TEMPLATE] = _template((*path, FILTERING_TERMS))
        where = self._target(path) if path else None
        if where is not None and where.parent is not None:
            raise NotFound("filtering terms lie below an entry type or one entry")
        page = await _asked(scope, receive, parse_listing_get, parse_listing_post)
        terms = await self._terms.page(where, page)
        return _encode(self._description.filtering_terms(terms))

    def _path_below_base(self, path: str) -> tuple[str, ...]:
        for base in self._base_paths:
            if path == base or path.startswith(f"{base}/"):
                return tuple(path[len(base) :].strip("/").split("/"))
        raise _nothing_here()

    def _target(self, path: tuple[str, ...]) -> Target:
        """`entry`, `entry/id` or `parent/id/entry`. Raises NotFound for anything else."""
        match path:
            case (entry,):
                return Target(self._entry_type(entry))
            case (entry, identifier) if identifier:
                return Target(self._entry_type(entry), entry_id=identifier)
            case (parent, identifier, entry) if identifier and parent != entry:
                return Target(self._entry_type(entry), parent=(self._entry_type(parent), identifier))
            case _:
                raise _nothing_here()

    def _entry_type(self, path: str) -> EntryType:
        entry_type = BY_PATH.get(path)
        if entry_type is None or entry_type not in self._beacon.profile.entry_types:
            raise _nothing_here()
        return entry_type

    def _error(self, target: Target | None, code: int, message: str) -> bytes:
        """A fault in Beacon's shape, with the `meta` of an unread request."""
        entry_type = target.entry_type if target else self._beacon.profile.entry_types[0]
        return _encode(error_answer(self._beacon.meta(BeaconRequest(entry_type)), code, message))

    def shape(self, fault: Fault) -> tuple[bytes, bytes]:
        """Beacon's error shape, for faults that the edge meets before or around this app."""
        return _JSON[1], self._error(None, int(fault.status), fault.detail or fault.status.phrase)

    def _cors(self, scope: Scope) -> Sequence[Header]:
        """Headers that let a page of an allowed origin read the answer; credentials of a browser are never used."""
        if not self._origins:
            return ()
        origin = next(
            (value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"), None
        )
        if origin is None or not self._origins & {origin, "*"}:
            return ()
        return (
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", b"authorization, content-type"),
            (b"vary", b"origin"),
        )


async def _asked(
    scope: Scope,
    receive: Receive,
    of_get: Callable[[list[tuple[str, str]]], T],
    of_post: Callable[[object], T],
) -> T:
    """What is asked, by its address or by its body. Raises Malformed."""
    if scope["method"] == "POST":
        return of_post(await _posted(scope, receive))
    return of_get(_query(scope))


async def _posted(scope: Scope, receive: Receive) -> object:
    """The JSON body of a POST, None if there is none.

    Raises Malformed for a body that is not JSON, and for parameters in the address as well.
    """
    if scope["query_string"]:
        raise Malformed("a POST is asked by its body alone; put the parameters of the address there")
    body = await _read_body(receive)
    if not body.strip():
        return None
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"the request body is not JSON: {error}") from error


async def _read_body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


def _query(scope: Scope) -> list[tuple[str, str]]:
    return query_pairs(scope["query_string"].decode("latin-1"))


def query_pairs(query: str) -> list[tuple[str, str]]:
    """Names and values in order, as `parse_qsl` reads them; most queries have nothing to decode (5 µs, not 30)."""
    if "%" in query or "+" in query:
        return parse_qsl(query, keep_blank_values=True)
    parts = [each.partition("=") for each in query.split("&") if each]
    return [(name, value) for name, _, value in parts]


def _template(path: tuple[str, ...]) -> str:
    """The path with ids unfilled, as metrics name it."""
    return "/".join(
        "{id}" if place == 1 and len(path) > 1 and part not in _FIXED else part
        for place, part in enumerate(path)
    )


_FIXED: Final = frozenset({FILTERING_TERMS})


def _nothing_here() -> NotFound:
    return NotFound("no such path", public="There is nothing at this address; /map lists what is.")
