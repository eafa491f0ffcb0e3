"""However many ask for however much, a hub holds no more answers at a time than it has room for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from tests.unit.federation.kit import (
    ANYBODY,
    SILENCE,
    ScriptedMembers,
    answer,
    cell,
    member,
    network,
    result_set,
    variant,
)

from opengdi.federation.hand import AnswersInHand
from opengdi.federation.model import Member
from opengdi.federation.service import Answered
from opengdi.federation.translation import Outgoing
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.beacon.request import Target, parse_post

QUESTION = parse_post(Target(EntryType.GENOMIC_VARIANT), {"query": {"requestedGranularity": "record"}})
PAGE = answer(result_set("A", 50, [variant(cell("Total", 50, 100), start=place) for place in range(50)]))
SIZE = len(msgspec.json.encode(PAGE))


def states(answered: Answered) -> list[object]:
    lines = answered.merged.info["members"]
    assert isinstance(lines, list)
    return [each["status"] for each in lines]


async def test_what_there_is_no_room_for_is_told_of_its_member_and_there_is_room_again_later(
    tmp_path: Path,
) -> None:
    hand = AnswersInHand(3 * SIZE)
    client = ScriptedMembers({"ee": PAGE, "fi": SILENCE})
    asked = network(tmp_path, [member("ee"), member("fi")], client, hand=hand, deadline_s=0.2)
    told = await asyncio.gather(*(asked.answer(QUESTION, ANYBODY) for _ in range(5)))
    assert [states(each)[0] for each in told] == ["ok"] * 3 + ["error"] * 2
    assert [each.merged.exists for each in told] == [True] * 3 + [False] * 2
    assert hand.bytes == 0
    assert states(await asked.answer(QUESTION, ANYBODY))[0] == "ok"


async def test_what_comes_after_the_question_was_answered_takes_no_room(tmp_path: Path) -> None:
    hand, late = AnswersInHand(3 * SIZE), asyncio.Event()

    class Late(ScriptedMembers):
        async def _replied(self, member: Member, outgoing: Outgoing) -> object:
            await late.wait()
            return PAGE

    asked = network(tmp_path, [member("ee")], Late({"ee": PAGE}), hand=hand, deadline_s=5.0)
    assert states(await asked.answer(QUESTION, ANYBODY, wait_s=0.01)) == ["timeout"]
    late.set()
    await asyncio.sleep(0.02)
    assert hand.bytes == 0


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_stream_holds_its_answers_until_it_is_told_or_left(tmp_path: Path, *, leaves: bool) -> None:
    hand = AnswersInHand(3 * SIZE)
    client = ScriptedMembers({"ee": PAGE, "fi": SILENCE})
    asked = network(tmp_path, [member("ee"), member("fi")], client, hand=hand, deadline_s=0.05)
    events = asked.stream(QUESTION, ANYBODY)
    await anext(events)
    assert hand.bytes == SIZE
    if leaves:
        await events.aclose()
    else:
        assert len([event async for event in events]) == 2
    assert hand.bytes == 0
