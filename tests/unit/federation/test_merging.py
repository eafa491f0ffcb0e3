"""Many answers as one: each dataset once, sums of what was published, the order of the registry."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.federation.kit import answer, cell, member, result_set, variant

from opengdi.federation.answers import answers_of, state_of
from opengdi.federation.floors import FloorBook, Floors
from opengdi.federation.merging import Merged, assemble
from opengdi.federation.model import Member, MemberState, Outcome
from opengdi.federation.reading import read_answer
from opengdi.federation.serving import serve, settled
from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.standards.beacon.questions import BeaconRequest, EntryType, Granularity, Include, Page

RECORDS = BeaconRequest(EntryType.GENOMIC_VARIANT, granularity=Granularity.RECORD)
COUNTS = BeaconRequest(EntryType.INDIVIDUAL, granularity=Granularity.COUNT)
EE, FI, SE = member("ee"), member("fi"), member("se")


def outcome(who: Member, document: object, asked: Granularity = Granularity.RECORD) -> Outcome:
    found = read_answer(document, asked)
    return Outcome(who, state_of(found), 5, "", found)


def failed(who: Member, state: MemberState = MemberState.TIMEOUT) -> Outcome:
    return Outcome(who, state, 4000, "no answer within the deadline")


def merged(request: BeaconRequest, *outcomes: Outcome, book: FloorBook | None = None) -> Merged:
    served = list(serve(request, answers_of(outcomes), book or FloorBook()))
    return assemble(request, outcomes, served)


def with_floor(floor: int, total: int = 410, dataset: str = "D") -> dict[str, object]:
    return result_set(
        dataset, records=[variant(cell("Total", total, 5008))], info=DatasetInfo(k_alleles=floor)
    )


def test_result_sets_are_listed_one_after_the_other_with_their_beacon() -> None:
    found = merged(RECORDS, outcome(EE, answer(result_set("A"))), outcome(FI, answer(result_set("B"))))
    assert [(item["id"], item["beaconId"]) for item in found.result_sets] == [("A", "ee.af"), ("B", "fi.af")]
    assert found.exists
    assert found.total is not None
    assert found.total.number == 2


def test_a_dataset_on_two_nodes_appears_once_from_the_stricter_one() -> None:
    found = merged(RECORDS, outcome(EE, answer(with_floor(5))), outcome(FI, answer(with_floor(20))))
    (only,) = found.result_sets
    assert only["beaconId"] == "fi.af"
    assert only["info"]["alsoServedBy"] == ["ee.af"]  # type: ignore[index]
    assert found.total is not None
    assert found.total.number == 1


def test_a_strict_nodes_miss_outweighs_a_lenient_nodes_hit() -> None:
    strict = result_set("D", 0, records=[], info=DatasetInfo(k_alleles=20))
    found = merged(RECORDS, outcome(EE, answer(with_floor(5, total=7))), outcome(FI, answer(strict)))
    assert not found.exists
    assert found.result_sets == ()


def test_a_floor_once_heard_holds_while_the_strict_node_is_silent() -> None:
    book = FloorBook()
    book.hear("D", "fi.af", Floors(alleles=20))
    found = merged(RECORDS, outcome(EE, answer(with_floor(5, total=7))), failed(FI), book=book)
    assert not found.exists
    assert merged(RECORDS, outcome(EE, answer(with_floor(5, total=20))), failed(FI), book=book).exists


def test_of_two_equal_nodes_the_first_of_the_registry_answers() -> None:
    found = merged(RECORDS, outcome(EE, answer(with_floor(5))), outcome(FI, answer(with_floor(5))))
    assert found.result_sets[0]["beaconId"] == "ee.af"


@pytest.mark.parametrize(
    "include, listed",
    [(Include.ALL, ["A", "B"]), (Include.HIT, ["A"]), (Include.MISS, ["B"]), (Include.NONE, [])],
)
def test_the_include_mode_lists_but_does_not_count(include: Include, listed: list[str]) -> None:
    request = BeaconRequest(EntryType.GENOMIC_VARIANT, granularity=Granularity.RECORD, include=include)
    found = merged(request, outcome(EE, answer(result_set("A"))), outcome(FI, answer(result_set("B", 0))))
    assert [item["id"] for item in found.result_sets] == listed
    assert found.exists
    assert found.total is not None
    assert found.total.number == 1


def test_the_granularity_is_the_least_that_a_member_gave() -> None:
    found = merged(
        RECORDS,
        outcome(EE, answer(result_set("A"))),
        outcome(FI, answer(result_set("B"), granularity="count")),
    )
    assert found.granularity is Granularity.COUNT


def test_a_beacon_that_tells_no_datasets_apart_is_told_as_a_beacon() -> None:
    plain = {"meta": {"beaconId": "x"}, "responseSummary": {"exists": True, "numTotalResults": 12}}
    (only,) = merged(COUNTS, outcome(EE, plain, Granularity.COUNT)).result_sets
    assert (only["id"], only["setType"], only["resultsCount"]) == ("ee.af", "beacon", 12)


def test_such_a_beacon_cannot_answer_about_named_datasets() -> None:
    plain = {"meta": {"beaconId": "x"}, "responseSummary": {"exists": True, "numTotalResults": 12}}
    request = BeaconRequest(EntryType.INDIVIDUAL, granularity=Granularity.COUNT, datasets=frozenset({"A"}))
    assert not merged(request, outcome(EE, plain)).exists


def test_datasets_that_were_not_asked_for_are_left_out() -> None:
    request = BeaconRequest(
        EntryType.GENOMIC_VARIANT, granularity=Granularity.RECORD, datasets=frozenset({"A"})
    )
    found = merged(request, outcome(EE, answer(result_set("A"), result_set("B"))))
    assert [item["id"] for item in found.result_sets] == ["A"]


@pytest.mark.parametrize(
    "granularity, shown",
    [
        (Granularity.BOOLEAN, {"id", "setType", "exists", "beaconId"}),
        (Granularity.COUNT, {"id", "setType", "exists", "beaconId", "resultsCount"}),
        (Granularity.RECORD, {"id", "setType", "exists", "beaconId", "resultsCount", "results"}),
    ],
)
def test_a_member_that_tells_more_than_asked_is_cut(granularity: Granularity, shown: set[str]) -> None:
    request = BeaconRequest(EntryType.INDIVIDUAL, granularity=granularity)
    (only,) = merged(request, outcome(EE, answer(result_set(count=1, records=[{"id": "I-1"}])))).result_sets
    assert set(only) == shown


def test_no_more_than_a_page_comes_out_whatever_comes_in() -> None:
    records = [variant(cell("Total", 40, 100), start=place) for place in range(9)]
    request = BeaconRequest(EntryType.GENOMIC_VARIANT, granularity=Granularity.RECORD, page=Page(0, 3))
    (only,) = merged(request, outcome(EE, answer(result_set("A", 9, records)))).result_sets
    assert len(only["results"]) == 3  # type: ignore[arg-type]
    assert only["resultsCount"] == 9


def test_the_sum_says_how_exact_it_is() -> None:
    rounded = result_set("A", 20, countPrecision="rounded", countAdjustedTo=[18, 22])
    exact = result_set("B", 7, countPrecision="exact")
    hidden = result_set("C", 0, countPrecision="imprecise", countAdjustedTo=["<10"])
    two = merged(COUNTS, outcome(EE, answer(rounded, exact))).total
    assert two is not None
    assert (two.number, two.precision, two.adjusted_to) == (27, "rounded", (25, 29))
    three = merged(COUNTS, outcome(EE, answer(rounded, exact, hidden))).total
    assert three is not None
    assert (three.number, three.precision, three.adjusted_to) == (27, "imprecise", (25, 38))


def test_a_number_of_unknown_exactness_makes_the_sum_imprecise_without_bounds() -> None:
    old, exact = result_set("A", 20), result_set("B", 7, countPrecision="exact")
    total = merged(COUNTS, outcome(EE, answer(old, exact))).total
    assert total is not None
    assert (total.number, total.precision, total.adjusted_to) == (27, "imprecise", None)


def test_nobody_answering_is_no_exact_zero() -> None:
    found = merged(COUNTS, failed(EE), failed(FI, MemberState.ERROR))
    assert found.total is not None
    assert (found.exists, found.total.number, found.total.precision) == (False, 0, "imprecise")
    assert found.info["complete"] is False


def test_every_member_is_accounted_for() -> None:
    info: Any = merged(
        RECORDS, outcome(EE, answer(result_set("A"))), failed(FI), failed(SE, MemberState.SKIPPED)
    ).info
    assert [(line["id"], line["status"]) for line in info["members"]] == [
        ("ee", "ok"), ("fi", "timeout"), ("se", "skipped"),
    ]  # fmt: skip
    assert info["members"][0]["datasets"] == ["A"]
    assert (info["membersAsked"], info["membersAnswered"]) == (3, 1)


def test_a_member_that_holds_back_all_it_has_is_suppressed() -> None:
    hidden = result_set("A", 0, countPrecision="imprecise", countAdjustedTo=["<10"])
    assert outcome(EE, answer(hidden)).state is MemberState.SUPPRESSED
    assert outcome(EE, answer(hidden, result_set("B"))).state is MemberState.OK


def test_collections_are_united_by_id_and_paged_over_the_network() -> None:
    request = BeaconRequest(EntryType.DATASET, granularity=Granularity.RECORD, page=Page(1, 2))
    found = merged(
        request,
        outcome(EE, answer(collections=[{"id": "A", "name": "a"}, {"id": "B", "name": "b"}])),
        outcome(FI, answer(collections=[{"id": "B", "name": "other"}, {"id": "C", "name": "c"}])),
    )
    assert [item["id"] for item in found.collections] == ["C"]
    assert found.total is not None
    assert found.total.number == 3


def test_cohorts_of_two_beacons_are_two_even_if_they_are_called_alike() -> None:
    request = BeaconRequest(EntryType.COHORT, granularity=Granularity.RECORD)
    found = merged(
        request,
        outcome(EE, answer(collections=[{"id": "cases", "name": "a"}, {"id": "cases", "name": "again"}])),
        outcome(FI, answer(collections=[{"id": "cases", "name": "b"}])),
    )
    assert [(item["beaconId"], item["name"]) for item in found.collections] == [
        ("ee.af", "a"),
        ("fi.af", "b"),
    ]
    assert found.total is not None
    assert found.total.number == 2


def test_a_set_that_another_asked_beacon_may_still_change_is_not_settled() -> None:
    book = FloorBook()
    book.hear("D", "ee.af", Floors(5))
    book.hear("D", "fi.af", Floors(5))
    arrived = outcome(EE, answer(with_floor(5, dataset="D"), with_floor(5, dataset="E")))
    both, alone = frozenset({"ee.af", "fi.af"}), frozenset({"ee.af"})
    assert [item.found.id for item in settled(RECORDS, arrived, book, both)] == ["E"]
    assert [item.found.id for item in settled(RECORDS, arrived, book, alone)] == ["D", "E"]


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("ABCD"), st.integers(0, 50), st.integers(0, 30)), max_size=4),
        max_size=4,
    )
)
def test_ids_are_unique_and_the_total_is_their_sum(told: list[list[tuple[str, int, int]]]) -> None:
    outcomes = [
        outcome(
            member(f"m{place}"),
            answer(
                *(
                    result_set(name, count, info=DatasetInfo(k_individuals=floor))
                    for name, count, floor in sets
                )
            ),
        )
        for place, sets in enumerate(told)
    ]
    request = BeaconRequest(EntryType.INDIVIDUAL, granularity=Granularity.COUNT, include=Include.ALL)
    found = merged(request, *outcomes)
    ids = [item["id"] for item in found.result_sets]
    assert len(ids) == len(set(ids))
    counts: list[Any] = [item["resultsCount"] for item in found.result_sets]
    assert found.total is not None
    assert found.total.number == sum(counts)
    strictest = {
        name: max(floor for _, _, floor in group)
        for name, group in itertools.groupby(sorted(itertools.chain(*told)), key=lambda item: item[0])
        for group in [list(group)]
    }
    for item, count in zip(found.result_sets, counts, strict=True):
        assert count == 0 or count >= strictest[str(item["id"])]


def test_a_dataset_that_refuses_at_its_node_is_named_with_its_reason_and_its_beacon() -> None:
    refused = answer(result_set("A")) | {
        "info": {"refusedDatasets": [{"id": "B", "reason": "budget used up"}]}
    }
    found = merged(RECORDS, outcome(EE, refused), outcome(FI, answer(result_set("C"))))
    assert found.info["refusedDatasets"] == [{"id": "B", "reason": "budget used up", "beaconId": "ee.af"}]
    assert "refusedDatasets" not in merged(RECORDS, outcome(FI, answer(result_set("C")))).info
