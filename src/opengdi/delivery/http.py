"""What the delivering APIs share of HTTP: paths whose ids may hold anything, bodies, ranges, answers, web origins."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.types import Message, Scope, Send

from opengdi.kernel.principal import Principal
from opengdi.standards.byte_ranges import ByteRange, may_continue, parse_range
from opengdi.standards.faults import Malformed

Header = tuple[bytes, bytes]
Identify = Callable[[Scope], Principal]
"""Who asks, from verified credentials and the address. Raises NotAuthenticated for credentials that do not hold."""

JSON: Final = b"application/json"
PREFLIGHT: Final = b"access-control-request-method"
"""Header that tells a browser's question before a request from an OPTIONS of the API itself."""

_PREFLIGHT_KEPT_S: Final = 30 * 24 * 3600

encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


def segments_below(scope: Scope, base: str) -> tuple[str, ...]:
    """Segments of the path below `base` as they were sent: percent-encoded, so that an id may hold `/`."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    segments = raw.decode("latin-1").split("/")[base.count("/") + 1 :]
    return tuple(segments)


async def json_body(request: Request) -> object:
    """The body of the request, None if there is none. Raises Malformed."""
    body = await request.body()
    if not body.strip():
        return None
    try:
        found: object = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"the request body is not JSON: {error}") from error
    return found


def asked_range(sent: Mapping[str, str], size: int, etag: str) -> ByteRange | None:
    """The range that a request asks for and may be given; None: all of it. sent: headers, names in lower case.

    Raises Malformed, and Unsatisfiable if nothing of it is there.
    """
    if "range" not in sent or not may_continue(sent.get("if-range"), etag):
        return None
    return parse_range(sent["range"], size)


def range_headers(size: int, etag: str, part: ByteRange | None) -> list[Header]:
    """What an answer says of the `size` bytes that can be asked for by range, and of the part that is sent."""
    length = size if part is None else part.stop - part.first
    headers = [
        (b"content-length", b"%d" % length),
        (b"accept-ranges", b"bytes"),
        (b"etag", etag.encode()),
    ]
    return headers if part is None else [*headers, (b"content-range", part.content_range(size).encode())]


def start(status: int, headers: Sequence[Header]) -> Message:
    """The first message of an answer."""
    return {"type": "http.response.start", "status": int(status), "headers": list(headers)}


async def answer(scope: Scope, send: Send, status: int, body: bytes, headers: Sequence[Header]) -> None:
    """A whole answer; to HEAD without its body. One without a body (204) says no length."""
    if status != HTTPStatus.NO_CONTENT:
        headers = [*headers, (b"content-length", b"%d" % len(body))]
    await send(start(status, headers))
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def answer_json(
    scope: Scope, send: Send, document: Any, headers: Sequence[Header] = (), status: int = HTTPStatus.OK
) -> None:
    """A JSON document."""
    await answer(scope, send, status, encode(document), [(b"content-type", JSON), *headers])


class Origins:
    """Which web pages may read answers: those of `allowed`, `*` for all. A browser's own credentials are never used."""

    def __init__(self, allowed: Collection[str]) -> None:
        self._allowed = frozenset(allowed)

    def headers(self, scope: Scope) -> list[Header]:
        """What an answer says to a page; nothing to one that is not allowed."""
        origin = self._origin(scope)
        if origin is None:
            return []
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", b"content-range, etag, accept-ranges, sda-content-etag"),
            (b"vary", b"origin"),
        ]

    def preflight(self, scope: Scope, methods: bytes) -> list[Header]:
        """What a browser is told before it asks."""
        allowed = self.headers(scope)
        if not allowed:
            return [(b"allow", methods)]
        asked = next(
            (v for n, v in scope["headers"] if n == b"access-control-request-headers"), b"authorization"
        )
        return [
            *allowed,
            (b"access-control-allow-methods", methods),
            (b"access-control-allow-headers", asked),
            (b"access-control-max-age", b"%d" % _PREFLIGHT_KEPT_S),
        ]

    def _origin(self, scope: Scope) -> bytes | None:
        origin: bytes | None = next((value for name, value in scope["headers"] if name == b"origin"), None)
        if origin is None or not self._allowed & {origin.decode("latin-1"), "*"}:
            return None
        return origin
