"""What the http kit costs a request, in this process and without sockets: the edge, its routing and its meter."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import uvloop
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opengdi.kernel.clock import SystemClock
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.metrics import RequestMeter

if TYPE_CHECKING:
    from bench.__main__ import Figure

HEADERS = [
    (b"host", b"localhost"),
    (b"accept", b"*/*"),
    (b"user-agent", b"bench"),
    (b"content-type", b"application/json"),
    (b"content-length", b"12"),
]


def figures(*, quick: bool) -> list[Figure]:
    """`edge.cost`: microseconds that everything around a handler adds to a request."""
    requests = 2_000 if quick else 50_000
    routes = [Route(f"/other/{number}/{{id}}", _answer) for number in range(60)]
    whole = Edge(Routing([*routes, Route("/asked", _Handler())]), clock=SystemClock(), meter=RequestMeter())
    bare_us = uvloop.run(_cost_us(_answer, requests))
    whole_us = uvloop.run(_cost_us(whole, requests))
    return [
        {
            "name": "edge.cost",
            "value": whole_us - bare_us,
            "unit": "µs/request",
            "peer": "the handler alone",
            "peer_value": bare_us,
            "ratio": (whole_us - bare_us) / bare_us,
        }
    ]


async def _answer(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


class _Handler:
    """An object, which a route takes for an ASGI app."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _answer(scope, receive, send)


async def _cost_us(app: ASGIApp, requests: int) -> float:
    async def receive() -> Message:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b'{"meta": {}}', "more_body": False}

    async def send(_message: Message) -> None:
        return None

    began = time.perf_counter()
    for _ in range(requests):
        scope = {"type": "http", "method": "POST", "path": "/asked", "headers": HEADERS}
        await app(scope, receive, send)
    return (time.perf_counter() - began) / requests * 1e6
