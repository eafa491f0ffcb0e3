"""Services of the field hear of every event in its order, and of entitlements; who does not answer is told later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.applications_kit import EE, FI, RESEARCHER
from tests.contract.test_rems_clients import granted, introduce, submitted
from tests.rems_kit import Listener, RemsHub, a_listener, a_rems_hub
from tests.sqlite import migrated_engine

from opengdi.access.rems.push import EntitlementCourier, EntitlementTarget, EventCourier, EventTarget
from opengdi.kernel.errors import Unavailable


@pytest.fixture
def listener() -> Iterator[Listener]:
    with a_listener() as listener:
        yield listener


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = migrated_engine(tmp_path / "hub.sqlite")
    yield engine
    engine.dispose()


@pytest.fixture
def hub(engine: Engine, tmp_path: Path, listener: Listener) -> RemsHub:
    approved = frozenset({"application.event/approved"})
    return a_rems_hub(
        engine,
        tmp_path,
        events=(
            EventTarget("all", f"{listener.url}/events", headers={"authorization": "Bearer of-all"}),
            EventTarget("approved", f"{listener.url}/approved", approved, application=True),
        ),
        entitlements=(EntitlementTarget("door", f"{listener.url}/add", f"{listener.url}/remove"),),
    )


def send(hub: RemsHub, most: int = 100) -> int:
    """Send all that is due; how much arrived."""
    arrived = 0
    for target in hub.pushes.events:
        courier = EventCourier(hub.pushes, target, timeout_s=5)
        arrived += hub.pushes.outbox.send_due(courier, most, to=target.destination)
        courier.close()
    for door in hub.pushes.entitlements:
        to_door = EntitlementCourier(hub.pushes, door, timeout_s=5)
        arrived += hub.pushes.outbox.send_due(to_door, most, to=door.destination)
        to_door.close()
    return arrived


async def test_events_arrive_in_their_order_with_what_clients_need(hub: RemsHub, listener: Listener):
    number = await submitted(await introduce(hub), EE.dataset)
    await granted(hub, number, (EE, True))
    assert send(hub) > 0
    heard = [body for method, path, body in listener.heard if (method, path) == ("PUT", "/events")]
    application = await hub.client(user=RESEARCHER).get(f"/applications/{number}")
    told = [(event["event/id"], event["event/type"]) for event in application["application/events"]]
    assert [(body["event/id"], body["event/type"]) for body in heard] == told
    assert {body["application/id"] for body in heard} == {number}
    assert heard[0].keys() == {"event/id", "event/type", "event/actor", "event/time", "application/id"}
    assert "Bearer of-all" in listener.headers
    assert send(hub) == 0


async def test_one_who_wants_it_hears_the_whole_application_as_it_was(hub: RemsHub, listener: Listener):
    number = await submitted(await introduce(hub), EE.dataset)
    await granted(hub, number, (EE, True))
    send(hub)
    [body] = [body for _, path, body in listener.heard if path == "/approved"]
    assert body["event/application"]["application/id"] == number
    assert body["event/application"]["application/state"] == "application.state/approved"
    assert body["event/application"]["application/events"][-1]["event/id"] == body["event/id"]


async def test_entitlements_are_told_when_they_begin_and_when_they_end(hub: RemsHub, listener: Listener):
    client = await introduce(hub)
    number = await submitted(client, EE.dataset, FI.dataset)
    await granted(hub, number, (EE, True), (FI, False))
    send(hub)
    added = [body for _, path, body in listener.heard if path == "/add"]
    told = {"application": number, "user": RESEARCHER, "resource": EE.dataset, "email": "one@example.org"}
    assert added == [told]
    id_ = hub.rems.things.find("application", number).name  # type: ignore[arg-type]  # a kind by its name
    with hub.kit.engine.begin() as connection:
        hub.kit.applications.note_end(connection, id_, "revoked", "breach", "coordinator")
    send(hub)
    assert [body for _, path, body in listener.heard if path == "/remove"] == [told]


async def test_entitlements_end_and_begin_with_the_standing(hub: RemsHub, listener: Listener):
    number = await submitted(await introduce(hub), EE.dataset)
    await granted(hub, number, (EE, True))
    with hub.kit.engine.begin() as connection:
        hub.pushes.standing(connection, RESEARCHER, good=False)
        hub.pushes.standing(connection, "stranger", good=False)
    with hub.kit.engine.begin() as connection:
        hub.pushes.standing(connection, RESEARCHER, good=True)
    send(hub)
    told = [(path, body["user"]) for _, path, body in listener.heard if path in {"/add", "/remove"}]
    assert told == [("/add", RESEARCHER), ("/remove", RESEARCHER), ("/add", RESEARCHER)]


async def test_what_is_refused_comes_later_and_holds_nothing_up(hub: RemsHub, listener: Listener):
    listener.statuses = [503]
    await submitted(await introduce(hub), EE.dataset)
    send(hub)
    first = len(listener.heard)
    assert first > 2
    refused = listener.heard[0][2]["event/id"]
    hub.kit.clock.advance(10)
    assert send(hub) == 1
    assert listener.heard[-1][2]["event/id"] == refused


async def test_nothing_is_lost_while_nobody_answers(engine: Engine, tmp_path: Path, unused_port: int):
    target = EventTarget("gone", f"http://127.0.0.1:{unused_port}/events")
    hub = a_rems_hub(engine, tmp_path, events=(target,))
    await submitted(await introduce(hub), EE.dataset)
    waiting = hub.pushes.outbox.backlog(to=target.destination).waiting
    courier = EventCourier(hub.pushes, target, timeout_s=1)
    with pytest.raises(Unavailable):
        hub.pushes.outbox.send_due(courier, to=target.destination)
    courier.close()
    assert hub.pushes.outbox.backlog(to=target.destination).waiting == waiting > 0


@pytest.fixture
def unused_port() -> int:
    """A port at which nobody listens."""
    with a_listener() as listener:
        return int(listener.url.rpartition(":")[2])
