"""Bodies that are sent in pieces: as fast as the caller takes them, no longer than it is there, with an audit line.

A piece is asked for when the one before has been taken (`send` waits while the socket is full), so that a slow caller
costs the memory of one piece. Once the caller is gone, nothing more is read; once what opened the file to the caller is
taken back, nothing more is sent, and the connection is cut.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final

from starlette.types import Message, Receive, Send

from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.errors import OverBudget
from opengdi.kernel.http.running import Holds, RightEnded, RunningAnswers, always

BEGUN: Final = "file.send"
"""Action of the audit line before the first byte: what cannot be written down is not sent."""

Piece = bytes | bytearray | memoryview

ENDED: Final = "file.sent"
"""Action of the line after the last byte, with their number; `failed` if the stream was cut short, `refused` if that
was because the right to it ended."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What is sent to whom, in the words of the audit chain; `holds`: false once they may have it no more."""

    subject: str
    file: str
    what: str
    request: str = ""
    holds: Holds = always


@dataclass(slots=True)
class Sent:
    """How far a body got."""

    bytes: int = 0
    outcome: Outcome = Outcome.FAILED


@dataclass(slots=True)
class Streams:
    """Sends bodies, at most `per_caller` at a time to one caller; 0: as many as asked for."""

    audit: AuditLog
    per_caller: int = 0
    running: RunningAnswers = field(default_factory=RunningAnswers)
    _running: Counter[str] = field(default_factory=Counter)

    async def send(
        self, sending: Sending, start: Message, pieces: AsyncIterator[Piece], receive: Receive, send: Send
    ) -> None:
        """The whole answer: `start` and then the pieces.

        Raises OverBudget before anything is sent, RightEnded when no more may be sent.
        """
        with self.held(sending.subject), self._recorded(sending) as sent:
            async with self.running.while_holding(sending.holds):
                await send(start)
                await send_pieces(pieces, receive, send, sent)

    @contextmanager
    def held(self, subject: str) -> Iterator[None]:
        """One of the caller's streams, while it lasts. Raises OverBudget."""
        if self.per_caller and self._running[subject] >= self.per_caller:
            raise OverBudget(
                f"{subject} has {self.per_caller} streams already",
                public=f"At most {self.per_caller} downloads at a time; wait for one to end.",
            )
        self._running[subject] += 1
        try:
            yield
        finally:
            self._running[subject] -= 1
            if not self._running[subject]:
                del self._running[subject]

    @contextmanager
    def _recorded(self, sending: Sending) -> Iterator[Sent]:
        objects = (f"file:{sending.file}", f"what:{sending.what}")
        self.audit.append(BEGUN, actor=sending.subject, objects=objects, request=sending.request)
        sent = Sent()
        try:
            yield sent
        except RightEnded:
            sent.outcome = Outcome.REFUSED
            raise
        finally:
            self.audit.append(
                ENDED,
                actor=sending.subject,
                outcome=sent.outcome,
                objects=(*objects, f"bytes:{sent.bytes}"),
                request=sending.request,
            )


async def send_pieces(pieces: AsyncIterator[Piece], receive: Receive, send: Send, sent: Sent) -> None:
    """The body of an answer that has started. It ends early, without an error, when the caller goes away."""
    gone = asyncio.ensure_future(_disconnection(receive))
    try:
        async for piece in pieces:
            # A piece from memory and a socket with room do not wait: let others have their turn, and hear of the end.
            await asyncio.sleep(0)
            if gone.done():
                return
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            sent.bytes += len(piece)
        if not gone.done():
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            sent.outcome = Outcome.DONE
    finally:
        gone.cancel()
        await _close(pieces)


class CallerGone(Exception):
    """Nobody waits for the answer any more. No `GdiError`: there is nobody to tell."""


@asynccontextmanager
async def while_connected(receive: Receive) -> AsyncIterator[None]:
    """What is made for a caller before an answer begins, cancelled when the caller goes away. Raises CallerGone then.

    The request must have been read to its end.
    """
    limit, loop = asyncio.timeout(None), asyncio.get_running_loop()
    gone = asyncio.ensure_future(_disconnection(receive))

    def give_up(_: object) -> None:
        limit.reschedule(loop.time())

    try:
        async with limit:
            gone.add_done_callback(give_up)
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        gone.result()  # whoever sends more than may come is told
        raise CallerGone from None
    finally:
        gone.remove_done_callback(give_up)
        gone.cancel()


async def _disconnection(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _close(pieces: AsyncIterator[Piece]) -> None:
    """Let a generator give back what it holds, such as an open file, now and not when garbage is collected."""
    close = getattr(pieces, "aclose", None)
    if close is not None:
        await close()
