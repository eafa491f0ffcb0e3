"""A WebSocket client of the field against a hub: one question, all frames, and how it ended."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from dataclasses import dataclass
from typing import Any

import websocket

CLOSED, TEXT = websocket.ABNF.OPCODE_CLOSE, websocket.ABNF.OPCODE_TEXT


@dataclass(frozen=True)
class Told:
    """frames: parsed. code: of the close, None if the connection just ended."""

    frames: list[Any]
    code: int | None

    @property
    def last(self) -> Any:
        return self.frames[-1]


def connect(url: str, token: str = "", **options: Any) -> websocket.WebSocket:
    """An open connection. Raises WebSocketBadStatusException for a handshake that is refused."""
    header = [f"Authorization: Bearer {token}"] if token else []
    return websocket.create_connection(
        url.replace("http", "ws", 1), timeout=20, header=header, enable_multithread=True, **options
    )


def listen(connection: websocket.WebSocket) -> Told:
    """All that comes until the end."""
    frames = []
    while True:
        try:
            opcode, content = connection.recv_data()
        except (websocket.WebSocketConnectionClosedException, ConnectionError):
            return Told(frames, None)
        if opcode == CLOSED:
            return Told(frames, struct.unpack("!H", content[:2])[0] if len(content) >= 2 else None)
        assert opcode == TEXT
        frames.append(json.loads(content))


async def ask(url: str, question: object = None, **options: Any) -> Told:
    """What is told to a question in the first frame (a document, or text as it is), or in the address alone."""

    def talk() -> Told:
        connection = connect(url, **options)
        try:
            if question is not None:
                connection.send(question if isinstance(question, str) else json.dumps(question))
            return listen(connection)
        finally:
            connection.shutdown()

    return await asyncio.to_thread(talk)


def cut(connection: websocket.WebSocket) -> None:
    """Go away without a word, as a process that is killed does."""
    assert connection.sock is not None
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.sock.close()
