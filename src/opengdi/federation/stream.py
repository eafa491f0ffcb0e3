"""Answers that are told while they come in: server-sent events and JSON lines, ended by the whole answer.

Event `member` is one member's outcome with its result sets that are final already; event `result` is the same
document that a request without streaming gets. Over a WebSocket each frame is a whole answer that grows, as deployed
facades push it, and the last one is that same document.

Spec: WHATWG HTML, "Server-sent events"; newline-delimited JSON, one object a line.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import aclosing, suppress
from enum import StrEnum
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from opengdi.federation.model import Json
from opengdi.kernel.http.running import RunningAnswers, credential_holds

_Result = TypeVar("_Result")

Event = tuple[str, Json]
"""Name and content."""


class MediaType(StrEnum):
    """What a caller may ask for by `Accept`."""

    JSON = "application/json"
    EVENTS = "text/event-stream"
    LINES = "application/x-ndjson"


STREAMS: Final = (MediaType.EVENTS.value, MediaType.LINES.value)
"""Those in which an answer comes in parts."""


def media_type_for(accept: str) -> MediaType:
    """The first of ours that the header names; JSON for everything else."""
    for part in accept.lower().split(","):
        named = part.partition(";")[0].strip()
        if named in STREAMS:
            return MediaType(named)
        if named in {MediaType.JSON, "*/*", "application/*"}:
            return MediaType.JSON
    return MediaType.JSON


def preferred_wait_s(prefer: Iterable[str]) -> int | None:
    """How long somebody would wait for an answer, in whole seconds; None if they do not say.

    A preference that cannot be read is none. Spec: RFC 7240 §2 (the first one of a name holds), §4.3 (`wait`).
    """
    for preference in (part for value in prefer for part in value.split(",")):
        name, _, rest = preference.partition("=")
        seconds = rest.partition(";")[0].strip().strip('"')
        if name.strip().lower() == "wait":
            return int(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) <= 9 else None
    return None


def encode_event(event: Event, media_type: MediaType) -> bytes:
    """One event as bytes of the stream."""
    name, content = event
    if media_type is MediaType.EVENTS:
        return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(content))
    return msgspec.json.encode({"event": name, **content}) + b"\n"


def as_frame(event: Event) -> bytes:
    """One event as a frame: there its name is told by the order, the last one is the result."""
    return msgspec.json.encode(event[1])


class EventStream(Response):
    """Sends events as they come, each as one message of the body.

    When the caller has gone, their source is closed, and with it all work for them. The same if what the caller
    showed is taken back meanwhile: then the connection is cut, and no result was told.
    """

    def __init__(
        self,
        events: AsyncGenerator[Event, None],
        media_type: MediaType,
        running: RunningAnswers,
        encode: Callable[[Event], bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """encode: how an event is written; usually as the media type has it. headers: more of them."""
        super().__init__(media_type=media_type.value, headers={"X-Accel-Buffering": "no", **(headers or {})})
        del self.headers["content-length"]
        self._events = events
        self._encode = encode or partial(encode_event, media_type=media_type)
        self._running = running

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._running.while_holding(credential_holds(scope)):
            await while_connected(receive, self._send_all(send))

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._events) as events:
            async for event in events:
                await send({"type": "http.response.body", "body": self._encode(event), "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def while_connected(receive: Receive, work: Coroutine[Any, Any, _Result]) -> _Result | None:
    """The work's result; None if the caller went away first, and then the work was cancelled."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        await _end(working)
        await _end(gone)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _end(task: Awaitable[object]) -> None:
    assert isinstance(task, asyncio.Future)
    if not task.done():
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
