"""CRAM: where containers begin, as a CRAI and the file's ends tell it. Records are not decoded.

Spec: CRAM 3.0, §6 "File definition", §7 "Container header structure", §12 "Indexing" (CRAI).
"""

from __future__ import annotations

import re
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from opengdi.standards.bgzf.blocks import GZIP_MAGIC
from opengdi.standards.faults import Malformed

SPEC_VERSION: Final = "3.0"
MAGIC: Final = b"CRAM"
FILE_DEFINITION_BYTES: Final = 26
END_BYTES: Final = 38
"""Of the longest end-of-file container; that of CRAM 2.1 has 30 bytes."""
UNMAPPED: Final = -1
"""Number of the reference of records without a place."""

Span = tuple[int, int]

LARGEST_INDEX: Final = 1 << 26
LARGEST_HEADER: Final = 1 << 26
"""Bytes after inflating, and of the container: limits of ours. The CRAI of a deeply sequenced genome has 4 MB."""
MOST_REFERENCES: Final = 1 << 20
"""Of a header: a limit of ours."""

_END: Final = re.compile(rb"[\x0b\x0f]\x00\x00\x00\xff\xff\xff\xff\x0f\xe0EOF\x00.{16,24}\Z", re.DOTALL)
_LARGEST_NUMBER: Final = 1 << 62
_SEQUENCE = re.compile(rb"SN:([^\t\n]+)")


@dataclass(frozen=True, slots=True)
class ReferenceSlices:
    """Slices with records of one reference, sorted by start: 0-based starts, furthest end up to each, containers."""

    starts: array[int]
    ends: array[int]
    furthest: array[int]
    containers: array[int]

    def containers_with(self, start: int, end: int) -> Iterator[int]:
        """Containers that may hold records in [start, end)."""
        for number in range(bisect_right(self.furthest, start), bisect_left(self.starts, end)):
            if self.ends[number] > start:
                yield self.containers[number]


@dataclass(frozen=True, slots=True)
class CramIndex:
    """A CRAI. references: by number, `UNMAPPED` for records without a place; containers: offsets, sorted."""

    references: Mapping[int, ReferenceSlices]
    containers: array[int]
    size_bytes: int

    def spans(self, regions: Iterable[tuple[int, int, int]], end_of_containers: int) -> list[Span]:
        """Byte spans of the containers that may hold records of `regions` (reference, start, end), joined.

        Of `UNMAPPED` there are no parts: any region of it is all of it.
        """
        wanted = {begin for region in regions for begin in self.containers_with(region)}
        return joined((begin, self.end_of(begin, end_of_containers)) for begin in sorted(wanted))

    def containers_with(self, region: tuple[int, int, int]) -> Iterable[int]:
        """Where the containers begin that may hold records of a region, some of them more than once."""
        reference, start, end = region
        slices = self.references.get(reference)
        if slices is None:
            return ()
        return slices.containers if reference == UNMAPPED else slices.containers_with(start, end)

    def end_of(self, container: int, end_of_containers: int) -> int:
        """Where the container ends that begins there."""
        after = bisect_right(self.containers, container)
        return self.containers[after] if after < len(self.containers) else end_of_containers


def joined(spans: Iterable[Span]) -> list[Span]:
    """Sorted spans, those that follow each other made one."""
    found: list[Span] = []
    for begin, end in spans:
        if found and found[-1][1] == begin:
            found[-1] = found[-1][0], end
        else:
            found.append((begin, end))
    return found


@dataclass(frozen=True, slots=True)
class Slice:
    """A line of a CRAI: reference, start and end (0-based, half-open), offset of the container.

    at, size_bytes: where the slice begins behind the container's header, and its bytes.
    """

    reference: int
    start: int
    end: int
    container: int
    at: int
    size_bytes: int


def parse_crai(raw: bytes) -> CramIndex:
    """A CRAI file, compressed or not. Raises Malformed."""
    text = _text(raw, LARGEST_INDEX)
    by_reference: dict[int, list[tuple[int, int, int]]] = {}
    for found in _slices(text):
        by_reference.setdefault(found.reference, []).append((found.start, found.end, found.container))
    containers = {container for slices in by_reference.values() for _, _, container in slices}
    return CramIndex(
        {reference: _sorted_slices(slices) for reference, slices in by_reference.items()},
        array("Q", sorted(containers)),
        len(text),
    )


def slices_of(raw: bytes, *, most_bytes: int = LARGEST_INDEX) -> frozenset[Slice]:
    """The lines of a CRAI file, compressed or not. Raises Malformed, for more than `most_bytes` too."""
    return frozenset(_slices(_text(raw, most_bytes)))


def _text(raw: bytes, most_bytes: int) -> bytes:
    return _inflated(raw, most_bytes) if raw[:2] == GZIP_MAGIC else raw


def _slices(text: bytes) -> Iterator[Slice]:
    for number, line in enumerate(text.splitlines(), 1):
        if line:
            yield _slice(number, line)


def _sorted_slices(slices: list[tuple[int, int, int]]) -> ReferenceSlices:
    starts, ends, containers = zip(*sorted(slices), strict=True)
    furthest = accumulate(ends, max)
    return ReferenceSlices(array("q", starts), array("q", ends), array("q", furthest), array("Q", containers))


