"""Loading: genotypes from BCF, sites from VCF, and what a second process brings. Whole loads, from file to shelf.

Rates are per second of processor time of one process, so that a busy machine does not change them; scaling is wall
time of the same load with one and with two worker processes and wants two idle cores.
"""

from __future__ import annotations

import shutil
import statistics
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from opengdi.discovery.loading.progress import Unheard
from opengdi.discovery.loading.service import Workshop, load_release
from opengdi.discovery.releases import Shelf
from opengdi.kernel.bulk.ports import BulkPool, Task
from opengdi.kernel.bulk.processes import ProcessPool
from opengdi.kernel.bulk.serial import SerialPool
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.database import open_engine
from opengdi.kernel.keys import SigningKey
from opengdi.standards.bgzf.blocks import END_OF_FILE

if TYPE_CHECKING:
    from bench.__main__ import Figure

SAMPLES = 2_500
CONTIGS = ("21", "22")
POPULATIONS = ("", "_EE", "_F", "_M", "_EE_F", "_EE_M", "_FI", "_FI_F")
WORK = Path(__file__).with_name("work") / "ingest"
BLOCK = 65_280
PAIRS = 3


def figures(*, quick: bool) -> list[Figure]:
    """`ingest.genotypes`, `ingest.sites`, `ingest.scaling`."""
    variants, sites = (1_000, 20_000) if quick else (60_000, 500_000)
    shutil.rmtree(WORK, ignore_errors=True)
    try:
        genotypes = made_release("genotypes", ".bcf", lambda contig: bcf(contig, variants), "")
        frequencies = made_release(
            "sites", ".vcf.gz", lambda contig: sites_vcf(contig, sites), "individuals = 9000"
        )
        return [genotype_rate(genotypes, variants), site_rate(frequencies, sites), scaling(genotypes)]
    finally:
        shutil.rmtree(WORK, ignore_errors=True)


def genotype_rate(release: Path, variants: int) -> Figure:
    """The peer reads the same genotypes with cyvcf2 and adds them up, and writes nothing."""
    own = len(CONTIGS) * variants / processor_seconds(lambda: loaded(release, SerialPool()))
    peer = variants / processor_seconds(lambda: read_with_cyvcf2(release / "chr21.bcf"))
    return {
        "name": "ingest.genotypes", "value": own, "unit": "variants/s per core",
        "peer": "cyvcf2 reading and counting only", "peer_value": peer, "ratio": own / peer,
    }  # fmt: skip


def site_rate(release: Path, sites: int) -> Figure:
    own = len(CONTIGS) * sites / processor_seconds(lambda: loaded(release, SerialPool()))
    some = 20_000
    peer = some / processor_seconds(lambda: read_info_with_cyvcf2(release / "chr21.vcf.gz", some))
    return {
        "name": "ingest.sites", "value": own, "unit": "rows/s per core",
        "peer": "cyvcf2 reading INFO only", "peer_value": peer, "ratio": own / peer,
    }  # fmt: skip


def scaling(release: Path) -> Figure:
    """Wall time with one worker process over wall time with two: the median of pairs, for a disk may be busy once."""
    pairs = [(seconds_with(1, release), seconds_with(2, release)) for _ in range(PAIRS)]
    return {
        "name": "ingest.scaling", "value": statistics.median(one / two for one, two in pairs), "unit": "ratio",
        "peer": None, "peer_value": None, "ratio": None,
    }  # fmt: skip


def seconds_with(workers: int, release: Path) -> float:
    with ProcessPool(workers) as pool:
        list(pool.map_ordered(started, [Task(f"start {number}", 2.0) for number in range(workers)]))
        began = time.perf_counter()
        loaded(release, pool)
        return time.perf_counter() - began


def started(seconds: float) -> None:
    """Makes a worker import what it needs, and stay busy until each worker has begun."""
    import opengdi.discovery.loading.work

    assert opengdi.discovery.loading.work
    time.sleep(seconds)


def loaded(release: Path, pool: BulkPool) -> None:
    """Load into a fresh node."""
    from opengdi.apps.migrations import migrate

    node = WORK / "node"
    shutil.rmtree(node, ignore_errors=True)
    (node / "releases").mkdir(parents=True)
    engine, clock = open_engine(node / "state.sqlite"), SystemClock()
    migrate(engine)
    try:
        shelf = Shelf(engine, node / "releases", clock, SigningKey.generate())
        load_release(Workshop(node, shelf, pool, clock, Unheard()), release)
    finally:
        engine.dispose()


