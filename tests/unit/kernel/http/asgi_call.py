"""Calls an ASGI app as a server would, and collects what it sends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answered:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def call(
    app,
    path: str = "/",
    method: str = "GET",
    headers: Iterable[tuple[str, str]] = (),
    chunks: Iterable[bytes] = (b"",),
) -> Answered:
    pieces = list(chunks)
    where, _, query = path.partition("?")
    answered = Answered()

    async def receive():
        if not pieces:
            await asyncio.Event().wait()  # the caller stays connected
        body = pieces.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(pieces)}

    async def send(message):
        if message["type"] == "http.response.start":
            answered.status = message["status"]
            answered.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answered.body += message.get("body", b"")

    sent = [(name.lower().encode(), value.encode()) for name, value in headers]
    await app(
        {"type": "http", "method": method, "path": where, "query_string": query.encode(), "headers": sent},
        receive,
        send,
    )
    return answered
