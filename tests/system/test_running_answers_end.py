"""An answer that is running ends within two seconds once the right to it has ended, and the reader sees it cut.

Over real connections, with readers slower than the server: what is full of bytes is cut all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine
from starlette.types import Receive, Scope, Send
from tests.htsget_kit import Delivering as Slicing
from tests.system.test_downloads_over_sockets import ADA, BODY_BYTES, MIB, large_body, served
from tests.unit.delivery.kit import BASE

from opengdi.apps.migrations import migrate
from opengdi.delivery.streams import ENDED
from opengdi.federation.stream import EventStream, MediaType
from opengdi.identity.gate import Believed, Credentials, IdentityGate
from opengdi.identity.model import Proof
from opengdi.identity.revocations.model import Kind
from opengdi.identity.revocations.service import Revocations
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.clock import FixedClock, SystemClock
from opengdi.kernel.database import open_engine
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.running import RunningAnswers
from opengdi.kernel.principal import Principal, Visa
from opengdi.testing.identity import proof

CUT_WITHIN_S = 2.5
"""A look each second, and what the machine of the test needs."""
PERMIT = "GDIP-1"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(tmp_path / "revocations.sqlite")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def revocations(engine: Engine) -> Revocations:
    numbers = count(1)
    return Revocations(engine, FixedClock(), timedelta(hours=1), new_id=lambda: f"r{next(numbers)}")


@asynccontextmanager
async def begun(port: int, target: str, *headers: str) -> AsyncIterator[asyncio.StreamReader]:
    """An answer that has begun. The reader takes little at a time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16)
    try:
        lines = (f"GET {target} HTTP/1.1", "host: n", *headers)
        writer.write("".join(f"{line}\r\n" for line in lines).encode() + b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        yield reader
    finally:
        writer.close()


async def taken_until_cut(reader: asyncio.StreamReader) -> int:
    """Bytes that still came until the connection ended. The reader is slow, and reads all that lies in sockets."""
    taken = 0
    async with asyncio.timeout(CUT_WITHIN_S + 2):
        with contextlib.suppress(ConnectionResetError):
            while piece := await reader.read(1 << 20):
                taken += len(piece)
                await asyncio.sleep(0.001)
    return taken


@pytest.mark.parametrize("by", ["credential", "address"])
@pytest.mark.parametrize(
    "kind, what",
    [
        (Kind.SUBJECT, {"subject": "ada"}),
        (Kind.DATASET_SUBJECT, {"subject": "ada", "dataset": "GDI-XX-TEST-1"}),
        (Kind.PERMIT, {"permit": PERMIT}),
    ],
)
async def test_a_download_ends_with_what_opened_it(
    tmp_path: Path, engine: Engine, revocations: Revocations, by: str, kind: Kind, what: dict[str, str]
) -> None:
    async with large_body(tmp_path, taken_back=revocations.taken_back) as (node, body, port):
        held = await node.files.find("F1")
        asker = Principal("ada", visas=(Visa("GDI-XX-TEST-1", id=f"{PERMIT}.1"),), logged_in=True)
        address = f"{BASE}/granted/{node.grants.content(asker, held)}"
        target = f"{BASE}/files/F1/content" if by == "credential" else address
        async with begun(port, target, *([f"authorization: Bearer {ADA}"] * (by == "credential"))) as reader:
            await reader.readexactly(MIB)
            with engine.begin() as connection:
                revocations.write(connection, Kind.SUBJECT, subject="eve")
            await asyncio.sleep(1.2)
            assert not body.is_closed, "what was taken back of somebody else ends nothing"
            with engine.begin() as connection:
                revocations.write(connection, kind, **what)
            async with asyncio.timeout(CUT_WITHIN_S):
                while not body.is_closed:  # noqa: ASYNC110  the server's task, which knows nothing of us
                    await asyncio.sleep(0.02)
            assert MIB + await taken_until_cut(reader) < BODY_BYTES, (
                "no short success: less came than was announced"
            )
            action, actor, outcome, _ = node.audit.lines[-1]
            assert (action, actor, outcome) == (ENDED, "ada", Outcome.REFUSED)


async def test_a_download_ends_when_its_file_is_no_longer_delivered(tmp_path: Path) -> None:
    shown = f"authorization: Bearer {ADA}"
    async with (
        large_body(tmp_path) as (node, body, port),
        begun(port, f"{BASE}/files/F1/content", shown) as reader,
    ):
        node.files.drop("F1")
        assert await taken_until_cut(reader) < BODY_BYTES
        assert body.is_closed


async def test_data_of_a_ticket_end_with_what_opened_them(engine: Engine, revocations: Revocations) -> None:
    node = Slicing(taken_back=revocations.taken_back)
    content = bytes(64 * MIB)
    node.files.hold("vcf", content, file_format="VCF")
    async with node.client() as client:
        ticket = json.loads((await client.get("/htsget/variants/vcf")).content)["htsget"]
    target = httpx.URL(ticket["urls"][0]["url"]).raw_path.decode()
    async with served(node.app) as port, begun(port, target) as reader:
        await reader.readexactly(MIB)
        with engine.begin() as connection:
            revocations.write(connection, Kind.SUBJECT, subject="ada")
        await asyncio.sleep(CUT_WITHIN_S)
        assert MIB + await taken_until_cut(reader) < len(content)


class OneSession:
    """`Sessions` of one browser, until it is logged out."""

    is_there = True

    async def session(self, _scope: Any) -> Proof | None:
        return proof("ada") if self.is_there else None


@pytest.mark.parametrize("media_type", [MediaType.EVENTS, MediaType.LINES])
async def test_events_of_a_network_end_with_the_session(media_type: MediaType) -> None:
    sessions, running = OneSession(), RunningAnswers()
    is_closed = asyncio.Event()

    async def events() -> AsyncIterator[Any]:
        try:
            for number in range(1000):
                yield "member", {"number": number}
                await asyncio.sleep(0.05)
        finally:
            is_closed.set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await EventStream(events(), media_type, running)(scope, receive, send)

    gate = IdentityGate(app, Credentials(Believed(sessions=sessions), SystemClock()), lambda *_: None)
    async with served(Edge(gate, clock=SystemClock())) as port, begun(port, "/x", "cookie: gdi=1") as reader:
        await reader.readuntil(b'"number":3')
        await asyncio.sleep(1.2)
        assert not is_closed.is_set()
        sessions.is_there = False
        async with asyncio.timeout(CUT_WITHIN_S):
            await is_closed.wait()
            rest = await reader.read(1 << 16)
            while piece := await reader.read(1 << 16):
                rest += piece
        assert not rest.endswith(b"0\r\n\r\n"), (
            "the chunked body has no end: whoever reads knows that it is cut"
        )
