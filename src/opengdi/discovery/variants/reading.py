"""Reading what a plan names from the index, and handing each row to the reader of its release, in genome order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from opengdi.discovery.variants.conditions import Condition
from opengdi.discovery.variants.counting import read_all, read_and_count
from opengdi.discovery.variants.index import SHORT_SPAN, SiteIndex, bins_over, long_prefix, site_key_of_long
from opengdi.discovery.variants.plan import Everything, Point, Reading, Span
from opengdi.discovery.variants.readers import Page, Reader, Readers
from opengdi.discovery.variants.rows import ALLELE_BYTES, NUMBER, RowCodec, site_prefix, start_in
from opengdi.discovery.variants.statistics import ContigStatistics
from opengdi.standards.coordinates import CONTIG_CODES, Assembly
from opengdi.standards.variant_key import ALLELE_BITS, position_key


def statistics_of(index: SiteIndex, reader: Reader) -> Mapping[int, ContigStatistics]:
    """By contig code; empty for a release that is not in the index, which the caller finds out at the end."""
    return index.statistics(reader.holding.release)


def read(reading: Reading, index: SiteIndex, assembly: Assembly, readers: Readers) -> None:
    match reading:
        case Point():
            _read_point(reading, index, assembly, readers)
        case Span():
            _read_span(reading, index, assembly, readers)
        case Everything():
            read_all(index, assembly, readers)


def _read_point(point: Point, index: SiteIndex, assembly: Assembly, readers: Readers) -> None:
    prefix = site_prefix(assembly, point.key)
    condition = point.condition
    if condition is None and len(readers) == 1:  # a key that tells all stands once in a release
        ((number, only),) = readers.items()
        found = index.row(prefix + number)
        if found is not None:
            only.take(prefix + number, found)
        return
    for key, row in index.rows_from(prefix):
        if not key.startswith(prefix):
            break
        reader = readers.get(key[NUMBER])
        if reader is not None and (condition is None or _meets(condition, reader.codec, key, row)):
            reader.take(key, row)


def _meets(condition: Condition, codec: RowCodec, key: bytes, row: bytes) -> bool:
    if not condition.allows(start_in(key), codec.allele(key, row)):
        return False
    return not condition.asks_notes or condition.allows_notes(codec.notes(row))


def _read_span(span: Span, index: SiteIndex, assembly: Assembly, readers: Readers) -> None:
    if not span.overlaps:
        first, stop = position_key(span.contig, span.first), span.stop_key
        _scan(index, assembly, first, stop, readers, span.condition)
        return
    back = max(span.first - SHORT_SPAN, span.after, 0)
    _read_long(span, back, index, assembly, readers)
    inside = min(position_key(span.contig, span.first) + (1 << ALLELE_BITS), span.stop_key)
    rows = _rows(index, assembly, position_key(span.contig, back), inside, readers)
    _take_overlapping(rows, span, readers)
    pages = {number: reader for number, reader in readers.items() if isinstance(reader, Page)}
    if span.condition is None and len(pages) == len(readers):
        read_and_count(index, assembly, inside, span.stop_key, pages)
    else:
        _scan(index, assembly, inside, span.stop_key, readers, span.condition)


def _read_long(span: Span, back: int, index: SiteIndex, assembly: Assembly, readers: Readers) -> None:
    """Hand over long alleles that start before `back` and reach over the span's first base, found by their bins."""
    code = CONTIG_CODES[span.contig]
    statistics = (statistics_of(index, reader).get(code) for reader in readers.values())
    if not any(each is not None and each.longest for each in statistics):
        return
    found = []
    for bin_number in bins_over(span.first):
        prefix = long_prefix(assembly, code, bin_number)
        for key, row in index.rows_from(prefix):
            if not key.startswith(prefix):
                break
            site_key = site_key_of_long(key)
            if site_key[NUMBER] in readers and span.after <= start_in(site_key) < back:
                found.append((site_key, row))
    _take_overlapping(sorted(found), span, readers)


def _take_overlapping(rows: Iterable[tuple[bytes, bytes]], span: Span, readers: Readers) -> None:
    """Hand over the rows that reach over the span's first base."""
    for key, row in rows:
        reader = readers[key[NUMBER]]
        if start_in(key) + reader.codec.allele(key, row).span > span.first and (
            span.condition is None or _meets(span.condition, reader.codec, key, row)
        ):
            reader.take(key, row)


def _rows(
    index: SiteIndex, assembly: Assembly, first: int, stop: int, readers: Readers
) -> Iterator[tuple[bytes, bytes]]:
    """Rows of the releases asked with variant keys in `[first, stop)`."""
    end = site_prefix(assembly, stop)
    for key, row in index.rows_from(site_prefix(assembly, first)):
        if key >= end:
            return
        if key[NUMBER] in readers:
            yield key, row


def _scan(
    index: SiteIndex,
    assembly: Assembly,
    first: int,
    stop: int,
    readers: Readers,
    condition: Condition | None,
) -> None:
    """Hand over the rows with variant keys in `[first, stop)` that meet the condition."""
    if first >= stop:
        return
    end = site_prefix(assembly, stop)
    find = readers.get
    meets = _judge_of(condition)
    for key, row in index.rows_from(site_prefix(assembly, first)):
        if key >= end:
            return
        reader = find(key[NUMBER])
        if reader is not None and (meets is None or meets(reader.codec, key, row)):
            reader.take(key, row)


_Judge = Callable[[RowCodec, bytes, bytes], bool]


def _judge_of(condition: Condition | None) -> _Judge | None:
    """`_meets` for the rows of one scan; where only the allele matters, one verdict serves all rows that have it."""
    if condition is None:
        return None
    if condition.asks_place or condition.asks_notes:
        return partial(_meets, condition)
    verdicts: dict[bytes, bool] = {}

    def meets(codec: RowCodec, key: bytes, row: bytes) -> bool:
        if codec.is_spelt(row):
            return _meets(condition, codec, key, row)
        allele = key[ALLELE_BYTES]
        verdict = verdicts.get(allele)
        if verdict is None:
            verdict = verdicts[allele] = _meets(condition, codec, key, row)
        return verdict

    return meets
