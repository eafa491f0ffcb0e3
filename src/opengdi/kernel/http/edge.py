"""What happens around every request: id, limits, headers, measurement, and an answer for every failure.

One pure-ASGI layer, because each layer costs microseconds on every request (measured in `bench`).
"""

from __future__ import annotations

import logging
import re
import secrets
from asyncio import timeout
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from typing import Final, Protocol

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import GdiError
from opengdi.kernel.http.faults import BodyTooLarge, ErrorShape, Fault, TooSlow, as_problem, fault_of
from opengdi.kernel.http.routing import TEMPLATE
from opengdi.kernel.logging import current_request_id

logger = logging.getLogger(__name__)

REQUEST_ID: Final = "opengdi.request_id"
"""Key of the scope: the id of this request, the caller's own if it sent a usable one."""

_USABLE_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}\Z")
_HEADERS: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may cost. answer_start_s: until the answer begins; a stream may then go on for longer."""

    body_bytes: int = 1_048_576
    answer_start_s: float = 30.0


class Meter(Protocol):
    """Takes note of each request."""

    def observe(self, method: str, template: str, status: int, seconds: float) -> None: ...


@dataclass(slots=True)
class _Exchange:
    """What is known of one request while it is answered."""

    request_id: str
    status: int = 0
    received_bytes: int = 0
    headers: tuple[tuple[bytes, bytes], ...] = field(default=())


class Edge:
    """ASGI app around another one.

    shapes: error shape by the base path of an API; elsewhere failures are problem details.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        clock: Clock,
        limits: Limits | None = None,
        meter: Meter | None = None,
        shapes: Mapping[str, ErrorShape] | None = None,
    ) -> None:
        self._app = app
        self._now = clock.monotonic
        self._limits = limits or Limits()
        self._meter = meter
        self._shapes = sorted((shapes or {}).items(), key=lambda item: -len(item[0]))
        self._ids = count(1)
        self._id_prefix = secrets.token_hex(6)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # lifespan and web sockets have nothing to do here
        started = self._now()
        exchange = self._open(scope)
        try:
            await self._answer(scope, receive, send, exchange)
        finally:
            if self._meter is not None:
                self._meter.observe(
                    scope["method"], scope.get(TEMPLATE, ""), exchange.status, self._now() - started
                )

    def _open(self, scope: Scope) -> _Exchange:
        request_id = _sent_id(scope) or f"{self._id_prefix}-{next(self._ids):x}"
        scope[REQUEST_ID] = request_id
        current_request_id.set(request_id)
        return _Exchange(request_id, headers=(*_HEADERS, (b"x-request-id", request_id.encode())))

    async def _answer(self, scope: Scope, receive: Receive, send: Send, exchange: _Exchange) -> None:
        limit = self._limits.body_bytes

        async def limited_receive() -> Message:
            message = await receive()
            exchange.received_bytes += len(message.get("body", b""))
            if exchange.received_bytes > limit:
                raise _too_large(limit)
            return message

        async def marked_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                message["headers"] = _with(exchange.headers, message.get("headers", ()))
                deadline.reschedule(None)
            await send(message)

        try:
            async with timeout(self._limits.answer_start_s) as deadline:
                if _announced_bytes(scope) > limit:
                    raise _too_large(limit)
                await self._app(scope, limited_receive, marked_send)
        except Exception as error:  # noqa: BLE001  the edge: every failure gets an answer, none a traceback
            await self._tell(TooSlow("time limit") if deadline.expired() else error, scope, send, exchange)

    async def _tell(self, error: Exception, scope: Scope, send: Send, exchange: _Exchange) -> None:
        """Answer with the fault; if an answer has begun, cut the connection, so that nobody takes it for whole."""
        _log(error, scope)
        if exchange.status:
            raise ConnectionAbortedError("the answer broke off")
        fault = fault_of(error, exchange.request_id)
        exchange.status = fault.status
        await _send_fault(
            send, fault, self._shape_for(scope["path"]), exchange, head=scope["method"] == "HEAD"
        )

    def _shape_for(self, path: str) -> ErrorShape:
        for base, shape in self._shapes:
            if path == base or path.startswith(f"{base}/"):
                return shape
        return as_problem


async def _send_fault(
    send: Send, fault: Fault, shape: ErrorShape, exchange: _Exchange, *, head: bool
) -> None:
    media_type, body = shape(fault)
    own = [(b"content-type", media_type), (b"content-length", b"%d" % len(body)), *fault.headers]
    headers = _with(exchange.headers, own)
    await send({"type": "http.response.start", "status": int(fault.status), "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})


def _with(added: tuple[tuple[bytes, bytes], ...], own: object) -> list[tuple[bytes, bytes]]:
    """The answer's own headers, and those of `added` that it did not set itself."""
    headers: list[tuple[bytes, bytes]] = list(own)  # type: ignore[call-overload]  # ASGI: an iterable of pairs
    present = {name for name, _ in headers}
    headers += [pair for pair in added if pair[0] not in present]
    return headers


def _sent_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value.decode() if _USABLE_ID.match(value) else None
    return None


def _announced_bytes(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"the request body is longer than {limit} bytes")


def _log(error: Exception, scope: Scope) -> None:
    """A defect as an error with its place; a failure of a part as a warning; a caller's mistake not at all.

    The text of an unexpected exception may hold a value from the request or the data, so only its type is logged.
    """
    template = scope.get(TEMPLATE, "")
    if isinstance(error, HTTPException):
        return
    if isinstance(error, GdiError):
        if fault_of(error, "").status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            logger.warning("%s %s: %s", scope["method"], template, error)
        return
    logger.error("defect at %s %s: %s in %s", scope["method"], template, type(error).__name__, _frames(error))


def _frames(error: Exception) -> str:
    """`module:line` of the innermost frames, outermost first."""
    places, trace = [], error.__traceback__
    while trace is not None:
        places.append(f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " > ".join(places[-6:])
