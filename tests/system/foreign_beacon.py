"""A small Beacon that is not ours: v2.0 style, records in `skip`, flat parameters, no signatures; with faults."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.system.ports import free_port

from opengdi.kernel.http.server import sockets_of

PATH = "/api/beacon"


class Trouble(Enum):
    """How this Beacon misbehaves."""

    NONE = "none"
    NEVER = "never answers"
    NOT_JSON = "an HTML page"
    NULL_TOTAL = "null for a number"
    CUT_OFF = "less body than announced"
    OVERSIZED = "more than anybody asked for"
    ELSEWHERE = "redirect to another origin"
    NEXT_DOOR = "redirect within the origin"
    FAILS = "status 500"
    DENIES = "status 403"
    TOO_MANY = "status 429"
    COMPRESSED = "gzip without being asked"


@dataclass(frozen=True)
class Allele:
    dataset: str
    start: int
    ref: str
    alt: str
    count: int
    number: int


@dataclass
class ForeignBeacon:
    """ASGI app. Remembers the requests it got and how many were given up by the asker."""

    alleles: tuple[Allele, ...] = ()
    trouble: Trouble = Trouble.NONE
    elsewhere: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    given_up: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        path = scope["path"].removeprefix("/moved").removeprefix(PATH)
        if path != "/g_variants":
            await _send(send, 404, {"error": {"errorCode": 404, "errorMessage": "unknown path"}})
            return
        body = await request.json() if scope["method"] == "POST" else dict(request.query_params)
        self.asked.append(body)
        self.headers.append(dict(request.headers))
        moved = "/moved" in scope["path"]
        await self._answer(body, Trouble.NONE if moved else self.trouble, receive, send)

    async def _answer(self, body: dict[str, Any], trouble: Trouble, receive: Receive, send: Send) -> None:
        match trouble:
            case Trouble.NONE:
                await _send(send, 200, self._found(body))
            case Trouble.NEVER:
                while (await receive())["type"] != "http.disconnect":
                    pass
                self.given_up += 1
            case Trouble.NOT_JSON:
                await _send(send, 200, b"<html>it works</html>", "text/html")
            case Trouble.NULL_TOTAL:
                found = self._found(body)
                found["responseSummary"]["numTotalResults"] = None
                await _send(send, 200, found)
            case Trouble.CUT_OFF:
                await _start(send, 200, [(b"content-length", b"5000")])
                await send({"type": "http.response.body", "body": b'{"meta": {', "more_body": True})
                raise ConnectionAbortedError
            case Trouble.OVERSIZED:
                await _start(send, 200, [])
                for _ in range(200):
                    await send({"type": "http.response.body", "body": b" " * 65536, "more_body": True})
            case Trouble.ELSEWHERE:
                await _start(send, 307, [(b"location", f"{self.elsewhere}{PATH}/g_variants".encode())])
                await send({"type": "http.response.body"})
            case Trouble.NEXT_DOOR:
                await _start(send, 307, [(b"location", f"/moved{PATH}/g_variants".encode())])
                await send({"type": "http.response.body"})
            case Trouble.COMPRESSED:
                await _start(send, 200, [(b"content-encoding", b"gzip")])
                await send({"type": "http.response.body", "body": b"\x1f\x8b"})
            case Trouble.FAILS | Trouble.DENIES | Trouble.TOO_MANY:
                status = {Trouble.FAILS: 500, Trouble.DENIES: 403, Trouble.TOO_MANY: 429}[trouble]
                await _send(send, status, {"error": {"errorCode": status, "errorMessage": "so it is"}})

    def _found(self, body: dict[str, Any]) -> dict[str, Any]:
        query = body.get("query", body)
        asked = query.get("requestParameters", query) or {}
        matching = [allele for allele in self.alleles if _matches(allele, asked)]
        page = query.get("pagination", query)
        skip, limit = int(page.get("skip", 0)), int(page.get("limit", 10))
        sets = [
            {
                "id": dataset,
                "setType": "dataset",
                "exists": bool(found),
                "resultsCount": len(found),
                "results": [_record(each) for each in found[skip : skip + limit]],  # `skip` counts records
            }
            for dataset in sorted({allele.dataset for allele in self.alleles})
            for found in [[allele for allele in matching if allele.dataset == dataset]]
        ]
        return {
            "meta": {
                "beaconId": "org.foreign",
                "apiVersion": "v2.0.0",
                "returnedGranularity": "record",
                "returnedSchemas": [{"entityType": "genomicVariant", "schema": "beacon-g_variant-v2.0.0"}],
                "receivedRequestSummary": {"requestParameters": asked},  # flat, as many do
            },
            "responseSummary": {"exists": bool(matching), "numTotalResults": len(matching)},
            "response": {"resultSets": sets},
        }


def _matches(allele: Allele, asked: dict[str, Any]) -> bool:
    if not asked.get("start"):
        return True
    start = asked["start"]
    first = int(start[0] if isinstance(start, list) else str(start).split(",", maxsplit=1)[0])
    same_place = asked.get("referenceName") == "chr3" and allele.start == first
    return same_place and asked.get("alternateBases", allele.alt) == allele.alt


def _record(allele: Allele) -> dict[str, Any]:
    return {
        "variantInternalId": f"foreign-{allele.start}",
        "variation": {
            "variantType": "SNP",
            "referenceBases": allele.ref,
            "alternateBases": allele.alt,
            "location": {
                "type": "SequenceLocation",
                "sequence_id": "refseq:NC_000003.12",
                "interval": {
                    "type": "SequenceInterval",
                    "start": {"type": "Number", "value": allele.start},
                    "end": {"type": "Number", "value": allele.start + 1},
                },
            },
        },
        "frequencyInPopulations": [
            {
                "source": "foreign",
                "sourceReference": "https://foreign.example",
                "frequencies": [
                    {
                        "population": "Total",
                        "alleleFrequency": allele.count / allele.number,
                        "alleleCount": allele.count,
                        "alleleNumber": allele.number,
                    }
                ],
            }
        ],
    }


async def _send(
    send: Send, status: int, content: dict[str, Any] | bytes, media_type: str = "application/json"
) -> None:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers = [(b"content-type", media_type.encode()), (b"content-length", str(len(body)).encode())]
    await _start(send, status, headers)
    await send({"type": "http.response.body", "body": body})


async def _start(send: Send, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def until(condition: Callable[[], object]) -> None:
    """Wait, for five seconds at most, for something that nobody announces."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  another server's state has no event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def listening(app: ASGIApp, frame_bytes: int = 0) -> AsyncIterator[str]:
    """The app on a loopback port of its own; the address without trailing slash. frame_bytes: as of a `Listener`."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        config = uvicorn.Config(
            app, log_config=None, lifespan="off", access_log=False, timeout_graceful_shutdown=1,
            **sockets_of(frame_bytes),
        )  # fmt: skip
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve([sock]))  # `serve` would take over the signals
        await until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


def closed_port() -> int:
    """A port where nothing listens."""
    return free_port()
