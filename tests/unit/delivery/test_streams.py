"""Bodies in pieces: what is read, what is sent, what is written down."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.delivery.recorded import RecordedAudit

from opengdi.delivery.streams import BEGUN, ENDED, CallerGone, Sending, Streams, while_connected
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.errors import OverBudget, Unavailable
from opengdi.kernel.http.faults import BodyTooLarge

START = {"type": "http.response.start", "status": 200, "headers": []}
SENDING = Sending("token:ada", "F1", "content")


class Connection:
    """A caller who takes `patience` messages with a body and then goes away."""

    def __init__(self, patience=10**9):
        self.patience = patience
        self.gone = asyncio.Event()
        self.body = b""
        self.types = []
        self.is_open = True

    async def receive(self):
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.types.append(message["type"])
        self.body += message.get("body", b"")
        self.is_open = message.get("more_body", True)
        if message.get("body"):
            self.patience -= 1
        if self.patience <= 0:
            self.gone.set()
            await asyncio.sleep(0)


class Source:
    """Pieces of one byte; tells how many were asked for, and whether it was closed."""

    def __init__(self, pieces, failure=None):
        self.read, self.is_closed, self._pieces, self._failure = 0, False, pieces, failure

    async def pieces(self):
        try:
            for _ in range(self._pieces):
                self.read += 1
                yield b"x"
            if self._failure:
                raise self._failure
        finally:
            self.is_closed = True


async def test_a_body_arrives_whole_and_is_written_down_before_and_after():
    audit, caller, source = RecordedAudit(), Connection(), Source(5)
    await Streams(audit).send(SENDING, dict(START), source.pieces(), caller.receive, caller.send)
    assert caller.body == b"xxxxx"
    assert not caller.is_open
    assert audit.lines == [
        (BEGUN, "token:ada", Outcome.DONE, ("file:F1", "what:content")),
        (ENDED, "token:ada", Outcome.DONE, ("file:F1", "what:content", "bytes:5")),
    ]


async def test_nothing_more_is_read_once_the_caller_is_gone():
    audit, caller, source = RecordedAudit(), Connection(patience=3), Source(1000)
    await Streams(audit).send(SENDING, dict(START), source.pieces(), caller.receive, caller.send)
    assert source.read <= 5
    assert source.is_closed
    action, _, outcome, objects = audit.lines[-1]
    assert (action, outcome) == (ENDED, Outcome.FAILED)
    assert int(objects[-1].removeprefix("bytes:")) in {3, 4}


async def test_a_store_that_fails_ends_the_answer_with_the_bytes_that_went():
    audit, caller, source = RecordedAudit(), Connection(), Source(2, Unavailable("the store failed"))
    with pytest.raises(Unavailable):
        await Streams(audit).send(SENDING, dict(START), source.pieces(), caller.receive, caller.send)
    assert audit.lines[-1][2:] == (Outcome.FAILED, ("file:F1", "what:content", "bytes:2"))
    assert caller.is_open  # cut off, so that the caller does not take it for whole


async def test_a_cancelled_stream_is_closed_and_written_down():
    audit, caller, source = RecordedAudit(), Connection(), Source(10)
    stuck = asyncio.Event()

    async def slow(message):
        await caller.send(message)
        if message.get("body"):
            stuck.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(
        Streams(audit).send(SENDING, dict(START), source.pieces(), caller.receive, slow)
    )
    await stuck.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.is_closed
    assert source.read == 1  # one piece at a time, however slow the caller is
    assert audit.lines[-1][2] is Outcome.FAILED


async def test_a_caller_has_so_many_streams_and_no_more():
    streams = Streams(RecordedAudit(), per_caller=2)
    with streams.held("token:ada"), streams.held("token:ada"):
        with streams.held("token:eve"):
            pass
        with pytest.raises(OverBudget, match="2 streams"), streams.held("token:ada"):
            pass
    with streams.held("token:ada"):
        pass
    caller = Connection()
    with streams.held("token:ada"), streams.held("token:ada"), pytest.raises(OverBudget):
        await streams.send(SENDING, dict(START), Source(1).pieces(), caller.receive, caller.send)
    assert caller.types == []


async def test_what_cannot_be_written_down_is_not_sent():
    class FullDisk(RecordedAudit):
        def append(self, *_args, **_kwargs):
            raise Unavailable("the disk is full")

    caller = Connection()
    with pytest.raises(Unavailable):
        await Streams(FullDisk()).send(SENDING, dict(START), Source(1).pieces(), caller.receive, caller.send)
    assert caller.types == []


async def test_what_is_made_for_a_caller_who_goes_away_is_cancelled():
    connection, reached = Connection(), []

    async def make() -> None:
        async with while_connected(connection.receive):
            try:
                connection.gone.set()
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                reached.append("cancelled")
                raise

    with pytest.raises(CallerGone):
        await make()
    assert reached == ["cancelled"]


async def test_a_caller_who_stays_gets_what_is_made_or_why_it_is_not():
    connection = Connection()
    async with while_connected(connection.receive):
        made = await asyncio.sleep(0, "made")
    assert made == "made"
    with pytest.raises(Unavailable):
        async with while_connected(connection.receive):
            raise Unavailable("the store does not answer")
    with pytest.raises(TimeoutError):
        async with while_connected(connection.receive), asyncio.timeout(0.01):
            await asyncio.sleep(60)
    connection.gone.set()
    await asyncio.sleep(0)  # what looked for it looks no more


async def test_a_caller_who_sends_too_much_meanwhile_is_told():
    async def receive() -> dict[str, str]:
        await asyncio.sleep(0.01)
        raise BodyTooLarge("the request body is longer than it may be")

    with pytest.raises(BodyTooLarge):
        async with while_connected(receive):
            await asyncio.sleep(60)
