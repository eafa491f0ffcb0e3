"""Point questions and record pages over 20 million alleles of 8 populations: the whole round trip, one core serving.

The server runs on the first core, the client on the second. Beside it runs a server that filters the same Parquet
files for every question (`pyarrow_peer`). Making the nodes takes ten minutes the first time; they are kept.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pyarrow.parquet as pq

from bench.asking import Asked, ask, get
from bench.sites import FULL, NodeSize, made_node

if TYPE_CHECKING:
    from bench.__main__ import Figure

PEER = "pyarrow per request"
PATH = "/beacon/aggregated/v2/g_variants"
CONTIG = "22"
PAGE_ROWS = 1_000
PAGE_BASES = 200_000
"""Holds some more than a page of alleles that may be told."""
POINTS = 150_000
"""So many that no question is asked twice: an allele told before is not booked again."""
CLIENTS = 32
BOOKED, UNBOOKED = "1e5", "1e6"
"""Budgets in answers per individual: the first is never used up, yet all that is told is booked; the second is none."""
HEALTH_INTERVAL_S = 0.02


@dataclass(frozen=True, slots=True)
class Serving:
    """A running server."""

    public: str
    management: str
    pid: int


def figures(*, quick: bool) -> list[Figure]:
    """`beacon.point`, `beacon.page` and what belongs to them."""
    contigs = (CONTIG,)
    sizes = (NodeSize(1, contigs) if quick else FULL, NodeSize(8, contigs), NodeSize(20, contigs))
    bases, rounds = (5_000, Rounds(1, 1.0)) if quick else (150, Rounds(6, 3.0))
    nodes = {size.datasets: made_node(size, bases_per_site=bases) for size in sizes}
    os.sched_setaffinity(0, {_cores()[-1]})
    return [*_one_dataset(nodes[1], rounds), *_many_datasets(nodes, rounds)]


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often, and for how many seconds each time, something is asked.

    The best round counts: whoever else uses the host can slow a round down and never speeds one up. On the machine of
    the kept figures the same loop took from 39 to 62 ns within minutes.
    """

    count: int
    seconds: float

    def best(self, url: str, requests: Sequence[bytes], *, clients: int) -> Asked:
        """The round with the most answers; each round asks on where the last one ended."""
        share = len(requests) // self.count
        rounds = [requests[place * share : (place + 1) * share] for place in range(self.count)]
        return max(
            (ask(url, each, clients=clients, seconds=self.seconds) for each in rounds),
            key=lambda asked: asked.rate,
        )


def _one_dataset(settings: Path, rounds: Rounds) -> list[Figure]:
    points = point_requests(settings)
    pages = page_requests(PATH)
    with pyarrow_peer(settings.parent / "data/releases") as serving:
        own = [request.replace(PATH.encode(), b"/g_variants") for request in points]
        peer_alone = rounds.best(serving.public, own, clients=1)
        peer_points = rounds.best(serving.public, own, clients=CLIENTS)
        peer_pages = rounds.best(serving.public, page_requests("/g_variants"), clients=CLIENTS)
    with node(settings) as serving:
        time.sleep(1)
        idle_mb = resident_mb(serving.pid)
        warm, single, others = _shares(points)
        ask(serving.public, warm, clients=1, seconds=rounds.seconds)
        alone = rounds.best(serving.public, single, clients=1)
        many = rounds.best(serving.public, others, clients=CLIENTS)
        with watched(serving.management) as health:
            paged = rounds.best(serving.public, pages, clients=CLIENTS)
    with node(settings, budget=UNBOOKED) as serving:
        ask(serving.public, warm, clients=1, seconds=rounds.seconds)
        unbooked = rounds.best(serving.public, others, clients=CLIENTS)
    refused = sum(asked.refused for asked in (alone, many, paged))
    return [
        _figure("beacon.point", many.rate, "requests/s", PEER, peer_points.rate),
        _figure("beacon.point.unbooked", unbooked.rate, "requests/s", "budgets booked", many.rate),
        _figure(
            "beacon.point.p50",
            alone.percentile_ms(0.5),
            "ms, one client",
            PEER,
            peer_alone.percentile_ms(0.5),
        ),
        _figure("beacon.page", paged.row_rate, "rows/s", PEER, peer_pages.row_rate),
        _figure(
            "beacon.page.p99",
            paged.percentile_ms(0.99),
            "ms, 32 clients",
            PEER,
            peer_pages.percentile_ms(0.99),
        ),
        _figure("beacon.health.p99", health.percentile_ms(0.99), "ms, 32 clients paging"),
        _figure("beacon.refused", refused, "requests of 32 clients"),
        _figure("node.idle_mb", idle_mb, "MB resident"),
    ]


