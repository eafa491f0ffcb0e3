"""WebSocket at the addresses of an HTTP API: one question a connection, one text frame for each part of the answer.

The connection is put to the API as the GET request that it began as (RFC 6455 §4.1), with the first text frame as its
body. So whatever stands before the API and in it decides the same as for any other request: who calls, limits, rates.

What the API says goes out in frames, a failure too; the code of the close tells whether the answer is whole.
Spec: RFC 6455 §7.4.1 and the IANA registry of WebSocket close codes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from enum import IntEnum
from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opengdi.standards.problem import MEDIA_TYPE, Problem

FRAMES: Final = "opengdi.frames"
"""Key of the scope: each message of the answer's body goes out as a frame of its own."""

_HANDSHAKE: Final = frozenset(
    {b"connection", b"upgrade", b"expect", b"content-length", b"transfer-encoding", b"accept"}
)
"""Headers of the connection and not of the question."""


class CloseCode(IntEnum):
    """Why a connection ends. Only after WHOLE was the last frame the whole answer."""

    WHOLE = 1000
    BINARY = 1003
    REFUSED = 1008
    TOO_LARGE = 1009
    FAILED = 1011
    LATER = 1013


_CODES: Final = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: CloseCode.TOO_LARGE,
    HTTPStatus.TOO_MANY_REQUESTS: CloseCode.LATER,
    HTTPStatus.SERVICE_UNAVAILABLE: CloseCode.LATER,
}


def close_code(status: int) -> CloseCode:
    """What the status of an HTTP answer is as the end of a connection."""
    if status < HTTPStatus.BAD_REQUEST:
        return CloseCode.WHOLE
    failed = CloseCode.FAILED if status >= HTTPStatus.INTERNAL_SERVER_ERROR else CloseCode.REFUSED
    return next((code for each, code in _CODES.items() if each == status), failed)


class Frames:
    """ASGI app around another one, which sees requests alone.

    bases: paths at and below which connections are taken. own: the address of this service for others, perhaps empty.
    first_frame_s: time in which the question must come where the address holds none.
    """

    def __init__(self, app: ASGIApp, bases: Collection[str], *, own: str, first_frame_s: float) -> None:
        self._app = app
        self._bases = tuple(bases)
        self._below = tuple(f"{base}/" for base in bases)
        self._own = own
        self._first_frame_s = first_frame_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        await receive()  # websocket.connect
        if not scope["path"].startswith(self._below) and scope["path"] not in self._bases:
            await _refuse(send, HTTPStatus.NOT_FOUND, "There is no WebSocket at this address.")
        elif not is_own_origin(scope, self._own):
            await _refuse(send, HTTPStatus.FORBIDDEN, "Pages of other sites may not ask here.")
        else:
            await send({"type": "websocket.accept"})
            await _Conversation(scope, receive, send).run(self._app, self._first_frame_s)


def is_own_origin(scope: Scope, own: str) -> bool:
    """False for a page of another site: a browser lets it connect here, with the cookies of who reads it.

    Who sends no `Origin` is no browser (RFC 6455 §10.2). own: address of this service for others.
    """
    told = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"origin"]
    hosts = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
    here = {f"{scheme}://{host}" for scheme in ("http", "https") for host in hosts if host}
    here.add("/".join(own.lower().split("/")[:3]))
    return all(origin and origin in here for origin in told)


async def _refuse(send: Send, status: HTTPStatus, detail: str) -> None:
    """Answer the handshake as a plain request. Spec: ASGI, "WebSocket Denial Response"."""
    body = Problem(status=status, title=status.phrase, detail=detail).to_json()
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "websocket.http.response.start", "status": int(status), "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


class _Conversation:
    """One connection that was taken."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._question = b""
        self._given = False
        self._gone = False
        self._status = 0
        self._fault: tuple[CloseCode, str] | None = None

    async def run(self, app: ASGIApp, first_frame_s: float) -> None:
        """Have the question, answer it, close."""
        try:
            async with asyncio.timeout(first_frame_s):
                is_asked = bool(self._scope["query_string"]) or await self._heard()
        except TimeoutError:
            await self._close(CloseCode.REFUSED, "no question came")
            return
        if is_asked:
            try:
                await app(self._as_request(), self.receive, self.send)
            except ConnectionAbortedError:  # of the edge: an answer that must not be taken for whole
                self._fault = self._fault or (CloseCode.FAILED, "the answer broke off")
        code = close_code(self._status)
        reason = "" if code is CloseCode.WHOLE else f"{self._status} {_phrase(self._status)}".strip()
        await self._close(*(self._fault or (code, reason)))

    async def _heard(self) -> bool:
        """True if the question came."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self._gone = True
        elif message.get("text") is None:
            self._fault = (CloseCode.BINARY, "a question is a text frame with JSON")
        else:
            self._question = message["text"].encode()
            return True
        return False

    def _as_request(self) -> Scope:
        scope = {name: value for name, value in self._scope.items() if name != "subprotocols"}
        headers = [
            (name, value)
            for name, value in scope["headers"]
            if name not in _HANDSHAKE and not name.startswith(b"sec-websocket-")
        ]
        scheme = "https" if scope["scheme"] == "wss" else "http"
        return scope | {"type": "http", "method": "GET", "scheme": scheme, "headers": headers, FRAMES: True}

    async def receive(self) -> Message:
        """The body, then that the caller has gone; whoever asks a second question here has gone, too."""
        if not self._given:
            self._given = True
            return {"type": "http.request", "body": self._question, "more_body": False}
        if not self._gone:
            message = await self._receive()
            self._gone = True
            if message["type"] != "websocket.disconnect":
                self._fault = (CloseCode.REFUSED, "one question a connection")
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """A part of the answer, as a frame."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
        elif message.get("body") and self._fault is None:
            await self._tell({"type": "websocket.send", "text": message["body"].decode()})

    async def _close(self, code: CloseCode, reason: str) -> None:
        await self._tell({"type": "websocket.close", "code": int(code), "reason": reason})

    async def _tell(self, message: Message) -> None:
        """Send, unless nobody is there any more."""
        try:
            if not self._gone or self._fault is not None:
                await self._send(message)
        except (OSError, RuntimeError):  # servers raise either once the other side has gone
            self._gone = True


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
