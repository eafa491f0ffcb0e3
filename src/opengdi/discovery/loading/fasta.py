"""Bases of a reference, read by its `.fai` index; one is made in memory where there is none."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from opengdi.kernel.errors import Invalid
from opengdi.standards.coordinates import parse_contig
from opengdi.standards.faults import Malformed
from opengdi.standards.vcf.alleles import concrete_bases

_WINDOW_BASES: Final = 1 << 16
_LINES_AT_ONCE: Final = 1 << 16
_GZIP_MAGIC: Final = b"\x1f\x8b"
_LINE_FEED: Final = 10


class _Place(NamedTuple):
    """Where a sequence lies. length: bases, `line_bases` of them in a line of `line_width` bytes."""

    length: int
    offset: int
    line_bases: int
    line_width: int


class Fasta:
    """Bases of a reference, one window of a contig in memory.

    Spec: samtools faidx, columns NAME LENGTH OFFSET LINEBASES LINEWIDTH.
    """

    def __init__(self, path: Path) -> None:
        """Raises Invalid if the file cannot be read, is compressed, or it or its index is not of that form."""
        self._places = _places(path)
        self._path = path
        self._names = {contig: name for name in self._places if (contig := _contig(name))}
        self._window = ("", 0, "")

    def bases(self, contig: str, start: int, end: int) -> str:
        """Concrete upper-case bases of `[start, end)`, fewer at the end of the contig.

        Raises Malformed for another contig.
        """
        name, first, text = self._window
        if name != contig or start < first or end > first + len(text):
            first = max(0, start - _WINDOW_BASES // 2)
            text = self._read(contig, first, max(end, first + _WINDOW_BASES))
            self._window = (contig, first, text)
        return text[start - first : end - first]

    def base_before(self, contig: str, position: int) -> str:
        return self.bases(contig, position, position + 1)

    def _read(self, contig: str, start: int, end: int) -> str:
        if contig not in self._names:
            raise Malformed(f"contig {contig} is not in the reference")
        length, offset, line_bases, line_width = self._places[self._names[contig]]
        end = min(end, length)
        first = offset + start // line_bases * line_width + start % line_bases
        last = offset + end // line_bases * line_width + end % line_bases
        with self._path.open("rb") as file:
            file.seek(first)
            text = file.read(max(0, last - first)).translate(None, b"\r\n")
        return concrete_bases(text.decode("ascii", "replace").upper())


def _contig(name: str) -> str | None:
    try:
        return parse_contig(name).contig
    except Malformed:
        return None


def _places(path: Path) -> Mapping[str, _Place]:
    """Places of the sequences, from the index beside the file or from the file itself. Raises Invalid."""
    index = path.with_name(path.name + ".fai")
    try:
        with path.open("rb") as file:
            if file.read(2) == _GZIP_MAGIC:
                raise Invalid(f"{path.name}: is compressed; the reference must be plain FASTA (bgzip -d)")
        if index.is_file():
            return _indexed(index)
        told = path.stat()
        return _found(path, told.st_size, told.st_mtime_ns)
    except OSError as error:
        raise Invalid(f"{path.name}: the reference cannot be read: {error.strerror}") from error


def _indexed(index: Path) -> Mapping[str, _Place]:
    try:
        rows = [line.split("\t") for line in index.read_text().splitlines()]
        places = {row[0]: _Place(*map(int, row[1:5])) for row in rows}
        if any(min(place) < 0 or not 0 < place.line_bases < place.line_width for place in places.values()):
            raise ValueError
    except (TypeError, ValueError) as error:
        raise Invalid(
            f"{index.name}: is not a FASTA index (samtools faidx); remove it or make it again"
        ) from error
    return places


@lru_cache(maxsize=4)
def _found(path: Path, size: int, _changed_ns: int) -> Mapping[str, _Place]:
    """Places of all sequences by one pass over the file, once per process. Raises Invalid, OSError."""
    if not size:
        raise Invalid(f"{path.name}: is empty; a reference is FASTA")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        try:
            return dict(_sequences(text))
        except Malformed as error:
            raise Invalid(f"{path.name}: {error}") from error


def _sequences(text: mmap.mmap) -> Iterator[tuple[str, _Place]]:
    if text[:1] != b">":
        raise Malformed("is not FASTA: it does not begin with '>'")
    at = 0
    while at < len(text):
        begin = text.find(b"\n", at) + 1 or len(text)
        name = (text[at + 1 : begin].split() or [b""])[0].decode("utf-8", "replace")
        end = text.find(b"\n>", begin - 1) + 1 or len(text)
        yield name, _measured(text, name, begin, end)
        at = end


def _measured(text: mmap.mmap, name: str, begin: int, end: int) -> _Place:
    """Place of the sequence in `[begin, end)`. Raises Malformed unless all its lines but the last are equally long."""
    while end > begin and text[end - 1 : end] in {b"\n", b"\r"}:
        end -= 1
    line_end = text.find(b"\n", begin, end)
    if line_end < 0:
        return _Place(end - begin, begin, max(1, end - begin), max(1, end - begin) + 1)
    width = line_end + 1 - begin
    bases = width - (2 if text[line_end - 1 : line_end] == b"\r" else 1)
    full = (end - begin) // width
    last = end - begin - full * width
    rest = text[begin + full * width : end]
    if bases < 1 or last > bases or b"\n" in rest or not _is_regular(text, begin, full, width):
        raise Malformed(
            f"the lines of {name} differ in length; make them equal (samtools faidx asks for that too)"
        )
    return _Place(full * bases + last, begin, bases, width)


def _is_regular(text: mmap.mmap, begin: int, lines: int, width: int) -> bool:
    """True if each of so many lines of `width` bytes ends in the only line feed that it has."""
    for first in range(0, lines, _LINES_AT_ONCE):
        count = min(_LINES_AT_ONCE, lines - first)
        at = begin + first * width
        feeds = np.frombuffer(text[at : at + count * width], np.uint8).reshape(count, width) == _LINE_FEED
        if not feeds[:, -1].all() or int(feeds.sum()) != count:
            return False
    return True
