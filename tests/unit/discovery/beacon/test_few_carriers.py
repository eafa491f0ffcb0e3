"""Where floors are low: few carriers are told of until one of them can have lost too much, and then as if not there."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.node_beacons import (
    AGGREGATED,
    ASTHMA,
    FEMALE,
    INDIVIDUALS,
    MALE,
    TOKEN,
    HeldRows,
    NodeBeacons,
    Person,
    counts,
    manifest,
    node_beacons,
)

from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.testing.variants import SiteRow, site_row

PEOPLE = 100
RARE = 10
"""Alleles at 1000 … 1009 have four carriers each, four by four; at 1010 one, at 1011 forty, at 1012 eight."""
SINGLE, COMMON, EIGHT, ABSENT = 1000 + RARE, 1001 + RARE, 1002 + RARE, 5000
CARRIERS = [range(4 * place, 4 * place + 4) for place in range(RARE)] + [range(1), range(40), range(8)]
TOLD = 5
"""Alleles of four carriers that a purse of 3 nats pays."""
WIDE: dict[str, Any] = {"af_budget_factor": 100.0, "global_budget_factor": 1000.0}


def row(place: int, carriers: int) -> SiteRow:
    number = counts((carriers,), (2 * PEOPLE,), ((0,), (carriers,), (0,)))
    return site_row("1", 1000 + place, "A", "G", number, genotype_row=place)


def held(dataset: str = "A", **policy: Any) -> HeldRows:
    low = DisclosurePolicy(**{**WIDE, "k_alleles": 1, "k_individuals": 1, "differencing_floor": 1, **policy})
    rows = [row(place, len(carriers)) for place, carriers in enumerate(CARRIERS)]
    carried = [{place for place, each in enumerate(CARRIERS) if person in each} for person in range(PEOPLE)]
    people = [
        Person(frozenset({FEMALE if person % 2 else MALE, ASTHMA}), 40, frozenset(alleles))
        for person, alleles in enumerate(carried)
    ]
    return HeldRows(manifest(dataset, individuals=PEOPLE, populations=("Total",), policy=low), rows, people)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeBeacons]:
    with node_beacons(tmp_path, [held()]) as node:
        yield node


def parameters(start: int, end: int | None = None) -> dict[str, Any]:
    place = {"referenceName": "1", "start": [start], "assemblyId": "GRCh37"}
    return place | ({"referenceBases": "A", "alternateBases": "G"} if end is None else {"end": [end]})


async def asked(
    node: NodeBeacons,
    start: int,
    *,
    base: str = AGGREGATED,
    path: str = "g_variants",
    end: int | None = None,
    **query: Any,
) -> Any:
    query = {"requestParameters": parameters(start, end), "requestedGranularity": "record", **query}
    answer = await node.post(f"{base}/{path}", {"query": query}, TOKEN)
    assert answer.status_code == 200, answer.text
    return answer.json()


def masked(answer: Any) -> str:
    """An answer without its echo of the question."""
    answer["meta"].pop("receivedRequestSummary")
    return json.dumps(answer)


async def spend(node: NodeBeacons, **ways: Any) -> list[bool]:
    """Ask for every rare allele; whether each is said to be there."""
    return [(await asked(node, 1000 + place, **ways))["responseSummary"]["exists"] for place in range(RARE)]


SPENT = [True] * TOLD + [False] * (RARE - TOLD)
WAYS = [
    {"base": AGGREGATED},
    {"base": AGGREGATED, "requestedGranularity": "boolean"},
    {"base": AGGREGATED, "requestedGranularity": "count", "includeResultsetResponses": "ALL"},
    {"base": AGGREGATED, "path": "datasets"},
    {"base": INDIVIDUALS, "requestedGranularity": "count"},
    {"base": INDIVIDUALS, "path": "individuals", "requestedGranularity": "count"},
    {"base": INDIVIDUALS, "path": "individuals", "requestedGranularity": "boolean"},
    {"base": INDIVIDUALS, "path": "biosamples", "requestedGranularity": "count"},
    {"base": INDIVIDUALS, "path": "datasets"},
    {
        "base": INDIVIDUALS,
        "path": "individuals",
        "filters": [{"id": ASTHMA}],
        "requestedGranularity": "count",
    },
    {"base": INDIVIDUALS, "filters": [{"id": ASTHMA}], "requestedGranularity": "count"},
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: " ".join(map(str, way.values())))
async def test_a_spent_purse_answers_a_rare_allele_as_an_absent_one_and_keeps_to_what_it_told(
    node: NodeBeacons, way: dict[str, Any]
) -> None:
    before = masked(await asked(node, ABSENT, **way))
    assert await spend(node, **way) == SPENT
    answers = {masked(await asked(node, 1000 + place, **way)) for place in range(TOLD, RARE)}
    assert answers == {masked(await asked(node, ABSENT, **way))} == {before}
    assert await spend(node, **way) == SPENT, "replays"
    assert (await asked(node, COMMON, **way))["responseSummary"]["exists"] is True


async def test_a_rare_allele_has_one_price_by_every_way_of_asking_for_the_same(node: NodeBeacons) -> None:
    alike = [
        {"base": AGGREGATED, "requestedGranularity": "boolean"},
        {"base": AGGREGATED},
        {"base": AGGREGATED, "path": "datasets"},
        {"base": INDIVIDUALS, "requestedGranularity": "count"},
    ]
    for way in alike:
        assert await spend(node, **way) == SPENT
    got = [
        await node.get(
            f"{AGGREGATED}/g_variants", TOKEN, referenceName="1", start=1000 + place, referenceBases="A",
            alternateBases="G", assemblyId="GRCh37",
        )
        for place in range(RARE)
    ]  # fmt: skip
    assert [each.json()["responseSummary"]["exists"] for each in got] == SPENT
    named = [
        await node.get(f"{AGGREGATED}/g_variants/GRCh37:1:{1001 + place}:A:G", TOKEN) for place in range(RARE)
    ]
    assert [each.json()["responseSummary"]["exists"] for each in named] == SPENT


async def test_both_beacons_spend_one_purse(node: NodeBeacons) -> None:
    counted = {"base": INDIVIDUALS, "path": "individuals", "requestedGranularity": "count"}
    for place in range(2):
        await asked(node, 1000 + place)
        await asked(node, 1000 + place, **counted)
    assert (await asked(node, 1002))["responseSummary"]["exists"] is True, "the fifth"
    assert (await asked(node, 1003))["responseSummary"]["exists"] is False
    assert (await asked(node, 1003, **counted))["responseSummary"]["exists"] is False


async def test_pages_and_numbers_of_ranges_tell_of_no_few_carriers(node: NodeBeacons) -> None:
    first = await asked(node, 900, end=2000, pagination={"limit": 2})
    (found,) = first["response"]["resultSets"]
    assert found["resultsCount"] == 1
    assert [each["variation"]["location"]["interval"]["start"]["value"] for each in found["results"]] == [
        COMMON
    ]
    assert "nextPage" not in first["meta"]["receivedRequestSummary"]["pagination"]
    assert await spend(node) == SPENT, "a range spends nothing"
    again = await asked(node, 900, end=2000, pagination={"limit": 2})
    assert masked(first) == masked(again)
    counted = await asked(node, 900, end=2000, base=INDIVIDUALS, requestedGranularity="count")
    assert counted["responseSummary"]["numTotalResults"] == 1


@pytest.mark.parametrize("way", WAYS, ids=lambda way: " ".join(map(str, way.values())))
async def test_more_carriers_cost_less_and_one_alone_is_never_told_of(
    node: NodeBeacons, way: dict[str, Any]
) -> None:
    assert masked(await asked(node, SINGLE, **way)) == masked(await asked(node, ABSENT, **way))
    assert await spend(node, **way) == SPENT
    assert (await asked(node, EIGHT, **way))["responseSummary"]["exists"] is True


async def test_counts_of_few_homozygous_people_are_told_at_their_price_and_then_left_out(
    tmp_path: Path,
) -> None:
    many = [
        site_row("1", 1000 + place, "A", "G", counts((46,), (200,), ((4,), (38,), (0,))))
        for place in range(40)
    ]
    one = manifest(
        individuals=PEOPLE, populations=("Total",), policy=DisclosurePolicy(**WIDE, k_individuals=1)
    )
    with node_beacons(tmp_path, [HeldRows(one, many)]) as node:
        cells = []
        for place in range(len(many)):
            (found,) = (await asked(node, 1000 + place))["response"]["resultSets"]
            cells.append(found["results"][0]["frequencyInPopulations"][0]["frequencies"][0])
        page = await asked(node, 900, end=2000, pagination={"limit": 100})
    shown = ["alleleCountHomozygous" in cell for cell in cells]
    assert shown == [True] * 5 + [False] * 35, "four carriers cost 0.58 nats"
    assert {cell["alleleCount"] for cell in cells} == {46}
    (listed,) = page["response"]["resultSets"]
    assert listed["resultsCount"] == len(many)
    assert all(
        "alleleCountHomozygous" not in each["frequencyInPopulations"][0]["frequencies"][0]
        for each in listed["results"]
    )


async def test_what_was_told_is_the_same_after_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        with node_beacons(tmp_path, [held()]) as node:
            assert await spend(node) == SPENT


async def test_anonymous_callers_share_one_purse_and_a_registered_one_has_another(node: NodeBeacons) -> None:
    async def exists(place: int) -> bool:
        body = {"query": {"requestParameters": parameters(1000 + place)}}
        answer = await node.post(f"{AGGREGATED}/g_variants", body)
        return bool(answer.json()["responseSummary"]["exists"])

    assert [await exists(place) for place in range(RARE)] == SPENT
    assert await spend(node) == SPENT


async def test_datasets_have_purses_of_their_own_and_answer_side_by_side(tmp_path: Path) -> None:
    two = [held("A"), held("B", individual_budget=1.2), held("C", k_alleles=10, k_individuals=10)]
    with node_beacons(tmp_path, two) as node:
        seen = []
        for place in range(RARE):
            answer = await asked(node, 1000 + place)
            seen.append("".join(each["id"] for each in answer["response"]["resultSets"]))
        common = await asked(node, COMMON)
    assert seen == ["AB"] * 2 + ["A"] * 3 + [""] * 5
    assert [each["id"] for each in common["response"]["resultSets"]] == ["A", "B", "C"]


@pytest.mark.parametrize(
    "policy",
    [{"individual_budget": 1e6}, {"af_budget_factor": 1e6, "global_budget_factor": 1e6}],
    ids=["off", "open data"],
)
async def test_without_a_budget_every_rare_allele_is_told(tmp_path: Path, policy: dict[str, float]) -> None:
    disclosure = {"individual_budget": 1e6, "af_budget_factor": 1e6, "global_budget_factor": 1e6}
    with node_beacons(tmp_path, [held(**policy)], disclosure=disclosure) as node:
        assert await spend(node) == [True] * RARE
        ranged = await asked(node, 900, end=2000)
    assert ranged["responseSummary"]["numTotalResults"] == len(CARRIERS)


async def test_the_node_may_be_stricter_than_the_dataset(tmp_path: Path) -> None:
    with node_beacons(tmp_path, [held()], disclosure={"individual_budget": 0}) as node:
        assert await spend(node) == [False] * RARE
        common = await asked(node, COMMON)
    assert common["responseSummary"]["exists"] is True
    (told,) = common["response"]["resultSets"]
    assert told["info"]["disclosure"]["individualBudget"] == 0, "a network has to know the strictest"


@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(CARRIERS) - 1), st.sampled_from(WAYS), st.booleans()),
        min_size=1,
        max_size=25,
    )
)
def test_no_order_of_questions_gets_more_out_than_the_purse_holds(
    questions: Sequence[tuple[int, dict[str, Any], bool]],
) -> None:
    """Every yes with four carriers costs 0.58 nats; five fit, by whatever ways they are asked for."""

    async def ask_all(node: NodeBeacons) -> set[int]:
        told = set[int]()
        for place, way, is_range in questions:
            start = 1000 + place
            answer = await asked(node, start, **{**way, "end": start + 1} if is_range else way)
            if answer["responseSummary"]["exists"] and place < RARE:
                told.add(place)
        return told

    with tempfile.TemporaryDirectory() as folder, node_beacons(Path(folder), [held()]) as node:
        assert len(asyncio.run(ask_all(node))) <= TOLD
