"""Around a node's API: believes the hub's signed header, and signs the answers to it.

A header that does not hold makes the caller nobody in particular, never somebody; it is reported for the audit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opengdi.kernel.http.callers import PEER
from opengdi.kernel.peers import ANSWER_HEADER, REQUEST_HEADER, AnswerSigner, PeerRequest, PeerVerifier
from opengdi.standards.faults import Malformed, Unverified

_REQUEST_HEADER: Final = REQUEST_HEADER.encode()
_ANSWER_HEADER: Final = ANSWER_HEADER.encode()


_NO_CACHE: Final = (b"cache-control", b"no-cache")
"""Whoever keeps an answer must ask before each use whether it still holds: by its edition (RFC 9111 §5.2.2.4)."""


def no_edition() -> str:
    """Of an API that says nothing of how long its answers hold."""
    return ""


class PeerGate:
    """ASGI app around another one. refused: told why a header was not believed, for the audit chain.

    edition: names what the API answers from now; it is another name as soon as any answer may have changed.
    """

    def __init__(
        self,
        app: ASGIApp,
        verifier: PeerVerifier,
        signer: AnswerSigner,
        refused: Callable[[str], None],
        edition: Callable[[], str] = no_edition,
    ) -> None:
        self.app = app
        self._verifier = verifier
        self._signer = signer
        self._refused = refused
        self._edition = edition

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = _peer_token(scope)
        if token is None:
            await self.app(scope, receive, send)
            return
        body = await _whole_body(receive)
        if not self._believes(scope, token, body):
            await self.app(scope, _replay(body, receive), send)
            return
        answer = _SignedAnswer(self._signer, token, self._edition(), send)  # named before anything is read
        await self.app(scope, _replay(body, receive), answer.send)

    def _believes(self, scope: Scope, token: str, body: bytes) -> bool:
        try:
            scope[PEER] = self._verifier.verify(token, PeerRequest(scope["method"], _target(scope), body))
        except (Unverified, Malformed) as error:
            self._refused(str(error))
            return False
        return True


class _SignedAnswer:
    """Holds an answer back until it is whole, because its signature is a header."""

    def __init__(self, signer: AnswerSigner, token: str, edition: str, send: Send) -> None:
        self._signer = signer
        self._token = token
        self._edition = edition
        self._send = send
        self._start: Message = {}
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        body = bytes(self._body)
        signature = self._signer.signature(self._token, body, self._edition).encode()
        more = [(_ANSWER_HEADER, signature), *((_NO_CACHE,) if self._edition else ())]
        self._start["headers"] = [*self._start.get("headers", ()), *more]
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})


def _peer_token(scope: Scope) -> str | None:
    if scope["type"] == "http":
        for name, value in scope["headers"]:
            if name == _REQUEST_HEADER:
                return bytes(value).decode("latin-1")
    return None


def _target(scope: Scope) -> str:
    path = scope.get("raw_path") or scope["path"].encode()
    query = scope.get("query_string", b"")
    return bytes(path + b"?" + query if query else path).decode("latin-1")


async def _whole_body(receive: Receive) -> bytes:
    """The request body; its size is limited by the edge around this app."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once more and then goes on as before."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
