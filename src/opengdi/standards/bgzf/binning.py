"""BAI, CSI and TBI as one thing: which stretches of a file may hold records that overlap a region.

Bins are kept sorted by number in flat arrays, so a region costs two searches per level of bins, and an index costs
about as much memory as its file. Offsets are virtual and packed: block << 16 | within.

Spec: SAMv1 §5 "Indexing BAM"; Tabix; CSIv1.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from struct import Struct
from struct import error as StructError  # noqa: N812  # the module's own name says nothing here
from typing import Final, Literal

from opengdi.standards.bgzf.blocks import GZIP_MAGIC
from opengdi.standards.faults import Malformed

BAI_MAGIC: Final = b"BAI\1"
CSI_MAGIC: Final = b"CSI\1"
TBI_MAGIC: Final = b"TBI\1"

Chunk = tuple[int, int]
"""Packed virtual offsets [begin, end): begin is the start of a record, end the end of one."""

LARGEST_INDEX: Final = 1 << 27
"""Bytes after inflating: a limit of ours, so that a hostile index cannot fill the memory. A genome's has 10 MB."""

_I32: Final = Struct("<i")
_CSI_HEAD: Final = Struct("<4siii")
_TOO_MANY: Final = 1 << 31
"""Counts are signed: from here on they are below zero."""
_TABIX_HEAD_BYTES: Final = 7 * 4
"""From `format` to `l_nm`."""
_DEEPEST: Final = 20
_BAI_SHIFT, _BAI_DEPTH = 14, 5


@dataclass(frozen=True, slots=True)
class ReferenceBins:
    """The bins of one reference sequence.

    numbers: sorted. firsts: chunks of bin i are `chunks[2 * firsts[i] : 2 * firsts[i + 1]]`, begin and end in turn.
    lowest: per bin the offset of the first record that overlaps it (CSI), else empty. windows: per 16 kb window the
    offset of the first record that overlaps it or a later one (BAI, TBI), else empty. counts: of mapped and of
    unmapped records that have a place here; None: the index does not tell.
    """

    numbers: array[int]
    firsts: array[int]
    chunks: array[int]
    lowest: array[int]
    windows: array[int]
    extent: Chunk | None
    """From the first to the last record."""
    counts: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class BinningIndex:
    """An index. names: of the references, where the index holds them (of VCF); else empty.

    unplaced: how many records have no place; None: the index does not tell.
    """

    shift: int
    depth: int
    references: tuple[ReferenceBins, ...]
    names: tuple[str, ...]
    size_bytes: int
    unplaced: int | None = None

    @property
    def longest_reference(self) -> int:
        """Bases that the bins cover; nothing further right is indexed."""
        return 1 << self.shift + 3 * self.depth

    @property
    def end_of_placed(self) -> int | None:
        """Where records without a place begin: the end of the last that has one; None if there is none."""
        return max((bins.extent[1] for bins in self.references if bins.extent), default=None)

    def chunks(self, reference: int, start: int, end: int) -> list[Chunk]:
        """Chunks that may hold records that overlap [start, end) of reference number `reference`, in file order.

        0-based, half-open; an empty range asks for its one base.
        """
        if not 0 <= reference < len(self.references):
            return []
        bins, lowest = self.references[reference], self.lower_bound(reference, start)
        found: list[Chunk] = []
        for first, last in self._stretches(bins, start, end):
            ends = bins.chunks[2 * first : 2 * last]
            found.extend(
                (begin, until) for begin, until in zip(ends[::2], ends[1::2], strict=True) if until > lowest
            )
        return sorted(found)

    def looked_at(self, reference: int, start: int, end: int) -> int:
        """How many chunks the same question looks at, however few come of it: of a hostile index nearly all."""
        return sum(last - first for first, last in self._stretches(self.references[reference], start, end))

    def _stretches(self, bins: ReferenceBins, start: int, end: int) -> Iterable[tuple[int, int]]:
        """Numbers of the first chunk, and of the one behind the last, of each level's bins that a range touches."""
        stop = min(max(end, start + 1), self.longest_reference)
        if start < stop:
            for low, high in self._levels(start, stop):
                first, last = bisect_left(bins.numbers, low), bisect_right(bins.numbers, high)
                yield bins.firsts[first], bins.firsts[last]

    def lower_bound(self, reference: int, position: int) -> int:
        """Packed offset before which no record reaches `position` (or lies to its right)."""
        bins = self.references[reference]
        if bins.windows:
            return bins.windows[min(position >> self.shift, len(bins.windows) - 1)]
        return self._lowest_of_bin(bins, position) if bins.lowest else 0

    def _lowest_of_bin(self, bins: ReferenceBins, position: int) -> int:
        """By the nearest bin that is there, at or left of the position's own, going up where a parent has no more."""
        number = _first_of_level(self.depth) + (position >> self.shift)
        while True:
            at = bisect_left(bins.numbers, number)
            if at < len(bins.numbers) and bins.numbers[at] == number:
                return bins.lowest[at]
            if number == 0:
                return 0
            parent = (number - 1) >> 3
            number = number - 1 if number > (parent << 3) + 1 else parent

    def _levels(self, start: int, stop: int) -> Iterable[tuple[int, int]]:
        """First and last bin of each level that [start, stop) touches (CSIv1, `reg2bins`)."""
        shift = self.shift + 3 * self.depth
        for level in range(self.depth + 1):
            first = _first_of_level(level)
            yield first + (start >> shift), first + (stop - 1 >> shift)
            shift -= 3


