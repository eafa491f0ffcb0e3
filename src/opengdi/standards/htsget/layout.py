"""What planning needs to know of a file: its header, its end, how its records lie, and the index.

Gathered once per file by reading a few blocks; all offsets count decrypted bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opengdi.standards import bam, cram
from opengdi.standards.bgzf.binning import BinningIndex, parse_index
from opengdi.standards.bgzf.blocks import END_OF_FILE
from opengdi.standards.bgzf.walking import HeaderEnd, Need, Reading, Records, read_header
from opengdi.standards.cram import CramIndex, parse_crai
from opengdi.standards.faults import Malformed
from opengdi.standards.vcf.bcf import parse_bcf_header
from opengdi.standards.vcf.cutting import BcfRecords, VcfHeaderSize, VcfLines, bcf_header_size
from opengdi.standards.vcf.header import parse_header

Index = BinningIndex | CramIndex

_CONTAINER_HEADER_BYTES: Final = 4096
"""More than the file definition and the header of a container of the SAM header take."""


@dataclass(frozen=True, slots=True)
class FileLayout:
    """One indexed file.

    references: number by name, as the index numbers them; -1 for one that has no records, so the index does not know
    it. header_end: virtual; its tail is what of the header shares a block with records. end_of_records: bytes before
    the end marker, whose own bytes are `end_marker`. records: None where records cannot be told apart (CRAM).
    """

    format: str
    references: Mapping[str, int]
    header: HeaderEnd
    end_of_records: int
    end_marker: bytes
    records: Records | None
    index: Index | None

    @property
    def size_bytes(self) -> int:
        """About what this takes in memory."""
        index_bytes = self.index.size_bytes if self.index else 0
        return 2 * index_bytes + 200 * len(self.references) + len(self.header.tail) + 1000


def parse_index_of(file_format: str, raw: bytes) -> Index:
    """The index file of a file of that format. Raises Malformed. Takes some 50 ms for that of a whole genome."""
    return parse_crai(raw) if file_format == "CRAM" else parse_index(raw)


def read_layout(file_format: str, size: int, index: Index | None) -> Reading[FileLayout]:
    """The layout of a file of `size` bytes (`BAM`, `CRAM`, `VCF` bgzipped, or `BCF`). Raises Malformed.

    Without an index it has a header and an end, and no region can be found in it.
    """
    tail = yield Need(max(0, size - cram.END_BYTES), size)
    if file_format == "CRAM":
        if isinstance(index, BinningIndex):
            raise Malformed("a CRAM has a CRAI, not a BAI")
        return (yield from _cram_layout(size, tail, index))
    if isinstance(index, CramIndex):
        raise Malformed(f"a {file_format} has no CRAI")
    return (yield from _bgzf_layout(file_format, size, tail, index))


def _cram_layout(size: int, tail: bytes, index: CramIndex | None) -> Reading[FileLayout]:
    marker = cram.end_marker(tail)
    end = size - len(marker)
    first = cram.header_size((yield Need(0, _CONTAINER_HEADER_BYTES)))
    if first > end or (
        index and index.containers and not first <= index.containers[0] <= index.containers[-1] < end
    ):
        raise Malformed(f"the CRAI does not belong to this CRAM of {size} bytes")
    names = cram.reference_names((yield Need(0, first)))
    numbers = {name: number for number, name in enumerate(names)}
    return FileLayout("CRAM", numbers, HeaderEnd(first << 16, b""), end, marker, None, index)


def _bgzf_layout(file_format: str, size: int, tail: bytes, index: BinningIndex | None) -> Reading[FileLayout]:
    size_of, facts_of = _BGZF_FORMATS[file_format]
    text, header = yield from read_header(size_of())
    references, records = facts_of(text, index.names if index else ())
    end = size - len(END_OF_FILE) if tail.endswith(END_OF_FILE) else size
    return FileLayout(file_format, references, header, end, END_OF_FILE, records, index)


Facts = tuple[Mapping[str, int], Records]


def _bam_facts(text: bytes, _: Sequence[str]) -> Facts:
    header = bam.parse_header(text)
    assert header is not None
    numbers = {name: number for number, name in enumerate(header.names)}
    return numbers, bam.BamRecords(len(header.names))


def _vcf_facts(text: bytes, index_names: Sequence[str]) -> Facts:
    """The index names the contigs that have records; the header may name more."""
    told = parse_header(text.decode("utf-8", "replace").splitlines())
    numbers = {name: number for number, name in enumerate(index_names)}
    by_name = {name.encode(): number for name, number in numbers.items()}
    return dict.fromkeys(told.contigs, -1) | numbers, VcfLines(by_name)


def _bcf_facts(text: bytes, _: Sequence[str]) -> Facts:
    names = parse_bcf_header(text)[0].contig_names
    return {name: number for number, name in names.items()}, BcfRecords(max(names, default=-1) + 1)


_BGZF_FORMATS: Final[
    Mapping[
        str, tuple[Callable[[], Callable[[bytearray], int | None]], Callable[[bytes, Sequence[str]], Facts]]
    ]
] = {
    "BAM": (bam.HeaderSize, _bam_facts),
    "VCF": (VcfHeaderSize, _vcf_facts),
    "BCF": (lambda: bcf_header_size, _bcf_facts),
}
