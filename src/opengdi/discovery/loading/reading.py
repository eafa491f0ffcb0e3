"""Variant files as bytes: what kind a file is, its header, and runs of whole lines or whole records of a span.

A file can be cut into spans that are read apart: text between any two places (a span owns the lines that begin
after its begin, up to and including one that begins at its end), BCF at the record starts that its index tells.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from opengdi.standards.bgzf.blocks import (
    END_OF_FILE,
    GZIP_MAGIC,
    HEADER_BYTES,
    VirtualOffset,
    block_size,
    inflate,
    is_bgzf,
)
from opengdi.standards.faults import Malformed
from opengdi.standards.vcf import bcf
from opengdi.standards.vcf.header import VcfHeader, parse_header

RUN_BYTES: Final = 1 << 20
"""Uncompressed bytes handed on at a time, about."""

_PIECE_BYTES: Final = 1 << 18
_SEARCH_BYTES: Final = 1 << 18
_PARQUET_MAGIC: Final = b"PAR1"
_NOT_READ: Final = {
    b"PK\x03\x04": "is a zip archive; give VCF, VCF.gz, BCF or Parquet",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd; give VCF, VCF.gz, BCF or Parquet",
    b"\xfd7zXZ": "is compressed with xz; give VCF, VCF.gz, BCF or Parquet",
    b"BZh": "is compressed with bzip2; give VCF, VCF.gz, BCF or Parquet",
    b"BCF": "BCF must be compressed with BGZF: bcftools view -Ob",
    b"\xff\xfe": "is text of 16 bits a character; save it as UTF-8",
    b"\xfe\xff": "is text of 16 bits a character; save it as UTF-8",
}
"""First bytes of what is not read, and what the data manager can do."""


START: Final = VirtualOffset(0)


class FileKind(StrEnum):
    """How the bytes of a variant file are to be read."""

    TEXT = "VCF"
    GZIP = "VCF, gzip"
    BGZF = "VCF, BGZF"
    BCF = "BCF"
    PARQUET = "Parquet"


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a file, `end` None = to the end of the file. In plain text `block` is a byte offset."""

    begin: VirtualOffset = START
    end: VirtualOffset | None = None

    @property
    def is_first(self) -> bool:
        return self.begin == START


@dataclass(frozen=True, slots=True)
class OpenedHeader:
    """A header and where the records begin; in compressed text only the block in which the header ends."""

    header: VcfHeader
    records_at: VirtualOffset


def kind_of(path: Path) -> FileKind:
    """What a file is, by its first bytes. Raises OSError, Malformed."""
    with path.open("rb") as file:
        start = file.read(HEADER_BYTES)
    if not start:
        raise Malformed("the file is empty")
    if start[:4] == _PARQUET_MAGIC:
        return FileKind.PARQUET
    if reason := next((reason for magic, reason in _NOT_READ.items() if start.startswith(magic)), None):
        raise Malformed(reason)
    if is_bgzf(start):
        first = next((data for _, data in bgzf_blocks(path, 0) if data), b"")
        return FileKind.BCF if first[:3] == b"BCF" else FileKind.BGZF
    return FileKind.GZIP if start[:2] == GZIP_MAGIC else FileKind.TEXT


def check_complete(path: Path, kind: FileKind) -> None:
    """Raises Malformed if a BGZF file lacks the block that ends it: it was cut off while it was copied."""
    if kind not in {FileKind.BGZF, FileKind.BCF}:
        return
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - len(END_OF_FILE)))
        if file.read() != END_OF_FILE:
            raise Malformed("the file is truncated: the BGZF end-of-file block is missing")


def read_header(path: Path, kind: FileKind) -> OpenedHeader:
    """Header of a VCF or BCF. Raises Malformed."""
    if kind is FileKind.BCF:
        return _read_bcf_header(path)
    lines: list[str] = []
    ends_in, size = 0, 0
    for piece, line in _placed_lines(path, kind):
        ends_in, size = piece, size + len(line) + 1
        lines.append(_decoded(line))
        if not line.startswith(b"##"):
            break
    return OpenedHeader(parse_header(lines), VirtualOffset(size if kind is FileKind.TEXT else ends_in))


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise Malformed("the header is not UTF-8") from error


def _placed_lines(path: Path, kind: FileKind) -> Iterator[tuple[int, bytes]]:
    """Lines from the beginning, each with the offset of the piece in which it ends."""
    rest, at = b"", 0
    for at, data in _pieces(path, kind, 0):
        *whole, rest = (rest + data).split(b"\n")
        yield from ((at, line) for line in whole)
    if rest:
        yield at, rest


def _read_bcf_header(path: Path) -> OpenedHeader:
    gathered, needed = b"", 9
    for at, data in bgzf_blocks(path, 0):
        before = len(gathered)
        gathered += data
        if len(gathered) >= 9:
            needed = bcf.header_length(gathered)
        if len(gathered) >= needed:
            header, end = bcf.parse_bcf_header(gathered)
            return OpenedHeader(header, VirtualOffset(at, end - before))
    raise Malformed("the BCF header is cut off")


def bgzf_blocks(path: Path, start: int) -> Iterator[tuple[int, bytes]]:
    """(offset, inflated bytes) of each block from the one at `start`. Raises Malformed if one is damaged or cut."""
    with path.open("rb", buffering=RUN_BYTES) as file:
        file.seek(start)
        at = start
        while header := file.read(HEADER_BYTES):
            size = block_size(header)
            block = header + file.read(size - HEADER_BYTES)
            if len(block) < size:
                raise Malformed("the file is truncated: it ends inside a BGZF block")
            yield at, inflate(block)
            at += size


