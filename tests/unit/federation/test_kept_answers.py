"""A member's answer is told again only to who was told it, and only while it is still the member's answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.federation.kit import (
    ANYBODY,
    DATASET,
    AuditLines,
    CountingLedger,
    ScriptedMembers,
    answer,
    cell,
    member,
    result_set,
    variant,
)

from opengdi.federation.asking import BELIEVED_S
from opengdi.federation.budget import HubBudget
from opengdi.federation.circuit import CircuitPolicy, Fault
from opengdi.federation.directory import Directory, ProfileStore
from opengdi.federation.fanout import FanOut
from opengdi.federation.floors import Floors
from opengdi.federation.freshness import fresh_s
from opengdi.federation.hand import AnswersInHand
from opengdi.federation.keeping import KeptAnswers, Question
from opengdi.federation.model import Json, Member, MemberState
from opengdi.federation.ports import MemberFault, Reply
from opengdi.federation.service import Answered, BeaconNetwork
from opengdi.federation.translation import Outgoing
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.principal import Principal, Tier, Visa
from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.standards.beacon.questions import EntryType, Granularity
from opengdi.standards.beacon.request import Target, parse_post

KEY = SigningKey.generate().public
LIFE_S = 60.0
OTHER = Principal("anonymous:def")
RESEARCHER = Principal("key:portal", Tier.REGISTERED, logged_in=True)
ROW = variant(cell("Total", 12, 5008))
HIT = answer(
    result_set(DATASET, 1, [ROW], DatasetInfo("1", individuals=2504, k_alleles=5, af_budget_factor=0.46))
)
SUPPRESSED = answer(result_set(DATASET, 0, [], countAdjustedTo=["<5"]))
REFUSED = HIT | {"info": {"refusedDatasets": [{"id": "Z", "reason": "budget"}]}}


class Node:
    """One member: what it answers, in which edition; it may be told to wait."""

    def __init__(self, document: object = HIT, edition: str = "a.1", **more: Any) -> None:
        self.document, self.edition, self.more = document, edition, more
        self.tells_edition: object = True
        self.asked: list[Outgoing] = []
        self.looks = 0

    def __call__(self, outgoing: Outgoing) -> object:
        if outgoing.path == "/info":
            self.looks += 1
            if isinstance(self.tells_edition, MemberFault):
                raise self.tells_edition
            return Reply(b"{}", edition=self.edition)
        self.asked.append(outgoing)
        if isinstance(self.document, MemberFault):
            raise self.document
        return Reply(msgspec.json.encode(self.document), edition=self.edition, **self.more)


class Slow(ScriptedMembers):
    """Members that answer when they are let."""

    def __init__(self, nodes: dict[str, Any]) -> None:
        super().__init__(nodes)
        self.let = asyncio.Event()

    async def _replied(self, member: Member, outgoing: Outgoing) -> object:
        self.asked.append((member.id, outgoing))
        await self.let.wait()
        return self.replies[member.id](outgoing)  # type: ignore[operator]


class Hub:
    """One network, on a clock that moves when told to."""

    def __init__(
        self,
        folder: Path,
        nodes: dict[str, Any],
        *,
        client: ScriptedMembers | None = None,
        life_s: float = LIFE_S,
        units: int = 1_000_000,
        signed: bool = True,
        rest_s: float = 30.0,
    ) -> None:
        self.clock = FixedClock()
        self.client = client or ScriptedMembers(nodes)
        self.members = [replace(member(name), key=KEY if signed else None) for name in nodes]
        self.kept = KeptAnswers(life_s, 1 << 20)
        self.fan_out = FanOut(
            self.client, self.clock, deadline_s=2.0, kept=self.kept,
            policy=CircuitPolicy(failures=1, rest_s=rest_s),
        )  # fmt: skip
        self.directory = Directory(self.client, ProfileStore(folder), timeout_s=1.0)
        self.audit = AuditLines()
        self.network = BeaconNetwork(
            lambda: self.members, self.fan_out, self.directory,
            budget=HubBudget(CountingLedger(units), global_factor=9.2), hand=AnswersInHand(1 << 30), audit=self.audit,
            default_granularity=Granularity.RECORD,
        )  # fmt: skip

    async def ask(
        self, asker: Principal = ANYBODY, entry: EntryType = EntryType.GENOMIC_VARIANT, **query: object
    ) -> Answered:
        return await self.network.answer(parse_post(Target(entry), _body(**query)), asker)


def _body(**query: object) -> dict[str, object]:
    return {"query": {"requestedGranularity": "record", **query}}


def line(answered: Answered, number: int = 0) -> dict[str, Any]:
    lines = answered.merged.info["members"]
    assert isinstance(lines, list)
    found: dict[str, Any] = lines[number]
    return found


async def test_the_same_again_is_told_without_asking_and_says_how_old_it_is(tmp_path: Path) -> None:
    node = Node()
    hub = Hub(tmp_path, {"ee": node})
    first = await hub.ask()
    hub.clock.advance(0.5)
    again = await hub.ask()
    assert len(node.asked) == 1
    assert again.merged.result_sets == first.merged.result_sets
    assert again.merged.total == first.merged.total
    assert "ageMs" not in line(first)
    assert (line(again)["status"], line(again)["ageMs"], line(again)["latencyMs"]) == ("ok", 500, 0)
    assert (hub.kept.hits, hub.kept.misses) == (1, 1)
    assert [action for action, *_ in hub.audit.lines] == ["network.query", "network.answer"] * 2


async def test_the_order_of_members_in_the_question_does_not_matter(tmp_path: Path) -> None:
    node = Node()
    hub = Hub(tmp_path, {"ee": node})
    place = {"referenceName": "3", "start": [1], "end": [9]}
    await hub.ask(requestParameters=place, datasetIds=["A", "B"])
    await hub.ask(requestParameters=dict(reversed(place.items())), datasetIds=["B", "A"])
    assert len(node.asked) == 1


@pytest.mark.parametrize(
    "query",
    [
        {"requestedGranularity": "count"},
        {"pagination": {"skip": 1, "limit": 10}},
        {"requestParameters": {"geneId": "BRAF"}},
        {"datasetIds": ["A"]},
        {"testMode": True},
    ],
    ids=str,
)
async def test_another_question_is_asked(tmp_path: Path, query: dict[str, object]) -> None:
    node = Node()
    hub = Hub(tmp_path, {"ee": node})
    await hub.ask()
    await hub.ask(**query)
    assert len(node.asked) == 2


@pytest.mark.parametrize("signed", [True, False], ids=["a node", "a foreign Beacon"])
@pytest.mark.parametrize("asker", [OTHER, RESEARCHER, replace(ANYBODY, tier=Tier.REGISTERED)], ids=str)
async def test_what_one_caller_was_told_is_told_to_no_other(
    tmp_path: Path, asker: Principal, *, signed: bool
) -> None:
    node = Node(fresh_s=30.0) if signed else Node(edition="", fresh_s=30.0)
    hub = Hub(tmp_path, {"ee": node}, signed=signed)
    told = [await hub.ask(), await hub.ask(asker), await hub.ask(), await hub.ask(asker)]
    assert ["ageMs" in line(each) for each in told] == [False, False, True, True]
    assert len(node.asked) == 2


async def test_what_the_member_lets_nobody_keep_is_asked_each_time(tmp_path: Path) -> None:
    node = Node(edition="")
    hub = Hub(tmp_path, {"ee": node})
    for _ in range(3):
        await hub.ask()
    assert (len(node.asked), node.looks) == (3, 0)


async def test_a_beacon_s_own_limit_holds(tmp_path: Path) -> None:
    node = Node(edition="", fresh_s=5.0)
    hub = Hub(tmp_path, {"ee": node}, signed=False)
    await hub.ask()
    hub.clock.advance(4.9)
    await hub.ask()
    assert len(node.asked) == 1
    hub.clock.advance(0.1)
    await hub.ask()
    assert len(node.asked) == 2


async def test_b10_what_a_member_publishes_or_hides_shows_after_a_second_at_most(tmp_path: Path) -> None:
    node = Node()
    hub = Hub(tmp_path, {"ee": node})
    await hub.ask()
    node.edition, node.document = "a.2", answer(result_set(DATASET, 0, []))
    hub.clock.advance(BELIEVED_S)
    now = await hub.ask()
    assert now.merged.exists is False
    assert (len(node.asked), node.looks) == (2, 1)


async def test_a_member_that_publishes_nothing_is_looked_at_once_a_second_whoever_asks(
    tmp_path: Path,
) -> None:
    node = Node()
    hub = Hub(tmp_path, {"ee": node})
    for asker in (ANYBODY, OTHER):
        await hub.ask(asker)
    for _ in range(3):
        hub.clock.advance(BELIEVED_S)
        await asyncio.gather(*(hub.ask(asker) for asker in (ANYBODY, OTHER) for _ in range(5)))
    assert (len(node.asked), node.looks) == (2, 3)


async def test_nothing_is_told_for_longer_than_the_settings_say(tmp_path: Path) -> None:
    node = Node()
    hub = Hub(tmp_path, {"ee": node})
    await hub.ask()
    hub.clock.advance(LIFE_S)
    await hub.ask()
    assert len(node.asked) == 2


async def test_without_a_life_nothing_is_kept(tmp_path: Path) -> None:
    node = Node()
    hub = Hub(tmp_path, {"ee": node}, life_s=0)
    await hub.ask()
    await hub.ask()
    assert (len(node.asked), len(hub.kept), hub.kept.misses) == (2, 0, 0)


async def test_a_member_that_does_not_tell_its_edition_is_asked_itself_and_its_trouble_told(
    tmp_path: Path,
) -> None:
    node = Node()
    hub = Hub(tmp_path, {"ee": node})
    await hub.ask()
    hub.clock.advance(BELIEVED_S)
    node.tells_edition = node.document = MemberFault(
        MemberState.ERROR, "cannot be reached", Fault.UNREACHABLE
    )
    gone = await hub.ask()
    assert (line(gone)["status"], line(gone)["reason"]) == ("error", "cannot be reached")
    assert gone.merged.exists is False


@pytest.mark.parametrize(
    "document",
    [SUPPRESSED, REFUSED, {"meta": {}}, MemberFault(MemberState.DENIED, "not permitted", None)],
    ids=["suppressed", "a dataset refuses", "malformed", "denied"],
)
async def test_only_whole_answers_are_kept(tmp_path: Path, document: object) -> None:
    node = Node(document)
    hub = Hub(tmp_path, {"ee": node})
    for _ in range(2):
        await hub.ask()
    assert (len(node.asked), len(hub.kept)) == (2, 0)


async def test_what_visas_open_is_never_kept_nor_is_what_was_kept_before_told_to_who_holds_some(
    tmp_path: Path,
) -> None:
    node = Node()
    hub = Hub(tmp_path, {"ee": node})
    granted = replace(RESEARCHER, visas=(Visa(DATASET),))
    await hub.ask(RESEARCHER)
    await hub.ask(granted)
    await hub.ask(granted)
    assert len(node.asked) == 3
    assert len(hub.kept) == 1
    await hub.ask(RESEARCHER)  # revoked: as before
    assert len(node.asked) == 3


async def test_an_answer_for_which_a_visa_was_shown_after_all_is_not_kept(tmp_path: Path) -> None:
    node = Node(opened=True)
    hub = Hub(tmp_path, {"ee": node})
    await hub.ask(RESEARCHER)
    assert len(hub.kept) == 0


async def test_records_of_people_are_never_kept(tmp_path: Path) -> None:
    node = Node(answer(result_set(DATASET, 1, [{"id": "P1", "sex": {"id": "NCIT:C16576"}}])))
    hub = Hub(tmp_path, {"ee": node})
    for _ in range(2):
        told = await hub.ask(RESEARCHER, EntryType.INDIVIDUAL)
        assert told.merged.result_sets[0]["results"]
    assert (len(node.asked), len(hub.kept)) == (2, 0)


ONE_PERSON = Target(EntryType.GENOMIC_VARIANT, parent=(EntryType.INDIVIDUAL, "P1"))
CARRIED = ROW | {"caseLevelData": [{"biosampleId": "S1"}]}


@pytest.mark.parametrize(
    ("target", "row"),
    [(ONE_PERSON, ROW), (Target(EntryType.GENOMIC_VARIANT), CARRIED)],
    ids=["of one person", "with who carries them"],
)
async def test_nor_are_alleles_of_people(tmp_path: Path, target: Target, row: Json) -> None:
    node = Node(answer(result_set(DATASET, 1, [row])))
    hub = Hub(tmp_path, {"ee": node})
    told = await hub.network.answer(parse_post(target, _body()), RESEARCHER)
    assert told.merged.result_sets[0]["results"]
    assert len(hub.kept) == 0


async def test_a_floor_that_another_member_states_later_holds_for_what_was_kept(tmp_path: Path) -> None:
    hub = Hub(tmp_path, {"ee": Node()})
    assert (await hub.ask()).merged.exists is True
    hub.directory.book.hear(DATASET, "fi.af", Floors(alleles=20))
    again = await hub.ask()
    assert line(again)["ageMs"] == 0
    assert again.merged.exists is False, "12 alleles, and FI lets nobody see fewer than 20"


async def test_a_budget_is_booked_for_what_was_kept_too(tmp_path: Path) -> None:
    node = Node()
    hub = Hub(tmp_path, {"ee": node}, units=0)
    told = [await hub.ask() for _ in range(2)]
    assert len(node.asked) == 1
    assert [each.merged.info["budgetUsedUp"] for each in told] == [[DATASET], [DATASET]]


async def test_a_kept_answer_does_not_make_a_failing_member_well(tmp_path: Path) -> None:
    node = Node()
    hub = Hub(tmp_path, {"ee": node}, rest_s=0.1)
    await hub.ask()
    node.document = MemberFault(MemberState.ERROR, "cannot be reached", Fault.UNREACHABLE)
    await hub.ask(OTHER)
    hub.clock.advance(0.2)
    assert line(await hub.ask())["ageMs"] == 200
    assert hub.fan_out.is_open(hub.members[0]), "nothing was learnt"


async def test_one_who_asks_twice_at_once_is_one_question_to_the_member(tmp_path: Path) -> None:
    node = Node()
    client = Slow({"ee": node})
    hub = Hub(tmp_path, {"ee": node}, client=client)
    client.let.set()
    await hub.ask(requestedGranularity="count")  # so it is known that answers of this member may be kept
    client.let.clear()
    asking = [asyncio.create_task(hub.ask()) for _ in range(5)]
    await asyncio.sleep(0.01)
    assert len(client.asked) == 2
    client.let.set()
    told = await asyncio.gather(*asking)
    assert len(node.asked) == 2
    assert {each.merged.exists for each in told} == {True}


async def test_who_waits_for_somebody_that_leaves_asks_for_himself(tmp_path: Path) -> None:
    node = Node()
    client = Slow({"ee": node})
    hub = Hub(tmp_path, {"ee": node}, client=client)
    client.let.set()
    await hub.ask(requestedGranularity="count")
    client.let.clear()
    leaving, staying = [asyncio.create_task(hub.ask()) for _ in range(2)]
    await asyncio.sleep(0.01)
    leaving.cancel()
    await asyncio.sleep(0.01)
    assert len(client.asked) == 3
    client.let.set()
    assert (await staying).merged.exists is True


async def test_who_leaves_while_the_edition_is_asked_for_costs_others_nothing(tmp_path: Path) -> None:
    node = Node()
    client = Slow({"ee": node})
    hub = Hub(tmp_path, {"ee": node}, client=client)
    client.let.set()
    await hub.ask(OTHER)
    await hub.ask()
    hub.clock.advance(BELIEVED_S)
    client.let.clear()
    leaving = asyncio.create_task(hub.ask())
    await asyncio.sleep(0.01)
    leaving.cancel()
    await asyncio.wait([leaving])
    client.let.set()
    assert line(await hub.ask(OTHER))["ageMs"] == 1000
    assert (len(node.asked), node.looks) == (2, 1)


async def test_nobody_waits_for_another_where_nothing_may_be_kept(tmp_path: Path) -> None:
    node = Node(edition="")
    client = Slow({"ee": node})
    hub = Hub(tmp_path, {"ee": node}, client=client)
    asking = [asyncio.create_task(hub.ask()) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert len(client.asked) == 3
    client.let.set()
    await asyncio.gather(*asking)


async def test_an_answer_from_before_a_change_that_comes_after_it_was_noticed_is_not_told_again(
    tmp_path: Path,
) -> None:
    node = Node()
    client = Slow({"ee": node})
    hub = Hub(tmp_path, {"ee": node}, client=client)
    asking = asyncio.create_task(hub.ask())
    await asyncio.sleep(0.01)
    hub.clock.advance(0.1)
    late, node.edition = node.edition, "a.2"
    other = asyncio.create_task(hub.ask(OTHER))
    await asyncio.sleep(0.01)
    replies: Sequence[str] = (late, "a.2")

    def in_turn(outgoing: Outgoing) -> object:
        node.edition = replies[min(len(node.asked), 1)]
        return node(outgoing)

    client.replies["ee"] = in_turn
    client.let.set()
    await asyncio.gather(asking, other)
    await hub.ask()
    assert len(node.asked) == 3


def test_no_more_is_kept_than_there_is_room_for() -> None:
    kept = KeptAnswers(60.0, 100_000)
    questions = [question_number(number) for number in range(40)]
    for question in questions:
        kept.keep(question, Reply(b"x" * 9_000, edition="a"), 0.0)
        assert kept.bytes <= 100_000
    assert len(kept) == 9
    assert kept.find(questions[-1], 1.0) is not None
    assert kept.find(questions[0], 1.0) is None
    kept.keep(questions[0], Reply(b"x" * 50_000, edition="a"), 0.0)
    assert kept.find(questions[0], 1.0) is None, "larger than its part of the room"


def question_number(number: int) -> Question:
    return Question.of(member("ee"), Outgoing.get("/x", {"n": str(number)}), ANYBODY)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 0.0),
        ({"cache-control": "max-age=30"}, 30.0),
        ({"cache-control": "Public, Max-Age=30", "age": "10"}, 20.0),
        ({"cache-control": "max-age=30, s-maxage=5"}, 5.0),
        ({"cache-control": "max-age=30, max-age=99"}, 30.0),
        ({"cache-control": "max-age=30", "age": "40"}, 0.0),
        ({"cache-control": "max-age=30", "age": "young"}, 0.0),
        ({"cache-control": 'max-age="30"'}, 30.0),
        ({"cache-control": "max-age=-1"}, 0.0),
        ({"cache-control": "max-age=1e9"}, 0.0),
        ({"cache-control": "max-age=²"}, 0.0),
        ({"cache-control": "no-store, max-age=30"}, 0.0),
        ({"cache-control": "private, max-age=30"}, 0.0),
        ({"cache-control": "no-cache, max-age=30"}, 0.0),
        ({"cache-control": "max-age=30", "vary": "*"}, 0.0),
        ({"expires": "Thu, 01 Jan 2099 00:00:00 GMT"}, 0.0),
    ],
)
def test_how_long_a_foreign_beacon_lets_its_answer_be_kept(headers: dict[str, str], expected: float) -> None:
    assert fresh_s(headers) == expected


async def test_what_came_after_somebody_would_wait_no_longer_is_there_when_they_ask_again(
    tmp_path: Path,
) -> None:
    node = Node()
    client = Slow({"ee": node})
    hub = Hub(tmp_path, {"ee": node}, client=client)
    question = parse_post(Target(EntryType.GENOMIC_VARIANT), _body())
    early = await hub.network.answer(question, ANYBODY, wait_s=0.02)
    assert (line(early)["status"], early.merged.info["complete"]) == ("timeout", False)
    client.let.set()
    await asyncio.sleep(0.02)
    again = await hub.network.answer(question, ANYBODY, wait_s=0.02)
    assert (line(again)["status"], again.merged.info["complete"], len(node.asked)) == ("ok", True, 1)
