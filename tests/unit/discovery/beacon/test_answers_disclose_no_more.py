"""The floors hold on every path out: all endpoints, verbs, granularities, include modes, pages, nestings."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
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

from opengdi.discovery.model import Cohort
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.testing.variants import site_row

K = 10
WIDE = DisclosurePolicy(k_alleles=K, k_individuals=K, af_budget_factor=100.0, global_budget_factor=1000.0)
GRANULARITIES = ("boolean", "count", "record")
INCLUDES = ("ALL", "HIT", "MISS", "NONE")
RARE = counts((K - 1, 5, 4), (2000, 1000, 1000), ((0, 0, 0), (K - 1, 5, 4), (0, 0, 0)))
FIXED = counts((1991, 995, 996), (2000, 1000, 1000))
LOPSIDED = counts((40, 35, 5), (2000, 1000, 1000), ((12, 11, 1), (16, 13, 3), (0, 0, 0)))
FEW_HOMOZYGOUS = counts((400, 200, 200), (2000, 1000, 1000), ((4, 2, 2), (392, 196, 196), (0, 0, 0)))
PLACE = 1000
ABSENT = PLACE + 500


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeBeacons]:
    rows = [
        site_row("1", PLACE, "A", "G", RARE, genotype_row=0),
        site_row("1", PLACE + 1, "A", "G", FIXED, genotype_row=1),
        site_row("1", PLACE + 2, "A", "G", LOPSIDED, genotype_row=2),
        site_row("1", PLACE + 3, "A", "G", FEW_HOMOZYGOUS, genotype_row=3),
    ]
    people = [
        Person(
            frozenset({FEMALE if number < 995 else MALE} | ({ASTHMA} if number < K - 1 else set())),
            40,
            frozenset({0} if number < K - 1 else {3}),
        )
        for number in range(1000)
    ]
    held = [
        HeldRows(manifest(policy=WIDE), rows, people, [Cohort("cohort-1", {}, None)]),
        HeldRows(manifest("GDI-EE-UT-2", policy=WIDE), [], people),
    ]
    with node_beacons(tmp_path, held) as node:
        yield node


def masked(document: Any) -> str:
    """An answer without its echo of the question, and what it says of the granularity that was asked for."""
    document["meta"].pop("receivedRequestSummary")
    if "info" in document:
        document["info"].pop("loweredGranularity", None)
        document = document if document["info"] else {k: v for k, v in document.items() if k != "info"}
    return json.dumps(document)


def allele(start: int) -> dict[str, Any]:
    return {
        "referenceName": "1",
        "start": [start],
        "referenceBases": "A",
        "alternateBases": "G",
        "assemblyId": "GRCh37",
    }


@pytest.mark.parametrize(("granularity", "include"), list(itertools.product(GRANULARITIES, INCLUDES)))
async def test_a_rare_allele_an_almost_fixed_one_and_none_answer_alike(
    node: NodeBeacons, granularity: str, include: str
) -> None:
    answers = set()
    for start in (PLACE, PLACE + 1, ABSENT):
        query = {
            "requestParameters": allele(start),
            "requestedGranularity": granularity,
            "includeResultsetResponses": include,
        }
        posted = await node.post(f"{AGGREGATED}/g_variants", {"meta": {}, "query": query})
        flat = {name: value[0] if isinstance(value, list) else value for name, value in allele(start).items()}
        got = await node.get(
            f"{AGGREGATED}/g_variants",
            requestedGranularity=granularity,
            includeResultsetResponses=include,
            **flat,
        )
        span = {"referenceName": "1", "start": [start], "end": [start + 1], "assemblyId": "GRCh37"}
        around = await node.post(
            f"{AGGREGATED}/g_variants", {"meta": {}, "query": query | {"requestParameters": span}}
        )
        answers |= {
            (way, masked(each.json())) for way, each in (("exact", posted), ("exact", got), ("range", around))
        }
    assert len({body for way, body in answers if way == "exact"}) == 1
    assert len({body for way, body in answers if way == "range"}) == 1


@pytest.mark.parametrize("below", ["", "/individuals", "/datasets", "/cohorts", "/biosamples"])
async def test_nested_below_an_allele_rare_and_absent_answer_alike(node: NodeBeacons, below: str) -> None:
    base = INDIVIDUALS if below in ("/individuals", "/biosamples") else AGGREGATED
    rare, absent = [
        masked((await node.get(f"{base}/g_variants/GRCh37:1:{start + 1}:A:G{below}", TOKEN)).json())
        for start in (PLACE, ABSENT)
    ]
    assert rare == absent


async def test_one_hidden_population_leaves_only_the_total(node: NodeBeacons) -> None:
    answer = (
        await node.post(
            f"{AGGREGATED}/g_variants", {"meta": {}, "query": {"requestParameters": allele(PLACE + 2)}}
        )
    ).json()
    (record,) = answer["response"]["resultSets"][0]["results"]
    (cell,) = record["frequencyInPopulations"][0]["frequencies"]
    assert cell == {"population": "Total", "alleleFrequency": 0.02, "alleleCount": 40, "alleleNumber": 2000}


async def test_few_homozygous_people_hide_all_genotype_counts(node: NodeBeacons) -> None:
    answer = (
        await node.post(
            f"{AGGREGATED}/g_variants", {"meta": {}, "query": {"requestParameters": allele(PLACE + 3)}}
        )
    ).json()
    (record,) = answer["response"]["resultSets"][0]["results"]
    cells = record["frequencyInPopulations"][0]["frequencies"]
    assert [set(cell) for cell in cells] == [
        {"population", "alleleFrequency", "alleleCount", "alleleNumber"}
    ] * 3


async def test_too_few_and_no_people_answer_alike(node: NodeBeacons) -> None:
    answers = set()
    for filters in ([{"id": ASTHMA}], [{"id": ASTHMA}, {"id": MALE}]):
        for granularity, include in itertools.product(GRANULARITIES, INCLUDES):
            query = {
                "filters": filters,
                "requestedGranularity": granularity,
                "includeResultsetResponses": include,
            }
            answer = await node.post(f"{INDIVIDUALS}/individuals", {"meta": {}, "query": query}, TOKEN)
            answers.add((granularity, include, masked(answer.json())))
    assert len(answers) == len(GRANULARITIES) * len(INCLUDES)


async def test_almost_everybody_and_everybody_answer_alike(node: NodeBeacons) -> None:
    nearly = await node.post(
        f"{INDIVIDUALS}/individuals", {"meta": {}, "query": {"filters": [{"id": FEMALE}]}}, TOKEN
    )
    everybody = await node.post(f"{INDIVIDUALS}/individuals", {"meta": {}, "query": {}}, TOKEN)
    assert masked(nearly.json()) == masked(everybody.json())


async def test_a_named_person_is_never_told_about(node: NodeBeacons) -> None:
    answers = set()
    for entry in ("individuals", "biosamples", "runs", "analyses"):
        for identifier in ("real-or-not", "x"):
            for below in ("", "/g_variants", "/datasets", "/cohorts"):
                answer = (
                    await node.get(
                        f"{INDIVIDUALS}/{entry}/{identifier}{below}", TOKEN, includeResultsetResponses="ALL"
                    )
                ).json()
                assert answer["responseSummary"]["exists"] is False
                answer["meta"].pop("returnedSchemas")
                answers.add((below, masked(answer)))
    assert len(answers) == 4


async def test_the_sum_tells_nothing_of_hidden_datasets(node: NodeBeacons) -> None:
    query = {"filters": [{"id": ASTHMA}], "includeResultsetResponses": "ALL"}
    answer = (await node.post(f"{INDIVIDUALS}/individuals", {"meta": {}, "query": query}, TOKEN)).json()
    assert answer["responseSummary"] == {
        "exists": False,
        "numTotalResults": 0,
        "countPrecision": "imprecise",
        "countAdjustedTo": ["<19"],
    }


async def test_the_same_question_in_any_form_has_one_answer(node: NodeBeacons) -> None:
    filters = [{"id": FEMALE}, {"id": "age", "operator": ">", "value": "P30Y"}]
    answers = set()
    for ordered in itertools.permutations(filters):
        for granularity, skip, limit in itertools.product(("count", "record"), (0, 3), (1, 100)):
            query = {
                "filters": ordered,
                "requestedGranularity": granularity,
                "pagination": {"skip": skip, "limit": limit},
            }
            answer = await node.post(f"{INDIVIDUALS}/individuals", {"meta": {}, "query": query}, TOKEN)
            answers.add(masked(answer.json()))
    text = f"{FEMALE},age:>P30Y"
    answers.add(masked((await node.get(f"{INDIVIDUALS}/individuals", TOKEN, filters=text)).json()))
    assert len(answers) == 1


async def test_a_and_not_b_isolates_nobody(node: NodeBeacons) -> None:
    """5 men among 1,000: told neither as such nor as the difference between everybody and the women."""

    async def number(*filters: Any) -> int:
        query = {"filters": list(filters), "includeResultsetResponses": "ALL", "datasets": ["GDI-EE-UT-1"]}
        answer = await node.post(f"{INDIVIDUALS}/individuals", {"meta": {}, "query": query}, TOKEN)
        return int(answer.json()["responseSummary"]["numTotalResults"])

    everybody, women, men = await number(), await number({"id": FEMALE}), await number({"id": MALE})
    assert everybody - women == 0
    assert men == 0


async def test_a_small_cohort_has_no_public_frequencies(tmp_path: Path) -> None:
    small = manifest(policy=DisclosurePolicy(k_alleles=1, min_cohort_public_af=40), individuals=39)
    rows = [site_row("1", PLACE, "A", "G", counts((30, 15, 15), (78, 39, 39)))]
    with node_beacons(tmp_path, [HeldRows(small, rows)]) as node:
        answer = (
            await node.post(
                f"{AGGREGATED}/g_variants",
                {
                    "meta": {},
                    "query": {"requestParameters": allele(PLACE), "includeResultsetResponses": "ALL"},
                },
            )
        ).json()
    assert answer["responseSummary"]["exists"] is False
    assert answer["response"]["resultSets"] == []
    assert answer["info"]["refusedDatasets"] == [
        {"id": "GDI-EE-UT-1", "reason": "the dataset has too few individuals for public frequencies"}
    ]


async def test_small_cells_of_a_cohorts_distribution_take_the_whole_distribution_with_them(
    tmp_path: Path,
) -> None:
    event = {
        "eventSize": 1000,
        "eventGenders": {
            "availability": True,
            "availabilityCount": 1000,
            "distribution": {"genders": {"female": 996, "male": 4}},
        },
        "eventDiseases": {
            "availability": True,
            "availabilityCount": 7,
            "distribution": {"diseases": {"asthma": 400, "gout": 300}},
        },
    }
    cohort = Cohort(
        "cohort-1", {"name": "C", "cohortType": "study-defined", "collectionEvents": [event]}, None
    )
    with node_beacons(tmp_path, [HeldRows(manifest(policy=WIDE), [], [], [cohort])]) as node:
        (record,) = (await node.get(f"{AGGREGATED}/cohorts")).json()["response"]["collections"]
    (told,) = record["collectionEvents"]
    assert told["eventGenders"]["distribution"] == {"genders": {}}
    assert told["eventDiseases"] == {
        "availability": True,
        "distribution": {"diseases": {"asthma": 400, "gout": 300}},
    }


async def test_errors_say_nothing_about_the_data(node: NodeBeacons) -> None:
    answer = await node.get(f"{AGGREGATED}/g_variants", start="x")
    assert answer.status_code == 400
    assert "GDI-EE" not in answer.text


async def test_an_id_that_no_allele_can_have_is_a_miss(node: NodeBeacons) -> None:
    answer = await node.get(f"{AGGREGATED}/g_variants/rs123/datasets")
    assert (answer.status_code, answer.json()["responseSummary"]["exists"]) == (200, False)
