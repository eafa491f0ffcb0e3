"""The networks of a hub over WebSockets: real sockets, a client of the field, members that are slow."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import websocket
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.system.foreign_beacon import Allele, ForeignBeacon, Trouble, listening, until
from tests.system.networks import NETWORK, RunningHub, foreign_member, running_hub
from tests.system.websocket_clients import Told, ask, connect, cut, listen

from opengdi.apps.doors import machine_keys, machine_secret
from opengdi.identity.machines.rules import token_of
from opengdi.kernel.audit.segments import Follower, writers_in
from opengdi.testing.identity import program

DEMO = Allele("FOREIGN-1", 45864731, "T", "C", 410, 5008)
PLACE = {
    "referenceName": "3", "start": [45864731], "referenceBases": "T", "alternateBases": "C", "assemblyId": "GRCh38",
}  # fmt: skip
QUESTION = {"query": {"requestParameters": PLACE, "requestedGranularity": "record"}}
FLAT = "referenceName=3&start=45864731&referenceBases=T&alternateBases=C&assemblyId=GRCh38"


@asynccontextmanager
async def a_hub(
    folder: Path, *troubles: Trouble, **hub: Any
) -> AsyncIterator[tuple[RunningHub, list[ForeignBeacon]]]:
    """A hub over a quick member, and others in trouble."""
    beacons = [ForeignBeacon((DEMO,), trouble) for trouble in (Trouble.NONE, *troubles)]
    async with listening(beacons[0]) as first:
        if not troubles:
            async with running_hub(folder, [foreign_member("ee", first)], **hub) as running:
                yield running, beacons
            return
        async with listening(beacons[1]) as second:
            members = [foreign_member("ee", first), foreign_member("fi", second)]
            async with running_hub(folder, members, rest_after_failures=99, **hub) as running:
                yield running, beacons


def url(hub: RunningHub, path: str = "/g_variants", query: str = "") -> str:
    return f"{hub.url}{NETWORK}{path}" + (f"?{query}" if query else "")


def timeless(document: Any) -> Any:
    for line in document["info"]["members"]:
        line.pop("latencyMs")
        line.pop("ageMs", None)
    return document


def key(hub: RunningHub, name: str, **terms: Any) -> tuple[str, str]:
    """Id and token of a new key of a program."""
    new = machine_keys(hub.state).new(program(name, registered=True, **terms), "operator:test")
    return new.id, token_of(machine_secret(hub.state), new.id)


def refused(told: Told) -> tuple[int, int | None]:
    """The error code in the only frame, a Beacon error, and the code of the close."""
    (frame,) = told.frames
    assert frame["error"]["errorMessage"]
    assert frame["meta"]["beaconId"]
    return frame["error"]["errorCode"], told.code


async def test_the_answer_grows_member_by_member_and_ends_as_the_answer_to_a_post(tmp_path: Path) -> None:
    async with a_hub(tmp_path, Trouble.NEVER) as (hub, _):
        told = await ask(url(hub), QUESTION)
        posted = (await hub.client.post(f"{NETWORK}/g_variants", json=QUESTION)).json()
    assert told.code == 1000
    growing, whole = told.frames
    assert [line["status"] for line in growing["info"]["members"]] == ["ok", "waiting"]
    assert [each["id"] for each in growing["response"]["resultSets"]] == ["FOREIGN-1"]
    assert (growing["info"]["complete"], growing["responseSummary"]["numTotalResults"]) == (False, 1)
    assert [line["status"] for line in whole["info"]["members"]] == ["ok", "timeout"]
    assert timeless(whole) == timeless(posted)


async def test_a_question_in_the_address_is_answered_as_a_get_is(tmp_path: Path) -> None:
    async with a_hub(tmp_path) as (hub, _):
        told = await ask(url(hub, query=FLAT))
        gotten = (await hub.client.get(url(hub, query=FLAT))).json()
    assert (len(told.frames), told.code) == (1, 1000)
    assert timeless(told.last) == timeless(gotten)
    assert told.last["responseSummary"]["exists"] is True


async def test_what_a_network_says_of_itself_comes_in_one_frame(tmp_path: Path) -> None:
    async with a_hub(tmp_path) as (hub, _):
        told = await ask(url(hub, "/info"), "")
        assert (told.frames, told.code) == ([(await hub.client.get(f"{NETWORK}/info")).json()], 1000)


@pytest.mark.parametrize(
    ("path", "question", "expected"),
    [
        ("/g_variants", "{", (400, 1008)),
        ("/g_variants", {"query": {"requestParameters": {"start": [5]}}}, (400, 1008)),
        ("/g_variants", {"query": {"filter": []}}, (400, 1008)),
        ("/individuals", {}, (401, 1008)),
        ("/nothing", {}, (404, 1008)),
        ("/a/b/c/d", {}, (404, 1008)),
    ],
    ids=str,
)
async def test_an_error_is_a_frame_in_beacon_s_form_and_a_code(
    tmp_path: Path, path: str, question: object, expected: tuple[int, int]
) -> None:
    async with a_hub(tmp_path) as (hub, (beacon,)):
        assert refused(await ask(url(hub, path), question)) == expected
        assert beacon.asked == []


async def test_a_credential_that_holds_opens_the_same_door_as_at_a_post_and_one_that_does_not_none(
    tmp_path: Path,
) -> None:
    async with a_hub(tmp_path) as (hub, _):
        _, token = key(hub, "portal")
        told = await ask(url(hub, "/individuals"), {}, token=token)
        assert told.code == 1000
        assert told.last["meta"]["returnedGranularity"] == "count"
        assert refused(await ask(url(hub, "/individuals"), {}, token=token[:-1])) == (401, 1008)
        assert refused(await ask(url(hub, "/individuals", f"access_token={token}"))) == (400, 1008)


async def test_who_asks_too_often_is_told_so_and_members_are_not(tmp_path: Path) -> None:
    async with a_hub(tmp_path, requests=2) as (hub, (beacon,)):
        assert (await hub.client.post(f"{NETWORK}/g_variants", json=QUESTION)).status_code == 200
        assert (await ask(url(hub), QUESTION)).code == 1000
        assert refused(await ask(url(hub), QUESTION)) == (429, 1013)
        assert (await hub.client.post(f"{NETWORK}/g_variants", json=QUESTION)).status_code == 429
        assert len(beacon.asked) == 2


async def test_a_question_longer_than_any_body_may_be_ends_the_connection(tmp_path: Path) -> None:
    async with a_hub(tmp_path) as (hub, (beacon,)):
        assert (await ask(url(hub), " " * (hub.state.settings.limits.body_bytes + 1))).code == 1009
        assert beacon.asked == []


@pytest.mark.parametrize("leave", [websocket.WebSocket.close, cut], ids=["closes", "is cut off"])
async def test_when_the_caller_goes_the_members_are_let_go(tmp_path: Path, leave: Any) -> None:
    async with a_hub(tmp_path, Trouble.NEVER, deadline_s=30.0) as (hub, (_, slow)):
        connection = await asyncio.to_thread(connect, url(hub))
        await asyncio.to_thread(connection.send, json.dumps(QUESTION))
        await until(lambda: slow.asked)
        closing = asyncio.create_task(asyncio.to_thread(leave, connection))
        await until(lambda: slow.given_up)
        await closing


async def test_a_second_question_ends_the_first(tmp_path: Path) -> None:
    async with a_hub(tmp_path, Trouble.NEVER, deadline_s=30.0) as (hub, (_, slow)):
        connection = await asyncio.to_thread(connect, url(hub))
        for _ in range(2):
            await asyncio.to_thread(connection.send, json.dumps(QUESTION))
        assert (await asyncio.to_thread(listen, connection)).code == 1008
        await until(lambda: len(slow.asked) == slow.given_up)
        connection.shutdown()


async def test_a_page_of_another_site_is_refused_at_the_handshake(tmp_path: Path) -> None:
    async with a_hub(tmp_path) as (hub, (beacon,)):
        with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
            await ask(url(hub), QUESTION, origin="https://evil.example")
        assert (await ask(url(hub), QUESTION, origin=hub.url)).code == 1000
        assert (await ask(url(hub), QUESTION, suppress_origin=True)).code == 1000
        assert len(beacon.asked) == 2


async def test_other_addresses_of_the_hub_take_no_websocket(tmp_path: Path) -> None:
    async with a_hub(tmp_path) as (hub, _):
        for path in ("/", "/access/v1/register", "/registry/services", "/beacon-network"):
            with pytest.raises(websocket.WebSocketBadStatusException, match="404"):
                await ask(f"{hub.url}{path}", {})


async def test_a_key_that_is_taken_back_ends_the_answer_that_runs(tmp_path: Path) -> None:
    async with a_hub(tmp_path, Trouble.NEVER, deadline_s=30.0) as (hub, (_, slow)):
        id_, token = key(hub, "portal")
        asking = asyncio.create_task(ask(url(hub), QUESTION, token=token))
        await until(lambda: slow.asked)
        machine_keys(hub.state).revoke(id_, "operator:test")
        told = await asyncio.wait_for(asking, 10)
        assert told.code == 1011
        assert [line["status"] for line in told.last["info"]["members"]] == ["ok", "waiting"], (
            "never the whole"
        )


async def test_the_audit_chain_has_the_lines_that_it_has_for_a_post(tmp_path: Path) -> None:
    async with a_hub(tmp_path) as (hub, _):
        _, token = key(hub, "portal")
        (writer,) = writers_in(hub.state.data_dir / "audit")
        written = Follower(writer)
        list(written.new_events())
        headers = {"Authorization": f"Bearer {token}"}
        await hub.client.post(f"{NETWORK}/g_variants", json=QUESTION, headers=headers)
        posted = [(event.action, event.actor, event.objects) for event in written.new_events()]
        await ask(url(hub), QUESTION, token=token)
        told = [(event.action, event.actor, event.objects) for event in written.new_events()]
    assert told == posted
    assert [action for action, *_ in told] == ["network.query", "network.answer"]


async def test_nothing_of_a_question_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with a_hub(tmp_path) as (hub, _):
        await ask(url(hub, query=FLAT))
        await ask(url(hub, "/nothing", FLAT))
    assert "45864731" not in caplog.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    [
        "query",
        "meta",
        "filters",
        "requestParameters",
        "pagination",
        "requestedGranularity",
        "datasetIds",
        "start",
    ]
)
QUESTIONS = (
    st.text(max_size=60) | JSON.map(json.dumps) | st.dictionaries(NAMES, JSON, max_size=3).map(json.dumps)
)
PATHS = st.sampled_from(
    ["/g_variants", "/individuals", "/datasets/x/g_variants", "/filtering_terms", "/x", "/"]
)


async def test_whatever_is_asked_is_answered_or_refused_in_beacon_s_form(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with a_hub(tmp_path) as (hub, _):
        loop = asyncio.get_running_loop()

        @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(path=PATHS, question=QUESTIONS)
        def fuzz(path: str, question: str) -> None:
            told = asyncio.run_coroutine_threadsafe(ask(url(hub, path), question), loop).result(30)
            assert told.code in {1000, 1008}
            if told.code == 1000:
                assert "error" not in told.last
            else:
                refused(told)

        await asyncio.to_thread(fuzz)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@pytest.mark.parametrize("after_handshake", [True, False])
async def test_bytes_that_are_no_websocket_harm_nobody_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, after_handshake: bool
) -> None:
    async with a_hub(tmp_path) as (hub, _):
        host, loop = hub.url.removeprefix("http://"), asyncio.get_running_loop()
        handshake = HANDSHAKE.format(path=f"{NETWORK}/g_variants", host=host).encode()

        async def send(content: bytes) -> None:
            reader, writer = await asyncio.open_connection(*host.split(":"))
            writer.write(handshake + content if after_handshake else content)
            writer.write_eof()
            async with asyncio.timeout(20):
                while await reader.read(65536):
                    pass
            writer.close()

        broken = st.builds(
            lambda place, more: handshake[:place] + more + handshake[place + 4 :],
            st.integers(0, len(handshake)),
            st.binary(max_size=12),
        )

        @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @example(content=handshake.replace(host.encode(), b"1\xcf7.0.0.1"))
        @example(content=handshake.replace(b"/g_variants", b"/g_variants?\xcf"))
        @given(content=st.binary(max_size=80) if after_handshake else broken)
        def fuzz(content: bytes) -> None:
            asyncio.run_coroutine_threadsafe(send(content), loop).result(30)

        await asyncio.to_thread(fuzz)
        assert (await ask(url(hub), QUESTION)).code == 1000
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