def joined(chunks: Iterable[Chunk]) -> list[Chunk]:
    """Sorted chunks, those that overlap or meet in a block made one: so no block is read twice."""
    found: list[Chunk] = []
    for begin, end in chunks:
        if found and begin >> 16 <= found[-1][1] >> 16:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((begin, end))
    return found


def parse_index(raw: bytes, *, most_bytes: int = LARGEST_INDEX) -> BinningIndex:
    """A BAI, CSI or TBI file, inflated here if it is compressed. Raises Malformed, for more than `most_bytes` too."""
    index = _inflated(raw, most_bytes) if raw[:2] == GZIP_MAGIC else raw
    readers = {BAI_MAGIC: _parse_bai, CSI_MAGIC: _parse_csi, TBI_MAGIC: _parse_tbi}
    reader = readers.get(index[:4])
    if reader is None:
        raise Malformed("neither a BAI, a CSI nor a TBI index: the magic bytes are missing")
    try:
        return reader(index)
    except StructError as error:
        raise Malformed("the index ends in the middle") from error


def _inflated(raw: bytes, most_bytes: int) -> bytes:
    """All members of a gzip file."""
    parts, size = [], 0
    try:
        while raw:
            inflater = zlib.decompressobj(wbits=31)
            parts.append(inflater.decompress(raw, most_bytes - size + 1))
            size += len(parts[-1])
            if size > most_bytes or not inflater.eof:
                raise Malformed("the compressed index is cut off, or too large to be one")
            raw = inflater.unused_data
    except zlib.error as error:
        raise Malformed(f"the compressed index is damaged: {error}") from error
    return b"".join(parts)


def _parse_bai(index: bytes) -> BinningIndex:
    return _Parser(index, _BAI_SHIFT, _BAI_DEPTH, has_windows=True).parse(4, ())


def _parse_tbi(index: bytes) -> BinningIndex:
    references = _I32.unpack_from(index, 4)[0]
    names, at = _names(index, 8)
    if len(names) != references:
        raise Malformed(f"the index names {len(names)} references and has {references}")
    return _Parser(index, _BAI_SHIFT, _BAI_DEPTH, has_windows=True).parse(at, names, references)


def _parse_csi(index: bytes) -> BinningIndex:
    _, shift, depth, auxiliary = _CSI_HEAD.unpack_from(index)
    if not (0 <= depth <= _DEEPEST and 0 <= shift <= 62 - 3 * depth and auxiliary >= 0):
        raise Malformed(f"shift {shift}, depth {depth} or {auxiliary} auxiliary bytes: no such index can be")
    at = _CSI_HEAD.size
    names = _names(index, at)[0] if auxiliary >= _TABIX_HEAD_BYTES else ()
    return _Parser(index, shift, depth, has_windows=False).parse(at + auxiliary, names)


def _names(index: bytes, at: int) -> tuple[tuple[str, ...], int]:
    """The names in a tabix header (from its `format` on), and the offset after them."""
    first = at + _TABIX_HEAD_BYTES
    length = _I32.unpack_from(index, first - 4)[0]
    if not 0 <= length <= len(index) - first:
        raise Malformed("the names in the index are cut off")
    text = index[first : first + length].decode("utf-8", "replace")
    return tuple(text.split("\0")[:-1]), first + length


