"""What happens around every request: id, limits, headers, measurement, and an answer for every failure.

One pure-ASGI layer, because each layer costs microseconds on every request (10 µs for all of this, measured).
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from typing import Final, Protocol, TypeVar

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import GdiError
from opengdi.kernel.http.callers import CALLER, PEER
from opengdi.kernel.http.decided import NOTHING, begin, said
from opengdi.kernel.http.faults import BodyTooLarge, ErrorShape, TooIdle, TooSlow, as_problem, fault_of
from opengdi.kernel.http.patience import Patience, Wait
from opengdi.kernel.http.routing import TEMPLATE
from opengdi.kernel.http.running import RightEnded
from opengdi.kernel.logging import current_request_id

logger = logging.getLogger(__name__)

T = TypeVar("T")

REQUEST_ID: Final = "opengdi.request_id"
"""Key of the scope: the id of this request, the caller's own if it sent a usable one."""

DENIED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_USABLE_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}\Z")
_HEADERS: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may cost. answer_start_s: until the answer begins; a stream may then go on for longer.

    idle_s: for uploads, which may take any time: how long the sender may send nothing; `answer_start_s` is counted
    from the last bytes that came. None: the body comes within `answer_start_s` too.
    """

    body_bytes: int = 1_048_576
    answer_start_s: float = 30.0
    idle_s: float | None = None


class Meter(Protocol):
    """Takes note of each request."""

    def observe(self, method: str, template: str, status: int, seconds: float) -> None: ...


class _Rule:
    """Limits and whoever watches over them."""

    __slots__ = ("limits", "now", "patience")

    def __init__(self, limits: Limits, now: Callable[[], float]) -> None:
        self.limits = limits
        self.now = now
        # While the sender may be silent no wait ends; what it is then renewed by is `_Exchange.receive_patiently`.
        self.patience = Patience(limits.answer_start_s + (limits.idle_s or 0), now)


class _Exchange:
    """One request while it is answered: counts what comes in, completes the headers of what goes out."""

    __slots__ = (
        "_receive",
        "_received",
        "_rule",
        "_send",
        "_unasked",
        "headers",
        "request_id",
        "status",
        "wait",
    )

    def __init__(
        self, request_id: str, rule: _Rule, receive: Receive, send: Send, wait: Wait, *, unasked: bool
    ) -> None:
        """unasked: the body comes only if we ask for it (`Expect: 100-continue`)."""
        self.request_id = request_id
        self.headers = (*_HEADERS, (b"x-request-id", request_id.encode()))
        self.wait = wait
        self.status = 0
        self._rule = rule
        self._received = 0
        self._receive = receive
        self._send = send
        self._unasked = unasked

    async def receive(self) -> Message:
        self._unasked = False
        message = await self._receive()
        self._received += len(message.get("body", b""))
        if self._received > self._rule.limits.body_bytes:
            raise _too_large(self._rule.limits.body_bytes)
        return message

    async def receive_patiently(self) -> Message:
        """The same from a sender who may take any time, but not fall silent."""
        idle_s = self._rule.limits.idle_s
        try:
            async with asyncio.timeout(idle_s):
                message = await self.receive()
        except TimeoutError:
            raise TooIdle(f"nothing was sent for {idle_s:g} seconds") from None
        self._rule.patience.renew(self.wait, self._rule.now())
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._rule.patience.end(self.wait)
            self.status = message["status"]
            message["headers"] = self._completed(message.get("headers", ()))
        await self._send(message)

    def _completed(self, own: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The answer's own headers, and ours but for those it set itself."""
        headers = list(own)
        present = {name for name, _ in headers}
        headers += [header for header in self.headers if header[0] not in present]
        if (
            self._unasked
        ):  # the body may never come, and what came next would be taken for it (RFC 9110 §10.1.1)
            headers.append((b"connection", b"close"))
        return headers


