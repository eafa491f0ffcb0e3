"""Which bytes of a file answer a request, as few as its index allows.

Two steps. *Parts* say what is wanted in virtual offsets and need no reading, only the index; a ticket is made of them.
*Pieces* are the bytes themselves: stretches of the file as they are, and literal bytes where a block had to be made
anew. A block at the border of a part is sent as it is if it holds whole records (as samtools writes them); where
records run across blocks, what does not belong is cut off and the rest is compressed again.

`exact` parts hold no record that does not overlap the regions, for callers who may have nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final

from opengdi.standards.bgzf.binning import BinningIndex, Chunk, joined
from opengdi.standards.bgzf.blocks import inflate
from opengdi.standards.bgzf.walking import Data, Reading, Records, is_whole, read_block, walk
from opengdi.standards.bgzf.writing import deflate_blocks
from opengdi.standards.cram import UNMAPPED, CramIndex
from opengdi.standards.faults import Malformed
from opengdi.standards.htsget.errors import BadRequest, invalid_input
from opengdi.standards.htsget.layout import FileLayout
from opengdi.standards.htsget.request import UNPLACED, Region

FURTHEST: Final = 1 << 40
"""Right of any base."""

Numbered = tuple[int, int, int]
"""Number of the reference, start, end: 0-based, half-open."""


@dataclass(frozen=True, slots=True)
class Part:
    """Packed virtual offsets [begin, end), both at borders of records.

    only: None for all of it, else (reference, low, high): only records that start in [low, high) and reach over high.
    """

    begin: int
    end: int
    only: Numbered | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes [first, stop) of the file."""

    first: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.first


@dataclass(frozen=True, slots=True)
class Literal:
    """Bytes that are not in the file: whole BGZF blocks made anew."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)


Piece = Stretch | Literal


class UnknownReference(ValueError):
    """The file has no reference sequence of that name."""


def header_pieces(layout: FileLayout) -> list[Piece]:
    """The header alone, in the file's own blocks but for the end that shares one with records."""
    own = Stretch(0, layout.header.first_record >> 16)
    tail = Literal(deflate_blocks(layout.header.tail))
    return [piece for piece in (own, tail) if piece.size]


def numbered(layout: FileLayout, regions: Iterable[Region]) -> list[Numbered]:
    """The regions by number of the reference, sorted, those that overlap or touch made one.

    Reads without a place are on reference -1, a contig without records is left out. Raises UnknownReference.
    """
    wanted = sorted({_numbered(layout, region) for region in regions if not _has_no_records(layout, region)})
    merged: list[Numbered] = []
    for reference, start, end in wanted:
        if merged and merged[-1][0] == reference and start <= merged[-1][2]:
            merged[-1] = reference, merged[-1][1], max(end, merged[-1][2])
        else:
            merged.append((reference, start, end))
    return merged


def no_index() -> BadRequest:
    """What is said where regions cannot be found."""
    return invalid_input("this file has no index, so it can only be had whole")


def _numbered(layout: FileLayout, region: Region) -> Numbered:
    if region.reference == UNPLACED:
        return UNMAPPED, 0, FURTHEST
    return layout.references[region.reference], region.start, FURTHEST if region.end is None else region.end


def _has_no_records(layout: FileLayout, region: Region) -> bool:
    if region.reference == UNPLACED:
        return False
    number = layout.references.get(region.reference)
    if number is None:
        raise UnknownReference(region.reference)
    return number < 0


def parts_of(layout: FileLayout, regions: Sequence[Numbered]) -> list[Part]:
    """Parts that hold every record that overlaps `regions`, and few others; disjoint, in file order, each block once.

    regions: as `numbered` gives them. Raises BadRequest for a file without an index.
    """
    if layout.index is None:
        raise no_index()
    if isinstance(layout.index, CramIndex):
        spans = layout.index.spans(regions, layout.end_of_records)
        return [Part(begin << 16, end << 16) for begin, end in spans]
    chunks = (chunk for region in regions for chunk in _chunks(layout, layout.index, region))
    return _not_empty(Part(*chunk) for chunk in joined(sorted(chunks)))


def _chunks(layout: FileLayout, index: BinningIndex, region: Numbered) -> Sequence[Chunk]:
    reference, start, end = region
    if reference == UNMAPPED:
        placed = index.end_of_placed
        return [(layout.header.first_record if placed is None else placed, layout.end_of_records << 16)]
    if start == 0 and end >= FURTHEST:  # all of a reference, without looking through its bins
        extent = index.references[reference].extent if reference < len(index.references) else None
        return [] if extent is None else [extent]
    return index.chunks(reference, start, end)


def coarser(parts: Sequence[Part], most: int) -> list[Part]:
    """At most `most` parts, the smallest gaps between them closed; what lies in a gap is whole blocks of records."""
    gaps = sorted(after.begin - before.end for before, after in pairwise(parts))
    widest = gaps[len(parts) - most - 1] if len(parts) > most else -1
    found: list[Part] = []
    for part in parts:
        if found and part.begin - found[-1].end <= widest:
            found[-1] = Part(found[-1].begin, part.end)
        else:
            found.append(part)
    return found


