"""Whatever one member sends, the others' answers are told, and the hub goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.federation.kit import (
    ANYBODY,
    ScriptedMembers,
    answer,
    cell,
    member,
    result_set,
    variant,
)
from tests.unit.federation.test_network_defects import body, hub

from opengdi.federation.circuit import Fault
from opengdi.federation.client import HttpMemberClient
from opengdi.federation.fanout import FanOut
from opengdi.federation.model import MemberState
from opengdi.federation.ports import MemberFault, Reply
from opengdi.federation.translation import Outgoing
from opengdi.kernel.clock import SystemClock
from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.beacon.request import Target, parse_post

FLOORS = DatasetInfo(version="1", individuals=2504, k_alleles=6, k_individuals=5, af_budget_factor=0.46)
STRICT = replace(FLOORS, k_alleles=5, k_individuals=10)
ROW = variant(cell("Total", 12, 5008))
TRUE = answer(*(result_set(name, 1, [ROW], STRICT, countPrecision="exact") for name in "AB"))
QUESTION = parse_post(Target(EntryType.GENOMIC_VARIANT), {"query": {"requestedGranularity": "record"}})


def with_record(**more: object) -> dict[str, object]:
    return answer(result_set("B", 1, [ROW | more], FLOORS))


def with_bounds(*bounds: object) -> dict[str, object]:
    return answer(result_set("C", 3, countPrecision="rounded", countAdjustedTo=list(bounds)))


def with_info(name: str, value: object) -> dict[str, object]:
    info: Any = FLOORS.as_document()
    (info if name == "individuals" else info["disclosure"])[name] = value
    return answer(result_set("C", 1, [ROW]) | {"info": info})


def nested(depth: int) -> bytes:
    """An answer with a list in a list in a list in one of its records."""
    return json.dumps(with_record(more="deep")).replace('"deep"', "[" * depth + "]" * depth).encode()


BLOCKS = ROW["frequencyInPopulations"]
assert isinstance(BLOCKS, list)


LIES: dict[str, object] = {
    "a block without frequencies": with_record(frequencyInPopulations=[*BLOCKS, {"source": "x"}]),
    "no frequencies": with_record(frequencyInPopulations=[*BLOCKS, {"frequencies": None}]),
    "a bound in words": with_bounds("<ten"),
    "half a bound": with_bounds("<"),
    "a bound too long": with_bounds("<" + "9" * 5000),
    "two bounds too long": with_bounds("9" * 5000, 3),
    "bounds of lists": with_bounds([[]], []),
    "everybody": with_info("individuals", 10**400),
    "a budget without end": with_info("afBudgetFactor", 10**400),
    "a budget that is nearly one": with_info("afBudgetFactor", 1e308),
    "a floor without end": with_info("kAlleles", 10**400),
    **{f"{depth} deep": Reply(nested(depth)) for depth in (100, 900, 940, 950, 960, 970, 980)},
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_no_answer_of_one_member_costs_the_others_theirs(tmp_path: Path, lie: str, accept: str) -> None:
    client = ScriptedMembers({"ee": LIES[lie], "fi": TRUE})
    found = await hub(tmp_path, client, deadline_s=5.0).post(
        "/g_variants", json=body(includeResultsetResponses="ALL"), headers={"Accept": accept}
    )
    assert found.status_code == 200
    text = found.text if accept == "application/json" else found.text.rsplit("data: ", 1)[1]
    assert {"A", "B"} <= {each["id"] for each in json.loads(text)["response"]["resultSets"]}


async def test_a_defect_of_ours_that_one_member_s_answer_hits_is_told_of_that_member_alone() -> None:
    def hits_it(_outgoing: Outgoing) -> object:
        raise KeyError("frequencies")

    client = ScriptedMembers({"ee": hits_it, "fi": TRUE})
    asking = FanOut(client, SystemClock(), deadline_s=1.0)
    arriving = asking.ask(QUESTION, [member("ee"), member("fi")], ANYBODY)
    told = {each.member.id: each async for together in arriving for each in together}
    assert (told["ee"].state, told["fi"].state) == (MemberState.ERROR, MemberState.OK)
    assert told["ee"].reason == "the hub could not ask it, or not read its answer"


class Nobody:
    """Credentials of a hub that its members do not know."""

    def headers(self, *_asked: object) -> dict[str, str]:
        return {}

    def check_answer(self, *_answered: object) -> str:
        return ""


def client_of(answers: Callable[[httpx.Request], httpx.Response], most: int = 1 << 20) -> HttpMemberClient:
    """A client whose member `ee` answers so."""
    client = HttpMemberClient(Nobody(), max_answer_bytes=most, user_agent="test")
    client._pools["ee.af"] = httpx.AsyncClient(transport=httpx.MockTransport(answers))
    return client


async def fault_of(client: HttpMemberClient, timeout_s: float = 5.0) -> MemberFault:
    with pytest.raises(MemberFault) as raised:
        await client.ask(member("ee"), Outgoing.get("/info"), ANYBODY, timeout_s=timeout_s)
    return raised.value


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff", b'{"error": {"errorMessage": {"a": 1}}}'])
async def test_a_refusal_that_cannot_be_read_is_a_refusal(content: bytes) -> None:
    fault = await fault_of(client_of(lambda _: httpx.Response(403, stream=httpx.ByteStream(content))))
    assert (fault.state, fault.reason, fault.fault) == (MemberState.DENIED, "not permitted", None)


async def test_who_asks_for_too_much_does_not_bring_the_member_into_quarantine() -> None:
    fault = await fault_of(
        client_of(lambda _: httpx.Response(200, stream=httpx.ByteStream(b"x" * 2000)), most=1000)
    )
    assert (fault.reason, fault.fault) == ("answer is larger than 1000 bytes", None)


class Trickle(httpx.AsyncByteStream):
    """A body that never pauses for long and takes longer than anybody waits."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(40):
            await asyncio.sleep(0.01)
            yield b" "


async def test_a_member_that_sends_a_byte_at_a_time_is_given_up_by_the_deadline() -> None:
    fault = await fault_of(client_of(lambda _: httpx.Response(200, stream=Trickle())), timeout_s=0.1)
    assert (fault.state, fault.fault) == (MemberState.TIMEOUT, Fault.UNREACHABLE)


async def test_a_member_that_names_new_datasets_without_end_is_not_listened_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opengdi.federation.floors.MOST_DATASETS", 3)
    numbers = iter(range(99))

    def names_another(_outgoing: Outgoing) -> object:
        return answer(result_set(f"{next(numbers)}", 1, [ROW], STRICT))

    client = hub(tmp_path, ScriptedMembers({"ee": names_another, "fi": TRUE}))
    told = [(await client.post("/g_variants", json=body())).json() for _ in range(5)]
    assert [each["info"]["members"][0]["status"] for each in told] == ["ok"] * 3 + ["error"] * 2
    assert told[-1]["info"]["members"][0]["reason"] == "it has named more than 3 datasets"
    assert [each["id"] for each in told[-1]["response"]["resultSets"]] == ["A", "B"]
