"""Counting without reading everything: once the pages are full, marks tell how many alleles are left.

Only where the index knows what may be seen (the floor in force is the release's own) and all that lies in a range
answers the question; otherwise every row is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opengdi.discovery.variants.index import SiteIndex
from opengdi.discovery.variants.readers import Page, Readers
from opengdi.discovery.variants.rows import CONTIG_SHIFT, NUMBER, site_prefix
from opengdi.discovery.variants.statistics import HIGHEST_FLOOR, MARK_ROWS
from opengdi.standards.coordinates import CONTIGS, Assembly

Pages = Mapping[bytes, Page]
"""By release number as it stands in keys."""

WORTH_COUNTING: Final = 16 * MARK_ROWS
"""Rows from which it is cheaper to ask the marks: two ends of a range cost up to a mark's rows per release each."""

_END: Final = len(CONTIGS) + 1 << CONTIG_SHIFT


def read_and_count(index: SiteIndex, assembly: Assembly, first: int, stop: int, pages: Pages) -> None:
    """Hand over alleles with keys in `[first, stop)`, of one contig, until the pages are full; count the others."""
    if first >= stop:
        return
    resume = _fill(index, site_prefix(assembly, first), site_prefix(assembly, stop), pages)
    if resume is None:
        return
    after = _key_in(resume) + 1
    _take(index, resume, site_prefix(assembly, after), pages)
    counted = _counted(index, assembly, after, stop, pages)
    if counted is None:
        _take(index, site_prefix(assembly, after), site_prefix(assembly, stop), pages)
        return
    for number, page in pages.items():
        page.total += counted[number]


def read_all(index: SiteIndex, assembly: Assembly, readers: Readers) -> None:
    """Hand over everything, or of pages only what is on them, with their totals."""
    known = {
        number: reader for number, reader in readers.items() if isinstance(reader, Page) and _is_known(reader)
    }
    rest = {number: reader for number, reader in readers.items() if number not in known}
    end = site_prefix(assembly, _END)
    if rest:
        _take(index, site_prefix(assembly, 0), end, rest)
    starts: dict[int, dict[bytes, Page]] = {}
    for number, page in known.items():
        starts.setdefault(_start_of(index, page), {})[number] = page
    for start, pages in starts.items():
        _fill(index, site_prefix(assembly, start), end, pages)
    for page in known.values():
        page.total = _total(index, page)


def _is_known(page: Page) -> bool:
    return page.floor <= HIGHEST_FLOOR


def _total(index: SiteIndex, page: Page) -> int:
    contigs = index.statistics(page.holding.release).values()
    if page.has_own_floor:
        return sum(contig.visible for contig in contigs)
    return sum(int(contig.visible_at[page.floor]) for contig in contigs)


def _start_of(index: SiteIndex, page: Page) -> int:
    """The variant key to begin at for the first allele on a page, whose total becomes what lies before that key."""
    if not page.has_own_floor or not page.first:
        return 0
    passed = 0
    for _, contig in sorted(index.statistics(page.holding.release).items()):
        if passed + contig.visible > page.first:
            key, ordinal = contig.mark_at(page.first - passed)
            page.total = passed + ordinal
            return key
        passed += contig.visible
    page.total = max(passed, page.last)  # the page lies past the end: nothing is read for it
    return _END


def _fill(index: SiteIndex, first: bytes, end: bytes, pages: Pages) -> bytes | None:
    """Hand over rows with keys in `[first, end)` until all pages are full; the key to go on at, None at the end."""
    waiting = sum(not page.is_full for page in pages.values())
    if not waiting:
        return first
    find = pages.get
    for key, row in index.rows_from(first):
        if key >= end:
            return None
        page = find(key[NUMBER])
        if page is not None and page.take(key, row):
            waiting -= 1
            if not waiting:
                return key + b"\x00"
    return None


def _take(index: SiteIndex, first: bytes, end: bytes, readers: Readers) -> None:
    find = readers.get
    for key, row in index.rows_from(first):
        if key >= end:
            return
        reader = find(key[NUMBER])
        if reader is not None:
            reader.take(key, row)


def _key_in(key: bytes) -> int:
    """The variant key in a key of the index, or of a prefix of one."""
    return int.from_bytes(key[1:9])


def _counted(
    index: SiteIndex, assembly: Assembly, first: int, stop: int, pages: Pages
) -> dict[bytes, int] | None:
    """Alleles that may be seen with keys in `[first, stop)`, by release; None if reading them costs less."""
    if not all(page.has_own_floor for page in pages.values()):
        return None
    code = first >> CONTIG_SHIFT
    marks = [_Marks(index, code, variant_key, pages) for variant_key in (first, stop)]
    left = sum(marks[1].ordinals[number] - marks[0].ordinals[number] for number in pages)
    if left < WORTH_COUNTING or marks[0].rows + marks[1].rows > left:
        return None
    before, until = (each.count(index, assembly) for each in marks)
    return {number: until[number] - before[number] for number in pages}


class _Marks:
    """For each release the last mark before a variant key of a contig; from there on it must be counted.

    rows: about how many alleles lie between the first of these marks and the key, in all releases.
    """

    def __init__(self, index: SiteIndex, code: int, variant_key: int, pages: Pages) -> None:
        self._variant_key = variant_key
        contigs = {number: index.statistics(page.holding.release).get(code) for number, page in pages.items()}
        found = {
            number: contig.mark_before(variant_key) if contig is not None else (0, 0)
            for number, contig in contigs.items()
        }
        self.ordinals = {number: ordinal for number, (_, ordinal) in found.items()}
        self._keys = {number: key for number, (key, _) in found.items() if key}
        self._first = min(self._keys.values(), default=variant_key)
        self.rows = MARK_ROWS * len(pages) + sum(
            self.ordinals[number] - contig.mark_before(self._first)[1]
            for number, contig in contigs.items()
            if contig is not None
        )

    def count(self, index: SiteIndex, assembly: Assembly) -> dict[bytes, int]:
        """Alleles of the contig that may be seen before the variant key, by release."""
        counted = dict(self.ordinals)
        end = site_prefix(assembly, self._variant_key)
        begin = {number: site_prefix(assembly, key) for number, key in self._keys.items()}
        for key, row in index.rows_from(site_prefix(assembly, self._first)):
            if key >= end:
                break
            if row[0] & 3 and (start := begin.get(key[NUMBER])) is not None and key >= start:
                counted[key[NUMBER]] += 1
        return counted
