"""What a hub tells reaches its node once and in order, and the other way round, however often the hub goes away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection
from tests.event_listener import Listener
from tests.system.foreign_beacon import listening

from opengdi.apps.access_wire import HubWire, NodeWire, open_hub_wire, open_node_wire
from opengdi.apps.hub import HubState
from opengdi.apps.hub import open_state as open_hub_state
from opengdi.apps.node import NodeState
from opengdi.apps.node import open_state as open_node_state
from opengdi.apps.process import assemble
from opengdi.apps.settings import Settings
from opengdi.federation.model import Member, Network
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.courier import SIGNATURE_HEADER, HttpCourier
from opengdi.kernel.errors import Invalid
from opengdi.kernel.feed import EVERYBODY, Notice
from opengdi.kernel.outbox import LogCourier
from opengdi.kernel.reception import ReceivedEvent

NODE, HUB = "ee.node", "eu.hub"


class Sides:
    """A hub and a node, each with a wire; the hub may be away."""

    def __init__(self, hub: HubState, node: NodeState) -> None:
        self.hub, self.node = hub, node
        self.heard: list[tuple[str, object]] = []
        self.received: list[tuple[str, str, object]] = []
        self.members = [self.member(NODE, node)]
        self.hub_wire = open_hub_wire(hub, lambda: self.members)
        self.hub_wire.on_event("eu.gdi.told", self.receive)

    @staticmethod
    def member(id_: str, node: NodeState) -> Member:
        key = node.keys.signing_key("node").public
        return Member(
            id_, f"{id_}.af", id_, "EE", "https://x.example", frozenset({Network.AGGREGATED}), key=key
        )

    def receive(self, _connection: Connection, event: ReceivedEvent) -> None:
        self.received.append((event.sender, event.subject, event.data["n"]))

    def hear(self, _connection: Connection, notice: Notice, hub: str) -> None:
        if notice.body.get("bad"):
            raise Invalid("it says that it is bad")
        self.heard.append((hub, notice.body["n"]))

    def say(self, n: int, to: str = NODE, **more: object) -> None:
        with self.hub.engine.begin() as connection:
            self.hub_wire.feed.write(connection, to, "case.said", {"n": n, **more})

    @asynccontextmanager
    async def hub_serves(self) -> AsyncIterator[str]:
        process = assemble("hub", self.hub.settings, self.hub.clock, [self.hub_wire.part()])
        async with listening(process.public) as url:
            yield url

    @asynccontextmanager
    async def node_follows(self, url: str) -> AsyncIterator[NodeWire]:
        """The node's wire, working in the background, with the hub at `url`."""
        key = self.hub.keys.signing_key("hub").public.as_jwk()
        told = self.node.settings.model_dump() | {
            "federation": {"hubs": [{"id": HUB, "url": url, "public_keys": [json.dumps(key)]}]}
        }
        wire = open_node_wire(replace(self.node, settings=Settings.model_validate(told)))
        wire.on_from("case.said", self.hear)
        part = wire.part()
        working = [asyncio.ensure_future(work()) for work in part.background]
        try:
            yield wire
        finally:
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
            if part.close:
                await asyncio.to_thread(part.close)


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[Sides]:
    hub = Settings.model_validate(
        {"hub": {"id": HUB, "data_dir": tmp_path / "hub", "keys_dir": tmp_path / "hub-keys"}}
    )
    node = Settings.model_validate(
        {"node": {"id": NODE, "data_dir": tmp_path / "node", "keys_dir": tmp_path / "node-keys"}}
    )
    with open_hub_state(hub, SystemClock()) as hub_state, open_node_state(node, SystemClock()) as node_state:
        yield Sides(hub_state, node_state)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # what is waited for happens in another loop or process
            await asyncio.sleep(0.02)


async def test_notices_come_in_order_and_only_those_for_the_node(sides: Sides) -> None:
    for n in range(250):
        sides.say(n, to=[NODE, EVERYBODY, "fi.node"][n % 3])
    async with sides.hub_serves() as url, sides.node_follows(url):
        await until(lambda: len(sides.heard) >= 167)
        assert sides.heard == [(HUB, n) for n in range(250) if n % 3 < 2]
        sides.say(1000)
        await until(lambda: sides.heard[-1] == (HUB, 1000))


