"""Edit lists: which parts of the decrypted bytes make up the file.

Three kinds of offsets: *plain* counts decrypted bytes before the edit list, *edited* counts those that it keeps.
All ranges are 0-based and half-open.
Spec: GA4GH Crypt4GH v1, "Edit List".
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Final, Self

from opengdi.standards.faults import Malformed

Range = tuple[int, int]

ENDLESS: Final = 1 << 64
"""Further than a length can say: the end of a part that is kept "to the end of the file"."""


@dataclass(frozen=True, slots=True)
class EditList:
    """Lengths in bytes to discard, keep, discard, …; after an odd number of them the rest is kept.

    Without lengths everything is kept: "Trivial case with no edit list".
    """

    lengths: tuple[int, ...] = ()
    kept: tuple[Range, ...] = field(init=False, repr=False, compare=False)
    """Plain ranges that are kept: sorted, disjoint, not adjacent; `ENDLESS` ends what goes on to the end."""
    _edited_stops: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if any(not 0 <= length < ENDLESS for length in self.lengths):
            raise Malformed("a length in an edit list is not a 64-bit number")
        kept = tuple(_merged(_kept(self.lengths)))
        object.__setattr__(self, "kept", kept)
        object.__setattr__(self, "_edited_stops", tuple(accumulate(stop - start for start, stop in kept)))

    @classmethod
    def from_ranges(cls, ranges: Iterable[Range], plain_size: int) -> Self:
        """The list that keeps `ranges` of `plain_size` bytes; sorted and disjoint.

        Raises ValueError for ranges out of order, overlapping, or beyond the end.
        """
        wanted = list(ranges)
        ends = [0, *(place for part in wanted for place in part), plain_size]
        if ends != sorted(ends):
            raise ValueError(f"ranges must be sorted, disjoint and within {plain_size} bytes")
        return cls._keeping([(0, ENDLESS)] if list(_merged(wanted)) == [(0, plain_size)] else wanted)

    @classmethod
    def _keeping(cls, ranges: Iterable[Range]) -> Self:
        """The list whose `kept` is `ranges`, in its shortest form."""
        kept = list(_merged(ranges))
        if not kept:
            return cls((0, 0))  # of an even number of lengths the rest is discarded: here all
        if kept == [(0, ENDLESS)]:
            return cls()
        places = [0, *(place for part in kept for place in part)]
        lengths = tuple(after - before for before, after in pairwise(places))
        return cls(lengths[:-1] if kept[-1][1] == ENDLESS else lengths)

    def edited_size(self, plain_size: int) -> int:
        """Bytes that are kept of `plain_size`; a part "that extends beyond the end" is shorter."""
        return sum(stop - start for start, stop in self.kept_within(0, plain_size))

    def kept_within(self, first: int, last: int) -> Iterator[Range]:
        """The kept parts of the plain range [first, last), as plain ranges."""
        index = bisect_right(self.kept, first, key=lambda part: part[1])
        while index < len(self.kept) and self.kept[index][0] < last:
            start, stop = self.kept[index]
            yield max(start, first), min(stop, last)
            index += 1

    def plain_ranges(self, first: int, last: int) -> Iterator[Range]:
        """Where the edited range [first, last) lies in the plain bytes, in order."""
        index = bisect_right(self._edited_stops, first)
        while first < last and index < len(self.kept):
            start, stop = self.kept[index]
            within = first - (self._edited_stops[index] - (stop - start))
            size = min(last - first, stop - start - within)
            yield start + within, start + within + size
            first += size
            index += 1


def compose(outer: EditList, inner: EditList) -> EditList:
    """The one list that does what `inner` and then `outer`, applied to what is left, would do."""
    parts = (part for first, last in outer.kept for part in inner.plain_ranges(first, last))
    return EditList._keeping((start, min(stop, ENDLESS)) for start, stop in parts)  # noqa: SLF001  of this module


def _kept(lengths: tuple[int, ...]) -> Iterator[Range]:
    """The parts kept, in order; some may be empty or touch each other."""
    places = [min(place, ENDLESS) for place in accumulate(lengths)]
    yield from zip(places[::2], [*places[1::2], ENDLESS], strict=False)
    if not lengths:
        yield 0, ENDLESS


def _merged(ranges: Iterable[Range]) -> Iterator[Range]:
    """Sorted ranges without the empty ones, those that touch joined."""
    held: Range | None = None
    for start, stop in ranges:
        if start >= stop:
            continue
        if held is not None and start <= held[1]:
            held = held[0], max(stop, held[1])
            continue
        if held is not None:
            yield held
        held = start, stop
    if held is not None:
        yield held