def exact_parts_of(layout: FileLayout, regions: Sequence[Numbered]) -> Reading[list[Part]]:
    """Parts that hold every record that overlaps `regions` and no other; sorted by place, each record once.

    Records are sorted by start, so those that start within a region follow each other, from the first to the last;
    those that start before it and reach into it are picked one by one. Not for CRAM, whose records cannot be told apart
    before they are decoded: see `recoding`. Raises BadRequest for files without an index, or reads without a place.
    """
    assert layout.records is not None, f"records of {layout.format} must be decoded"
    if not isinstance(layout.index, BinningIndex):
        raise no_index()
    refuse_unplaced(regions)
    parts: list[Part] = []
    for _, on_reference in groupby(regions, key=lambda region: region[0]):
        after = 0
        for region in on_reference:
            parts += yield from _exact(layout.records, layout.index, region, after)
            after = region[2]
    return parts


def refuse_unplaced(regions: Iterable[Numbered]) -> None:
    """Raises BadRequest for reads without a place, which are in no region that somebody could be granted."""
    if any(reference == UNMAPPED for reference, _, _ in regions):
        raise invalid_input("reads without a place lie in no region")


def _exact(records: Records, index: BinningIndex, region: Numbered, after: int) -> Reading[list[Part]]:
    """after: records that start before it were picked for the region before."""
    reference, start, end = region
    chunks = joined(index.chunks(reference, start, end))
    parts: list[Part] = []
    for begin, stop in chunks:
        first = yield from _first_from(records, begin, stop, reference, start)
        parts.append(Part(begin, first, only=(reference, after, start)))
        if first < stop:
            searched = _near_end(index, region, (first, chunks[-1][1]))
            last = yield from _first_from(records, *searched, reference, max(end, start + 1))
            parts.append(Part(first, last))
            break
    return _not_empty(parts)


def _near_end(index: BinningIndex, region: Numbered, within: Chunk) -> Chunk:
    """Where to look for the first record after a region: from the last place that the index knows to be in it."""
    reference, start, end = region
    first, stop = within
    last_base = min(max(end, start + 1), index.longest_reference) - 1
    return min(max(first, index.lower_bound(reference, last_base)), stop), stop


def _first_from(records: Records, begin: int, stop: int, reference: int, position: int) -> Reading[int]:
    """Where the first record of [begin, stop) stands that starts at `position` or later; `stop` if there is none."""

    def is_before(data: Data, at: int, length: int) -> bool:
        on, start, _ = records.place(data, at, length)
        return on == reference and start < position

    return (yield from walk(records, begin, stop, is_before))


def _not_empty(parts: Iterable[Part]) -> list[Part]:
    return [part for part in parts if part.begin < part.end]


def pieces_of(layout: FileLayout, parts: Iterable[Part], *, exact: bool = False) -> Reading[list[Piece]]:
    """The bytes that the parts stand for. exact: nothing but their records, whatever is in the blocks around them.

    Raises Malformed if the index points to where no block is, and rather than give whole containers as records.
    """
    pieces: list[Piece] = []
    for part in parts:
        if part.only is not None:
            pieces.append((yield from _picked(layout, part, part.only)))
        elif layout.records is None and exact:
            raise Malformed(f"records of {layout.format} cannot be cut out, but only be decoded")
        elif layout.records is None:
            pieces.append(Stretch(part.begin >> 16, part.end >> 16))
        else:
            pieces += yield from _cut(layout.records, part, exact)
    return [piece for piece in pieces if piece.size]


def _picked(layout: FileLayout, part: Part, only: Numbered) -> Reading[Literal]:
    """The records that start left of a region and reach into it, in blocks of their own."""
    records, (reference, low, high) = layout.records, only
    assert records is not None
    kept = bytearray()

    def take(data: Data, at: int, length: int) -> bool:
        on, start, end = records.place(data, at, length)
        if on == reference and low <= start < high < end:
            kept.extend(data[at : at + length])
        return True

    yield from walk(records, part.begin, part.end, take)
    return Literal(deflate_blocks(kept))


def _cut(records: Records, part: Part, exact: bool) -> Reading[list[Piece]]:  # noqa: FBT001  # one of two ways
    """The blocks of a part; the first and the last one are looked at if the part does not begin or end with them."""
    (first, skipped), (last, kept) = divmod(part.begin, 1 << 16), divmod(part.end, 1 << 16)
    before: list[Piece] = []
    after: list[Piece] = []
    if skipped or (kept and first == last):
        raw = yield from read_block(first)
        data = inflate(raw)
        until = kept if first == last else len(data)
        if exact or not _fits(records, data, skipped, until):
            before.append(Literal(deflate_blocks(data[skipped:until])))
        else:
            before.append(Stretch(first, first + len(raw)))
        if first == last:
            return before
        first += len(raw)
    if kept:
        raw = yield from read_block(last)
        data = inflate(raw)
        if exact or not _fits(records, data, 0, kept):
            after.append(Literal(deflate_blocks(data[:kept])))
        else:
            after.append(Stretch(last, last + len(raw)))
    return _stretched([*before, Stretch(first, last), *after])


def _fits(records: Records, data: bytes, first: int, last: int) -> bool:
    """True if what a block holds beside [first, last) is whole records."""
    return is_whole(records, data, 0, first) and is_whole(records, data, last, len(data))


def _stretched(pieces: Iterable[Piece]) -> list[Piece]:
    """Stretches that follow each other made one."""
    found: list[Piece] = []
    for piece in pieces:
        held = found[-1] if found else None
        if isinstance(piece, Stretch) and isinstance(held, Stretch) and held.stop == piece.first:
            found[-1] = Stretch(held.first, piece.stop)
        else:
            found.append(piece)
    return found
