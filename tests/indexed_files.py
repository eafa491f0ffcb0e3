"""Indexed BAM, CRAM, VCF and BCF files, real and synthetic, and what a plain reading of them says of a region.

Readers here are pysam's, through files; none of our own code is used, so that they can judge it.
"""

from __future__ import annotations

import gzip
import random
import struct
import tempfile
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pysam
import pysam.bcftools

_BASES = bytes(b"ACGT"[byte & 3] for byte in range(256))
_QUALITIES = bytes((20, 32, 37, 40)[byte & 3] for byte in range(256))
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


@dataclass(frozen=True)
class Record:
    """A record as text, with its place."""

    reference: str
    start: int
    end: int
    text: str

    def overlaps(self, reference: str, start: int, end: int) -> bool:
        return self.reference == reference and self.start < end and start < self.end


@dataclass(frozen=True)
class IndexedFile:
    """A file, its index, and its format."""

    format: str
    path: Path
    index_path: Path

    @cached_property
    def data(self) -> bytes:
        return self.path.read_bytes()

    @cached_property
    def index(self) -> bytes:
        return self.index_path.read_bytes()

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """All of them, in order."""
        return tuple(read_records(self.format, self.data))

    def region(self, reference: str, start: int, end: int) -> list[Record]:
        """Those that overlap it, by looking at each that begins before its end."""
        here = self._by_reference.get(reference, [])
        before_end = here[: bisect_left(here, end, key=lambda record: record.start)]
        return [record for record in before_end if start < record.end]

    @cached_property
    def _by_reference(self) -> dict[str, list[Record]]:
        found: dict[str, list[Record]] = {}
        for record in self.records:
            found.setdefault(record.reference, []).append(record)
        return found

    def windows(self, count: int, seed: int) -> Iterator[tuple[str, int, int]]:
        """Random regions near records, of all sizes from a base to the whole."""
        rng = random.Random(seed)
        placed = [record for record in self.records if record.reference != "*"]
        for _ in range(count):
            near = rng.choice(placed)
            size = int(10 ** rng.uniform(0, 4.7))
            start = max(0, near.start + rng.randint(-size, size // 2))
            yield near.reference, start, start + size


def read_records(file_format: str, data: bytes) -> list[Record]:
    """What a reader makes of a whole file."""
    with tempfile.NamedTemporaryFile(suffix=f".{file_format.lower()}") as file:
        file.write(data)
        file.flush()
        reader = _alignments if file_format in {"BAM", "CRAM"} else _variants
        return list(reader(file.name))


def _alignments(path: str) -> Iterator[Record]:
    with pysam.AlignmentFile(path, check_sq=False) as file:
        for record in file.fetch(until_eof=True):
            start = record.reference_start
            end = record.reference_end or start + 1
            yield Record(record.reference_name or "*", start, end, record.to_string())


def _variants(path: str) -> Iterator[Record]:
    with pysam.VariantFile(path) as file:
        for record in file:
            yield Record(record.chrom, record.start, max(record.stop, record.start + 1), str(record))


def na12878(shared: Path, file_format: str) -> IndexedFile:
    """Real alignments."""
    path = shared / "data/na12878" / f"htsnexus_test_NA12878.{file_format.lower()}"
    suffix = {"BAM": ".bai", "CRAM": ".crai"}[file_format]
    return IndexedFile(file_format, path, path.with_suffix(path.suffix + suffix))


def in_small_slices(file: IndexedFile, folder: Path) -> IndexedFile:
    """The reads of a CRAM in slices of 1000, so that a region takes few of many."""
    path = folder / "sliced.cram"
    options = [b"no_ref=1", b"seqs_per_slice=1000"]
    with (
        pysam.AlignmentFile(str(file.path), check_sq=False) as source,
        pysam.AlignmentFile(str(path), "wc", template=source, format_options=options) as sliced,
    ):
        for read in source.fetch(until_eof=True):
            sliced.write(read)
    pysam.index(str(path))
    return IndexedFile("CRAM", path, Path(f"{path}.crai"))


def thousand_genomes(
    shared: Path, folder: Path, file_format: str, *, csi: bool = False, people: int = 0
) -> IndexedFile:
    """Real variants, indexed here. VCF has a TBI unless `csi`; BCF always a CSI. people: the first so many; 0: all."""
    source = shared / "data/1000g/chr22.grch38.2548x3042.vcf.gz"
    if people:
        source = _of_few(source, folder, people)
    if file_format == "VCF":
        path = folder / "real.vcf.gz"
        path.write_bytes(source.read_bytes())
        pysam.tabix_index(str(path), preset="vcf", csi=csi, force=True)
        return IndexedFile("VCF", path, Path(f"{path}.csi" if csi else f"{path}.tbi"))
    path = folder / "real.bcf"
    pysam.bcftools.view("-Ob", "-o", str(path), str(source), catch_stdout=False)
    pysam.bcftools.index(str(path))
    return IndexedFile("BCF", path, Path(f"{path}.csi"))


def _of_few(source: Path, folder: Path, people: int) -> Path:
    with pysam.VariantFile(str(source)) as file:
        names = list(file.header.samples)[:people]
    few = folder / f"{people}.vcf.gz"
    pysam.bcftools.view("-Oz", "-o", str(few), "-s", ",".join(names), str(source), catch_stdout=False)
    return few


def synthetic_bam(
    folder: Path,
    *,
    references: Sequence[tuple[str, int]] = (("1", 3_000_000), ("2", 900_000_000), ("empty", 1000)),
    reads: int = 6000,
    bases: int = 50,
    across_blocks: int = 0,
    seed: int = 7,
    cram: bool = False,
) -> IndexedFile:
    """Reads with deletions and skips of all sizes, some without a place, indexed by CSI (or CRAI).

    bases: of a read; longer ones than 50 have no gaps.
    across_blocks: bytes in a block whatever the records are, as some writers cut them; 0: as htslib does.
    cram: slices hold reads of several references.
    """
    rng = random.Random(seed)
    header = pysam.AlignmentHeader.from_dict(
        {
            "HD": {"VN": "1.6", "SO": "coordinate"},
            "SQ": [{"SN": name, "LN": length} for name, length in references],
        }
    )
    path = folder / ("synthetic.cram" if cram else f"synthetic-{across_blocks}.bam")
    options = (
        {"format_options": [b"no_ref=1", b"multi_seq_per_slice=1", b"seqs_per_slice=500"]} if cram else {}
    )
    with pysam.AlignmentFile(str(path), "wc" if cram else "wb", header=header, **options) as file:
        for read in _reads(rng, header, references, reads, bases):
            file.write(read)
    if across_blocks:
        path.write_bytes(_cut_anywhere(gzip.decompress(path.read_bytes()), across_blocks))
    if cram:
        pysam.index(str(path))
        return IndexedFile("CRAM", path, Path(f"{path}.crai"))
    pysam.index("-c", str(path))
    return IndexedFile("BAM", path, Path(f"{path}.csi"))


def _reads(
    rng: random.Random, header: Any, references: Sequence[tuple[str, int]], count: int, bases: int
) -> Iterator[pysam.AlignedSegment]:
    used = [number for number, (name, _) in enumerate(references) if name != "empty"]
    places = sorted((rng.choice(used), int(rng.random() ** 3 * 0.9 * 10**9)) for _ in range(count))
    places = sorted((number, start % (references[number][1] - 300_000)) for number, start in places)
    for number, (reference, start) in enumerate(places):
        read = _read(rng, header, f"read{number}", bases)
        read.reference_id, read.reference_start = reference, start
        gaps = [f"20M5D{bases - 20}M", f"10S{bases - 10}M", f"25M{rng.randint(1, 200_000)}N{bases - 25}M"]
        read.cigarstring = rng.choice([f"{bases}M", *(gaps if bases == 50 else [])])
        if rng.random() < 0.02:
            read.is_unmapped, read.cigarstring = True, None
        yield read
    for number in range(50):
        read = _read(rng, header, f"lost{number}", bases)
        read.is_unmapped = True
        yield read


def _read(rng: random.Random, header: Any, name: str, bases: int) -> pysam.AlignedSegment:
    read = pysam.AlignedSegment(header)
    read.query_name = name
    read.query_sequence = rng.randbytes(bases).translate(_BASES).decode()
    read.query_qualities = array("B", rng.randbytes(bases).translate(_QUALITIES))
    return read


def synthetic_variants(folder: Path, file_format: str, *, across_blocks: int = 0) -> IndexedFile:
    """Short and long variants on two contigs, one of them longer than 512 Mb, and a contig without any."""
    rng = random.Random(11)
    text = ["##fileformat=VCFv4.3", '##INFO=<ID=END,Number=1,Type=Integer,Description="End">']
    text += [
        f"##contig=<ID={name},length={size}>"
        for name, size in (("1", 10**6), ("none", 5), ("big", 9 * 10**8))
    ]
    text += ["#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    for name, size in (("1", 10**6), ("big", 9 * 10**8)):
        for position in sorted(rng.randrange(1, size - 60_000) for _ in range(3000)):
            reference = "".join(rng.choices("ACGT", k=rng.choice([1, 1, 1, 9, 400])))
            end = position + rng.randrange(50_000)
            change = f"{reference[0]}\t<DEL>\t.\tPASS\tEND={end}"
            text.append(
                f"{name}\t{position}\trs{position}\t"
                + (change if rng.random() < 0.05 else f"{reference}\tT{reference}\t.\tPASS\t.")
            )
    path = folder / f"synthetic-{across_blocks}.vcf.gz"
    path.write_bytes(_cut_anywhere("\n".join([*text, ""]).encode(), across_blocks or 60_000))
    if file_format == "BCF":
        bcf = folder / "synthetic.bcf"
        pysam.bcftools.view("-Ob", "-o", str(bcf), str(path), catch_stdout=False)
        pysam.bcftools.index(str(bcf))
        return IndexedFile("BCF", bcf, Path(f"{bcf}.csi"))
    pysam.tabix_index(str(path), preset="vcf", csi=True, force=True)
    return IndexedFile("VCF", path, Path(f"{path}.csi"))


def _cut_anywhere(data: bytes, size: int) -> bytes:
    """BGZF in blocks of `size` bytes of data, whatever is in them."""
    return b"".join(_block(data[at : at + size]) for at in range(0, len(data), size)) + BGZF_END


def _block(data: bytes) -> bytes:
    deflated = zlib.compress(data, 6, wbits=-15)
    head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0" + struct.pack("<H", len(deflated) + 25)
    return head + deflated + struct.pack("<II", zlib.crc32(data), len(data))


@cache
def blocks_of(data: bytes) -> tuple[tuple[int, int], ...]:
    """Begin and end of every BGZF block of a file."""
    found, at = [], 0
    while at < len(data):
        size = struct.unpack_from("<H", data, at + 16)[0] + 1
        found.append((at, at + size))
        at += size
    return tuple(found)
