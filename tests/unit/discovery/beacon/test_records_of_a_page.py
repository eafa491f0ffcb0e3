"""A page says of each allele what its record alone says, however many there are, and no more than the floors allow."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from opengdi.discovery.beacon.records import RecordBuilder
from opengdi.discovery.model import SiteRecord
from opengdi.kernel.disclosure.floors import Visibility
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.testing.variants import shelved, site_row, write_release

POPULATIONS = ("Total", "F", "M")
FLOOR = 10
WHOLE = (300, 150, 150, 2000, 1000, 1000)
GENOTYPES = (40, 20, 20, 220, 110, 110, 0, 0, 0)

alleles = st.sampled_from(
    (("A", "G"), ("AC", "A"), ("A", "ATT"), ("AC", "GT"), ("N", "<DEL>"), ("N", "<CN0>"), ("A", "*"))
)
counts = st.sampled_from(
    (
        (*WHOLE, *GENOTYPES),
        WHOLE,
        (300, -1, -1, 2000, -1, -1),
        (300, 300, 0, 2000, 2000, 0),
        (300, 300, -1, 2000, 2000, 0, *GENOTYPES),
    )
)


def site(number: int, contig: str, allele: tuple[str, str], told: Sequence[int]) -> SiteRecord:
    row = site_row(contig, 1000 + number, *allele, told, end=1200 + number if allele[1][0] == "<" else None)
    seen = Visibility.TOTAL_ONLY if -1 in told[3:6] else Visibility.ALL
    place = (row.contig, row.start, row.end, row.ref, row.alt, row.variant_type, row.length, -1)
    return SiteRecord(*place, row.counts, seen)


sites = st.lists(st.tuples(st.sampled_from(("7", "X", "MT")), alleles, counts), max_size=40).map(
    lambda drawn: [site(number, *each) for number, each in enumerate(drawn)]
)


def builder(tmp_path_factory, floor: int) -> RecordBuilder:
    policy = DisclosurePolicy(k_individuals=FLOOR)
    folder = tmp_path_factory.mktemp("releases")
    return RecordBuilder(shelved(write_release(folder, (), populations=POPULATIONS, policy=policy), 1), floor)


def decoded(page: object) -> list[dict]:
    return msgspec.json.decode(msgspec.json.encode(page))


@given(sites=sites, floor=st.sampled_from((0, FLOOR, FLOOR + 11)), times=st.sampled_from((1, 20)))
def test_a_page_holds_the_records_of_its_alleles_in_their_order(
    tmp_path_factory, sites: list[SiteRecord], floor: int, times: int
) -> None:
    records = builder(tmp_path_factory, floor)
    alone = decoded([records.build(each) for each in sites]) * times
    for among_others in (False, True):
        assert decoded(records.page(sites * times, among_others=among_others)) == alone


def test_genotypes_are_told_as_they_are_stored(tmp_path_factory) -> None:
    records = builder(tmp_path_factory, FLOOR)
    shown, hidden = (site(0, "7", ("A", "G"), told) for told in ((*WHOLE, *GENOTYPES), WHOLE))
    cells = [frequencies(records, each) for each in (shown, hidden)]
    assert cells[0][1] == {
        "population": "F",
        "alleleFrequency": 0.15,
        "alleleCount": 150,
        "alleleNumber": 1000,
        "alleleCountHomozygous": 20,
        "alleleCountHeterozygous": 110,
        "alleleCountHemizygous": 0,
    }
    assert cells[1][1] == {
        "population": "F",
        "alleleFrequency": 0.15,
        "alleleCount": 150,
        "alleleNumber": 1000,
    }


def test_a_node_stricter_than_the_release_hides_genotypes_that_the_release_shows(tmp_path_factory) -> None:
    shown = site(0, "7", ("A", "G"), (*WHOLE, *GENOTYPES))
    assert "alleleCountHomozygous" in frequencies(builder(tmp_path_factory, 20), shown)[1]
    for page in ([shown], [shown] * 20):
        for record in decoded(builder(tmp_path_factory, 21).page(page)):
            cells = record["frequencyInPopulations"][0]["frequencies"]
            assert all("alleleCountHomozygous" not in cell for cell in cells)


def frequencies(records: RecordBuilder, told: SiteRecord) -> list[dict]:
    (record,) = decoded(records.page([told]))
    return record["frequencyInPopulations"][0]["frequencies"]
