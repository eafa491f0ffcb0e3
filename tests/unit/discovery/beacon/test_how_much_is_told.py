"""How much a dataset tells of its people: by visa, by registration, by its own policy; and what was lowered is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.node_beacons import (
    AGGREGATED,
    ASTHMA,
    FEMALE,
    INDIVIDUALS,
    MALE,
    HeldRows,
    NodeBeacons,
    Person,
    counts,
    manifest,
    node_beacons,
    shelved,
)

from opengdi.discovery.beacon.telling import as_boolean, level_of
from opengdi.kernel.disclosure.counts import publish_items
from opengdi.kernel.disclosure.guard import DifferencingGuard
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.errors import Invalid
from opengdi.kernel.ids import ReleaseId
from opengdi.kernel.principal import Principal, Tier, Visa
from opengdi.standards.beacon.questions import Granularity
from opengdi.standards.coordinates import Interval
from opengdi.testing.identity import proof
from opengdi.testing.variants import site_row

NOW = datetime(2026, 11, 1, tzinfo=UTC)
OPEN = DisclosurePolicy(k_alleles=0, k_individuals=0, count_rounding=1, differencing_floor=0)
A, B = "GDI-EE-A-1", "GDI-EE-B-1"
PEOPLE = [Person(frozenset({FEMALE if number % 2 else MALE, ASTHMA}), 40) for number in range(40)]
PROOFS = {
    "visa": proof("ada", A),
    "visa-only": proof("ben", A, bona_fide=False),
    "part": proof("cleo", Visa(A, (Interval("22", 0, 9),))),
    "first version": proof("fay", Visa(A, version="1")),
    "later version": proof("gil", Visa(A, version="2")),
    "registered": proof("dan"),
    "known": proof("eve", bona_fide=False),
}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeBeacons]:
    with holding(tmp_path, OPEN, OPEN) as node:
        yield node


def holding(folder: Path, *policies: DisclosurePolicy) -> Any:
    held = [
        HeldRows(replace(manifest(), dataset=name, individuals=len(PEOPLE), policy=policy), [], PEOPLE)
        for name, policy in zip((A, B), policies, strict=True)
    ]
    return node_beacons(folder, held, proofs=PROOFS, disclosure={"tells_public": 2})


async def ask(node: NodeBeacons, token: str | None, granularity: str, path: str = "individuals") -> Any:
    told = {"requestedGranularity": granularity, "includeResultsetResponses": "ALL"}
    answer = await node.post(f"{INDIVIDUALS}/{path}", {"query": told}, token)
    assert answer.status_code == 200, answer.text
    return answer.json()


def by_dataset(answer: Any) -> dict[str, Any]:
    return {each["id"]: each for each in answer["response"]["resultSets"]}


async def test_a_visa_opens_the_records_of_its_dataset_and_of_no_other(node: NodeBeacons) -> None:
    answer = await ask(node, "visa", "record")
    assert answer["meta"]["returnedGranularity"] == "record"
    told = by_dataset(answer)
    assert [each["id"] for each in told[A]["results"]] == [f"P{number}" for number in range(10)]
    assert told[A]["resultsCount"] == 40
    assert "results" not in told[B] or told[B]["results"] == []
    assert answer["info"]["loweredGranularity"] == [
        {
            "id": B,
            "granularity": "count",
            "reason": "records need a visa for the whole dataset, in this version",
        }
    ]


async def test_a_visa_for_a_version_tells_no_records_of_the_one_that_replaces_it(node: NodeBeacons) -> None:
    before = by_dataset(await ask(node, "first version", "record"))
    assert len(before[A]["results"]) == 10
    node.shelf[0] = tuple(shelved(replace(each.manifest, version="2"), each.number) for each in node.shelf[0])
    after = await ask(node, "first version", "record")
    assert after["meta"]["returnedGranularity"] == "count"
    assert not any(each.get("results") for each in by_dataset(after).values())
    assert len(by_dataset(await ask(node, "later version", "record"))[A]["results"]) == 10


async def test_pages_of_records_follow_each_other(node: NodeBeacons) -> None:
    body = {"query": {"requestedGranularity": "record", "pagination": {"skip": 3, "limit": 12}}}
    answer = (await node.post(f"{INDIVIDUALS}/individuals", body, "visa")).json()
    assert [each["id"] for each in by_dataset(answer)[A]["results"]] == ["P36", "P37", "P38", "P39"]


async def test_one_person_is_shown_to_the_holder_of_a_visa_and_nobody_else_learns_of_them(
    node: NodeBeacons,
) -> None:
    shown = by_dataset(await ask(node, "visa", "record", "individuals/P7"))
    assert [each["id"] for each in shown[A]["results"]] == ["P7"]
    assert shown[B]["exists"] is False
    there, absent = [
        by_dataset(await ask(node, "registered", "record", f"individuals/{who}")) for who in ("P7", "P99")
    ]
    assert there == absent


@pytest.mark.parametrize("token", ["registered", "part", "later version"])
async def test_without_a_visa_for_the_whole_dataset_registered_people_are_told_numbers(
    node: NodeBeacons, token: str
) -> None:
    answer = await ask(node, token, "record")
    assert answer["meta"]["returnedGranularity"] == "count"
    assert {each["resultsCount"] for each in by_dataset(answer).values()} == {40}
    assert {each["id"] for each in answer["info"]["loweredGranularity"]} == {A, B}


async def test_who_is_not_registered_is_refused_by_datasets_that_are_for_registered_people(
    node: NodeBeacons,
) -> None:
    answer = await ask(node, "visa-only", "record")
    assert set(by_dataset(answer)) == {A}
    assert answer["info"]["refusedDatasets"] == [
        {"id": B, "reason": "the dataset tells this to registered researchers only"}
    ]
    for token, status in (("known", 403), (None, 401)):
        refused = await node.post(f"{INDIVIDUALS}/individuals", {"query": {}}, token)
        assert refused.status_code == status


async def test_a_dataset_may_tell_everybody_whether_there_are_any_and_its_number_hides_in_no_sum(
    tmp_path: Path,
) -> None:
    with holding(tmp_path, replace(OPEN, tells_public=1), OPEN) as node:
        answer = await ask(node, None, "count")
        assert by_dataset(answer)[A]["exists"] is True
        assert "resultsCount" not in by_dataset(answer)[A]
        assert answer["meta"]["returnedGranularity"] == "boolean"
        assert answer["responseSummary"] == {"exists": True}
        both = await ask(node, "registered", "count")
        assert both["response"]["resultSets"][0]["resultsCount"] == 40


async def test_a_strict_dataset_tells_registered_people_less_and_the_sum_leaves_it_out(
    tmp_path: Path,
) -> None:
    with holding(tmp_path, replace(OPEN, tells_registered=1), OPEN) as node:
        answer = await ask(node, "registered", "count")
        assert "resultsCount" not in by_dataset(answer)[A]
        assert by_dataset(answer)[B]["resultsCount"] == 40
        assert answer["responseSummary"]["numTotalResults"] == 40
        assert answer["info"]["loweredGranularity"][0]["reason"] == "the dataset tells no more, by its policy"


visas = st.sampled_from(
    [
        (),
        (Visa(A),),
        (Visa(B),),
        (Visa(A, version="1"),),
        (Visa(A, version="2"),),
        (Visa(A, until=NOW),),
        (Visa(A, (Interval("1", 0, 5),)),),
    ]
)
policies = st.builds(DisclosurePolicy, tells_public=st.integers(0, 2), tells_registered=st.integers(0, 2))


@given(tier=st.sampled_from(Tier), held=visas, policy=policies)
def test_records_take_a_visa_that_holds_and_the_rest_is_never_more_than_the_policy_says(tier, held, policy):
    level = level_of(Principal("ada", tier, visas=held, logged_in=True), ReleaseId(A, "1"), policy, NOW)
    assert (level.most is Granularity.RECORD) == (held in {(Visa(A),), (Visa(A, version="1"),)})
    if level.most is not Granularity.RECORD:
        most = max(policy.tells_public, policy.tells_registered if tier >= Tier.REGISTERED else 0)
        assert level.most == (None, Granularity.BOOLEAN, Granularity.COUNT)[most]
        assert level.reason


@given(policies, policies)
def test_the_stricter_of_two_policies_tells_less(one: DisclosurePolicy, other: DisclosurePolicy) -> None:
    both = one.strictest(other)
    assert both.tells_public == min(one.tells_public, other.tells_public)
    assert both.tells_registered == min(one.tells_registered, other.tells_registered)


def test_a_policy_that_tells_more_than_numbers_is_refused():
    with pytest.raises(Invalid, match="tells_public"):
        DisclosurePolicy(tells_public=3)


def test_yes_or_no_has_no_number():
    assert as_boolean(publish_items(17)).number == 0
    assert as_boolean(publish_items(17)).exists


async def test_a_dataset_that_can_remember_no_further_set_of_people_refuses_for_itself_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.node_beacons.DifferencingGuard", partial(DifferencingGuard, sets_bytes=-1))
    hides_so_few = replace(OPEN, k_individuals=25)  # and what is hidden is not remembered
    query = {"requestedGranularity": "count", "filters": [{"id": FEMALE}], "includeResultsetResponses": "ALL"}
    with holding(tmp_path, OPEN, hides_so_few) as node:
        answer = await node.post(f"{INDIVIDUALS}/individuals", {"query": query}, "registered")
    assert answer.status_code == 200, answer.text
    told = by_dataset(answer.json())
    assert told[B]["resultsCount"] == 0
    assert set(told) == {B}
    assert "budget" in answer.text


UNANSWERABLE = {
    "individuals": {"filters": [{"id": "XX:1"}]},
    "g_variants": {
        "filters": [{"id": FEMALE}],
        "requestParameters": {"referenceName": "1", "start": [1], "end": [900_000], "assemblyId": "GRCh37"},
    },
}


async def test_a_question_that_cannot_be_answered_costs_nothing(tmp_path: Path) -> None:
    one_answer = replace(OPEN, af_budget_factor=1 / len(PEOPLE), global_budget_factor=1.0)
    with holding(tmp_path, one_answer, one_answer) as node:
        for path, query in UNANSWERABLE.items():
            refused = await node.post(f"{INDIVIDUALS}/{path}", {"query": query}, "registered")
            assert refused.status_code == 400, refused.text
        told = by_dataset(await ask(node, "registered", "count"))
        assert {each["resultsCount"] for each in told.values()} == {40}
        another = {"query": {"filters": [{"id": FEMALE}], "requestedGranularity": "count"}}
        assert (await node.post(f"{INDIVIDUALS}/individuals", another, "registered")).status_code == 429


@pytest.mark.parametrize("beacon", ["aggregated, by ranges", "subject-level"])
async def test_who_asks_for_alleles_all_over_the_genome_is_noticed_however_they_ask(
    tmp_path: Path, beacon: str
) -> None:
    places = [
        {"referenceName": str(1 + place % 4), "start": [1_000_000 + place * 5_000_000]} for place in range(40)
    ]
    with holding(tmp_path, *[replace(OPEN, af_budget_factor=100.0)] * 2) as node:
        for place in [*places, *({**each, "start": [each["start"][0] + 2_500_000]} for each in places)]:
            if beacon == "subject-level":
                allele = {**place, "referenceBases": "A", "alternateBases": "G", "assemblyId": "GRCh37"}
                path = f"{INDIVIDUALS}/individuals"
            else:
                allele = {**place, "end": [place["start"][0] + 1], "assemblyId": "GRCh37"}
                path = f"{AGGREGATED}/g_variants"
            query = {"requestParameters": allele, "requestedGranularity": "boolean"}
            answer = await node.post(path, {"query": query}, "registered")
            assert answer.status_code == 200, answer.text
    assert [line["action"] for line in node.audit.lines].count("disclosure.alarm.rare-alleles") == 1


def carried(number: int) -> frozenset[int]:
    return frozenset(row for row, who in enumerate([{7}, {7, 8, 9}, set(range(30))]) if number in who)


@pytest.fixture
def alleles(tmp_path: Path) -> Iterator[NodeBeacons]:
    """Three alleles: of one man, of three people, and of thirty, which alone the floor on alleles lets be seen."""
    people = [replace(person, carries=carried(number)) for number, person in enumerate(PEOPLE)]
    rows = [
        site_row("1", 1000 + row, "A", "G", counts((number, 0, number), (80, 40, 40)), genotype_row=row)
        for row, number in enumerate((1, 3, 30))
    ]
    policy = replace(OPEN, k_alleles=10)
    with node_beacons(
        tmp_path,
        [HeldRows(replace(manifest(), dataset=A, individuals=len(people), policy=policy), rows, people)],
        proofs=PROOFS,
    ) as node:
        yield node


async def alleles_told(node: NodeBeacons, token: str, path: str = "g_variants", **more: Any) -> Any:
    region = {"referenceName": "1", "start": [900], "end": [1100], "assemblyId": "GRCh37"}
    query = {"requestParameters": region, "requestedGranularity": "record", **more}
    answer = await node.post(f"{INDIVIDUALS}/{path}", {"query": query}, token)
    assert answer.status_code == 200, answer.text
    return answer.json()


def cases_in(answer: Any) -> list[list[str]]:
    (told,) = answer["response"]["resultSets"]
    return [[case["individualId"] for case in each["caseLevelData"]] for each in told["results"]]


async def test_who_has_a_visa_is_told_who_carries_each_allele_however_rare(alleles: NodeBeacons) -> None:
    answer = await alleles_told(alleles, "visa")
    everybody = [f"P{number}" for number in range(30)]
    assert cases_in(answer) == [["P7"], ["P7", "P8", "P9"], everybody]
    rare, _, frequent = answer["response"]["resultSets"][0]["results"]
    assert "frequencyInPopulations" not in rare
    assert frequent["frequencyInPopulations"]
    assert rare["caseLevelData"] == [
        {
            "biosampleId": "S7",
            "individualId": "P7",
            "zygosity": {"id": "GENO:0000135", "label": "heterozygous"},
        }
    ]


async def test_alleles_of_a_person_and_of_selected_people_are_those_that_they_carry(
    alleles: NodeBeacons,
) -> None:
    assert cases_in(await alleles_told(alleles, "visa", "individuals/P8/g_variants")) == [["P8"], ["P8"]]
    women = await alleles_told(alleles, "visa", filters=[{"id": FEMALE}])
    assert [len(each) for each in cases_in(women)] == [1, 2, 15]
    second = await alleles_told(alleles, "visa", pagination={"skip": 1, "limit": 2})
    assert [len(each) for each in cases_in(second)] == [30]
    assert second["response"]["resultSets"][0]["resultsCount"] == 3
    assert (await alleles_told(alleles, "visa", "individuals/P39/g_variants"))["response"]["resultSets"] == []


async def test_without_a_visa_nobody_is_told_who_carries_what(alleles: NodeBeacons) -> None:
    for path in ("g_variants", "individuals/P7/g_variants"):
        answer = await alleles_told(alleles, "registered", path)
        assert "caseLevelData" not in str(answer)
        assert answer["meta"]["returnedGranularity"] == "count"


async def test_alleles_of_a_wide_place_are_counted_and_it_is_said_how_to_be_told_more(
    alleles: NodeBeacons,
) -> None:
    region = {"referenceName": "1", "start": [0], "end": [900_000], "assemblyId": "GRCh37"}
    answer = await alleles_told(alleles, "visa", requestParameters=region)
    (told,) = answer["response"]["resultSets"]
    assert (told["resultsCount"], told.get("results", [])) == (1, [])
    assert "100000 bases" in answer["info"]["loweredGranularity"][0]["reason"]