class _Parser:
    """Reads references from 32-bit words: all that follows the names in an index is made of them.

    An index of a whole genome has some 200,000 bins, so one costs no call of ours and no object but its numbers.
    """

    def __init__(self, index: bytes, shift: int, depth: int, *, has_windows: bool) -> None:
        self._index = index
        self._shift, self._depth = shift, depth
        self._has_windows = has_windows
        self._pseudo_bin = _first_of_level(depth + 1) + 1
        self._words: array[int] = array("I")

    def parse(self, at: int, names: tuple[str, ...], count: int | None = None) -> BinningIndex:
        """`at`: where the number of references stands, or the first of them if `count` says how many."""
        if count is None:
            count, at = _I32.unpack_from(self._index, at)[0], at + 4
        if not 0 <= count <= len(self._index) // 4:
            raise Malformed(f"an index of {len(self._index)} bytes cannot have {count} references")
        self._words = _numbers("I", self._index[at : at + (len(self._index) - at) // 4 * 4])
        found, place = [], 0
        try:
            for _ in range(count):
                bins, place = self._reference(place)
                found.append(bins)
        except IndexError as error:
            raise Malformed("the index ends in the middle") from error
        return BinningIndex(
            self._shift, self._depth, tuple(found), names, len(self._index), self._unplaced(place)
        )

    def _unplaced(self, place: int) -> int | None:
        """The number that may end an index, `n_no_coor`."""
        rest = self._words[place:]
        return rest[0] | rest[1] << 32 if len(rest) == 2 else None

    def _reference(self, place: int) -> tuple[ReferenceBins, int]:
        numbers, places, place = self._bins(place)
        windows: array[int] = array("Q")
        if self._has_windows:
            windows, place = self._windows(place)
        extent, counts = self._pseudo_bin_of(numbers, places)
        order = sorted(range(len(numbers)), key=numbers.__getitem__)
        words, ahead = self._words, 0 if self._has_windows else 2
        chunks: array[int] = array("I")
        firsts, lowest = array("Q", (0,)), array("Q")
        for number in order:
            at = places[number]
            chunks += words[at + 1 : at + 1 + 4 * words[at]]
            firsts.append(len(chunks) // 4)
            if ahead:
                lowest.append(words[at - 2] | words[at - 1] << 32)
        packed = _joined_words(chunks)
        if extent is None and packed:
            extent = min(packed[::2]), max(packed[1::2])
        return ReferenceBins(
            array("I", map(numbers.__getitem__, order)), firsts, packed, lowest, windows, extent, counts
        ), place

    def _bins(self, place: int) -> tuple[list[int], list[int], int]:
        """Number of each bin, where the count of its chunks stands, and the place after the last."""
        words, before_count = self._words, 1 if self._has_windows else 3
        numbers: list[int] = []
        places: list[int] = []
        count, place = words[place], place + 1
        for _ in range(count if count < _TOO_MANY else 0):
            numbers.append(words[place])
            place += before_count
            places.append(place)
            place += 1 + 4 * words[place]
        if place > len(words):
            raise Malformed("the index ends in the middle")
        return numbers, places, place

    def _pseudo_bin_of(
        self, numbers: list[int], places: list[int]
    ) -> tuple[Chunk | None, tuple[int, int] | None]:
        """From the first to the last record, and the counts, by the pseudo-bin, which is taken out."""
        if self._pseudo_bin not in numbers:
            return None, None
        number = numbers.index(self._pseudo_bin)
        del numbers[number]
        at = places.pop(number)
        told = _joined_words(self._words[at + 1 : at + 1 + 4 * self._words[at]])
        extent = (told[0], told[1]) if len(told) >= 2 and told[0] < told[1] else None
        return extent, (told[2], told[3]) if len(told) >= 4 else None

    def _windows(self, place: int) -> tuple[array[int], int]:
        """A window without records has the offset of one to its left, so that every one is a lower bound."""
        count, place = self._words[place], place + 1
        if count > (len(self._words) - place) // 2:
            raise Malformed("the linear index is cut off")
        offsets = _joined_words(self._words[place : place + 2 * count])
        return array("Q", accumulate(offsets, max)), place + 2 * count


def region_of_bin(index: BinningIndex, number: int) -> tuple[int, int]:
    """The bases [start, end) that a bin is for. `number`: of a bin of the index (CSIv1, `bin_limit`)."""
    level = 0
    while level < index.depth and number >= _first_of_level(level + 1):
        level += 1
    width = 1 << index.shift + 3 * (index.depth - level)
    start = (number - _first_of_level(level)) * width
    return start, start + width


def _first_of_level(level: int) -> int:
    """Number of the first bin of a level; level 0 is the one bin over everything."""
    return ((1 << 3 * level) - 1) // 7


def _numbers(kind: Literal["I", "Q"], raw: bytes) -> array[int]:
    """Little-endian numbers of 32 or 64 bits."""
    numbers = array(kind, raw)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _joined_words(words: array[int]) -> array[int]:
    """64-bit numbers of pairs of words, the low one first."""
    if sys.byteorder == "little":
        return array("Q", words.tobytes())
    return array("Q", (low | high << 32 for low, high in zip(words[::2], words[1::2], strict=True)))


def chunk_begins(index: BinningIndex) -> Sequence[int]:
    """Where the chunks of all bins begin, each once, sorted."""
    return sorted({begin for bins in index.references for begin in bins.chunks[::2]})
