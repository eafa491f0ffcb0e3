"""Records of people through the hub: as each member tells them to this asker, of members with a pinned key alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.federation.kit import (
    ANYBODY,
    AuditLines,
    CountingLedger,
    Reply,
    ScriptedMembers,
    answer,
    member,
    network,
    result_set,
)

from opengdi.apps.networks import most_told_of_people
from opengdi.federation.answers import answers_of
from opengdi.federation.budget import HubBudget
from opengdi.federation.directory import Directory, ProfileStore
from opengdi.federation.fanout import FanOut
from opengdi.federation.floors import FloorBook, Floors
from opengdi.federation.hand import AnswersInHand
from opengdi.federation.merging import Merged, assemble
from opengdi.federation.model import Json, Member, MemberState, Outcome
from opengdi.federation.reading import read_answer
from opengdi.federation.service import BeaconNetwork
from opengdi.federation.serving import serve
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.keys import SigningKey
from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.standards.beacon.questions import BeaconRequest, EntryType, Granularity
from opengdi.standards.beacon.request import Target, parse_post

RECORDS = BeaconRequest(EntryType.INDIVIDUAL, granularity=Granularity.RECORD)
KEY = SigningKey.generate().public
EE, FI = replace(member("ee"), key=KEY), replace(member("fi"), key=KEY)
FOREIGN = member("xx")


def people(*names: str) -> list[Json]:
    return [{"id": name, "sex": {"id": "NCIT:C16576"}} for name in names]


def opened(dataset: str, *names: str, k: int = 5) -> Json:
    """As a node answers who has a visa: exact, with the people."""
    return result_set(dataset, len(names), people(*names), DatasetInfo(k_individuals=k))


def counted(dataset: str, number: int, k: int = 5) -> Json:
    """As a node answers who has none."""
    return result_set(dataset, number, [], DatasetInfo(k_individuals=k), countPrecision="rounded")


async def ask(
    folder: Path, replies: Mapping[Member, Reply], request: BeaconRequest = RECORDS, units: int = 100
) -> tuple[Merged, ScriptedMembers]:
    """What the hub's subject-level network says, wired as `apps.networks` does."""
    client = ScriptedMembers({who.id: reply for who, reply in replies.items()})
    network = BeaconNetwork(
        lambda: list(replies),
        FanOut(client, SystemClock(), deadline_s=2),
        Directory(client, ProfileStore(folder), timeout_s=1.0),
        budget=HubBudget(CountingLedger(units), global_factor=9.2),
        hand=AnswersInHand(1 << 30),
        audit=AuditLines(),
        default_granularity=Granularity.COUNT,
        most_of=most_told_of_people,
    )
    return (await network.answer(request, ANYBODY)).merged, client


def asked_of(client: ScriptedMembers) -> dict[str, object]:
    return {who: sent.body["query"]["requestedGranularity"] for who, sent in client.asked if sent.body}  # type: ignore[index]


def by_dataset(found: Merged) -> dict[str, Json]:
    return {str(each["id"]): each for each in found.result_sets}


async def test_each_member_tells_what_it_opens_and_the_answer_is_of_records(tmp_path: Path) -> None:
    found, client = await ask(
        tmp_path,
        {
            EE: answer(opened("A", "P1", "P2"), counted("B", 40)),
            FI: answer(counted("C", 20), granularity="count"),
        },
    )
    sets = by_dataset(found)
    assert sets["A"]["results"] == people("P1", "P2")
    assert (sets["A"]["resultsCount"], sets["A"]["beaconId"]) == (2, "ee.af")
    assert [sets[name]["results"] for name in ("B", "C")] == [[], []]
    assert found.granularity is Granularity.RECORD
    assert found.total is not None
    assert found.total.number == 62
    assert asked_of(client) == {"ee": "record", "fi": "record"}


async def test_people_of_one_id_in_two_datasets_stay_two_records(tmp_path: Path) -> None:
    found, _ = await ask(tmp_path, {EE: answer(opened("A", "P1")), FI: answer(opened("B", "P1"))})
    assert [(each["id"], each["results"]) for each in found.result_sets] == [
        ("A", people("P1")),
        ("B", people("P1")),
    ]


async def test_a_member_without_a_key_is_asked_for_counts_and_its_records_are_dropped(tmp_path: Path) -> None:
    found, client = await ask(
        tmp_path, {EE: answer(counted("A", 10)), FOREIGN: answer(opened("X", *"abcdefgh"))}
    )
    assert asked_of(client) == {"ee": "record", "xx": "count"}
    assert by_dataset(found)["X"]["results"] == []
    assert by_dataset(found)["X"]["resultsCount"] == 8
    assert found.granularity is Granularity.COUNT
    lines: Sequence[Json] = found.info["members"]  # type: ignore[assignment]
    assert [line["returnedGranularity"] for line in lines] == ["record", "count"]


