"""Defects of other Beacons, B-01 to B-22 of the reference, each as what ours must do instead.

B-06, B-07, B-11, B-17, B-19, B-21 and B-22 concern loading, the index and the demo, and are tested there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.node_beacons import (
    AGGREGATED,
    ASTHMA,
    FEMALE,
    INDIVIDUALS,
    MALE,
    PORTAL_ROW,
    TOKEN,
    HeldRows,
    NodeBeacons,
    Person,
    counts,
    manifest,
    node_beacons,
)

from opengdi.discovery.beacon.rules import question_unit
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.standards.beacon.parameters import parse_variant_parameters
from opengdi.standards.coordinates import Assembly
from opengdi.testing.variants import site_row

VISIBLE = counts((410, 200, 210), (2000, 1000, 1000))
G_VARIANTS = f"{AGGREGATED}/g_variants"
PEOPLE_PATH = f"{INDIVIDUALS}/individuals"
POINT = {
    "referenceName": "3",
    "start": [45864731],
    "referenceBases": "T",
    "alternateBases": "C",
    "assemblyId": "GRCh37",
}


def person(number: int) -> Person:
    """600 women and 400 men, ages 20 to 69, every second with asthma, every fourth carries the allele of row 0."""
    terms = {FEMALE if number < 600 else MALE} | ({ASTHMA} if number % 2 else set())
    return Person(frozenset(terms), 20 + number % 50, frozenset({0} if number % 4 == 0 else {7}))


ROWS = [
    PORTAL_ROW,
    site_row("3", 45864800, "A", "AGT", VISIBLE, genotype_row=1),
    site_row("4", 45864731, "T", "C", VISIBLE, genotype_row=2),
]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeBeacons]:
    held = [
        HeldRows(manifest(), ROWS, [person(number) for number in range(1000)]),
        HeldRows(manifest("GDI-EE-UT-2"), [PORTAL_ROW], [person(number) for number in range(1000)]),
        HeldRows(manifest("GDI-EE-UT-3"), [], [Person(frozenset({MALE}), 40)] * 1000),
    ]
    with node_beacons(tmp_path, held) as node:
        yield node


def body(parameters: Any = None, granularity: str = "record", **query: Any) -> dict[str, Any]:
    return {
        "meta": {"apiVersion": "2.0"},
        "query": {"requestParameters": parameters, "requestedGranularity": granularity, **query},
    }


async def people(node: NodeBeacons, *filters: Any, **query: Any) -> dict[str, Any]:
    answer = await node.post(PEOPLE_PATH, body(filters=list(filters), granularity="count", **query), TOKEN)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def number_in(document: dict[str, Any], dataset: str) -> int:
    sets = {each["id"]: each["resultsCount"] for each in document["response"]["resultSets"]}
    return int(sets.get(dataset, 0))


async def test_b01_a_count_that_fails_is_an_error_and_no_number(node: NodeBeacons) -> None:
    answer = await node.post(PEOPLE_PATH, body(filters=[{"id": "NCIT:C999999"}]), TOKEN)
    assert answer.status_code == 400
    assert "responseSummary" not in answer.json()


async def test_b02_a_numeric_filter_restricts(node: NodeBeacons) -> None:
    older = await people(node, {"id": "age", "operator": ">", "value": "P60Y"})
    everybody = await people(node)
    assert number_in(older, "GDI-EE-UT-1") == 180
    assert number_in(everybody, "GDI-EE-UT-1") == 1000


async def test_b03_get_sets_the_granularity(node: NodeBeacons) -> None:
    for granularity in ("boolean", "count", "record"):
        answer = (
            await node.get(
                G_VARIANTS, referenceName=3, start=45864731, end=45864732, requestedGranularity=granularity
            )
        ).json()
        assert answer["meta"]["returnedGranularity"] == granularity
        assert ("numTotalResults" in answer["responseSummary"]) == (granularity != "boolean")


async def test_b03_the_count_is_no_function_of_paging(node: NodeBeacons) -> None:
    numbers = {
        (
            await node.get(G_VARIANTS, referenceName=3, start=45864000, end=45865000, skip=skip, limit=limit)
        ).json()["responseSummary"]["numTotalResults"]
        for skip in (0, 1, 5)
        for limit in (1, 2, 100)
    }
    assert numbers == {3}


@pytest.mark.parametrize("name", ["3", "chr3", "NC_000003.11", "refseq:NC_000003.11"])
async def test_b04_b20_every_name_of_a_contig_restricts_to_it(node: NodeBeacons, name: str) -> None:
    parameters = POINT | {"referenceName": name}
    answer = (await node.post(G_VARIANTS, body(parameters))).json()
    found = {
        record["variantInternalId"] for each in answer["response"]["resultSets"] for record in each["results"]
    }
    assert found == {"GRCh37:3:45864732:T:C"}


async def test_b05_an_unknown_filter_is_the_callers_mistake(node: NodeBeacons) -> None:
    answer = await node.get(PEOPLE_PATH, TOKEN, filters="XX:1")
    assert answer.status_code == 400
    assert "XX:1" in answer.json()["error"]["errorMessage"]


@pytest.mark.parametrize("granularity", ["boolean", "count", "record"])
async def test_b08_every_granularity_answers_per_dataset(node: NodeBeacons, granularity: str) -> None:
    answer = (await node.post(G_VARIANTS, body(POINT, granularity, includeResultsetResponses="ALL"))).json()
    assert {each["id"]: each["exists"] for each in answer["response"]["resultSets"]} == {
        "GDI-EE-UT-1": True,
        "GDI-EE-UT-2": True,
        "GDI-EE-UT-3": False,
    }


@pytest.mark.parametrize(
    ("include", "listed"), [("ALL", {1, 2, 3}), ("HIT", {1, 2}), ("MISS", {3}), ("NONE", set())]
)
async def test_hits_and_misses_are_told_per_dataset_and_the_summary_stays_true(
    node: NodeBeacons, include: str, listed: set[int]
) -> None:
    answer = (await node.post(G_VARIANTS, body(POINT, includeResultsetResponses=include))).json()
    assert {int(each["id"][-1]) for each in answer["response"]["resultSets"]} == listed
    assert answer["responseSummary"]["numTotalResults"] == 2


async def test_b09_aggregated_granularity_is_neither_taken_nor_given(node: NodeBeacons) -> None:
    assert (await node.post(G_VARIANTS, body(POINT, "aggregated"))).status_code == 400


async def test_b10_a_changed_shelf_changes_the_next_answer(node: NodeBeacons) -> None:
    before = (await node.post(G_VARIANTS, body(POINT))).json()
    node.shelf[0] = node.shelf[0][1:]
    after = (await node.post(G_VARIANTS, body(POINT))).json()
    numbers = [answer["responseSummary"]["numTotalResults"] for answer in (before, after)]
    assert numbers == [2, 1]


async def test_b12_the_policy_holds_inside_result_sets_too(node: NodeBeacons) -> None:
    document = await people(node, {"id": FEMALE}, includeResultsetResponses="ALL")
    told = {
        each["id"]: (each["resultsCount"], each["countPrecision"])
        for each in document["response"]["resultSets"]
    }
    assert told["GDI-EE-UT-1"] == (600, "rounded")
    assert told["GDI-EE-UT-3"] == (0, "imprecise")


async def test_b13_nobody_is_who_a_parameter_says(node: NodeBeacons) -> None:
    async with node.client() as client:
        for name in ("user", "user_name", "token", "access_token"):
            assert (await client.get(PEOPLE_PATH, params={name: TOKEN})).status_code == 401
            assert (await client.get(G_VARIANTS, params={name: "admin"})).status_code == 400


async def test_b14_the_echo_holds_objects_and_strings(node: NodeBeacons) -> None:
    document = await people(
        node, {"id": FEMALE, "scope": "individual"}, {"id": "age", "operator": ">", "value": "P30Y"}
    )
    summary = document["meta"]["receivedRequestSummary"]
    assert summary["filters"] == [FEMALE, "age:>P30Y"]
    assert "requestParameters" not in summary


async def test_b15_frequencies_are_called_so(node: NodeBeacons) -> None:
    text = (await node.post(G_VARIANTS, body(POINT))).text
    assert '"frequencies":[' in text
    assert "numberOfPopulations" not in text


async def test_b16_test_mode_answers_from_virtual_data(node: NodeBeacons) -> None:
    answer = (await node.post(f"{INDIVIDUALS}/individuals", body(testMode=True), TOKEN)).json()
    (result_set,) = answer["response"]["resultSets"]
    assert result_set["id"] == "GDI-XX-VIRTUAL-1"
    assert result_set["results"][0]["id"] == "virtual-individual-1"
    assert answer["meta"]["returnedGranularity"] == "record"


async def test_b18_granularity_and_pagination_at_the_top_level_count(node: NodeBeacons) -> None:
    request = {
        "meta": {"apiVersion": "2.0"},
        "query": {"requestParameters": POINT},
        "requestedGranularity": "count",
        "pagination": {"limit": 3},
    }
    meta = (await node.post(G_VARIANTS, request)).json()["meta"]
    assert meta["returnedGranularity"] == "count"
    assert meta["receivedRequestSummary"]["pagination"]["limit"] == 3


async def test_pages_lead_through_all_results_once(node: NodeBeacons) -> None:
    parameters = {"referenceName": "3", "start": [45864000], "end": [45865000]}
    pagination: dict[str, Any] = {"limit": 1}
    found: list[str] = []
    for _ in range(5):
        answer = (
            await node.post(G_VARIANTS, body(parameters, pagination=pagination, datasets=["GDI-EE-UT-1"]))
        ).json()
        found += [
            record["variantInternalId"]
            for each in answer["response"]["resultSets"]
            for record in each["results"]
        ]
        token = answer["meta"]["receivedRequestSummary"]["pagination"].get("nextPage")
        if token is None:
            break
        pagination = {"nextPage": token}
    assert found == ["GRCh37:3:45864732:T:C", "GRCh37:3:45864802:-:GT"]


async def test_a_dataset_scope_restricts_and_an_empty_one_matches_nothing(node: NodeBeacons) -> None:
    one = (await node.post(G_VARIANTS, body(POINT, datasets=["GDI-EE-UT-2"]))).json()
    none = (await node.post(G_VARIANTS, body(POINT, datasets=[]))).json()
    assert [each["id"] for each in one["response"]["resultSets"]] == ["GDI-EE-UT-2"]
    assert none["responseSummary"]["exists"] is False


async def test_a_missing_assembly_is_assumed_and_said(node: NodeBeacons) -> None:
    parameters = {name: value for name, value in POINT.items() if name != "assemblyId"}
    assert (await node.post(G_VARIANTS, body(parameters))).json()["info"] == {"assumedAssemblyId": "GRCh37"}


async def test_a_missing_assembly_is_asked_for_where_two_are_served(tmp_path: Path) -> None:
    held = [
        HeldRows(manifest(), ROWS),
        HeldRows(manifest("GDI-EE-UT-2", assembly=Assembly.GRCh38.name), ROWS),
    ]
    parameters = {name: value for name, value in POINT.items() if name != "assemblyId"}
    with node_beacons(tmp_path, held) as node:
        answer = await node.post(G_VARIANTS, body(parameters))
        assert answer.status_code == 400
        assert "GRCh37 and GRCh38 are served" in answer.text
        found = (await node.post(G_VARIANTS, body(POINT, includeResultsetResponses="ALL"))).json()
        assert [each["id"] for each in found["response"]["resultSets"]] == ["GDI-EE-UT-1"]


async def test_every_answered_query_is_in_the_audit_chain(node: NodeBeacons) -> None:
    await node.post(G_VARIANTS, body(POINT))
    await people(node, {"id": FEMALE})
    assert [line["action"] for line in node.audit.lines] == ["beacon.query", "beacon.query"]
    assert node.audit.lines[0]["actor"].startswith("anonymous:")
    assert node.audit.lines[1]["actor"] == "researcher"
    assert "127.0.0.1" not in json.dumps(node.audit.lines)


async def test_an_exhausted_budget_is_said_in_beacons_shape_and_is_the_same_for_hit_and_miss(
    tmp_path: Path,
) -> None:
    tight = DisclosurePolicy(af_budget_factor=0.002, global_budget_factor=1.0)
    with node_beacons(tmp_path, [HeldRows(replace(manifest(), policy=tight), ROWS)]) as node:
        for start in (45864731, 1):
            assert (await node.post(G_VARIANTS, body(POINT | {"start": [start]}))).status_code == 200
        hit = await node.post(G_VARIANTS, body(POINT | {"referenceName": "4"}))
        miss = await node.post(G_VARIANTS, body(POINT | {"start": [2]}))
        replay = await node.post(G_VARIANTS, body(POINT))
    assert (hit.status_code, miss.status_code, replay.status_code) == (429, 429, 200)
    assert hit.json()["error"] == miss.json()["error"]
    assert node.audit.lines[-2]["outcome"] == "refused"


async def test_each_structural_variant_of_one_place_is_paid_for_by_itself(tmp_path: Path) -> None:
    """They have one variant key: the first that was told opened all."""
    tight = DisclosurePolicy(af_budget_factor=0.001, global_budget_factor=1.0)
    rows = [site_row("3", 1000, "A", "<DEL>", VISIBLE, end=end) for end in (2000, 3000)]
    with node_beacons(tmp_path, [HeldRows(replace(manifest(), policy=tight), rows)]) as node:
        told = [
            (await node.get(f"{G_VARIANTS}/GRCh37:3:1001-{end}:A:<DEL>:{end - 1001}")).status_code
            for end in (2000, 3000, 2000)
        ]
    assert told == [200, 429, 200]


def test_a_question_has_the_same_budget_unit_in_every_process() -> None:
    """Sets are told in another order in each: after a restart the same question was paid for again."""
    asked = {"referenceName": "22", "start": [10], "end": [20], "assemblyId": "GRCh38", "variantType": "DEL"}
    question = parse_variant_parameters(asked)
    assert question is not None
    assert question_unit(question) == -6277355091970344296
