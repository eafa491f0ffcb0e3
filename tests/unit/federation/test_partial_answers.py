"""What may be told before all members have answered, and how it is told."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.unit.federation.kit import (
    ANYBODY,
    SILENCE,
    AuditLines,
    CountingLedger,
    ScriptedMembers,
    answer,
    cell,
    member,
    network,
    result_set,
    variant,
)
from tests.unit.federation.test_network_defects import hub

from opengdi.federation.directory import Directory, ProfileStore
from opengdi.federation.floors import NO_FLOORS, Floors
from opengdi.federation.service import Answered, Arrival
from opengdi.federation.stream import MediaType, encode_event, media_type_for, preferred_wait_s
from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.beacon.request import Target, parse_post

QUESTION = parse_post(Target(EntryType.GENOMIC_VARIANT), {"query": {"requestedGranularity": "record"}})
LENIENT = answer(
    result_set("D", 1, [variant(cell("Total", 7, 5008))], DatasetInfo(k_alleles=5)),
    result_set("E", 1, [variant(cell("Total", 900, 5008))], DatasetInfo(k_alleles=5)),
)


async def test_a_dataset_that_a_stricter_member_serves_too_waits_for_it(tmp_path: Path) -> None:
    members = [member("ee"), member("fi")]
    asked = network(tmp_path, members, ScriptedMembers({"ee": LENIENT, "fi": SILENCE}))
    asked._directory.book.hear("D", "fi.af", Floors(alleles=20))
    asked._directory.book.hear("D", "ee.af", Floors(alleles=5))
    events = [event async for event in asked.stream(QUESTION, ANYBODY)]
    first, second, last = events
    assert isinstance(first, Arrival)
    assert [item["id"] for item in first.result_sets] == ["E"]
    assert isinstance(second, Arrival)
    assert second.result_sets == ()
    assert isinstance(last, Answered)
    assert [item["id"] for item in last.merged.result_sets] == ["E"], "7 alleles are below the floor of 20"


async def test_who_goes_away_before_the_end_leaves_a_line_of_what_was_told(tmp_path: Path) -> None:
    audit = AuditLines()
    replies = ScriptedMembers({"ee": LENIENT, "fi": answer(result_set("F"))})
    asked = network(tmp_path, [member("ee"), member("fi")], replies, audit=audit)
    told = asked.stream(QUESTION, ANYBODY)
    assert isinstance(await anext(told), Arrival)
    await told.aclose()
    action, _, _, objects = audit.lines[-1]
    assert action == "network.answer"
    assert "dataset:E" in objects


async def test_who_waits_for_the_whole_answer_is_booked_once_and_for_nothing_if_they_leave(
    tmp_path: Path,
) -> None:
    ledger, audit = CountingLedger(), AuditLines()
    held = answer(result_set("E", 1, [variant(cell("Total", 900, 5008))], DatasetInfo(individuals=100)))
    replies = ScriptedMembers({"ee": held, "fi": SILENCE})
    asked = network(tmp_path, [member("ee"), member("fi")], replies, ledger=ledger, audit=audit, deadline_s=9)
    leaving = asyncio.create_task(asked.answer(QUESTION, ANYBODY))
    await asyncio.sleep(0.02)
    leaving.cancel()
    await asyncio.wait([leaving])
    assert ledger.booked == {}
    assert audit.lines[-1][-1] == ("member:ee.af:ok",)


async def test_what_is_there_together_makes_one_answer_that_grows(tmp_path: Path) -> None:
    names = [f"m{number}" for number in range(9)]
    replies = ScriptedMembers({name: answer(result_set(name)) for name in names} | {"late": SILENCE})
    asked = network(tmp_path, [member(name) for name in replies.replies], replies)
    events = [event async for event in asked.stream(QUESTION, ANYBODY)]
    grown = [event.so_far() for event in events if isinstance(event, Arrival) and event.so_far is not None]
    assert len(events) == 11
    assert [len(answered.merged.result_sets) for answered in grown] == [9]


async def test_every_partial_result_set_is_in_the_whole_answer_unchanged(tmp_path: Path) -> None:
    members = [member("ee"), member("fi")]
    other = answer(result_set("F", 1, [variant(cell("Total", 100, 5008))]))
    asked = network(tmp_path, members, ScriptedMembers({"ee": LENIENT, "fi": other}))
    events = [event async for event in asked.stream(QUESTION, ANYBODY)]
    whole = events[-1]
    assert isinstance(whole, Answered)
    partial = [item for event in events[:-1] if isinstance(event, Arrival) for item in event.result_sets]
    assert len(partial) == 3
    assert all(item in whole.merged.result_sets for item in partial)


@pytest.mark.parametrize(
    "accept, media_type",
    [
        ("", MediaType.JSON),
        ("*/*", MediaType.JSON),
        ("application/json", MediaType.JSON),
        ("text/event-stream", MediaType.EVENTS),
        ("application/x-ndjson; charset=utf-8, */*", MediaType.LINES),
        ("text/html, application/json, text/event-stream", MediaType.JSON),
        ("image/png", MediaType.JSON),
    ],
)
def test_the_first_form_that_we_speak_is_taken(accept: str, media_type: MediaType) -> None:
    assert media_type_for(accept) is media_type


def test_an_event_is_one_block_or_one_line() -> None:
    event = ("member", {"member": {"id": "ee"}, "text": "two\nlines"})
    block = encode_event(event, MediaType.EVENTS).decode()
    assert block.startswith("event: member\ndata: {")
    assert block.endswith("}\n\n")
    assert block.count("\n") == 3
    line = encode_event(event, MediaType.LINES).decode()
    assert line.count("\n") == 1
    assert json.loads(line) == {"event": "member", **event[1]}


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ([], None),
        (["wait=2"], 2),
        (["respond-async, Wait = 10"], 10),
        (['wait="3"; foo'], 3),
        (["handling=lenient", "wait=0"], 0),
        (["wait=1, wait=9"], 1),
        (["wait"], None),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["wait=99999999999"], None),
        (["wait=²"], None),
        (["waiter=3"], None),
    ],
)
def test_how_long_somebody_would_wait(prefer: list[str], seconds: int | None) -> None:
    assert preferred_wait_s(prefer) == seconds


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_who_would_not_wait_for_the_slow_has_the_answer_of_the_quick(
    tmp_path: Path, accept: str
) -> None:
    client = hub(tmp_path, ScriptedMembers({"ee": answer(result_set()), "fi": SILENCE}), deadline_s=30.0)
    async with asyncio.timeout(5):
        told = await client.get("/g_variants", headers={"Prefer": "wait=1", "Accept": accept})
    assert told.headers["preference-applied"] == "wait=1"
    text = told.text if accept == "application/json" else told.text.rsplit("data: ", 1)[1]
    document = json.loads(text)
    assert [each["status"] for each in document["info"]["members"]] == ["ok", "timeout"]
    assert document["info"]["complete"] is False


async def test_nobody_hides_a_stricter_member_by_not_waiting_for_it(tmp_path: Path) -> None:
    members = [member("ee"), member("fi")]
    client = ScriptedMembers({"ee": LENIENT, "fi": SILENCE})
    asked = network(tmp_path, members, client, deadline_s=30.0)
    asked._directory.book.hear("D", "fi.af", NO_FLOORS)
    asked._directory.book.hear("D", "ee.af", NO_FLOORS)
    answered = await asked.answer(QUESTION, ANYBODY, wait_s=0.05)
    assert [each["id"] for each in answered.merged.result_sets] == ["E"]
    assert answered.merged.info["complete"] is False


async def test_until_a_member_was_read_once_nobody_knows_what_else_it_serves(tmp_path: Path) -> None:
    client = ScriptedMembers({"ee": LENIENT, "fi": SILENCE})
    directory = Directory(client, ProfileStore(tmp_path), timeout_s=1.0)
    asked = network(tmp_path, [member("ee"), member("fi")], client, directory=directory)
    arrivals = [event async for event in asked.stream(QUESTION, ANYBODY) if isinstance(event, Arrival)]
    assert [each.result_sets for each in arrivals] == [(), ()]
