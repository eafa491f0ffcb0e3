"""Slices: a part of a file as whole segments copied unchanged, and the edit list that trims them.

Spec: GA4GH Crypt4GH v1, "Edit List", "Example": "the byte ranges are expanded to complete encrypted blocks".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from opengdi.standards.crypt4gh.edit_list import EditList, Range
from opengdi.standards.crypt4gh.segments import CIPHER_SEGMENT, SEGMENT, body_size


@dataclass(frozen=True, slots=True)
class Slice:
    """Which segments to send, in order, and the edit list over them; None if they are wanted whole."""

    runs: tuple[Range, ...]
    """Numbers of segments, half-open, sorted and disjoint."""
    edit_list: EditList | None
    plain_size: int
    """Of the whole file, before any edit list."""

    def byte_ranges(self, header_bytes: int) -> Iterator[Range]:
        """Where the segments lie in a file with a header of that size."""
        end = body_size(self.plain_size)
        for first, last in self.runs:
            yield header_bytes + first * CIPHER_SEGMENT, header_bytes + min(last * CIPHER_SEGMENT, end)

    @property
    def body_bytes(self) -> int:
        """Size of the slice without its header."""
        return sum(stop - start for start, stop in self.byte_ranges(0))


def plan_slice(ranges: Iterable[Range], plain_size: int, edit_list: EditList | None = None) -> Slice:
    """The fewest segments that hold `ranges`.

    ranges: as the reader of the file counts, after its edit list if it has one; in any order, may overlap.
    plain_size: decrypted bytes of the whole file, before the edit list.

    Raises ValueError if a range is negative; what lies beyond the end is left out.
    """
    wanted = sorted(ranges)
    if any(not 0 <= first <= last for first, last in wanted):
        raise ValueError("a range is negative")
    edits = edit_list or EditList()
    plain = [
        (start, min(stop, plain_size))
        for first, last in _joined(wanted)
        for start, stop in edits.plain_ranges(first, last)
        if start < plain_size
    ]
    runs = tuple(_joined((start // SEGMENT, -(-stop // SEGMENT)) for start, stop in plain))
    return Slice(runs, _trimming(plain, runs, plain_size), plain_size)


def _trimming(plain: list[Range], runs: tuple[Range, ...], plain_size: int) -> EditList | None:
    """The edit list over the segments that are sent, whose plaintext is joined without gaps."""
    sent = 0
    kept: list[Range] = []
    parts = iter([*plain, (plain_size, plain_size)])
    part = next(parts)
    for first, last in runs:
        begin, end = first * SEGMENT, min(last * SEGMENT, plain_size)
        while part[0] < end:
            kept.append((part[0] - begin + sent, part[1] - begin + sent))
            part = next(parts)
        sent += end - begin
    edits = EditList.from_ranges(kept, sent)
    return edits if edits.lengths and sent else None


def _joined(ranges: Iterable[Range]) -> Iterator[Range]:
    """Sorted ranges, those that overlap or touch made one."""
    held: Range | None = None
    for start, stop in ranges:
        if held is not None and start <= held[1]:
            held = held[0], max(held[1], stop)
            continue
        if held is not None:
            yield held
        held = start, stop
    if held is not None:
        yield held