def block_after(path: Path, offset: int) -> int | None:
    """Offset of the first BGZF block at or after `offset`, None if there is no further one.

    A block is known by its header and by the header (or the end of the file) that follows where it says it ends.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(offset)
        window = file.read(_SEARCH_BYTES)
        found = window.find(GZIP_MAGIC)
        while found >= 0:
            header = window[found : found + HEADER_BYTES]
            if len(header) == HEADER_BYTES and is_bgzf(header):
                end = offset + found + block_size(header)
                file.seek(end)
                if end == size or is_bgzf(file.read(HEADER_BYTES)):
                    return offset + found
            found = window.find(GZIP_MAGIC, found + 1)
    return None


def _pieces(path: Path, kind: FileKind, begin: int) -> Iterator[tuple[int, bytes]]:
    """(offset, bytes) from `begin`; the offsets of one file are the same wherever reading began in BGZF."""
    if kind in {FileKind.BGZF, FileKind.BCF}:
        yield from bgzf_blocks(path, begin)
    elif kind is FileKind.GZIP:
        yield from _gunzipped(path)
    else:
        with path.open("rb") as file:
            file.seek(begin)
            at = begin
            while data := file.read(_PIECE_BYTES):
                yield at, data
                at += len(data)


def _gunzipped(path: Path) -> Iterator[tuple[int, bytes]]:
    """Pieces of a plain gzip file, of several members too. Raises Malformed if it is damaged or cut off."""
    inflator = zlib.decompressobj(wbits=31)
    at = 0
    with path.open("rb") as file:
        try:
            while packed := file.read(_PIECE_BYTES):
                while packed:
                    if inflator.eof:
                        inflator = zlib.decompressobj(wbits=31)
                    data = inflator.decompress(packed)
                    packed = inflator.unused_data
                    yield at, data
                    at += len(data)
        except zlib.error as error:
            raise Malformed(f"the gzip data are damaged: {error}") from error
    if not inflator.eof:
        raise Malformed("the file is truncated: the gzip data end early")


class _Runs:
    """Gathers bytes into runs of whole lines or whole records."""

    def __init__(self, whole: Callable[[bytes], int]) -> None:
        """`whole`: how many bytes of a buffer are whole lines or records."""
        self._whole = whole
        self._gathered: list[bytes] = []
        self._size, self._due = 0, RUN_BYTES

    def take(self, data: bytes) -> bytes:
        """A run, once there is enough for one, else nothing."""
        self._gathered.append(data)
        self._size += len(data)
        return self.cut() if self._size >= self._due else b""

    def cut(self) -> bytes:
        """All that is whole."""
        run = b"".join(self._gathered)
        whole = self._whole(run)
        self._gathered, self._size = [run[whole:]], len(run) - whole
        self._due = max(
            RUN_BYTES, 2 * self._size
        )  # a line of megabytes is looked through a few times, not often
        return run[:whole]

    @property
    def rest(self) -> bytes:
        return b"".join(self._gathered)


def text_runs(path: Path, kind: FileKind, span: Span) -> Iterator[bytes]:
    """Runs of whole lines that the span owns; only the last line of a file may lack its newline.

    Raises Malformed where the file is damaged, after the lines before that place.
    """
    runs = _Runs(lambda run: run.rfind(b"\n") + 1)
    try:
        for data in _owned_pieces(path, kind, span):
            if run := runs.take(data):
                yield run
    except Malformed:
        yield runs.cut()
        raise
    if last := runs.rest:
        yield last


def _owned_pieces(path: Path, kind: FileKind, span: Span) -> Iterator[bytes]:
    """The bytes of the lines that begin after the begin of the span, up to and with one that begins at its end."""
    started = span.is_first
    for at, data in _span_pieces(path, kind, span):
        is_tail = span.end is not None and at >= span.end.block
        line_end = data.find(b"\n") + 1
        if started:
            yield data[:line_end] if is_tail and line_end else data
            if is_tail and line_end:
                return
        elif is_tail:
            return
        elif line_end:
            started = True
            yield data[line_end:]


def _span_pieces(path: Path, kind: FileKind, span: Span) -> Iterator[tuple[int, bytes]]:
    """Pieces from the begin of a span; a piece of plain text that runs over the end is cut there, blocks never do."""
    for at, data in _pieces(path, kind, span.begin.block):
        inside = span.end.block - at if span.end is not None and kind is FileKind.TEXT else 0
        if 0 < inside < len(data):
            yield at, data[:inside]
            yield at + inside, data[inside:]
        else:
            yield at, data


def bcf_runs(path: Path, span: Span) -> Iterator[bytes]:
    """Runs of whole BCF records of the span.

    Raises Malformed where the file is damaged or ends inside a record, after the records before that place.
    """
    runs = _Runs(_whole_records)
    try:
        for data in _span_blocks(path, span):
            if run := runs.take(data):
                yield run
    except Malformed:
        yield runs.cut()
        raise
    if run := runs.cut():
        yield run
    if runs.rest:
        raise Malformed("the file is truncated: it ends inside a BCF record")


def _span_blocks(path: Path, span: Span) -> Iterator[bytes]:
    """The bytes between two virtual offsets, block by block."""
    for at, data in bgzf_blocks(path, span.begin.block):
        begin = span.begin.within if at == span.begin.block else 0
        if span.end is None or at < span.end.block:
            yield data[begin:]
            continue
        if at == span.end.block:
            yield data[begin : span.end.within]
        return


def _whole_records(buffer: bytes) -> int:
    """Bytes that whole records take from the beginning of the buffer."""
    at = 0
    while at + bcf.LENGTHS_BYTES <= len(buffer):
        length = bcf.record_length(buffer, at)
        if at + length > len(buffer):
            break
        at += length
    return at