async def test_a_notice_that_cannot_be_taken_is_reported_and_passed_over(sides: Sides) -> None:
    sides.say(1), sides.say(2, bad=True), sides.say(3)
    async with sides.hub_serves() as url, sides.node_follows(url):
        await until(lambda: len(sides.heard) == 2)
    assert sides.heard == [(HUB, 1), (HUB, 3)]


async def test_a_stranger_hears_nothing(sides: Sides) -> None:
    sides.say(1)
    sides.members.clear()
    async with sides.hub_serves() as url:
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{url}/feed/v1")).status_code == 401
        async with sides.node_follows(url):
            await asyncio.sleep(0.5)
            assert sides.heard == []
            sides.members.append(Sides.member(NODE, sides.node))
            await until(lambda: sides.heard == [(HUB, 1)])


async def test_events_wait_while_the_hub_is_away_and_come_in_order(sides: Sides) -> None:
    async with sides.node_follows("http://127.0.0.1:9") as wire:
        for n in range(30):
            with sides.node.engine.begin() as connection:
                wire.tell(connection, "eu.gdi.told", f"case-{n}", {"n": n}, to=HUB)
        await asyncio.sleep(0.3)
        assert wire.outbox.backlog(to=HUB).waiting == 30
    async with sides.hub_serves() as url, sides.node_follows(url):
        await until(lambda: len(sides.received) >= 30)
    assert sides.received == [(NODE, f"case-{n}", n) for n in range(30)]


async def test_events_for_nobody_in_particular_stay_the_archives(sides: Sides) -> None:
    async with sides.hub_serves() as url, sides.node_follows(url) as wire:
        with sides.node.engine.begin() as connection:
            wire.outbox.write(connection, "eu.gdi.archive.file.ready", "file", {})
            wire.tell(connection, "eu.gdi.told", "case", {"n": 1}, to=HUB)
        await until(lambda: sides.received == [(NODE, "case", 1)])
        await until(
            lambda: wire.outbox.backlog(to=HUB).waiting == 0
        )  # the sender writes down that it arrived
        assert wire.outbox.backlog().waiting == 1
        assert wire.outbox.send_due(LogCourier()) == 1


def overheard(node: NodeState, receiver: str) -> tuple[str, bytes]:
    """An event of a node as it reached somebody: its signature, which says `receiver`, and its body."""
    body = b'{"id": "e1", "source": "ee.node", "type": "eu.gdi.told", "subject": "case", "data": {"n": 1}}'
    elsewhere = Listener()
    try:
        key = node.keys.signing_key("node")
        courier = HttpCourier(elsewhere.url, key, node.clock, sender=NODE, receiver=receiver, timeout_s=5)
        courier.deliver("e1", body)
        courier.close()
    finally:
        elsewhere.close()
    ((headers, heard),) = elsewhere.heard
    return headers[SIGNATURE_HEADER], heard


async def test_an_event_told_to_another_hub_is_refused(sides: Sides) -> None:
    async with sides.hub_serves() as url, httpx.AsyncClient() as client:
        for receiver, status in (("other.hub", 401), ("", 401), (HUB, 204)):
            signature, body = await asyncio.to_thread(overheard, sides.node, receiver)
            answer = await client.post(
                f"{url}/events/v1", content=body, headers={SIGNATURE_HEADER: signature}
            )
            assert answer.status_code == status, receiver
    assert sides.received == [(NODE, "case", 1)]


def test_a_hub_hears_what_it_tells_itself_within_the_act(sides: Sides) -> None:
    wire: HubWire = sides.hub_wire
    wire.on_from("case.said", sides.hear)
    sides.say(1, to=HUB)
    assert sides.heard == [(HUB, 1)]
    with pytest.raises(Invalid):
        sides.say(2, to=HUB, bad=True)
    sides.say(3, to=EVERYBODY)
    assert wire.feed.since(0, "fi.node")[0].body == {"n": 3}
    with sides.hub.engine.begin() as connection:
        wire.tell(connection, "eu.gdi.told", "case", {"n": 7}, to=HUB)
    assert sides.received == [(HUB, "case", 7)]
