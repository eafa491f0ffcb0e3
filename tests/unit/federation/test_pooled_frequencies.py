"""Frequencies of the same allele in disjoint datasets, as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.federation.kit import answer, cell, result_set, variant

from opengdi.federation.model import ResultSet
from opengdi.federation.pooling import Cell, allele_of, pool, pooled_frequencies
from opengdi.federation.reading import read_answer
from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.standards.beacon.questions import Granularity
from opengdi.standards.coordinates import Assembly

G37 = Assembly.GRCh37


def sets(*documents: dict[str, object]) -> Sequence[ResultSet]:
    return read_answer(answer(*documents), Granularity.RECORD).result_sets


def in_dataset(name: str, *cells: dict[str, object], digest: str = "", **allele: Any) -> dict[str, object]:
    return result_set(name, records=[variant(*cells, **allele)], info=DatasetInfo(digest=digest))


def test_counts_are_summed_per_population_and_heterogeneity_is_told() -> None:
    found: Any = pooled_frequencies(
        sets(
            in_dataset("A", cell("Total", 30, 100), cell("EE", 30, 100)),
            in_dataset("B", cell("Total", 50, 100), cell("FI", 50, 100)),
        ),
        G37,
    )
    (allele,) = found
    assert allele["variantInternalId"] == "GRCh37:3:45864732:T:C"
    (total,) = allele["populations"]  # EE and FI are in one dataset only: there is nothing to pool
    assert (total["population"], total["alleleCount"], total["alleleNumber"]) == ("Total", 80, 200)
    assert total["alleleFrequency"] == pytest.approx(0.4)
    assert total["datasets"] == ["A", "B"]
    # By hand: chi-square of the 2x2 table 30/70, 50/50 is 8.3333 with one degree of freedom.
    assert total["heterogeneity"]["q"] == pytest.approx(100 / 12)
    assert total["heterogeneity"]["degreesOfFreedom"] == 1
    assert total["heterogeneity"]["iSquared"] == pytest.approx((100 / 12 - 1) / (100 / 12))


@pytest.mark.parametrize(
    "other",
    [
        in_dataset("B", cell("Total", 50, 100), start=45864732),
        in_dataset("B", cell("Total", 50, 100), alt="G"),
        in_dataset("B", cell("Total", 50, 100), assembly="GRCh38"),
        in_dataset("B", {"population": "Total", "alleleFrequency": 0.5}),
        in_dataset("B", {"population": "Total", "alleleFrequency": 0.0, "alleleCount": 0, "alleleNumber": 0}),
        in_dataset("B", cell("EE", 50, 100)),
        in_dataset("A", cell("Total", 50, 100)),
    ],
    ids=["place", "allele", "assembly", "no counts", "nobody called", "population", "same dataset"],
)
def test_only_like_is_pooled_with_like(other: dict[str, object]) -> None:
    assert pooled_frequencies(sets(in_dataset("A", cell("Total", 30, 100)), other), G37) == []


def test_structural_variants_of_one_place_are_not_taken_for_one_allele() -> None:
    """`alternateBases` of both is N: one may be a deletion of 50 bases, the other an insertion of 6,000."""
    found = sets(*(in_dataset(name, cell("Total", 30, 100), ref="G", alt="N") for name in ("A", "B")))
    assert pooled_frequencies(found, G37) == []


def test_two_ids_of_one_content_are_one_dataset() -> None:
    twice = sets(
        in_dataset("A", cell("Total", 30, 100), digest="sha256:1"),
        in_dataset("B", cell("Total", 30, 100), digest="sha256:1"),
    )
    assert pooled_frequencies(twice, G37) == []


def test_a_record_that_does_not_name_its_place_surely_is_left_out() -> None:
    record: Any = variant(cell("Total", 1, 2))
    assert allele_of(record, G37) is not None
    record["variation"]["location"]["sequence_id"] = "HGVSid:4:g.1T>C"
    assert allele_of(record, G37) is None  # the HGVS name says contig 3
    assert allele_of({"variation": {"location": {}}}, G37) is None


def test_a_record_tells_its_assembly_by_its_accession() -> None:
    found = allele_of(variant(cell("Total", 1, 2), assembly="GRCh38"), None)
    assert found is not None
    assert (found.assembly, found.contig, found.start) == ("GRCh38", "3", 45864731)


CELLS = st.lists(
    st.integers(1, 5000).flatmap(lambda number: st.tuples(st.integers(0, number), st.just(number))),
    min_size=1,
    max_size=8,
)


@given(CELLS)
def test_pooling_keeps_sums_and_bounds(pairs: list[tuple[int, int]]) -> None:
    found = pool([Cell(str(place), count, number) for place, (count, number) in enumerate(pairs)])
    assert found.allele_count == sum(count for count, _ in pairs)
    assert found.allele_number == sum(number for _, number in pairs)
    frequencies = [count / number for count, number in pairs]
    assert min(frequencies) - 1e-12 <= found.allele_frequency <= max(frequencies) + 1e-12
    assert found.q >= 0
    assert 0 <= found.i_squared < 1
    assert math.isfinite(found.q)


@given(CELLS, st.randoms())
def test_the_order_of_datasets_does_not_matter(pairs: list[tuple[int, int]], random: Any) -> None:
    cells = [Cell(str(place), count, number) for place, (count, number) in enumerate(pairs)]
    shuffled = list(cells)
    random.shuffle(shuffled)
    assert pool(cells).q == pytest.approx(pool(shuffled).q, rel=1e-9, abs=1e-9)


def test_equal_frequencies_are_homogeneous() -> None:
    found = pool([Cell("A", 10, 100), Cell("B", 30, 300)])
    assert found.q == pytest.approx(0, abs=1e-12)
    assert found.i_squared == 0
