"""Which containers of a CRAM must be decoded so that the records of regions can be picked out of them.

CRAM keeps the fields of thousands of records together: what is one record cannot be cut out, but decoded and encoded
anew beside others. What that gives is containers, which follow each other in a file as those of any other part do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from opengdi.standards.cram import CramIndex, Span, joined
from opengdi.standards.htsget.errors import BadRequest, invalid_input
from opengdi.standards.htsget.layout import FileLayout
from opengdi.standards.htsget.planning import Numbered, Part, no_index, refuse_unplaced

LARGEST_CUT: Final = 1 << 23
"""Bytes of containers that are decoded at once, where the answer may be in blocks: some three seconds of work."""

LARGEST_ANSWER: Final = 1 << 25
"""Bytes of containers for an answer in one block: some 5 to 8 Mb of a human genome read 30 times."""

MOST_REGIONS: Final = 200
"""That the records of one cut are held against, where there is a choice; an address must hold them."""

MOST_REGIONS_OF_CONTAINER: Final = 600


@dataclass(frozen=True, slots=True)
class Cut:
    """Byte spans of containers, and the regions of which they may hold records; both sorted, neither overlaps."""

    spans: tuple[Span, ...]
    regions: tuple[Numbered, ...]

    @property
    def parts(self) -> list[Part]:
        """The containers as parts of the file."""
        return [Part(begin << 16, end << 16) for begin, end in self.spans]


def cuts_of(layout: FileLayout, regions: Sequence[Numbered], largest: int) -> list[Cut]:
    """Cuts of at most `largest` bytes that hold every record of the regions, each in one of them; in file order.

    regions: as `numbered` gives them; an empty one stands for its one base. Raises BadRequest for a file without an
    index, for reads without a place, and where there is too much in one container.
    """
    if not isinstance(layout.index, CramIndex):
        raise no_index()
    refuse_unplaced(regions)
    touched: dict[int, list[Numbered]] = {}
    for reference, start, end in regions:
        region = reference, start, max(end, start + 1)
        for container in set(layout.index.containers_with(region)):
            touched.setdefault(container, []).append(region)
    return [_cut(group, touched) for group in _grouped(layout, layout.index, touched, largest)]


def _grouped(
    layout: FileLayout, index: CramIndex, touched: dict[int, list[Numbered]], largest: int
) -> Iterator[list[Span]]:
    group: list[Span] = []
    size, count = 0, 0
    for begin in sorted(touched):
        span = begin, index.end_of(begin, layout.end_of_records)
        span_size, span_count = span[1] - span[0], len(touched[begin])
        if span_size > LARGEST_ANSWER or span_count > MOST_REGIONS_OF_CONTAINER:
            raise too_much()
        if group and (size + span_size > largest or count + span_count > MOST_REGIONS):
            yield group
            group, size, count = [], 0, 0
        group.append(span)
        size, count = size + span_size, count + span_count
    if group:
        yield group


def _cut(group: Sequence[Span], touched: dict[int, list[Numbered]]) -> Cut:
    regions = {region for begin, _ in group for region in touched[begin]}
    return Cut(tuple(joined(group)), tuple(sorted(regions)))


def too_much() -> BadRequest:
    """What is said where records cannot be picked at once."""
    return invalid_input("that is too much of a CRAM at once for a caller with regions; ask for a part of it")
