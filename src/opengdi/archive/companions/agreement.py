"""Whether an index that a provider sent fits the file beside it: held against the index that the archive made. Pure.

Two right indexes of one file need not be the same bytes: tools join chunks and move bins as they like. But both lead
from every region to all records there, and tell the same of where the records of a sequence begin and end, and how
many there are. What differs is said in numbers of sequences and slices, never by name or count of records: those may
tell a person's sex.

Spec: SAMv1 §5 "Indexing BAM"; Tabix; CSIv1; CRAM 3.0 §12 (CRAI).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Final

from opengdi.archive.model import Judgement, Stored
from opengdi.standards.bgzf.binning import BinningIndex, Chunk, ReferenceBins, parse_index, region_of_bin
from opengdi.standards.bgzf.blocks import END_OF_FILE, LARGEST_BLOCK
from opengdi.standards.bgzf.gzi import parse_gzi
from opengdi.standards.cram import Slice, slices_of
from opengdi.standards.faults import Malformed

LARGEST_BYTES: Final = 64 * 1024 * 1024
"""Of an index file that is looked at."""

_LARGEST_BINS: Final = 32 * 1024 * 1024
_LARGEST_SLICES: Final = 16 * 1024 * 1024
"""Bytes after inflating; that of a deeply sequenced genome has 10 MB, or 4 MB if it is a CRAI."""

_MOST_BINS: Final = 20_000
_MOST_CHUNKS: Final = 4_000_000
"""How many regions are asked for, and how many chunks are looked at: for an index that was made to keep us busy."""

_BINNED: Final = frozenset({"BAM", "VCF", "BCF"})

Verdict = tuple[Judgement, str]
"""A judgement, and why, in words for provider and operator; empty if it fits."""

_TAIL: Final = "it is of another file, or of another version of this one"


def judge(kind: str, raw: bytes, data: Stored, own: bytes | None) -> Verdict:
    """kind: of the index, as `names.index_kind` has it. data: the file it lies beside. own: what the archive made."""
    try:
        misfit = _misfit(kind, raw, data, own)
    except Malformed as error:
        return Judgement.WRONG, f"it is damaged, or no index: {error}"
    except _CannotTell as error:
        return Judgement.UNKNOWN, str(error)
    return (Judgement.WRONG, f"{misfit}: {_TAIL}") if misfit else (Judgement.FITS, "")


class _CannotTell(Exception):
    """There is nothing to hold the index against."""


def _misfit(kind: str, raw: bytes, data: Stored, own: bytes | None) -> str:
    if kind == "gzi":
        return _misfit_of_blocks(raw, data, own if data.format in _BINNED else None)
    if kind == "crai" and data.format == "CRAM":
        return _misfit_of_slices(slices_of(raw, most_bytes=_LARGEST_SLICES), slices_of(_there(own)))
    if kind != "crai" and data.format in _BINNED:
        return _misfit_of_bins(parse_index(raw, most_bytes=_LARGEST_BINS), parse_index(_there(own)))
    raise _CannotTell(
        f"the node cannot hold an index of this kind against a file of format {data.format or '?'}"
    )


def _there(own: bytes | None) -> bytes:
    if own is None:
        raise _CannotTell("the node has no index of its own to hold it against")
    return own


# CRAI


def _misfit_of_slices(theirs: frozenset[Slice], ours: frozenset[Slice]) -> str:
    theirs, ours = frozenset(map(_placed, theirs)), frozenset(map(_placed, ours))
    if theirs == ours:
        return ""
    return f"{len(theirs - ours)} of its slices are not in the file, and it lacks {len(ours - theirs)} of the file's"


def _placed(found: Slice) -> Slice:
    """Of records without a place, tools say different starts and ends."""
    if found.reference >= 0:
        return found
    return Slice(-1, 0, 0, found.container, found.at, found.size_bytes)


# GZI


def _misfit_of_blocks(raw: bytes, data: Stored, own: bytes | None) -> str:
    blocks, offsets = parse_gzi(raw)
    if not (_grow(blocks, least=1) and _grow(offsets, least=0)):
        return "its blocks are not where blocks can be"
    left = data.plain_bytes - (blocks[-1] if blocks else 0)
    if not 0 < left <= LARGEST_BLOCK + len(END_OF_FILE):
        return "it ends elsewhere than the file"
    index = parse_index(own) if own is not None else None
    for bins in index.references if index else ():
        for begin in bins.chunks[::2]:
            if begin >> 16 and not _holds(blocks, begin >> 16):
                return "there are records in blocks that it does not have"
    return ""


def _grow(offsets: array[int], *, least: int) -> bool:
    """True if each lies behind the one before, by no more than a block."""
    before = 0
    for offset in offsets:
        if not least <= offset - before <= LARGEST_BLOCK:
            return False
        before = offset
    return True


def _holds(offsets: array[int], offset: int) -> bool:
    at = bisect_left(offsets, offset)
    return at < len(offsets) and offsets[at] == offset


# BAI, CSI, TBI


def _misfit_of_bins(theirs: BinningIndex, ours: BinningIndex) -> str:
    there, here = _with_records(theirs), _with_records(ours)
    if there and here and bool(theirs.names) != bool(ours.names):
        return "it is an index of another format"
    if there.keys() != here.keys():
        only_there, only_here = len(there.keys() - here.keys()), len(here.keys() - there.keys())
        return f"on {only_there} of its sequences the file has no records, and it has none on {only_here} of the file's"
    numbers = [(there[name], here[name]) for name in here]
    pairs = [(theirs.references[one], ours.references[other]) for one, other in numbers]
    if apart := sum(not _same_extent(*pair) for pair in pairs):
        return f"the records of {apart} of {len(pairs)} sequences do not lie where it says"
    if apart := sum(_differ(one.counts, other.counts) for one, other in pairs):
        return f"it counts other numbers of records on {apart} of {len(pairs)} sequences"
    if _differ(theirs.unplaced, ours.unplaced):
        return "it counts another number of records without a place"
    return "" if _leads_to_all(theirs, ours, numbers) else "it does not lead to all records of some regions"


def _with_records(index: BinningIndex) -> dict[object, int]:
    """Numbers of references with records, by name if the index has names; a hostile one has more, or one twice."""
    names = index.names or range(len(index.references))
    named = enumerate(zip(names, index.references, strict=False))
    return {name: number for number, (name, bins) in named if bins.chunks}


def _same_extent(one: ReferenceBins, other: ReferenceBins) -> bool:
    """By the chunks: not every index has pseudo-bins."""
    return min(one.chunks[::2]) == min(other.chunks[::2]) and _meet(
        max(one.chunks[1::2]), max(other.chunks[1::2])
    )


def _differ(one: object, other: object) -> bool:
    """What an index does not tell differs from nothing."""
    return None not in {one, other} and one != other


def _meet(one: int, other: int) -> bool:
    """True if two ends are the same: that of a block is the begin of the next one, too."""
    low, high = sorted((one, other))
    return low == high or (not high & 0xFFFF and 0 < (high >> 16) - (low >> 16) <= LARGEST_BLOCK)


def _leads_to_all(theirs: BinningIndex, ours: BinningIndex, numbers: Iterable[tuple[int, int]]) -> bool:
    """True if every record that our bins hold is in a chunk of theirs for the same region; evenly chosen, if many.

    numbers: of the same reference there and here.
    """
    step = 1 + sum(len(bins.numbers) for bins in ours.references) // _MOST_BINS
    left = _MOST_CHUNKS
    for there, here in numbers:
        bins = ours.references[here]
        for at in range(0, len(bins.numbers), step):
            start, end = region_of_bin(ours, bins.numbers[at])
            left -= 1 + theirs.looked_at(there, start, end)
            if left < 0:
                return True
            found, lowest = theirs.chunks(there, start, end), theirs.lower_bound(there, start)
            ends = bins.chunks[2 * bins.firsts[at] : 2 * bins.firsts[at + 1]]
            chunks = list(zip(ends[::2], ends[1::2], strict=True))
            if not all(lowest <= begin for begin, _ in chunks) or not _cover(_runs(found), chunks):
                return False
    return True


def _runs(chunks: Iterable[Chunk]) -> list[Chunk]:
    """Sorted chunks, those that may meet made one."""
    runs: list[Chunk] = []
    for begin, end in chunks:
        if runs and (begin >> 16 <= runs[-1][1] >> 16 or _meet(runs[-1][1], begin)):
            runs[-1] = runs[-1][0], max(runs[-1][1], end)
        else:
            runs.append((begin, end))
    return runs


def _cover(runs: list[Chunk], chunks: Iterable[Chunk]) -> bool:
    """True if each chunk lies in a run: in the last one that begins where it does, or before."""
    begins = [begin for begin, _ in runs]
    ends = [-1, *(end for _, end in runs)]
    reached = ((ends[bisect_right(begins, begin)], end) for begin, end in chunks)
    return all(end <= last or _meet(last, end) for last, end in reached)