def _inflated(raw: bytes, most_bytes: int) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    try:
        text = inflater.decompress(raw, most_bytes + 1)
    except zlib.error as error:
        raise Malformed(f"what is compressed is damaged: {error}") from error
    if not inflater.eof or len(text) > most_bytes:
        raise Malformed("what is compressed is cut off, or too large")
    return text


def _slice(number: int, line: bytes) -> Slice:
    try:
        reference, start, span, container, at, size_bytes = map(int, line.split(b"\t"))
    except ValueError as error:
        raise Malformed(f"line {number} of the CRAI is not six numbers") from error
    if container < FILE_DEFINITION_BYTES or max(abs(start), abs(span), container) >= _LARGEST_NUMBER:
        raise Malformed(f"line {number} of the CRAI: there cannot be such a slice")
    start = max(0, start - 1)
    return Slice(reference, start, start + max(1, span), container, at, size_bytes)


def end_marker(tail: bytes) -> bytes:
    """The end-of-file container, if the file ends with one; its own bytes, because versions differ.

    tail: the last 38 bytes of the file, or all of it.
    """
    found = _END.search(tail)
    return found[0] if found else b""


def header_size(start: bytes) -> int:
    """Bytes of the file definition and the container of the SAM header, from their first bytes. Raises Malformed."""
    at = _after_definition(start)
    try:
        length = int.from_bytes(start[at.at : at.at + 4], "little", signed=True)
        at.skip_container_header()
        if start[4] < 3:
            # htslib counts a padded header of CRAM 2 up to four bytes short: its block tells the truth
            length = max(length, at.block_bytes())
    except IndexError as error:
        raise Malformed("the header of the CRAM is cut off") from error
    if not 0 < length < LARGEST_HEADER:
        raise Malformed(f"the header of the CRAM says that it has {length} bytes")
    return at.at + length


def reference_names(start: bytes) -> tuple[str, ...]:
    """Names of the reference sequences, in the order of their ids.

    start: the first `header_size` bytes of the file. Raises Malformed.
    """
    lines = re.findall(rb"^@SQ\t[^\n]*", header_text(start), re.MULTILINE)
    if len(lines) > MOST_REFERENCES:
        raise Malformed(f"a CRAM of {len(lines)} reference sequences; {MOST_REFERENCES} are the most")
    found = filter(None, map(_SEQUENCE.search, lines))
    return tuple(name[1].decode("utf-8", "replace") for name in found)


def header_text(start: bytes) -> bytes:
    """The SAM header: the content of the first block of the first container (§7).

    start: the first `header_size` bytes of the file. Raises Malformed.
    """
    at = _after_definition(start)
    try:
        at.skip_container_header()
        return at.block()
    except (IndexError, KeyError, ValueError, zlib.error) as error:
        raise Malformed("the header of the CRAM cannot be read") from error


def _after_definition(start: bytes) -> _Bytes:
    if start[:4] != MAGIC or len(start) < FILE_DEFINITION_BYTES:
        raise Malformed("not CRAM: the magic bytes are missing")
    return _Bytes(start, FILE_DEFINITION_BYTES, version=start[4])


class _Bytes:
    """A place in the bytes of a CRAM."""

    def __init__(self, data: bytes, at: int, *, version: int) -> None:
        self._data, self.at, self._version = data, at, version

    def skip_container_header(self) -> None:
        """§7: reference, start, span, records, record counter, bases, blocks, landmarks (most ITF-8), checksum."""
        self.at += 4
        for _ in range(4):
            self._itf8()
        self._ltf8()
        self._ltf8()
        self._itf8()
        for _ in range(self._itf8()):
            self._itf8()
        self.at += self._checksum_bytes

    def block_bytes(self) -> int:
        """Of the block at this place, without going on (§8): method, type, id, and both sizes stand before its data."""
        begin = self.at
        self.at += 2
        self._itf8()
        size, _ = self._itf8(), self._itf8()
        header_bytes, self.at = self.at - begin, begin
        return header_bytes + size + self._checksum_bytes

    def block(self) -> bytes:
        """The text in the block of the SAM header (§8.3): its length, then that many bytes."""
        method = self._data[self.at]
        self.at += 2
        self._itf8()
        size, length = self._itf8(), self._itf8()
        raw = self._data[self.at : self.at + size]
        if length > LARGEST_HEADER:
            raise Malformed(f"the header of the CRAM says that it has {length} bytes")
        content = {0: lambda: raw, 1: lambda: _inflated(raw, length)}[method]()
        text_bytes = int.from_bytes(content[:4], "little")
        return content[4 : 4 + text_bytes]

    @property
    def _checksum_bytes(self) -> int:
        return 4 if self._version >= 3 else 0

    def _itf8(self) -> int:
        """§2.3: the leading ones of the first byte say how many follow."""
        first = self._data[self.at]
        more = min(4, _leading_ones(first))
        raw = self._data[self.at + 1 : self.at + 1 + more]
        self.at += 1 + more
        if more == 4:
            return (first & 0x0F) << 28 | int.from_bytes(raw[:3]) << 4 | raw[3] & 0x0F
        return (first & (0x7F >> more)) << 8 * more | int.from_bytes(raw)

    def _ltf8(self) -> None:
        self.at += 1 + _leading_ones(self._data[self.at])


def _leading_ones(byte: int) -> int:
    return 8 - (byte ^ 0xFF).bit_length()
