"""What takes the rows that answer a question, one reader per release: a page of them, or their carriers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Final, overload

from opengdi.discovery.model import DatasetHits, ShelvedRelease, SiteRecord, SiteRef
from opengdi.discovery.variants.rows import KEY_BYTES, RowCodec, contig_in, unit_of_further, variant_key_in
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


_Found = tuple[bytes, bytes, Visibility]
"""Key and row of an allele in the index, and how much of it may be seen."""


class LazyRows(Sequence[SiteRecord]):
    """Rows that are decoded when they are looked at, so that a page of thousands never leaves the cache.

    A page of 8 releases costs a seventh less than one that is decoded whole and then built (2026-11).
    """

    def __init__(self, codec: RowCodec, found: Sequence[_Found]) -> None:
        self._codec = codec
        self._found = found

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[SiteRecord]:
        return starmap(self._codec.record, self._found)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    @overload
    def __getitem__(self, place: int) -> SiteRecord: ...
    @overload
    def __getitem__(self, place: slice) -> list[SiteRecord]: ...
    def __getitem__(self, place: int | slice) -> SiteRecord | list[SiteRecord]:
        if isinstance(place, slice):
            return list(starmap(self._codec.record, self._found[place]))
        return self._codec.record(*self._found[place])


_FEW_ROWS: Final = 16
"""Up to so many are decoded at once: they are looked at twice, for what is told and by the watch."""


class Page:
    """Counts the alleles of one release that may be seen and keeps those on the page, the first to the last."""

    __slots__ = ("_floor", "_judged", "codec", "first", "found", "holding", "last", "total")

    def __init__(self, holding: Holding, floor: int, skip: int, limit: int) -> None:
        self.codec = holding.codec
        self.found: list[_Found] = []
        self.total = 0
        self.first = skip
        self.last = skip + limit
        self.holding = holding
        self._floor = floor if floor > holding.floor else 0
        self._judged = False

    def hits(self, release: ShelvedRelease) -> DatasetHits:
        """What was found of the release; a few rows are decoded once and for all."""
        found = self.found
        if not found:
            return DatasetHits(release, self.total, (), ())
        units = [
            variant_key_in(key)[0] if len(key) == KEY_BYTES else unit_of_further(key) for key, _, _ in found
        ]
        if len(found) > _FEW_ROWS:
            return DatasetHits(release, self.total, units, LazyRows(self.codec, found))
        return DatasetHits(release, self.total, units, list(starmap(self.codec.record, found)))

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

    def take(self, key: bytes, row: bytes) -> bool:
        """True if the row is the last on the page."""
        seen = row[0] & 3
        if seen and self._floor:
            seen = self._seen_under_floor(row, seen)
        if not seen:
            return False
        total = self.total = self.total + 1
        if self.first < total <= self.last:
            self.found.append((key, row, _VISIBILITIES[seen]))
            return total == self.last
        return False

    def stand_in(self) -> None:
        """Judge and decode a row that counts nobody, where no row has been."""
        key, row = self.codec.of_nobody
        if self._floor and not self._judged:
            self._seen_under_floor(row, Visibility.ALL)
        if not self.found and self.last > self.first:
            self.codec.record(key, row, Visibility.ALL)

    def _seen_under_floor(self, row: bytes, seen: int) -> int:
        """Visibility of a row under a floor above the release's own."""
        self._judged = True
        layout, counts, populations = self.codec.layout, self.codec.counts(row), self.codec.populations
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
        genotype_row = self.codec.genotype_row(row)
        if genotype_row >= 0:
            self.found.append(SiteRef(contig_in(key), genotype_row))


class Sites:
    """Keeps every allele that has genotypes, with the counts that the release's own floors let be seen."""

    def __init__(self, holding: Holding) -> None:
        self.holding = holding
        self.codec = holding.codec
        self.found: list[SiteRecord] = []

    def take(self, key: bytes, row: bytes) -> None:
        site = self.codec.record(key, row, _VISIBILITIES[row[0] & 3])
        if site.genotype_row >= 0:
            self.found.append(site)


Reader = Page | Carriers | Sites
Readers = Mapping[bytes, Reader]
"""By release number as it stands in keys."""