async def test_a_foreign_member_is_held_to_the_floor_that_it_states_though_it_sends_records(
    tmp_path: Path,
) -> None:
    found, _ = await ask(tmp_path, {FOREIGN: answer(opened("X", "P1"))})
    assert not found.exists
    assert "P1" not in str(found)


@pytest.mark.parametrize("granularity", [None, Granularity.COUNT, Granularity.BOOLEAN])
async def test_who_does_not_ask_for_records_gets_none_and_no_small_number(
    tmp_path: Path, granularity: Granularity | None
) -> None:
    request = replace(RECORDS, granularity=granularity)
    found, client = await ask(tmp_path, {EE: answer(opened("A", "P1", "P2"))}, request)
    assert "P1" not in str(found)
    assert not found.exists, "2 people are below the floor, and nothing says that they were opened"
    assert asked_of(client) == {"ee": "boolean" if granularity is Granularity.BOOLEAN else "count"}


async def test_a_dataset_of_two_members_is_opened_only_by_both(tmp_path: Path) -> None:
    for replies in (
        {EE: answer(opened("A", *"abcdefgh")), FI: answer(counted("A", 10))},
        {EE: answer(counted("A", 10)), FI: answer(opened("A", *"abcdefgh", k=20))},
    ):
        found, _ = await ask(tmp_path / str(len(str(replies))), replies)
        (only,) = found.result_sets or ({},)
        assert not only.get("results")
    both, _ = await ask(tmp_path / "c", {EE: answer(opened("A", "P1")), FI: answer(opened("A", "P1"))})
    (only,) = both.result_sets
    assert only["results"] == people("P1")
    assert only["info"]["alsoServedBy"] == ["fi.af"]  # type: ignore[index]


async def test_who_has_used_up_the_budget_gets_no_records(tmp_path: Path) -> None:
    told = result_set(
        "A", 2, people("P1", "P2"), DatasetInfo(k_individuals=5, individuals=60, af_budget_factor=0.46)
    )
    found, _ = await ask(tmp_path, {EE: answer(told)}, units=0)
    assert found.info["budgetUsedUp"] == ["A"]
    assert "P1" not in str(found.result_sets)


def test_a_stricter_floor_heard_of_a_silent_member_hides_few_people() -> None:
    book = FloorBook()
    book.hear("A", "fi.af", Floors(individuals=20))
    found = read_answer(answer(opened("A", "P1", "P2")), Granularity.RECORD)
    served = list(serve(RECORDS, [(EE, found)], book))
    assert not served[0].found.exists
    assert served[0].found.results == []


SETS = st.one_of(
    st.builds(
        lambda dataset, names, k: opened(dataset, *sorted(names), k=k),
        st.sampled_from("AB"),
        st.sets(st.sampled_from(["P1", "P2", "P3", "P4"])),
        st.sampled_from([0, 5, 20]),
    ),
    st.builds(counted, st.sampled_from("AB"), st.integers(0, 40), st.sampled_from([0, 5, 20])),
)
ANSWERS = st.lists(SETS, max_size=2, unique_by=lambda item: str(item["id"])).map(lambda sets: answer(*sets))


@given(st.lists(ANSWERS, min_size=1, max_size=2))
def test_no_person_is_told_that_a_member_did_not_tell_in_that_dataset(documents: list[Json]) -> None:
    answers = [read_answer(document, Granularity.RECORD) for document in documents]
    outcomes = [
        Outcome(who, MemberState.OK, 1, "", found) for who, found in zip((EE, FI), answers, strict=False)
    ]
    served = list(serve(RECORDS, answers_of(outcomes), FloorBook()))
    merged = assemble(RECORDS, outcomes, served)
    for told in merged.result_sets:
        said = [
            found
            for outcome in outcomes
            if outcome.answer is not None
            for found in outcome.answer.result_sets
            if found.id == told["id"]
        ]
        if told.get("results"):
            assert all(found.results for found in said), "told by each that serves it"
            assert any(told["results"] == found.results for found in said)
        assert told["resultsCount"] in {0, *(found.count for found in said)}


@pytest.mark.parametrize(("version", "former"), [("v2.0", True), ("2.1.1", True), ("v2.2.0", False)])
async def test_clients_of_former_versions_find_measures_by_their_former_name(
    tmp_path: Path, version: str, *, former: bool
) -> None:
    person = {"id": "P1", "measurements": [{"assayCode": {"id": "LOINC:1"}}]}
    client = ScriptedMembers({"ee": answer(result_set("A", 1, [person]))})
    body = {"meta": {"apiVersion": version}, "query": {"requestedGranularity": "record"}}
    question = parse_post(Target(EntryType.INDIVIDUAL), body)
    (told,) = (await network(tmp_path, [member("ee")], client).answer(question, ANYBODY)).merged.result_sets
    (record,) = told["results"]  # type: ignore[misc]
    assert ("measures" in record) is former
