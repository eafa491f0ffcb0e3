"""`RocksVariantStore`: variant questions answered from the serving index, for all releases of an assembly at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opengdi.discovery.model import DatasetHits, Floors, ShelvedRelease, SiteRecord, SiteRef
from opengdi.discovery.variants.conditions import Condition
from opengdi.discovery.variants.genes import GeneTable, merged
from opengdi.discovery.variants.index import SiteIndex, bins_over, long_prefix, site_key_of_long
from opengdi.discovery.variants.plan import (
    Everything,
    Point,
    Reading,
    Span,
    annotated_only,
    assemblies_of,
    plan,
)
from opengdi.discovery.variants.rows import (
    NUMBER,
    POSITION_MASK,
    RowCodec,
    number_bytes,
    site_prefix,
)
from opengdi.discovery.variants.sst import SHORT_SPAN
from opengdi.discovery.variants.statistics import ContigStatistics
from opengdi.kernel.disclosure.floors import Visibility, is_visible, visibility
from opengdi.kernel.errors import Invalid, Unavailable
from opengdi.standards.beacon.questions import VariantQuestion
from opengdi.standards.coordinates import CONTIG_CODES, CONTIGS, Assembly, Interval
from opengdi.standards.variant_key import ALLELE_BITS, position_key

DEFAULT_SPAN_CAP: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class _Holding:
    """What is needed of a release for each of its rows, worked out once."""

    assembly: Assembly
    release: int
    number: bytes
    codec: RowCodec
    floor: int


class _Page:
    """Counts the alleles of one release that may be seen and keeps those on the page."""

    __slots__ = ("_first", "_floor", "_last", "codec", "holding", "rows", "total")

    def __init__(self, holding: _Holding, floor: int, skip: int, limit: int) -> None:
        self.codec = holding.codec
        self.rows: list[SiteRecord] = []
        self.total = 0
        self._first = skip
        self._last = skip + limit
        self.holding = holding
        self._floor = floor if floor > holding.floor else 0

    @property
    def is_full(self) -> bool:
        """True if no later allele is on the page."""
        return self.total >= self._last

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
        if self._first <= self.total < self._last:
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


class _Carriers:
    """Keeps where the genotypes of each allele lie, whether it may be seen or not."""

    def __init__(self, holding: _Holding) -> None:
        self.holding = holding
        self.codec = holding.codec
        self.found: list[SiteRef] = []

    def take(self, key: bytes, row: bytes) -> None:
        record = self.codec.record(key, row, Visibility.NOTHING)
        if record.genotype_row >= 0:
            self.found.append(SiteRef(record.contig, record.genotype_row))


Reader = _Page | _Carriers
_Readers = Mapping[bytes, Reader]
"""By release number as it stands in keys."""


class RocksVariantStore:
    """The `VariantStore` port over a `SiteIndex`.

    genes: gene tables by assembly. span_cap: longest span of one question, in bases.
    A question that names no assembly is asked of each release in the release's own coordinates.
    Raises Unavailable, besides what the port says, for a release that is not, or no longer, in the index.
    """

    def __init__(
        self,
        index: SiteIndex,
        genes: Mapping[Assembly, GeneTable] | None = None,
        *,
        span_cap: int = DEFAULT_SPAN_CAP,
    ) -> None:
        self._index = index
        self._genes = genes or {}
        self._span_cap = span_cap
        self._holdings: dict[int, _Holding] = {}
        self._codecs: dict[tuple[str, ...], RowCodec] = {}

    def use(self, index: SiteIndex) -> SiteIndex:
        """Answer from another index from now on; the one used so far, in which questions may still run."""
        former, self._index = self._index, index
        return former

    def search(
        self,
        question: VariantQuestion,
        releases: Sequence[ShelvedRelease],
        floors: Floors,
        *,
        skip: int,
        limit: int,
    ) -> list[DatasetHits]:
        """See `VariantStore.search`."""
        by_assembly: dict[Assembly, dict[bytes, Reader]] = {each: {} for each in assemblies_of(question)}
        pages: list[_Page | None] = []
        for release in releases:
            number = release.number
            holding = self._holdings.get(number) or self._hold(release)
            page = None
            if holding.assembly in by_assembly:
                page = _Page(holding, floors.get(number, 0), skip, limit)
                by_assembly[holding.assembly][holding.number] = page
            pages.append(page)
        self._answer(question, by_assembly)
        return [
            DatasetHits(release, 0, ()) if page is None else DatasetHits(release, page.total, page.rows)
            for release, page in zip(releases, pages, strict=True)
        ]

    def locate(self, question: VariantQuestion, release: ShelvedRelease) -> list[SiteRef]:
        """See `VariantStore.locate`."""
        holding = self._holdings.get(release.number) or self._hold(release)
        by_assembly: dict[Assembly, dict[bytes, Reader]] = {each: {} for each in assemblies_of(question)}
        carriers = _Carriers(holding)
        if holding.assembly in by_assembly:
            by_assembly[holding.assembly][holding.number] = carriers
        self._answer(question, by_assembly)
        return carriers.found

    def _hold(self, release: ShelvedRelease) -> _Holding:
        manifest = release.manifest
        codec = self._codecs.setdefault(manifest.populations, RowCodec(manifest.populations))
        number = number_bytes(release.number)
        holding = _Holding(
            release.assembly,
            release.number,
            number,
            codec,
            manifest.policy.k_alleles,
        )
        self._holdings[release.number] = holding
        return holding

    def _answer(self, question: VariantQuestion, by_assembly: Mapping[Assembly, _Readers]) -> None:
        """Hand every reader its rows. Raises Unavailable unless all rows of all releases were there to the end."""
        index = self._index
        readers = [reader for group in by_assembly.values() for reader in group.values()]
        if question.amino_acid_change is not None and readers:
            _check_annotation(index, readers)
        for assembly, group in by_assembly.items():
            for reading in self._readings(question, index, assembly, by_assembly):
                if group:
                    _read(reading, index, assembly, group)
        for reader in readers:
            if not index.holds(reader.holding.release):
                raise Unavailable(
                    f"release {reader.holding.release} is not in the index, or is being removed from it"
                )

    def _readings(
        self,
        question: VariantQuestion,
        index: SiteIndex,
        assembly: Assembly,
        by_assembly: Mapping[Assembly, _Readers],
    ) -> Sequence[Reading]:
        if question.gene is None:
            return plan(question, _no_gene, self._span_cap)
        tables = [self._genes[each] for each in by_assembly if each in self._genes]
        table = self._genes.get(assembly)
        if table is not None and table.find(question.gene):
            return plan(question, table.find, self._span_cap)
        extents = _annotated_extents(index, question.gene, by_assembly)
        if not extents and not any(table.find(question.gene) for table in tables):
            hint = "" if tables else "; no gene table is loaded for the assembly (beacon.genes)"
            raise Invalid(f"geneId {question.gene!r} is unknown to this node{hint}")
        return annotated_only(question, extents.get(assembly, ()))


def _no_gene(_: str) -> tuple[Interval, ...]:
    return ()


def _check_annotation(index: SiteIndex, readers: Iterable[Reader]) -> None:
    statistics = (each for reader in readers for each in _statistics(index, reader).values())
    if not any(each.has_amino_acids for each in statistics):
        raise Invalid("aminoacidChange cannot be answered: no annotation is loaded for the datasets asked")


def _annotated_extents(
    index: SiteIndex, symbol: str, by_assembly: Mapping[Assembly, _Readers]
) -> dict[Assembly, tuple[Interval, ...]]:
    """Where the releases asked have alleles annotated with a gene, by assembly."""
    found: dict[Assembly, list[Interval]] = {}
    for number, code, start, end in index.gene_extents(symbol):
        for assembly, readers in by_assembly.items():
            if number_bytes(number) in readers:
                found.setdefault(assembly, []).append(Interval(CONTIGS[code - 1], start, end))
    return {assembly: merged(extents) for assembly, extents in found.items()}


def _statistics(index: SiteIndex, reader: Reader) -> Mapping[int, ContigStatistics]:
    """By contig code; empty for a release that is not in the index, which the caller finds out at the end."""
    return index.statistics(reader.holding.release)


def _read(reading: Reading, index: SiteIndex, assembly: Assembly, readers: _Readers) -> None:
    match reading:
        case Point():
            _read_point(reading, index, assembly, readers)
        case Span():
            _read_span(reading, index, assembly, readers)
        case Everything():
            _read_everything(index, assembly, readers)


def _read_point(point: Point, index: SiteIndex, assembly: Assembly, readers: _Readers) -> None:
    prefix = site_prefix(assembly, point.key)
    condition = point.condition
    for key, row in index.items(from_key=prefix):
        if not key.startswith(prefix):
            break
        reader = readers.get(key[NUMBER])
        if reader is not None and (condition is None or _meets(condition, reader.codec, key, row)):
            reader.take(key, row)


def _meets(condition: Condition, codec: RowCodec, key: bytes, row: bytes) -> bool:
    if not condition.allows(start_in(key), codec.allele(key, row)):
        return False
    return not condition.asks_notes or condition.allows_notes(codec.notes(row))


def _read_span(span: Span, index: SiteIndex, assembly: Assembly, readers: _Readers) -> None:
    if not span.overlaps:
        first, stop = position_key(span.contig, span.first), span.stop_key
        _scan(index, assembly, first, stop, readers, span.condition)
        return
    back = max(span.first - SHORT_SPAN, span.after, 0)
    _read_long(span, back, index, assembly, readers)
    inside = min(position_key(span.contig, span.first) + (1 << ALLELE_BITS), span.stop_key)
    rows = _rows(index, assembly, position_key(span.contig, back), inside, readers)
    _take_overlapping(rows, span, readers)
    _scan(index, assembly, inside, span.stop_key, readers, span.condition)


def _read_long(span: Span, back: int, index: SiteIndex, assembly: Assembly, readers: _Readers) -> None:
    """Hand over long alleles that start before `back` and reach over the span's first base, found by their bins."""
    code = CONTIG_CODES[span.contig]
    statistics = (_statistics(index, reader).get(code) for reader in readers.values())
    if not any(each is not None and each.longest for each in statistics):
        return
    found = []
    for bin_number in bins_over(span.first):
        prefix = long_prefix(assembly, code, bin_number)
        for key, row in index.items(from_key=prefix):
            if not key.startswith(prefix):
                break
            site_key = site_key_of_long(key)
            if site_key[NUMBER] in readers and span.after <= start_in(site_key) < back:
                found.append((site_key, row))
    _take_overlapping(sorted(found), span, readers)