class Edge:
    """ASGI app around another one.

    shapes: error shape by the base path of an API; elsewhere failures are problem details.
    limits_of: other limits by the base path of an API.
    decided: told of each request that was answered by 401 or 403, or of a caller whom a door let in, with the status;
    not of what is everybody's and asked by nobody known.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        clock: Clock,
        limits: Limits | None = None,
        meter: Meter | None = None,
        shapes: Mapping[str, ErrorShape] | None = None,
        limits_of: Mapping[str, Limits] | None = None,
        decided: Callable[[Scope, int], None] | None = None,
    ) -> None:
        self._app = app
        self._now = clock.monotonic
        self._rule = _Rule(limits or Limits(), self._now)
        self._rules = _longest_first({base: _Rule(own, self._now) for base, own in (limits_of or {}).items()})
        self._meter = meter
        self._decided = decided
        self._shapes = _longest_first(shapes or {})
        self._ids = count(1)
        self._id_prefix = secrets.token_hex(6)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # lifespan and web sockets have nothing to do here
        started = self._now()
        sent_id, announced_bytes, unasked = _read_headers(scope["headers"])
        scope[REQUEST_ID] = request_id = sent_id or f"{self._id_prefix}-{next(self._ids):x}"
        current_request_id.set(request_id)
        begin()
        rule = _by_path(self._rules, scope["path"], self._rule)
        limit, wait = rule.limits.body_bytes, rule.patience.begin(started)
        exchange = _Exchange(request_id, rule, receive, send, wait, unasked=unasked)
        try:
            if announced_bytes > limit:
                raise _too_large(limit)
            take = exchange.receive if rule.limits.idle_s is None else exchange.receive_patiently
            await self._app(scope, take, exchange.send)
        except asyncio.CancelledError:
            if not wait.expired:
                raise
            wait.task.uncancel()
            await self._tell(TooSlow("no answer began within the time limit"), scope, exchange)
        except Exception as error:  # noqa: BLE001  the edge: every failure gets an answer, none a traceback
            await self._tell(error, scope, exchange)
        finally:
            rule.patience.end(wait)
            if self._decided is not None and _is_decision(scope, exchange.status):
                self._decided(scope, exchange.status)
            if self._meter is not None:
                seconds = self._now() - started
                self._meter.observe(scope["method"], scope.get(TEMPLATE, ""), exchange.status, seconds)

    async def _tell(self, error: Exception, scope: Scope, exchange: _Exchange) -> None:
        """Answer with the fault; if an answer has begun, cut the connection, so that nobody takes it for whole."""
        _log(error, scope)
        if exchange.status:
            raise ConnectionAbortedError("the answer broke off")
        fault = fault_of(error, exchange.request_id)
        media_type, body = _by_path(self._shapes, scope["path"], as_problem)(fault)
        headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body)), *fault.headers]
        await exchange.send({"type": "http.response.start", "status": int(fault.status), "headers": headers})
        await exchange.send(
            {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body}
        )


def _is_decision(scope: Scope, status: int) -> bool:
    return CALLER in scope or PEER in scope or status in DENIED or said() is not NOTHING


def _longest_first(by_base: Mapping[str, T]) -> list[tuple[str, T]]:
    return sorted(by_base.items(), key=lambda item: -len(item[0]))


def _by_path(by_base: list[tuple[str, T]], path: str, otherwise: T) -> T:
    """What was said for the longest base at or above the path."""
    for base, found in by_base:
        if path == base or path.startswith(f"{base}/"):
            return found
    return otherwise


def _read_headers(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, int, bool]:
    """The id that the caller sent, if it is usable, else ""; the length of the body that it announced, else 0.

    Last, whether it waits until it is asked for the body.
    """
    request_id, length, waits = "", 0, False
    for name, value in headers:
        if name == b"x-request-id" and _USABLE_ID.match(value):
            request_id = value.decode()
        elif name == b"content-length" and value.isdigit():
            length = int(value)
        elif name == b"expect":
            waits = True
    return request_id, length, waits


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"the request body is longer than {limit} bytes")


def _log(error: Exception, scope: Scope) -> None:
    """A defect as an error with its place; a failure of a part as a warning; a caller's mistake or end not at all.

    The text of an unexpected exception may hold a value from the request or the data, so only its type is logged.
    """
    template = scope.get(TEMPLATE, "")
    if isinstance(error, HTTPException | RightEnded):
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
