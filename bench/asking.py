"""A lean HTTP/1.1 client for measuring servers: prepared requests, keep-alive, one thread for all connections."""

from __future__ import annotations

import selectors
import socket
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

ROW_MARK = b'"variantInternalId"'
"""Stands once in every row of an answer."""


@dataclass(slots=True)
class Asked:
    """What came of asking: seconds in all, latency of each answer in seconds, answers by status, rows in them."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    rows: int = 0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    @property
    def row_rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]

    @property
    def refused(self) -> int:
        return sum(count for status, count in self.statuses.items() if status != 200)


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: bench\r\naccept: application/json\r\n\r\n".encode()


def ask(url: str, requests: Sequence[bytes], *, clients: int, seconds: float) -> Asked:
    """Ask over and over for some seconds, each client its next question as soon as its last one is answered."""
    asked, turn = Asked(), 0
    with selectors.DefaultSelector() as selector:
        began = time.perf_counter()
        for _ in range(clients):
            turn = _send(selector, _Connection(url), requests, turn)
        while selector.get_map():
            for ready, _ in selector.select():
                connection: _Connection = ready.data
                if not connection.receive():
                    continue
                now = time.perf_counter()
                asked.latencies.append(now - connection.sent_at)
                asked.statuses[connection.status] += 1
                asked.rows += connection.rows
                selector.unregister(connection.socket)
                if now - began < seconds:
                    turn = _send(selector, connection, requests, turn)
                else:
                    connection.socket.close()
        asked.seconds = time.perf_counter() - began
    return asked


def _send(
    selector: selectors.BaseSelector, connection: _Connection, requests: Sequence[bytes], turn: int
) -> int:
    connection.send(requests[turn % len(requests)])
    selector.register(connection.socket, selectors.EVENT_READ, connection)
    return turn + 1


class _Connection:
    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.socket = socket.create_connection((place.hostname, place.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at, self.status, self.rows = 0.0, 0, 0
        self._parts: list[bytes] = []
        self._missing = -1

    def send(self, request: bytes) -> None:
        self._parts, self._missing = [], -1
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bool:
        """True if the answer is whole."""
        received = self.socket.recv(1 << 20)
        if not received:
            raise ConnectionError("the server closed the connection")
        self._parts.append(received)
        if self._missing < 0:
            head, mark, body = b"".join(self._parts).partition(b"\r\n\r\n")
            if not mark:
                return False
            self.status = int(head.split(b" ", 2)[1])
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            self._missing = int(length.split(b":")[1]) - len(body)
        else:
            self._missing -= len(received)
        if self._missing == 0:
            self.rows = b"".join(self._parts).count(ROW_MARK)
        return self._missing == 0