def _take_overlapping(rows: Iterable[tuple[bytes, bytes]], span: Span, readers: _Readers) -> None:
    """Hand over the rows that reach over the span's first base."""
    for key, row in rows:
        reader = readers[key[NUMBER]]
        if start_in(key) + reader.codec.allele(key, row).span > span.first and (
            span.condition is None or _meets(span.condition, reader.codec, key, row)
        ):
            reader.take(key, row)


def start_in(key: bytes) -> int:
    """0-based start in a key."""
    return int.from_bytes(key[1:9]) >> ALLELE_BITS & POSITION_MASK


def _rows(
    index: SiteIndex, assembly: Assembly, first: int, stop: int, readers: _Readers
) -> Iterator[tuple[bytes, bytes]]:
    """Rows of the releases asked with variant keys in `[first, stop)`."""
    end = site_prefix(assembly, stop)
    for key, row in index.items(from_key=site_prefix(assembly, first)):
        if key >= end:
            return
        if key[NUMBER] in readers:
            yield key, row


def _scan(
    index: SiteIndex,
    assembly: Assembly,
    first: int,
    stop: int,
    readers: _Readers,
    condition: Condition | None,
) -> None:
    """Hand over the rows with variant keys in `[first, stop)` that meet the condition."""
    if first >= stop:
        return
    end = site_prefix(assembly, stop)
    find = readers.get
    for key, row in index.items(from_key=site_prefix(assembly, first)):
        if key >= end:
            return
        reader = find(key[NUMBER])
        if reader is not None and (condition is None or _meets(condition, reader.codec, key, row)):
            reader.take(key, row)


def _read_everything(index: SiteIndex, assembly: Assembly, readers: _Readers) -> None:
    for code in range(1, len(CONTIGS) + 1):
        first = position_key(CONTIGS[code - 1], 0)
        _scan(index, assembly, first, first + (1 << ALLELE_BITS + 28), readers, None)
