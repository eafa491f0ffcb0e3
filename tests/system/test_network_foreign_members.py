"""A hub over Beacons that are not ours and do not behave: real sockets on loopback."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.system.foreign_beacon import Allele, ForeignBeacon, Trouble, closed_port, listening, until
from tests.system.networks import FOREIGN, NETWORK, foreign_member, running_hub

from opengdi.federation.model import Dialect, Verb
from opengdi.testing.identity import key_token

DEMO = Allele("FOREIGN-1", 45864731, "T", "C", 410, 5008)
PLACE = {
    "referenceName": "3", "start": [45864731], "referenceBases": "T", "alternateBases": "C", "assemblyId": "GRCh38",
}  # fmt: skip


async def test_a_foreign_beacon_is_asked_in_its_own_dialect(tmp_path: Path) -> None:
    beacon = ForeignBeacon((DEMO,))
    async with listening(beacon) as url, running_hub(tmp_path, [foreign_member("ee", url)]) as hub:
        found = await hub.ask(requestParameters=PLACE, pagination={"skip": 0, "limit": 5})
    asked = beacon.asked[0]
    assert asked["meta"]["apiVersion"] == "v2.0.0"
    assert asked["query"]["requestParameters"] == {**PLACE, "referenceName": "chr3"}
    (only,) = found["response"]["resultSets"]
    assert (only["id"], only["beaconId"], only["resultsCount"]) == ("FOREIGN-1", "ee.af", 1)
    assert found["meta"]["receivedRequestSummary"]["requestParameters"] == {"g_variant": PLACE}


async def test_the_second_page_of_a_beacon_that_counts_records_is_the_second_page(tmp_path: Path) -> None:
    beacon = ForeignBeacon(tuple(Allele("D", place, "A", "G", 40, 100) for place in range(12)))
    async with listening(beacon) as url, running_hub(tmp_path, [foreign_member("ee", url)]) as hub:
        starts = []
        for page in range(3):
            found = await hub.ask(pagination={"skip": page, "limit": 5})
            (only,) = found["response"]["resultSets"]
            starts += [
                each["variation"]["location"]["interval"]["start"]["value"] for each in only["results"]
            ]
            assert only["resultsCount"] == 12
    assert starts == list(range(12))


async def test_a_beacon_that_knows_get_only_answers_too(tmp_path: Path) -> None:
    beacon = ForeignBeacon((DEMO,))
    by_get = Dialect(api_version="v2.0.0", paging=FOREIGN.paging, contigs=FOREIGN.contigs, verb=Verb.GET)
    async with listening(beacon) as url, running_hub(tmp_path, [foreign_member("ee", url, by_get)]) as hub:
        found = await hub.ask(requestParameters=PLACE)
    assert beacon.asked[0]["referenceName"] == "chr3"
    assert found["responseSummary"]["exists"] is True


TROUBLES = {
    Trouble.NEVER: ("timeout", "no answer within the deadline"),
    Trouble.NOT_JSON: ("error", "answer is not JSON"),
    Trouble.NULL_TOTAL: ("error", "malformed answer: responseSummary.numTotalResults is missing or null"),
    Trouble.CUT_OFF: ("error", "connection broke off"),
    Trouble.OVERSIZED: ("error", "answer is larger than 1048576 bytes"),
    Trouble.ELSEWHERE: ("error", "redirects to another origin"),
    Trouble.FAILS: ("error", "failed with status 500"),
    Trouble.DENIES: ("denied", "so it is"),
    Trouble.TOO_MANY: ("suppressed", "so it is"),
    Trouble.COMPRESSED: ("error", "compresses answers without being asked"),
}


async def test_every_trouble_is_told_and_none_spoils_the_answer(tmp_path: Path) -> None:
    bystander = ForeignBeacon((DEMO,))
    async with AsyncExitStack() as stack:
        elsewhere = await stack.enter_async_context(listening(bystander))
        good = await stack.enter_async_context(listening(ForeignBeacon((DEMO,))))
        members = [foreign_member("ee", good)]
        for place, trouble in enumerate(TROUBLES):
            beacon = ForeignBeacon((DEMO,), trouble, elsewhere)
            members.append(foreign_member(f"m{place}", await stack.enter_async_context(listening(beacon))))
        members.append(foreign_member("zz", f"http://127.0.0.1:{closed_port()}"))
        hub = await stack.enter_async_context(running_hub(tmp_path, members, max_answer_bytes=1_048_576))
        started = time.monotonic()
        found = await hub.ask(requestParameters=PLACE)
        elapsed = time.monotonic() - started
    lines = {line["id"]: line for line in found["info"]["members"]}
    told = {
        trouble: (lines[f"m{place}"]["status"], lines[f"m{place}"]["reason"])
        for place, trouble in enumerate(TROUBLES)
    }
    assert {
        trouble: (status, reason[: len(TROUBLES[trouble][1])]) for trouble, (status, reason) in told.items()
    } == TROUBLES
    assert (lines["zz"]["status"], lines["zz"]["reason"]) == ("error", "cannot be reached")
    assert (lines["ee"]["status"], found["responseSummary"]["numTotalResults"]) == ("ok", 1)
    assert elapsed < 2.0
    assert bystander.asked == [], "N-11: nothing is sent to another origin"


async def test_n11_a_redirect_within_the_origin_is_followed(tmp_path: Path) -> None:
    beacon = ForeignBeacon((DEMO,), Trouble.NEXT_DOOR)
    async with listening(beacon) as url, running_hub(tmp_path, [foreign_member("ee", url)]) as hub:
        found = await hub.ask(requestParameters=PLACE)
    assert found["responseSummary"]["exists"] is True
    assert len(beacon.asked) == 2


async def test_n12_the_token_of_a_person_is_never_handed_on(tmp_path: Path) -> None:
    beacon = ForeignBeacon((DEMO,))
    secret = key_token("portal")
    async with (
        listening(beacon) as url,
        running_hub(tmp_path, [foreign_member("ee", url)]) as hub,
    ):
        headers = {"Authorization": f"Bearer {secret}", "Cookie": "session=1", "X-Forwarded-For": "192.0.2.1"}
        answer = await hub.client.post(f"{NETWORK}/g_variants", json={"query": {}}, headers=headers)
    assert answer.status_code == 200
    assert set(beacon.headers[0]) == {
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "connection",
        "content-type",
        "content-length",
    }
    assert secret not in json.dumps(beacon.headers)


async def test_partial_answers_arrive_before_the_slow_member_and_end_in_the_whole(tmp_path: Path) -> None:
    slow = ForeignBeacon((DEMO,), Trouble.NEVER)
    async with (
        listening(ForeignBeacon((DEMO,))) as quick_url,
        listening(slow) as slow_url,
        running_hub(
            tmp_path,
            [foreign_member("ee", quick_url), foreign_member("fi", slow_url)],
            rest_after_failures=99,
        ) as hub,
    ):
        for media_type in ("application/x-ndjson", "text/event-stream"):
            events, first_after = await _stream(hub.client, media_type)
            assert [name for name, _ in events] == ["member", "member", "result"]
            assert events[0][1]["member"]["id"] == "ee"
            assert [item["id"] for item in events[0][1]["resultSets"]] == ["FOREIGN-1"]
            assert events[1][1]["member"]["status"] == "timeout"
            assert first_after < 0.4, "the first event does not wait for the deadline"
            whole = await hub.ask(requestParameters=PLACE)
            assert _timeless(events[2][1]) == _timeless(whole)


async def _stream(client: httpx.AsyncClient, media_type: str) -> tuple[list[tuple[str, Any]], float]:
    events, started, first_after = [], time.monotonic(), 0.0
    body = {"query": {"requestParameters": PLACE, "requestedGranularity": "record"}}
    async with client.stream(
        "POST", f"{NETWORK}/g_variants", json=body, headers={"Accept": media_type}
    ) as answer:
        assert answer.headers["content-type"].startswith(media_type)
        name = ""
        async for line in answer.aiter_lines():
            if media_type.endswith("ndjson"):
                content = json.loads(line)
                events.append((content.pop("event"), content))
            elif line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                events.append((name, json.loads(line.removeprefix("data: "))))
            first_after = first_after or time.monotonic() - started
    return events, first_after


def _timeless(document: Any) -> Any:
    for line in document["info"]["members"]:
        line.pop("latencyMs")
    return document


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_when_the_caller_goes_the_members_are_let_go(tmp_path: Path, accept: str) -> None:
    slow = ForeignBeacon((DEMO,), Trouble.NEVER)
    async with (
        listening(slow) as url,
        running_hub(tmp_path, [foreign_member("fi", url)], deadline_s=30.0) as hub,
    ):
        asking = asyncio.create_task(
            hub.client.post(f"{NETWORK}/g_variants", json={"query": {}}, headers={"Accept": accept})
        )
        await until(lambda: slow.asked)
        asking.cancel()
        await asyncio.wait([asking])
        await until(lambda: slow.given_up)


async def test_connections_to_members_are_kept_and_used_again(tmp_path: Path) -> None:
    clients: set[object] = set()
    beacon = ForeignBeacon((DEMO,))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        clients.add(scope["client"])
        await beacon(scope, receive, send)

    async with listening(app) as url, running_hub(tmp_path, [foreign_member("ee", url)]) as hub:
        for _ in range(20):
            await hub.ask(requestParameters=PLACE)
    assert len(clients) <= 2, "one for questions, one for reading what the member says about itself"


async def test_a_registry_that_is_changed_without_the_key_changes_nothing(tmp_path: Path) -> None:
    async with (
        listening(ForeignBeacon((DEMO,))) as url,
        running_hub(tmp_path, [foreign_member("ee", url)]) as hub,
    ):
        assert [line["id"] for line in (await hub.ask())["info"]["members"]] == ["ee"]
        signed = (tmp_path / "registry.jws").read_text()
        (tmp_path / "registry.jws").write_text(signed[:-40] + "A" * 39 + "\n")
        assert [line["id"] for line in (await hub.ask())["info"]["members"]] == ["ee"]
        hub.sign([foreign_member("ee", url), foreign_member("fi", url)])
        assert [line["id"] for line in (await hub.ask())["info"]["members"]] == ["ee", "fi"]
        (tmp_path / "registry.jws").write_text(signed)  # genuine, but older
        assert [line["id"] for line in (await hub.ask())["info"]["members"]] == ["ee", "fi"]
        services = (await hub.client.get("/registry/services")).json()
        assert [each["id"] for each in services] == ["ee.af", "fi.af"]
