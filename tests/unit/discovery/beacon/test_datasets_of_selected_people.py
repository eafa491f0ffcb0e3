"""Which datasets hold somebody whom filters, a cohort or an allele select: told as a count of each would tell it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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
    ask_collections,
    ids_listed,
    manifest,
    node_beacons,
)

from opengdi.discovery.model import Cohort
from opengdi.kernel.disclosure.policy import DisclosurePolicy

PEOPLE = 100
WIDE = {"af_budget_factor": 100.0, "global_budget_factor": 1000.0}
ALLELE = "GRCh37:3:45864732:T:C"


def held(dataset: str, asthma: int, *, people: int = PEOPLE, carriers: int = 0, **policy: Any) -> HeldRows:
    """Half of the people are women, `asthma` of whom have it; the first `carriers` people carry the allele."""
    everybody = [
        Person(
            frozenset({FEMALE if row < people // 2 else MALE} | ({ASTHMA} if row < asthma else set())),
            40,
            frozenset({0} if row < carriers else ()),
        )
        for row in range(people)
    ]
    women = np.packbits([row < people // 2 for row in range(people)])
    one = manifest(dataset, individuals=people, policy=DisclosurePolicy(**{**WIDE, **policy}))
    return HeldRows(one, [PORTAL_ROW], everybody, [Cohort("women", {"cohortType": "study-defined"}, women)])


async def asked(node: NodeBeacons, *filters: str, path: str = "datasets", **query: object) -> Any:
    return await ask_collections(node, path, *filters, **query)


async def test_datasets_that_hold_enough_of_the_selected_are_counted_and_listed(tmp_path: Path) -> None:
    with node_beacons(tmp_path, [held("A", 40), held("B", 4), held("C", 12)]) as node:
        answer = await asked(node, ASTHMA)
        public = (await node.get(f"{AGGREGATED}/datasets")).json()["response"]["collections"]
    assert ids_listed(answer) == ["A", "C"], "four people are too few to be told of"
    assert answer["responseSummary"]["numTotalResults"] == 2
    assert answer["meta"]["returnedGranularity"] == "record"
    assert "loweredGranularity" not in answer.get("info", {})
    assert answer["response"]["collections"] == [public[0], public[2]], (
        "no more of each than everybody may read"
    )


async def test_get_and_post_list_the_same(tmp_path: Path) -> None:
    with node_beacons(tmp_path, [held("A", 40), held("B", 4)]) as node:
        posted = await asked(node, ASTHMA, FEMALE)
        got = await node.get(
            f"{INDIVIDUALS}/datasets", TOKEN, filters=f"{ASTHMA},{FEMALE}", requestedGranularity="record"
        )
    assert got.json()["response"] == posted["response"]
    assert ids_listed(posted) == ["A"]


async def test_nobody_and_too_few_are_told_alike(tmp_path: Path) -> None:
    with node_beacons(tmp_path, [held("A", 9)]) as node:
        few, none = await asked(node, ASTHMA), await asked(node, MALE, FEMALE)
    assert few["response"] == none["response"]
    assert few["responseSummary"] == none["responseSummary"]
    assert ids_listed(few) == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [("cohorts/women/datasets", ["A", "B"]), (f"g_variants/{ALLELE}/datasets", ["B"]), ("datasets/B", ["B"])],
)
async def test_below_a_cohort_an_allele_and_their_own_id_datasets_are_listed_by_the_same_rule(
    tmp_path: Path, path: str, expected: list[str]
) -> None:
    with node_beacons(tmp_path, [held("A", 40, carriers=3), held("B", 40, carriers=30)]) as node:
        assert ids_listed(await asked(node, path=path)) == expected


async def test_of_one_person_no_dataset_is_told(tmp_path: Path) -> None:
    with node_beacons(tmp_path, [held("A", 40)]) as node:
        answer = await asked(node, path="individuals/P1/datasets")
    assert ids_listed(answer) == []
    assert answer["responseSummary"]["exists"] is False


async def test_unasked_by_anything_datasets_are_listed_as_everybody_may_read_them(tmp_path: Path) -> None:
    with node_beacons(tmp_path, [held("A", 40), held("small", 3, people=15)]) as node:
        answer = await asked(node)
        public = (await node.get(f"{AGGREGATED}/datasets")).json()["response"]["collections"]
    assert answer["response"]["collections"] == public
    assert answer["responseSummary"]["numTotalResults"] == 2


@pytest.mark.parametrize("granularity", ["boolean", "count"])
async def test_who_asks_for_a_number_is_told_no_names(tmp_path: Path, granularity: str) -> None:
    with node_beacons(tmp_path, [held("A", 40)]) as node:
        answer = await asked(node, ASTHMA, requestedGranularity=granularity)
    assert ids_listed(answer) == []
    assert answer["responseSummary"]["exists"] is True


async def test_a_dataset_that_tells_no_numbers_is_not_named(tmp_path: Path) -> None:
    with node_beacons(tmp_path, [held("A", 40, tells_registered=1), held("B", 40)]) as node:
        answer = await asked(node, ASTHMA)
    assert ids_listed(answer) == ["B"]
    assert [each["id"] for each in answer["info"]["loweredGranularity"]] == ["A"]


async def test_a_dataset_costs_one_unit_and_a_replay_nothing(tmp_path: Path) -> None:
    with node_beacons(tmp_path, [held("A", 40, af_budget_factor=0.01)]) as node:
        for _ in range(3):
            assert ids_listed(await asked(node, ASTHMA)) == ["A"]
        query = {"requestedGranularity": "record", "filters": [{"id": FEMALE}]}
        refused = await node.post(f"{INDIVIDUALS}/datasets", {"query": query}, TOKEN)
    assert refused.status_code == 429, "one unit is all there is for 100 people"


async def test_datasets_are_paged_as_one_list(tmp_path: Path) -> None:
    with node_beacons(tmp_path, [held(name, 40) for name in "ABC"] + [held("D", 4)]) as node:
        pages = [await asked(node, ASTHMA, pagination={"skip": skip, "limit": 2}) for skip in (0, 1)]
    assert [ids_listed(page) for page in pages] == [["A", "B"], ["C"]]
    paginations = [page["meta"]["receivedRequestSummary"]["pagination"] for page in pages]
    assert ["nextPage" in each for each in paginations] == [True, False]
    assert {page["responseSummary"]["numTotalResults"] for page in pages} == {3}


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(0, PEOPLE // 2), min_size=1, max_size=3),
    st.lists(st.lists(st.sampled_from([ASTHMA, FEMALE, MALE]), max_size=2, unique=True), max_size=4),
)
def test_a_dataset_is_listed_where_a_count_of_its_people_says_that_there_are_some(
    asthma: Sequence[int], questions: Sequence[Sequence[str]]
) -> None:
    """Whatever was asked before: the guard settles both by what was told first."""

    async def ask_all(node: NodeBeacons) -> None:
        for filters in questions:
            listed = await asked(node, *filters)
            people = await asked(node, *filters, path="individuals", includeResultsetResponses="HIT")
            assert ids_listed(listed) == [each["id"] for each in people["response"]["resultSets"]]
            assert listed["responseSummary"]["numTotalResults"] == len(ids_listed(listed))

    with (
        tempfile.TemporaryDirectory() as folder,
        node_beacons(Path(folder), [held(f"D{place}", each) for place, each in enumerate(asthma)]) as node,
    ):
        asyncio.run(ask_all(node))