def processor_seconds(work) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def read_with_cyvcf2(path: Path) -> None:
    from cyvcf2 import VCF

    for record in VCF(str(path)):
        record.genotype.array()[:, :2].sum()


def read_info_with_cyvcf2(path: Path, rows: int) -> None:
    from cyvcf2 import VCF

    for number, record in enumerate(VCF(str(path))):
        for name in POPULATIONS:
            record.INFO.get(f"AC{name}"), record.INFO.get(f"AN{name}")
        if number + 1 == rows:
            return


def made_release(name: str, suffix: str, content, dataset: str) -> Path:
    """A release of one generated file per contig."""
    folder = WORK / name
    folder.mkdir(parents=True)
    for contig in CONTIGS:
        with (folder / f"chr{contig}{suffix}").open("wb") as file:
            file.writelines(bgzf(content(contig)))
    files = ", ".join(f'"chr{contig}{suffix}"' for contig in CONTIGS)
    (folder / "release.toml").write_text(
        f'[dataset]\nid = "GDI-EE-BENCH-1"\nversion = "1"\ntitle = "{name}"\ncountry = "EE"\nassembly = "GRCh38"\n'
        f"synthetic = true\n{dataset}\n[variants]\nfiles = [{files}]\n"
    )
    return folder


def bgzf(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Blocks as bgzip makes them."""
    pending = b""
    for piece in pieces:
        pending += piece
        while len(pending) >= BLOCK:
            yield block(pending[:BLOCK])
            pending = pending[BLOCK:]
    if pending:
        yield block(pending)
    yield END_OF_FILE


def block(data: bytes) -> bytes:
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = deflate.compress(data) + deflate.flush()
    header = struct.pack("<4BI2BH2BHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(body) + 25)
    return header + body + struct.pack("<II", zlib.crc32(data), len(data))


def bcf(contig: str, variants: int) -> Iterator[bytes]:
    """Genotypes of a spectrum like that of real cohorts: most alleles rare, one call in two thousand missing."""
    names = "\t".join(f"S{number:05d}" for number in range(SAMPLES))
    header = (
        f"##fileformat=VCFv4.2\n##contig=<ID=chr{contig}>\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{names}\n"
    ).encode() + b"\0"
    yield b"BCF\x02\x02" + struct.pack("<I", len(header)) + header
    rng = np.random.default_rng(int(contig))
    frequencies = rng.beta(0.15, 2.0, variants)
    for number in range(variants):
        calls = np.where(rng.random(2 * SAMPLES, np.float32) < frequencies[number], 4, 2).astype(np.uint8)
        calls.reshape(-1, 2)[rng.integers(0, SAMPLES, 1)] = 0
        yield bcf_record(12_000_000 + 11 * number, calls.tobytes(), is_insertion=number % 10 == 0)


def bcf_record(start: int, calls: bytes, *, is_insertion: bool) -> bytes:
    alt = b"\x27GT" if is_insertion else b"\x17T"
    shared = struct.pack("<iiiIII", 0, start, 1, 0x7F800001, 2 << 16, 1 << 24 | SAMPLES)
    shared += b"\x07" + b"\x17G" + alt + b"\x11\x00"
    genotypes = b"\x11\x01\x21" + calls
    return struct.pack("<II", len(shared), len(genotypes)) + shared + genotypes


def sites_vcf(contig: str, sites: int) -> Iterator[bytes]:
    """Allele counts of eight populations."""
    keys = [f"A{kind}{name}" for name in POPULATIONS for kind in "CN"]
    info = "".join(
        f'##INFO=<ID={key},Number={"A" if key[1] == "C" else 1},Type=Integer,Description="{key}">\n'
        for key in keys
    )
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    yield f"##fileformat=VCFv4.2\n##contig=<ID=chr{contig}>\n{info}{columns}".encode()
    rng = np.random.default_rng(int(contig))
    for first in range(0, sites, 10_000):
        rows = min(10_000, sites - first)
        counts = (rng.beta(0.15, 2.0, (rows, 1)) * rng.integers(1, 9_000, (rows, 8))).astype(int).tolist()
        yield "".join(
            f"chr{contig}\t{11_000_000 + 31 * (first + row)}\t.\tG\t{'GT' if row % 10 == 0 else 'T'}\t.\tPASS\t"
            + ";".join(
                f"AC{name}={count};AN{name}=9000"
                for name, count in zip(POPULATIONS, counts[row], strict=True)
            )
            + "\n"
            for row in range(rows)
        ).encode()
