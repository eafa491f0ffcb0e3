"""How fast a body leaves the node over loopback, the server on one core and the client on the other.

The peer is Starlette's FileResponse in the same run. Besides the rate by the clock there is the one by the server's CPU
time, which does not wobble when the client's core is busy. Out of an object store a body comes through two servers; the
store here is that FileResponse too, on the client's core, and what it gives straight to the client is the peer.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.delivery_server import BASE, BODY, OBJECT, TOKEN

if TYPE_CHECKING:
    from bench.__main__ import Figure

MIB = 1024 * 1024
PEER = "Starlette FileResponse"
STORE = "straight from the store"
PATHS = {"ours": f"{BASE}/files/{BODY}/content", "peer": "/"}


class Rate(NamedTuple):
    """MiB per second by the clock, and per second of the server's CPU time."""

    wall: float
    cpu: float


def figures(*, quick: bool) -> list[Figure]:
    """`delivery.stream`, and the same by CPU time."""
    size, rounds = (64 * MIB, 3) if quick else (1024 * MIB, 9)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make_body(folder, size)
        with _serving(folder, "ours") as ours, _serving(folder, "peer") as peer:
            rates: dict[str, list[Rate]] = {"ours": [], "peer": []}
            for _ in range(rounds):  # in turn, so that both meet the same machine
                rates["ours"].append(_rate(ours, PATHS["ours"], size))
                rates["peer"].append(_rate(peer, PATHS["peer"], size))
        through = _through_a_store(folder, size, rounds)
    return [
        _figure("delivery.stream", "MiB/s", *(_median(rates[kind], "wall") for kind in PATHS)),
        _figure("delivery.stream_cpu", "MiB/CPU-second", *(_median(rates[kind], "cpu") for kind in PATHS)),
        _figure("delivery.stream_s3", "MiB/s", *(_median(each, "wall") for each in through), peer=STORE),
    ]


def _through_a_store(folder: Path, size: int, rounds: int) -> tuple[list[Rate], list[Rate]]:
    """Rates of a body that comes out of an object store: through the node, and straight from the store."""
    ours, straight = [], []
    with _serving(folder, "store") as store, _serving(folder, "ours", str(store[0])) as node:
        for _ in range(rounds):
            ours.append(_rate(node, PATHS["ours"], size))
            straight.append(_rate(store, OBJECT, size))
    return ours, straight


def _figure(name: str, unit: str, value: float, other: float, *, peer: str = PEER) -> Figure:
    return {
        "name": name,
        "value": round(value, 1),
        "unit": unit,
        "peer": peer,
        "peer_value": round(other, 1),
        "ratio": round(value / other, 2),
    }


def _median(rates: list[Rate], clock: str) -> float:
    return statistics.median(getattr(rate, clock) for rate in rates)


def _make_body(folder: Path, size: int) -> None:
    (folder / "store").mkdir()
    block = os.urandom(MIB)
    with (folder / "store" / BODY).open("wb") as file:
        for _ in range(size // MIB):
            file.write(block)


@contextmanager
def _serving(folder: Path, kind: str, *more: str) -> Iterator[tuple[int, int]]:
    """Port and process id of a server."""
    command = [sys.executable, "-m", "bench.delivery_server", str(folder), kind, *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.terminate()


def _rate(server: tuple[int, int], path: str, size: int) -> Rate:
    port, pid = server
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(mine)})
    try:
        cpu = _cpu_seconds(pid)
        started = time.perf_counter()
        received = _download(port, path)
        wall = time.perf_counter() - started
        cpu = _cpu_seconds(pid) - cpu
    finally:
        os.sched_setaffinity(0, mine)
    assert received == size
    return Rate(size / MIB / wall, size / MIB / cpu)


def _download(port: int, path: str) -> int:
    """Bytes of the body, thrown away as they come."""
    buffer = bytearray(2 * MIB)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        ask = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
        connection.sendall(ask.encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        head, _, body = head.partition(b"\r\n\r\n")
        assert b" 200 " in head.split(b"\r\n")[0], head
        received = len(body)
        while count := connection.recv_into(buffer):
            received += count
    return received


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