def _many_datasets(nodes: dict[int, Path], rounds: Rounds) -> list[Figure]:
    """What 20 and 8 datasets cost beside one, asked in turn, so that all meet the same machine."""
    points = {count: point_requests(nodes[count]) for count in (1, 20)}
    with node(nodes[1]) as one, node(nodes[20]) as twenty, node(nodes[8]) as eight:
        asked: dict[str, list[Asked]] = {"point 1": [], "point 20": [], "page 1": [], "page 8": []}
        for place in range(rounds.count + 1):
            for count, serving in ((1, one), (20, twenty)):
                share = points[count][place :: rounds.count + 1]
                asked[f"point {count}"].append(
                    ask(serving.public, share, clients=CLIENTS, seconds=rounds.seconds)
                )
            for count, serving in ((1, one), (8, eight)):
                asked[f"page {count}"].append(
                    ask(serving.public, page_requests(PATH), clients=CLIENTS, seconds=rounds.seconds)
                )
    points_of = {name: max(each.rate for each in found[1:]) for name, found in asked.items()}
    rows_of = {name: max(each.row_rate for each in found[1:]) for name, found in asked.items()}
    return [
        _figure(
            "beacon.point.20_datasets", points_of["point 20"], "requests/s", "1 dataset", points_of["point 1"]
        ),
        _figure("beacon.page.8_datasets", rows_of["page 8"], "rows/s", "1 dataset", rows_of["page 1"]),
    ]


def _figure(
    name: str, value: float, unit: str, peer: str | None = None, peer_value: float | None = None
) -> Figure:
    ratio = value / peer_value if peer_value else None
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "peer": peer,
        "peer_value": peer_value,
        "ratio": ratio,
    }


def point_requests(settings: Path) -> list[bytes]:
    """Questions for alleles that are there, all over the contigs; others in every run, for budgets remember."""
    rng, found = random.Random(), []
    paths = sorted((settings.parent / "data/releases/GDI-EE-BENCH-1/1/sites").glob("chr*.parquet"))
    for path in paths:
        file = pq.ParquetFile(path)
        group = rng.randrange(max(file.num_row_groups - 1, 1))  # the last one may be short
        table = file.read_row_group(group, columns=["contig", "start", "ref", "alt"])
        chosen = rng.sample(range(len(table)), min(POINTS // len(paths), len(table)))
        for contig, start, ref, alt in zip(*table.take(chosen).to_pydict().values(), strict=True):
            found.append(_question(PATH, contig, start=start, referenceBases=ref, alternateBases=alt))
    rng.shuffle(found)
    return found


def _shares(points: Sequence[bytes]) -> tuple[Sequence[bytes], Sequence[bytes], Sequence[bytes]]:
    """Questions to warm up with, for one client, and for all of them."""
    tenth = len(points) // 10
    return points[:tenth], points[tenth : 4 * tenth], points[4 * tenth :]


def page_requests(path: str) -> list[bytes]:
    """Full pages of records all over a contig."""
    rng = random.Random(1)
    starts = [rng.randrange(15_000_000, 45_000_000) for _ in range(200)]
    return [_question(path, CONTIG, start=start, end=start + PAGE_BASES, limit=PAGE_ROWS) for start in starts]


def _question(path: str, contig: str, **asked: object) -> bytes:
    common = {"assemblyId": "GRCh38", "referenceName": contig, "requestedGranularity": "record"}
    return get(f"{path}?{urlencode(common | asked)}")


@contextmanager
def node(settings: Path, *, budget: str = BOOKED, cores: str = "0") -> Iterator[Serving]:
    """The node of a settings file, on these cores; `budget` in answers per individual."""
    folder = settings.parent / "data"
    (folder / "listening.json").unlink(missing_ok=True)
    environment = {
        "GDI_PUBLIC__PORT": "0",
        "GDI_MANAGEMENT__PORT": "0",
        "GDI_LOG__LEVEL": "warning",
        "GDI_DISCLOSURE__AF_BUDGET_FACTOR": budget,
        "GDI_DISCLOSURE__GLOBAL_BUDGET_FACTOR": budget,
    }
    command = ["-c", "from opengdi.apps.cli import main; main()", "node", "start", "--config", str(settings)]
    with _process(command, environment, cores) as process:
        listening = folder / "listening.json"
        _wait_for(lambda: listening.is_file() and listening.stat().st_size > 0, process)
        places = json.loads(listening.read_text())
        yield Serving(places["public"], places["management"], places["pid"])


@contextmanager
def pyarrow_peer(releases: Path) -> Iterator[Serving]:
    """The server to compare with, on the first core."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with _process(["-m", "bench.pyarrow_peer", str(releases), str(port)], {}) as process:
        _wait_for(lambda: _listens(port), process)
        yield Serving(f"http://127.0.0.1:{port}", "", process.pid)


@contextmanager
def _process(
    arguments: Sequence[str], environment: dict[str, str], cores: str = "0"
) -> Iterator[subprocess.Popen[bytes]]:
    command = ["taskset", "-c", cores, sys.executable, *arguments]
    process = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _cores() -> list[int]:
    return list(range(os.cpu_count() or 1))


def _wait_for(is_there, process: subprocess.Popen[bytes]) -> None:
    for _ in range(1_200):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        if is_there():
            return
        time.sleep(0.05)
    raise TimeoutError("the server did not start within a minute")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def watched(management: str) -> Iterator[Asked]:
    """Latencies of `/health/live` while the block runs, asked every 20 ms."""
    asked, done = Asked(), threading.Event()

    def watch() -> None:
        while not done.wait(HEALTH_INTERVAL_S):
            asked.latencies += ask(management, [get("/health/live")], clients=1, seconds=0).latencies

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield asked
    finally:
        done.set()
        thread.join()


def resident_mb(pid: int) -> float:
    """Memory of a process that is in RAM, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024
