"""Tickets a second over an index that is in memory, and bytes of answers beyond what the index says is needed."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tests.htsget_kit import ADA, BASE
from tests.indexed_files import IndexedFile, blocks_of, synthetic_bam

from bench.asking import ask
from opengdi.standards.bgzf.binning import parse_index
from opengdi.standards.bgzf.walking import Need
from opengdi.standards.htsget.layout import read_layout
from opengdi.standards.htsget.planning import numbered, parts_of, pieces_of
from opengdi.standards.htsget.request import Region

if TYPE_CHECKING:
    from bench.__main__ import Figure

T = TypeVar("T")
WINDOW_BASES = 10_000
CONTIGS = (("1", 250_000_000), ("2", 240_000_000))


def figures(*, quick: bool) -> list[Figure]:
    """`htsget.tickets` and its median latency, `htsget.excess_blocks`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = synthetic_bam(folder, references=CONTIGS, reads=5_000 if quick else 100_000)
        return [*_tickets(file, folder, seconds=1 if quick else 10), _excess(file, 100 if quick else 1000)]


def _windows(count: int) -> Iterator[tuple[str, int, int]]:
    rng = random.Random(1)
    for _ in range(count):
        contig, length = rng.choice(CONTIGS)
        start = int(rng.random() ** 3 * 0.9 * length)
        yield contig, start, start + WINDOW_BASES


def _tickets(file: IndexedFile, folder: Path, *, seconds: float) -> list[Figure]:
    requests = [
        f"GET {BASE}/reads/bam?referenceName={contig}&start={start}&end={end} HTTP/1.1\r\nhost: bench\r\n"
        f"authorization: Bearer {ADA}\r\n\r\n".encode()
        for contig, start, end in _windows(1000)
    ]
    with _server(file, folder) as url:
        ask(url, requests, clients=1, seconds=0.5)
        asked = ask(url, requests, clients=2, seconds=seconds)
    assert not asked.refused
    return [
        _figure("htsget.tickets", asked.rate, "tickets/s"),
        _figure("htsget.ticket_p50", asked.percentile_ms(0.5), "ms"),
    ]


@contextmanager
def _server(file: IndexedFile, folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "bench.htsget_server", file.path, file.index_path, folder / "audit"]
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _excess(file: IndexedFile, windows: int) -> Figure:
    """The most that a window's answer has beyond the least that the index allows, in blocks at one end.

    The least: for each chunk the bytes from the begin of its first block to the end of its last one.
    """
    index = parse_index(file.index)
    layout = _run(read_layout("BAM", len(file.data), index), file.data)
    blocks = blocks_of(file.data)
    worst = 0.0
    for window in _windows(windows):
        [region] = numbered(layout, [Region(*window)])
        chunks = index.chunks(*region)
        needed = [b for b in blocks if any(begin >> 16 <= b[0] and b[0] << 16 < end for begin, end in chunks)]
        pieces = _run(pieces_of(layout, parts_of(layout, [region])), file.data)
        excess = sum(piece.size for piece in pieces) - sum(stop - start for start, stop in needed)
        if needed:
            worst = max(worst, excess / max(stop - start for start, stop in needed))
    return _figure("htsget.excess_blocks", worst, "blocks at either end")


def _run(reading: Generator[Need, bytes, T], data: bytes) -> T:
    try:
        need = next(reading)
        while True:
            need = reading.send(data[need.first : need.stop])
    except StopIteration as done:
        result: T = done.value
        return result


def _figure(name: str, value: float, unit: str) -> Figure:
    facts: dict[str, Any] = {"peer": None, "peer_value": None, "ratio": None}
    return {"name": name, "value": value, "unit": unit, **facts}  # type: ignore[typeddict-item]  # all are there
