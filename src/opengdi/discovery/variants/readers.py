"""What takes the rows that answer a question, one reader per release: a page of them, or their carriers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from opengdi.discovery.model import SiteRecord, SiteRef
from opengdi.discovery.variants.rows import RowCodec
from opengdi.kernel.disclosure.floors import Visibility, is_visible, visibility
from opengdi.standards.coordinates import Assembly


@dataclass(frozen=True, slots=True)
class Holding:
    """What is needed of a release for each of its rows, worked out once."""

    assembly: Assembly
    release: int
    number: bytes
    codec: RowCodec
    floor: int


class Page:
    """Counts the alleles of one release that may be seen and keeps those on the page, the first to the last."""

    __slots__ = ("_floor", "codec", "first", "holding", "last", "rows", "total")

    def __init__(self, holding: Holding, floor: int, skip: int, limit: int) -> None:
        self.codec = holding.codec
        self.rows: list[SiteRecord] = []
        self.total = 0
        self.first = skip
        self.last = skip + limit
        self.holding = holding
        self._floor = floor if floor > holding.floor else 0

    @property
    def is_full(self) -> bool:
        """True if no later allele is on the page."""
        return self.total >= self.last

    @property
    def floor(self) -> int:
        """The floor in force."""
        return max(self._floor, self.holding.floor)

    @property
    def has_own_floor(self) -> bool:
        """True if exactly what the index calls visible may be seen."""
        return not self._floor

    def take(self, key: bytes, row: bytes) -> None:
        seen = row[0] & 3
        if seen and self._floor:
            seen = self._seen_under_floor(row, seen)
        if not seen:
            return
        if self.first <= self.total < self.last:
            self.rows.append(self.codec.record(key, row, _VISIBILITIES[seen]))
        self.total += 1

    def _seen_under_floor(self, row: bytes, seen: int) -> int:
        """Visibility of a row under a floor above the release's own."""
        layout, counts = self.codec.layout, self.codec.counts(row)
        populations = len(counts) // 5
        allele_counts, allele_numbers = counts[:populations], counts[populations : 2 * populations]
        if seen == Visibility.ALL:
            return visibility(allele_counts, allele_numbers, layout, self._floor)
        stays = is_visible(allele_counts[layout.total], allele_numbers[layout.total], self._floor)
        return seen if stays else Visibility.NOTHING


_VISIBILITIES: Final = (Visibility.NOTHING, Visibility.TOTAL_ONLY, Visibility.ALL)


class Carriers:
    """Keeps where the genotypes of each allele lie, whether it may be seen or not."""

    def __init__(self, holding: Holding) -> None:
        self.holding = holding
        self.codec = holding.codec
        self.found: list[SiteRef] = []

    def take(self, key: bytes, row: bytes) -> None:
        record = self.codec.record(key, row, Visibility.NOTHING)
        if record.genotype_row >= 0:
            self.found.append(SiteRef(record.contig, record.genotype_row))


Reader = Page | Carriers
Readers = Mapping[bytes, Reader]
"""By release number as it stands in keys."""
