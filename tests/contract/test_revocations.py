"""Revocations are told once written, known at once, survive a restart and end with the visas: on both engines."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.requests import Request
from tests.sqlite import migrated_engine

from opengdi.identity.model import CheckedVisa
from opengdi.identity.revocations.api import stream_route
from opengdi.identity.revocations.model import NOTICE, Kind
from opengdi.identity.revocations.service import Revocations
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Invalid, OverBudget
from opengdi.kernel.feed import Feed, FeedFollower, Notice

KEPT = timedelta(hours=2)


@pytest.fixture
def node_engine(tmp_path: Path) -> Iterator[Engine]:
    engine = migrated_engine(tmp_path / "node.sqlite")
    yield engine
    engine.dispose()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


class Numbered:
    def __init__(self) -> None:
        self.count = count(1)

    def __call__(self) -> str:
        return f"r{next(self.count)}"


IDS = Numbered()


def at_hub(engine: Engine, clock: FixedClock) -> Revocations:
    return Revocations(engine, clock, KEPT, new_id=IDS, feed=Feed(engine, clock))


def at_node(engine: Engine, clock: FixedClock) -> Revocations:
    return Revocations(engine, clock, KEPT, new_id=IDS)


def visa(clock: FixedClock, jti: str = "p.1", subject: str = "r1") -> CheckedVisa:
    now = clock.now()
    return CheckedVisa("ControlledAccessGrants", "v", "s", "dac", now, "i", jti, subject, now, "d")


def follower(hub: Engine, node: Engine, revocations: Revocations, clock: FixedClock) -> FeedFollower:
    feed = Feed(hub, clock)

    async def ask(after: int, _wait_s: float) -> list[Notice]:
        return feed.since(after, "node-1")

    def refused(_notice: Notice, reason: str) -> None:
        raise AssertionError(reason)

    return FeedFollower(node, "hub", ask, {NOTICE: [revocations.hear]}, refused=refused)


async def test_what_is_written_at_the_hub_is_refused_at_a_node_once_the_feed_brought_it(
    engine: Engine, node_engine: Engine, clock: FixedClock
):
    hub, node = at_hub(engine, clock), at_node(node_engine, clock)
    with engine.begin() as connection:
        hub.write(connection, Kind.PERMIT, permit="p")
    assert hub.revoked(visa(clock))
    assert not node.revoked(visa(clock))
    follows = follower(engine, node_engine, node, clock)
    assert await follows.turn() == 1
    assert node.revoked(visa(clock))
    assert not node.revoked(visa(clock, "q.1"))


async def test_a_notice_that_comes_again_changes_nothing(
    engine: Engine, node_engine: Engine, clock: FixedClock
):
    hub, node = at_hub(engine, clock), at_node(node_engine, clock)
    with engine.begin() as connection:
        hub.write(connection, Kind.VISA, jti="p.1")
    notice = Feed(engine, clock).since(0, "node-1")[0]
    for _ in range(2):
        with node_engine.begin() as connection:
            node.hear(connection, notice)
    assert len(node.since(0)) == 1


async def test_a_node_that_was_cut_off_takes_back_what_it_signed_meanwhile(
    engine: Engine, node_engine: Engine, clock: FixedClock
):
    hub, node = at_hub(engine, clock), at_node(node_engine, clock)
    with engine.begin() as connection:
        hub.write(connection, Kind.PERMIT, permit="p")
    clock.advance(1800)
    signed_meanwhile = replace(visa(clock), issued=clock.now())
    await follower(engine, node_engine, node, clock).turn()
    assert node.revoked(signed_meanwhile)
    clock.advance(61)
    assert not node.revoked(replace(visa(clock), issued=clock.now()))


def test_what_is_rolled_back_was_never_taken_back(engine: Engine, clock: FixedClock):
    hub = at_hub(engine, clock)
    with contextlib.suppress(RuntimeError), engine.begin() as connection:
        hub.write(connection, Kind.VISA, jti="p.1")
        raise RuntimeError
    assert not hub.revoked(visa(clock))
    with engine.begin() as connection:
        hub.write(connection, Kind.VISA, jti="other.1")
    assert not hub.revoked(visa(clock))
    assert [notice.body["jti"] for notice in Feed(engine, clock).since(0, "n")] == ["other.1"]


def test_it_is_known_before_the_first_question_after_a_restart(engine: Engine, clock: FixedClock):
    with engine.begin() as connection:
        at_hub(engine, clock).write(connection, Kind.SUBJECT, subject="r1")
    assert at_hub(engine, clock).revoked(visa(clock))


def test_another_process_on_the_same_database_hears_it_at_its_next_look(engine: Engine, clock: FixedClock):
    one, other = at_hub(engine, clock), at_hub(engine, clock)
    with engine.begin() as connection:
        one.write(connection, Kind.DATASET_SUBJECT, subject="r1", dataset="d")
    assert not other.revoked(visa(clock))
    other.refresh()
    assert other.revoked(visa(clock))


def test_whatever_processes_write_at_the_same_time_a_look_misses_nothing(engine: Engine, clock: FixedClock):
    writer, looker = at_hub(engine, clock), at_hub(engine, clock)

    def write(number: int) -> None:
        with engine.begin() as connection:
            writer.write(connection, Kind.VISA, jti=f"v.{number}")
        looker.refresh()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(40)))
    looker.refresh()
    assert all(looker.revoked(visa(clock, f"v.{number}")) for number in range(40))


def test_it_is_forgotten_after_the_longest_life_of_a_visa(engine: Engine, clock: FixedClock):
    hub = at_hub(engine, clock)
    with engine.begin() as connection:
        hub.write(connection, Kind.VISA, jti="p.1")
    clock.advance(KEPT.total_seconds() - 1)
    hub.refresh()
    assert (hub.tidy(), hub.revoked(visa(clock))) == (0, True)
    clock.advance(2)
    hub.refresh()
    assert (hub.tidy(), hub.revoked(visa(clock))) == (1, False)
    assert at_hub(engine, clock).since(0) == []


@pytest.mark.parametrize("kind", list(Kind))
def test_a_revocation_without_the_fact_it_needs_is_refused(engine: Engine, clock: FixedClock, kind: Kind):
    with engine.begin() as connection, pytest.raises(Invalid, match=r"missing|dataset|subject|jti|permit"):
        at_hub(engine, clock).write(connection, kind)


def test_tokens_end_with_their_grant_and_with_a_barred_person(engine: Engine, clock: FixedClock):
    hub = at_hub(engine, clock)
    with engine.begin() as connection:
        hub.write(connection, Kind.GRANT, jti="g1")
        hub.write(connection, Kind.SUBJECT, subject="r1")
    now = clock.now()
    assert hub.token_revoked("g1", "r9", now)
    assert hub.token_revoked("g2", "r1", now)
    assert not hub.token_revoked("g2", "r1", now + timedelta(seconds=1))
    assert not hub.token_revoked("g2", "r9", now)


async def test_strangers_hear_visas_and_permits_as_they_are_taken_back_and_no_person(
    engine: Engine, clock: FixedClock
):
    import socket

    import uvicorn

    hub = at_hub(engine, clock)
    with engine.begin() as connection:
        hub.write(connection, Kind.VISA, jti="p.1", subject="somebody-secret")
        hub.write(connection, Kind.SUBJECT, subject="somebody-secret")
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(Starlette(routes=[stream_route(hub)]), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/oidc/revocations"
    try:
        async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
            async with client.stream("GET", url) as answer:
                assert answer.headers["content-type"].startswith("text/event-stream")
                lines = answer.aiter_lines()
                first = [line async for line in _some(lines, 1)]
                with engine.begin() as connection:
                    hub.write(connection, Kind.PERMIT, permit="GDIP-1", subject="somebody-secret")
                hub.refresh()  # as its process does every second
                second = [line async for line in _some(lines, 1)]
            assert json.loads(first[0])["jti"] == "p.1"
            assert json.loads(second[0])["permit"] == "GDIP-1"
            assert "secret" not in str(first + second)
            async with client.stream("GET", url, headers={"last-event-id": "1"}) as answer:
                assert [line async for line in _some(answer.aiter_lines(), 1) if "GDIP-1" in line]
    finally:
        server.should_exit = True
        await serving


async def test_there_is_an_end_to_how_many_strangers_may_listen(
    engine: Engine, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("opengdi.identity.revocations.api.MOST_STREAMS", 0)
    route = stream_route(at_hub(engine, clock))
    with pytest.raises(OverBudget):
        await route.endpoint(Request({"type": "http", "headers": [], "method": "GET", "path": "/"}))


async def _some(lines, count: int):
    async for line in lines:
        if line.startswith("data: "):
            yield line.removeprefix("data: ")
            count -= 1
            if not count:
                return
