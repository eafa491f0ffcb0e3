"""The public stream of revocations, for consumers of our visas that no feed reaches; without anything about a person.

Spec: WHATWG HTML, "Server-sent events".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from opengdi.identity.revocations.model import Revocation
from opengdi.identity.revocations.rules import for_everybody
from opengdi.identity.revocations.service import LOOK_S, Revocations
from opengdi.kernel.errors import OverBudget

STREAM_PATH: Final = "/oidc/revocations"
MOST_STREAMS: Final = 200
_SILENCE_S: Final = 15.0
"""A comment is sent after so long, so that neither end takes the other for gone."""


def stream_route(revocations: Revocations) -> Route:
    """`GET /oidc/revocations`: first what is still in force (after `Last-Event-ID`), then each as it comes."""
    open_streams = 0

    async def stream(request: Request) -> Response:
        if open_streams >= MOST_STREAMS:
            raise OverBudget(f"{MOST_STREAMS} streams of revocations are open")
        return _Stream(revocations, _number(request.headers.get("last-event-id", "")), counted)

    def counted(step: int) -> None:
        nonlocal open_streams
        open_streams += step

    return Route(STREAM_PATH, stream, methods=["GET"])


def _number(text: str) -> int:
    """Where a consumer stopped; what is no number of ours begins anew."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


class _Stream(Response):
    def __init__(self, revocations: Revocations, after: int, counted: Callable[[int], None]) -> None:
        super().__init__(media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._revocations = revocations
        self._after = after
        self._counted = counted

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        self._counted(1)
        sending = asyncio.ensure_future(self._send_all(send))
        leaving = asyncio.ensure_future(_until_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._counted(-1)
            for task in (sending, leaving):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for chunk in self._chunks():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        yield b": revocations\n\n"
        silent_s, looked = 0.0, False
        while not self._revocations.is_ending:
            found: list[Revocation] = []
            if not looked or self._revocations.newest > self._after:
                found, looked = await asyncio.to_thread(self._revocations.since, self._after), True
            self._after = max([self._after, *(each.number for each in found)])
            told = [(each.number, for_everybody(each)) for each in found]
            lines = [_event(number, content) for number, content in told if content is not None]
            if lines:
                yield b"".join(lines)
                silent_s = 0.0
            elif silent_s >= _SILENCE_S:
                yield b": still here\n\n"
                silent_s = 0.0
            await asyncio.sleep(LOOK_S)
            silent_s += LOOK_S


def _event(number: int, content: dict[str, str]) -> bytes:
    return b"id: %d\nevent: revocation\ndata: %s\n\n" % (number, msgspec.json.encode(content))


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
