"""Which cohorts hold somebody whom filters select: told as a count of each would tell it, and at its price."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
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
    ask_collections,
    ids_listed,
    manifest,
    node_beacons,
)

from opengdi.discovery.model import Bitmap, Cohort
from opengdi.kernel.disclosure.policy import DisclosurePolicy

PEOPLE = 1000
WIDE = {"af_budget_factor": 100.0, "global_budget_factor": 1000.0}
"""Of 1,000 people the first 500 are women; 40 women and 4 men have asthma, and all 4 men are in the cohort of men."""


def person(row: int) -> Person:
    has_asthma = row < 40 or row >= PEOPLE - 4
    return Person(frozenset({FEMALE if row < 500 else MALE} | ({ASTHMA} if has_asthma else set())), 40)


def rows(first: int, last: int) -> Bitmap:
    flags = np.zeros(PEOPLE, dtype=np.uint8)
    flags[first:last] = 1
    return np.packbits(flags)


def cohort(name: str, members: Bitmap | None) -> Cohort:
    return Cohort(name, {"cohortType": "study-defined", "name": f"All of {name}", "cohortSize": 77}, members)


def held(dataset: str = "A", **policy: Any) -> HeldRows:
    cohorts = [cohort("everybody", None), cohort("women", rows(0, 500)), cohort("men", rows(500, PEOPLE))]
    one = manifest(dataset, policy=DisclosurePolicy(**{**WIDE, **policy}))
    return HeldRows(one, people=[person(row) for row in range(PEOPLE)], cohorts=cohorts)


async def asked(node: NodeBeacons, *filters: str, path: str = "cohorts", **query: object) -> Any:
    return await ask_collections(node, path, *filters, **query)


async def test_cohorts_that_hold_enough_of_the_selected_are_counted_and_listed(tmp_path: Path) -> None:
    with node_beacons(tmp_path, [held()]) as node:
        answer = await asked(node, ASTHMA)
        public = (await node.get(f"{AGGREGATED}/cohorts")).json()["response"]["collections"]
    assert ids_listed(answer) == ["everybody", "women"], "four men are too few to be told of"
    assert answer["responseSummary"]["numTotalResults"] == 2
    assert answer["meta"]["returnedGranularity"] == "record"
    assert "loweredGranularity" not in answer.get("info", {})
    assert answer["response"]["collections"] == public[:2], "no more of each than everybody may read"


async def test_nobody_and_too_few_are_told_alike(tmp_path: Path) -> None:
    with node_beacons(tmp_path, [held()]) as node:
        few = await asked(node, ASTHMA, MALE)
        none = await asked(node, MALE, FEMALE)
    assert few["response"] == none["response"]
    assert few["responseSummary"] == none["responseSummary"]
    assert ids_listed(few) == []


async def test_a_cohort_is_listed_where_a_count_of_it_alone_says_that_it_is_there(tmp_path: Path) -> None:
    with node_beacons(tmp_path, [held()]) as node:
        for filters in ([ASTHMA], [FEMALE], [MALE], [ASTHMA, MALE]):
            listed = ids_listed(await asked(node, *filters))
            for name in ("everybody", "women", "men"):
                alone = await asked(node, *filters, path=f"cohorts/{name}", requestedGranularity="boolean")
                assert alone["responseSummary"]["exists"] is (name in listed), (filters, name)


@pytest.mark.parametrize("granularity", ["boolean", "count"])
async def test_who_asks_for_a_number_is_told_no_names(tmp_path: Path, granularity: str) -> None:
    with node_beacons(tmp_path, [held()]) as node:
        answer = await asked(node, ASTHMA, requestedGranularity=granularity)
    assert ids_listed(answer) == []
    assert answer["responseSummary"]["exists"] is True


async def test_a_dataset_that_tells_no_numbers_names_no_cohorts(tmp_path: Path) -> None:
    with node_beacons(tmp_path, [held(tells_registered=1)]) as node:
        answer = await asked(node, ASTHMA)
    assert ids_listed(answer) == []
    assert answer["responseSummary"]["exists"] is True


async def test_a_list_costs_what_the_counts_of_its_cohorts_cost(tmp_path: Path) -> None:
    five = DisclosurePolicy(af_budget_factor=0.005, global_budget_factor=10.0)
    purse = HeldRows(manifest("A", policy=five), people=held().people, cohorts=held().cohorts)
    with node_beacons(tmp_path, [purse], disclosure={"af_budget_factor": 0.005}) as node:
        assert ids_listed(await asked(node, ASTHMA)) == ["everybody", "women"]
        for name in ("everybody", "women", "men"):
            assert "refusedDatasets" not in (await asked(node, ASTHMA, path=f"cohorts/{name}")).get(
                "info", {}
            )
        query = {"requestedGranularity": "record", "filters": [{"id": FEMALE}]}
        refused = await node.post(f"{INDIVIDUALS}/cohorts", {"query": query}, TOKEN)
    assert refused.status_code == 429, "two units are left of five, and the list costs three"


async def test_cohorts_of_several_datasets_are_paged_as_one_list(tmp_path: Path) -> None:
    with node_beacons(tmp_path, [held("A"), held("B")]) as node:
        pages = [await asked(node, ASTHMA, pagination={"skip": skip, "limit": 3}) for skip in (0, 1)]
    assert [ids_listed(page) for page in pages] == [["everybody", "women", "everybody"], ["women"]]
    assert ["nextPage" in page["meta"]["receivedRequestSummary"]["pagination"] for page in pages] == [
        True,
        False,
    ]
    assert {page["responseSummary"]["numTotalResults"] for page in pages} == {4}


async def test_cohorts_of_one_person_are_not_told(tmp_path: Path) -> None:
    with node_beacons(tmp_path, [held()]) as node:
        answer = await asked(node, path="individuals/P1/cohorts")
    assert ids_listed(answer) == []
    assert answer["responseSummary"]["exists"] is False
