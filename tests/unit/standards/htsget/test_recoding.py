"""Which containers of a CRAM are decoded for which regions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.indexed_files import in_small_slices, na12878
from tests.unit.standards.htsget.test_planning import layout_of

from opengdi.standards.cram import UNMAPPED, parse_crai
from opengdi.standards.htsget import recoding
from opengdi.standards.htsget.errors import BadRequest
from opengdi.standards.htsget.planning import FURTHEST, numbered
from opengdi.standards.htsget.recoding import Cut, cuts_of
from opengdi.standards.htsget.request import Region

ALL = (10, 0, FURTHEST)
"""Of the reference that is called 11."""


@pytest.fixture(scope="module")
def sliced(shared, tmp_path_factory):
    return in_small_slices(na12878(shared, "CRAM"), tmp_path_factory.mktemp("sliced"))


@pytest.fixture(scope="module")
def layout(sliced):
    return layout_of(sliced)


@pytest.mark.parametrize("largest", [1, 100_000, 1 << 30])
def test_cuts_hold_every_container_of_the_regions_once(layout, largest):
    cuts = cuts_of(layout, [ALL], largest)
    spans = [span for cut in cuts for span in cut.spans]
    assert spans == sorted(spans)
    assert sum(stop - first for first, stop in spans) == sum(b - a for a, b in layout.index.spans([ALL], 0))
    assert [cut.regions for cut in cuts] == [(ALL,)] * len(cuts)
    assert (len(cuts) == 1) == (largest == 1 << 30)


def test_a_cut_is_no_larger_than_asked_for_but_for_a_single_container(layout):
    for cut in cuts_of(layout, [ALL], 100_000):
        containers = [at for at in layout.index.containers if cut.spans[0][0] <= at < cut.spans[-1][1]]
        assert len(containers) == 1 or sum(stop - first for first, stop in cut.spans) <= 100_000


def test_a_cut_names_only_the_regions_that_its_containers_touch(layout, sliced):
    first, last = sliced.records[10], [r for r in sliced.records if r.reference == "11"][-10]
    regions = numbered(layout, [Region("11", r.start, r.start + 5) for r in (first, last)])
    cuts = cuts_of(layout, regions, 1)
    assert [cut.regions for cut in cuts] == [(region,) for region in regions]


def test_an_empty_region_is_the_base_that_it_stands_at(layout, sliced):
    starts = {start for slices in layout.index.references.values() for start in slices.starts}
    for start in sorted(starts)[1:4]:
        [cut] = cuts_of(layout, [(10, start, start)], 1 << 30)
        assert cut.regions == ((10, start, start + 1),)


def test_a_region_without_containers_needs_no_cut(layout):
    assert cuts_of(layout, [(10, 0, 5), (3, 0, FURTHEST), (99, 0, 1)], 1) == []


def test_reads_without_a_place_and_files_without_an_index_are_refused(layout):
    for wrong, regions in ((layout, [(UNMAPPED, 0, FURTHEST)]), (replace(layout, index=None), [ALL])):
        with pytest.raises(BadRequest):
            cuts_of(wrong, regions, 1 << 30)


def test_more_regions_than_one_process_is_given_are_cut_or_refused(layout, monkeypatch):
    regions = numbered(layout, [Region("11", at, at + 10) for at in range(5_000_000, 5_100_000, 5000)])
    monkeypatch.setattr(recoding, "MOST_REGIONS", 6)
    cuts = cuts_of(layout, regions, 1 << 30)
    assert max(len(cut.regions) for cut in cuts) <= 6
    assert sorted({region for cut in cuts for region in cut.regions}) == regions
    monkeypatch.setattr(recoding, "MOST_REGIONS_OF_CONTAINER", 1)
    with pytest.raises(BadRequest):
        cuts_of(layout, regions, 1 << 30)


def test_a_container_that_is_too_large_is_refused(layout):
    huge = parse_crai(b"10\t1\t100\t30000\t10\t100\n10\t200\t100\t%d\t10\t100\n" % (1 << 27))
    with pytest.raises(BadRequest):
        cuts_of(replace(layout, index=huge, end_of_records=1 << 28), [ALL], 1 << 30)


def test_a_cut_is_parts_of_the_file():
    assert [(p.begin, p.end) for p in Cut(((5, 9), (20, 30)), ()).parts] == [
        (5 << 16, 9 << 16),
        (20 << 16, 30 << 16),
    ]
