"""What costs a unit of the hub's budget."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.federation.kit import ANYBODY, CountingLedger, answer, cell, member, result_set, variant

from opengdi.federation.budget import HubBudget, question_key, units_of
from opengdi.federation.floors import FloorBook
from opengdi.federation.model import ResultSet
from opengdi.federation.reading import read_answer
from opengdi.federation.serving import Served, serve
from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.standards.beacon.questions import BeaconRequest, EntryType, Granularity
from opengdi.standards.beacon.request import Target, parse_post


def question(**query: Any) -> BeaconRequest:
    return parse_post(Target(EntryType.GENOMIC_VARIANT), {"query": query})


def read(document: Any) -> ResultSet:
    return read_answer(answer(document), Granularity.RECORD).result_sets[0]


def test_each_allele_on_a_page_is_a_unit_and_a_miss_is_one_too() -> None:
    records = [variant(cell("Total", 50, 100), start=place) for place in range(3)]
    assert len(set(units_of(question(), read(result_set(count=3, records=records))))) == 3
    assert units_of(question(), read(result_set(count=0))) == [question_key(question())]


def test_structural_variants_of_one_place_are_a_unit_each() -> None:
    """Their records say `N`, whatever they are."""
    alike = variant(cell("Total", 50, 100))
    alike["variation"] |= {"referenceBases": "N", "alternateBases": "N", "variantType": "DEL"}
    records = [alike | {"variantInternalId": f"GRCh38:3:1:N:<DEL>:{length}"} for length in (100, 200)]
    first, second = units_of(question(), read(result_set(count=2, records=records)))
    assert first != second
    assert [second] == units_of(question(), read(result_set(count=1, records=records[1:])))


A = {"id": "A:1"}
B = {"id": "age", "operator": ">", "value": "P60Y"}
PLACE = {"referenceName": "chr3", "start": [5], "end": [9], "assemblyId": "GRCh38"}


@pytest.mark.parametrize(
    "one, other",
    [
        ({"filters": [A, B]}, {"filters": [B, A]}),
        (
            {"requestParameters": PLACE},
            {"requestParameters": {"g_variant": PLACE | {"referenceName": "NC_000003.12"}}},
        ),
        ({"pagination": {"limit": 5}}, {"pagination": {"skip": 3, "limit": 7}}),
        ({"includeResultsetResponses": "ALL"}, {"includeResultsetResponses": "HIT"}),
    ],
    ids=["order of filters", "name of the sequence", "page", "include mode"],
)
def test_the_same_question_put_otherwise_is_the_same_unit(one: Any, other: Any) -> None:
    assert question_key(question(**one)) == question_key(question(**other))


def test_another_question_is_another_unit() -> None:
    keys = {
        question_key(question(**each))
        for each in ({}, {"filters": [A]}, {"filters": [B]}, {"requestParameters": PLACE})
    }
    assert len(keys) == 4
    assert all(-(2**63) <= key < 2**63 for key in keys)


async def test_only_datasets_that_tell_their_size_are_charged() -> None:
    ledger = CountingLedger(units=0)
    told = read(
        result_set(
            "A",
            records=[variant(cell("Total", 50, 100))],
            info=DatasetInfo(individuals=100, af_budget_factor=0.46),
        )
    )
    untold = read(result_set("B", records=[variant(cell("Total", 50, 100))]))
    served = [Served(member("ee"), told), Served(member("fi"), untold)]
    allowed = await HubBudget(ledger, global_factor=9.2).within(question(), ANYBODY, served)
    assert [(item.found.id, item.refused, item.found.exists) for item in allowed] == [
        ("A", True, False), ("B", False, True),
    ]  # fmt: skip
    assert "results" not in allowed[0].found.document


def of_members(**infos: DatasetInfo) -> DatasetInfo:
    """What the hub books by, of a dataset that these members serve."""
    answers = [
        (member(name), read_answer(answer(result_set("D", 0, [], info)), Granularity.RECORD))
        for name, info in infos.items()
    ]
    (item,) = serve(question(), answers, FloorBook())
    return item.found.dataset


def test_of_the_budgets_of_all_members_that_serve_a_dataset_the_smallest_holds() -> None:
    strict = DatasetInfo(individuals=300, af_budget_factor=9.0, k_alleles=20)
    booked = of_members(ee=strict, fi=DatasetInfo(individuals=100, af_budget_factor=2.0, k_alleles=5))
    assert (booked.individuals, booked.af_budget_factor) == (100, 2.0)
    booked = of_members(ee=DatasetInfo(k_alleles=20), fi=DatasetInfo(individuals=100, af_budget_factor=2.0))
    assert (booked.individuals, booked.af_budget_factor) == (100, 2.0), (
        "EE does not say how many people it has"
    )
    assert of_members(ee=strict) == strict
