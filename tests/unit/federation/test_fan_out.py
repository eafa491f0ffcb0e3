"""All members at once, one deadline, nothing left running."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

import pytest
from tests.unit.federation.kit import ANYBODY, SILENCE, ScriptedMembers, answer, member, result_set

from opengdi.federation.circuit import CircuitPolicy, Fault
from opengdi.federation.fanout import FanOut
from opengdi.federation.model import ContigForm, Dialect, Member, MemberState, Outcome
from opengdi.federation.ports import MemberFault
from opengdi.federation.translation import Outgoing
from opengdi.kernel.clock import SystemClock
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.beacon.request import Target, parse_post

QUESTION = parse_post(Target(EntryType.GENOMIC_VARIANT), {"query": {"requestedGranularity": "record"}})
HIT = answer(result_set())


def fan_out(client: ScriptedMembers, deadline_s: float = 0.05, **policy: int) -> FanOut:
    return FanOut(client, SystemClock(), deadline_s=deadline_s, policy=CircuitPolicy(**policy))


async def ask(asking: FanOut, client: ScriptedMembers) -> dict[str, Outcome]:
    members = [member(name) for name in client.replies]
    return await outcomes(asking, members)


async def outcomes(asking: FanOut, members: Sequence[Member], **options: float) -> dict[str, Outcome]:
    """By member id, in order of arrival."""
    arriving = asking.ask(QUESTION, members, ANYBODY, **options)
    return {outcome.member.id: outcome async for together in arriving for outcome in together}


async def test_the_quick_come_first_and_the_silent_last() -> None:
    client = ScriptedMembers({"fi": SILENCE, "ee": HIT})
    found = await ask(fan_out(client), client)
    assert list(found) == ["ee", "fi"]
    assert (found["ee"].state, found["fi"].state) == (MemberState.OK, MemberState.TIMEOUT)
    assert found["fi"].answer is None
    assert client.cancelled == ["fi"]


async def test_nobody_to_ask_is_no_outcome() -> None:
    client = ScriptedMembers({})
    assert await ask(fan_out(client), client) == {}


async def test_an_asker_who_leaves_stops_the_asking() -> None:
    client = ScriptedMembers({"ee": HIT, "fi": SILENCE})
    members = [member("ee"), member("fi")]
    async with aclosing(fan_out(client, deadline_s=60).ask(QUESTION, members, ANYBODY)) as arriving:
        assert [outcome.member.id for outcome in await anext(arriving)] == ["ee"]
    assert client.cancelled == ["fi"]


async def test_a_silent_member_is_left_alone_after_a_while_and_probed_later() -> None:
    client = ScriptedMembers({"fi": SILENCE})
    asking = fan_out(client, deadline_s=0.01, failures=2, rest_s=0)
    for _ in range(2):
        assert (await ask(asking, client))["fi"].state is MemberState.TIMEOUT
    assert asking.is_open(member("fi"))
    client.replies["fi"] = HIT
    assert (await ask(asking, client))["fi"].state is MemberState.OK, "the probe"
    assert not asking.is_open(member("fi"))


async def test_while_half_open_only_one_of_many_askers_waits_for_the_member() -> None:
    client = ScriptedMembers({"fi": SILENCE})
    asking = fan_out(client, deadline_s=0.02, failures=1, rest_s=0)
    await ask(asking, client)
    many = await asyncio.gather(*(ask(asking, client) for _ in range(5)))
    states = sorted(found["fi"].state.value for found in many)
    assert states == ["skipped"] * 4 + ["timeout"]


@pytest.mark.parametrize("state", [MemberState.DENIED, MemberState.SUPPRESSED, MemberState.ERROR])
async def test_a_member_that_says_no_is_well(state: MemberState) -> None:
    client = ScriptedMembers({"fi": MemberFault(state, "no", None)})
    asking = fan_out(client, failures=1)
    for _ in range(3):
        outcome = (await ask(asking, client))["fi"]
        assert (outcome.state, outcome.reason) == (state, "no")


async def test_bad_answers_lead_to_quarantine() -> None:
    client = ScriptedMembers({"fi": {"meta": {}}})
    asking = fan_out(client, malformed=2)
    states = [(await ask(asking, client))["fi"] for _ in range(3)]
    assert [outcome.state for outcome in states] == [
        MemberState.ERROR,
        MemberState.ERROR,
        MemberState.SKIPPED,
    ]
    assert states[-1].reason == "in quarantine after malformed answers"


async def test_a_member_that_cannot_be_asked_this_is_skipped_and_stays_well() -> None:
    client = ScriptedMembers({"fi": HIT})
    asking = fan_out(client, failures=1)
    odd = replace(member("fi"), dialect=Dialect(contigs=ContigForm.ACCESSION))
    body = {
        "query": {
            "requestedGranularity": "count",
            "requestParameters": {"referenceName": "3", "start": [1], "end": [2]},
        }
    }
    question = parse_post(Target(EntryType.GENOMIC_VARIANT), body)
    ((outcome,),) = [found async for found in asking.ask(question, [odd], ANYBODY)]
    assert outcome.state is MemberState.SKIPPED
    assert "assemblyId" in outcome.reason
    assert client.asked == []
    assert not asking.is_open(odd)


async def test_a_fault_of_the_connection_is_told_without_addresses() -> None:
    client = ScriptedMembers({"fi": MemberFault(MemberState.ERROR, "cannot be reached", Fault.UNREACHABLE)})
    assert (await ask(fan_out(client), client))["fi"].reason == "cannot be reached"


class Late(ScriptedMembers):
    """Members that answer after so many seconds, by member id."""

    def __init__(self, after: dict[str, float]) -> None:
        super().__init__(dict.fromkeys(after, HIT))
        self.after = after

    async def _replied(self, member: Member, outgoing: Outgoing) -> object:
        self.asked.append((member.id, outgoing))
        try:
            await asyncio.sleep(self.after[member.id])
        except asyncio.CancelledError:
            self.cancelled.append(member.id)
            raise
        return self.replies[member.id]


async def outcomes_of(asking: FanOut, client: ScriptedMembers, **options: float) -> dict[str, Outcome]:
    return await outcomes(asking, [member(name) for name in client.replies], **options)


async def test_who_would_not_wait_is_told_what_is_there_and_the_member_is_listened_to_until_the_deadline() -> (
    None
):
    client = Late({"ee": 0.0, "fi": 0.2})
    asking = fan_out(client, deadline_s=5, failures=1)
    found = await outcomes_of(asking, client, wait_s=0.05)
    assert (found["ee"].state, found["fi"].state) == (MemberState.OK, MemberState.TIMEOUT)
    assert (found["fi"].latency_ms, found["fi"].reason[:22]) == (50, "no answer within 0.05 ")
    await asyncio.sleep(0.3)
    assert client.cancelled == []
    assert not asking.is_open(member("fi")), "it answered within the deadline"


async def test_a_member_that_is_silent_until_the_deadline_has_failed_though_nobody_waited() -> None:
    client = Late({"fi": 60.0})
    asking = fan_out(client, deadline_s=0.2, failures=1)
    await outcomes_of(asking, client, wait_s=0.05)
    assert not asking.is_open(member("fi"))
    await asyncio.sleep(0.3)
    assert asking.is_open(member("fi"))
    assert client.cancelled == ["fi"]


async def test_when_the_asker_leaves_a_member_that_was_given_up_is_let_go_too() -> None:
    client = Late({"fi": 60.0, "se": 60.0})
    asking = fan_out(client, deadline_s=30)
    members = [member("fi"), member("se")]
    async with aclosing(asking.ask(QUESTION, members, ANYBODY, wait_s=0.02)) as arriving:
        await anext(arriving)
    assert sorted(client.cancelled) == ["fi", "se"]


async def test_at_the_end_nobody_is_listened_to() -> None:
    client = Late({"fi": 60.0})
    asking = fan_out(client, deadline_s=30)
    await outcomes_of(asking, client, wait_s=0.02)
    await asking.aclose()
    assert client.cancelled == ["fi"]


async def test_a_member_that_left_the_last_question_unanswered_is_waited_for_as_long_as_it_usually_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("opengdi.federation.fanout.LEAST_PATIENCE_S", 0.1)
    client = Late({"fi": 0.0})
    asking = fan_out(client, deadline_s=0.6, failures=9)
    await outcomes_of(asking, client)
    client.after["fi"] = 60.0
    assert (await outcomes_of(asking, client))["fi"].latency_ms == 600, "in good standing: the whole deadline"
    assert (await outcomes_of(asking, client))["fi"].latency_ms == 100
    client.after["fi"] = 0.3
    assert (await outcomes_of(asking, client))["fi"].state is MemberState.TIMEOUT
    await asyncio.sleep(0.4)  # its answer came within the deadline: it is well again, and slow
    assert (await outcomes_of(asking, client))["fi"].state is MemberState.OK


async def test_no_more_members_are_listened_to_than_the_hub_has_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("opengdi.federation.fanout.MOST_LISTENED", 3)
    client = Late(dict.fromkeys(["ee", "fi"], 60.0))
    asking = fan_out(client, deadline_s=30)
    for _ in range(3):
        await outcomes_of(asking, client, wait_s=0)
    assert len(client.cancelled) == 3
    await asking.aclose()
    assert len(client.cancelled) == 6


class Clinging(ScriptedMembers):
    """Members that take a while to be let go."""

    async def _replied(self, member: Member, outgoing: Outgoing) -> object:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)


async def test_who_is_cancelled_while_members_are_let_go_is_cancelled() -> None:
    client = Clinging({"fi": HIT})
    asking = asyncio.create_task(outcomes_of(fan_out(client, deadline_s=0.01), client))
    await asyncio.sleep(0.03)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_a_member_of_which_the_registry_says_something_else_is_asked_anew() -> None:
    client = ScriptedMembers({"fi": {"meta": {}}})
    asking = fan_out(client, malformed=1)
    await ask(asking, client)
    assert asking.is_open(member("fi"))
    client.replies["fi"] = HIT
    moved = replace(member("fi"), url="https://new.example")
    assert (await outcomes(asking, [moved]))["fi"].state is MemberState.OK
