"""A body over a real connection: a slow caller is waited for, and for one who leaves nothing more is read."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from tests.unit.delivery.kit import ADA, BASE, DATASET, PROOFS, Delivering, delivering

from opengdi.delivery.model import HeldFile
from opengdi.delivery.streams import BEGUN, ENDED
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing
from opengdi.testing.identity import gated

MIB = 1024 * 1024
BODY_BYTES = 256 * MIB
"""Of which no more is ever made than the sockets hold."""
SOCKETS_HOLD = 24 * MIB
ASK = f"GET {BASE}/files/F1/content HTTP/1.1\r\nHost: n\r\nAuthorization: Bearer {ADA}\r\n\r\n".encode()


class EndlessBody:
    """Counts the pieces that were asked for."""

    def __init__(self) -> None:
        self.read = 0
        self.is_closed = False

    async def pieces(self, _file: HeldFile, first: int, stop: int) -> AsyncIterator[bytes]:
        try:
            for _ in range(first, stop, MIB):
                self.read += MIB
                yield bytes(MIB)
        finally:
            self.is_closed = True


class Server(uvicorn.Server):
    """Without handlers of signals: it is stopped by the test."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]  # as in uvicorn
        yield


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = Server(uvicorn.Config(app, log_config=None, lifespan="off", http="httptools"))
    running = asyncio.ensure_future(server.serve(sockets=[listening]))
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await running


@asynccontextmanager
async def large_body(folder: Path, **more: Any) -> AsyncIterator[tuple[Delivering, EndlessBody, int]]:
    with delivering(folder, **more) as node:
        file = node.files.hold("F1", b"x", datasets=[DATASET])
        body = EndlessBody()
        object.__setattr__(file, "body_bytes", BODY_BYTES)
        node.files.read_body = body.pieces  # type: ignore[method-assign]  # a body that is made while it is sent
        app = Edge(gated(Routing(mounts={BASE: node.download_api()}), PROOFS), clock=node.clock)
        async with served(app) as port:
            yield node, body, port


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # it is another task that we wait for, and it knows nothing of us
            await asyncio.sleep(0.01)


async def ask(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(ASK)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    return reader, writer


async def test_a_caller_who_reads_nothing_costs_what_the_sockets_hold(tmp_path: Path) -> None:
    async with large_body(tmp_path) as (_, body, port):
        reader, writer = await ask(port)
        await asyncio.sleep(0.5)
        held = body.read
        assert held <= SOCKETS_HOLD
        await asyncio.sleep(0.3)
        assert body.read == held
        await reader.readexactly(2 * held)  # and it goes on as soon as something is read
        writer.close()


async def test_nothing_more_is_read_for_a_caller_who_left(tmp_path: Path) -> None:
    async with large_body(tmp_path) as (node, body, port):
        reader, writer = await ask(port)
        await reader.readexactly(MIB)
        writer.close()
        await until(lambda: body.is_closed)
        assert body.read <= SOCKETS_HOLD
        action, actor, outcome, objects = node.audit.lines[-1]
        assert (action, actor, outcome) == (ENDED, "ada", Outcome.FAILED)
        sent = int(objects[-1].removeprefix("bytes:"))
        assert MIB <= sent <= body.read


async def test_a_caller_gets_as_many_streams_as_allowed_and_the_next_when_one_ends(tmp_path: Path) -> None:
    async with large_body(tmp_path) as (node, _, port):
        running = [await ask(port) for _ in range(node.streams.per_caller)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(ASK)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 429")
        assert sum(line[0] == BEGUN for line in node.audit.lines) == node.streams.per_caller
        running[0][1].close()
        await until(lambda: node.audit.lines[-1][0] == ENDED)
        running.append(await ask(port))
        for _, open_writer in (*running, (reader, writer)):
            open_writer.close()
