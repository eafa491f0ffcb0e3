"""Taking files into the archive: the verify pass beside its peer, the whole pass on disk, the index of a BAM.

The verify pass decrypts a body and computes SHA-256 of both sides, the archived and the decrypted, in one thread from
the page cache; the node runs the two sides in two threads. The peer does the same with the reference package and
`hashlib`. The whole pass reads from one directory and writes to another, synced, so it measures the disk as well.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pysam
from crypt4gh import lib as peer_lib

from opengdi.archive.intake import take_in
from opengdi.archive.intake.indexing import IndexBuilder
from opengdi.archive.intake.opening import Opened, check_header
from opengdi.archive.intake.sides import PlainSide, SealedSide
from opengdi.archive.keyring import ArchiveKey, Keyring
from opengdi.archive.model import Declared
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.storage.directory import DirectoryStorage
from opengdi.standards.crypt4gh import BodyEncryptor, DataKey, Header, PrivateKey, seal_header

if TYPE_CHECKING:
    from bench.__main__ import Figure

MIB = 1024 * 1024
PEER = "crypt4gh package + hashlib"
ROUNDS = 7
"""Ours and the peer's take turns, so that a noisy neighbour meets both; the median counts."""

READS = 200_000


def figures(*, quick: bool) -> list[Figure]:
    """`archive.verify`, `archive.take_in`, `archive.index`."""
    with tempfile.TemporaryDirectory() as folder:
        upload = _Upload(Path(folder), (8 if quick else 512) * MIB)
        return [
            _side_by_side("archive.verify", PEER, upload.verify, upload.peer_verify),
            _one("archive.take_in", "MiB/s from disk to disk", upload.taken_in()),
            _index(Path(folder), READS // 20 if quick else READS),
        ]


class _Upload:
    """One encrypted file in an inbox."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder, self._mib = folder, size / MIB
        self._reader = PrivateKey(os.urandom(32))
        self._keyring = Keyring([ArchiveKey(1, self._reader)], SigningKey.generate())
        (folder / "inbox").mkdir()
        self._path = folder / "inbox" / "upload"
        data_key = DataKey(os.urandom(32))
        encryptor = BodyEncryptor(data_key, os.urandom)
        with self._path.open("wb") as file:
            recipients = [self._reader.public]
            file.write(seal_header(Header((data_key,)), recipients, self._reader, lambda: os.urandom(12)))
            for _ in range(size // MIB):
                file.write(encryptor.feed(os.urandom(MIB)))
            file.write(encryptor.finish())

    def verify(self) -> float:
        with self._path.open("rb", buffering=0) as source:
            began = time.process_time()
            opened = self._opened(source)
            sealed = SealedSide(opened.raw, Declared())
            plain = PlainSide(opened, Declared(), _unseen)
            for piece in _pieces(source):
                sealed.take([piece])
                plain.take([piece])
            plain.finish()
            assert sealed.body_sha256 != plain.plain_sha256
            return self._mib / (time.process_time() - began)

    def peer_verify(self) -> float:
        with self._path.open("rb", buffering=0) as source:
            began = time.process_time()
            sealed, plain = _HashingReader(source), _HashingSink()
            peer_lib.decrypt([(0, self._reader.reveal(), None)], sealed, plain)
            assert sealed.digest.hexdigest() != plain.digest.hexdigest()
            return self._mib / (time.process_time() - began)

    def taken_in(self) -> float:
        rates = []
        for number in range(3):
            began = time.perf_counter()
            asyncio.run(self._take_in(f"ab/{number}"))
            rates.append(self._mib / (time.perf_counter() - began))
        return statistics.median(rates)

    async def _take_in(self, place: str) -> None:
        inbox = DirectoryStorage(self._folder / "inbox")
        archive = DirectoryStorage(self._folder / "archive")
        await take_in(inbox.get("upload"), archive, place, self._keyring, Declared())

    def _opened(self, source: io.RawIOBase) -> Opened:
        beginning = source.read(4096) or b""
        opened = check_header(beginning, self._keyring)
        assert opened is not None
        source.seek(len(opened.raw))
        return opened


class _HashingReader:
    """What the peer reads, digested."""

    def __init__(self, source: io.RawIOBase) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size) or b""
        self.digest.update(data)
        return data

    def readinto(self, buffer: Any) -> int:
        size = self._source.readinto(buffer) or 0
        self.digest.update(memoryview(buffer)[:size])
        return size


class _HashingSink:
    """What the peer writes, digested."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return len(data)


def _pieces(source: io.RawIOBase) -> Iterator[bytes]:
    while piece := source.read(MIB):
        yield piece


def _unseen(_part: memoryview) -> None:
    pass


def _index(folder: Path, reads: int) -> Figure:
    """CPU of the indexing process over the same BAM, by a pipe and (the peer) from the file."""
    path = folder / "reads.bam"
    _write_reads(path, reads)
    mib = path.stat().st_size / MIB

    def ours() -> float:
        began = _children_s()
        builder = IndexBuilder()
        with path.open("rb", buffering=0) as source:
            for piece in _pieces(source):
                builder.take(memoryview(piece))
        assert builder.finish().kind == "csi"
        return mib / (_children_s() - began)

    def peer() -> float:
        began = time.process_time()
        pysam.index("-c", str(path))
        return mib / (time.process_time() - began)

    return _side_by_side("archive.index", "samtools index of the file", ours, peer)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _write_reads(path: Path, reads: int) -> None:
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "1", "LN": 250_000_000}]}
    with pysam.AlignmentFile(str(path), "wb", header=header) as out:
        read = pysam.AlignedSegment(out.header)
        read.flag, read.reference_id, read.mapping_quality, read.cigarstring = 0, 0, 60, "150M"
        for number in range(reads):
            read.query_name, read.reference_start = f"read{number}", number * 1000
            read.query_sequence = "".join("ACGT"[base & 3] for base in os.urandom(150))
            out.write(read)


def _side_by_side(name: str, peer_name: str, ours: Callable[[], float], peer: Callable[[], float]) -> Figure:
    ours(), peer()
    rounds = [(ours(), peer()) for _ in range(ROUNDS)]
    value, peer_value = (statistics.median(side) for side in zip(*rounds, strict=True))
    return {
        "name": name,
        "value": value,
        "unit": "MiB per CPU-second",
        "peer": peer_name,
        "peer_value": peer_value,
        "ratio": value / peer_value,
    }


def _one(name: str, unit: str, value: float) -> Figure:
    return {"name": name, "value": value, "unit": unit, "peer": None, "peer_value": None, "ratio": None}
