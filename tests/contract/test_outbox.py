"""Events are told at least once, on SQLite and on PostgreSQL, by HTTP to a real server that may be rude or away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.event_listener import Listener

from opengdi.kernel.clock import FixedClock, SystemClock
from opengdi.kernel.courier import SIGNATURE_HEADER, HttpCourier, check_event
from opengdi.kernel.database import open_engine
from opengdi.kernel.errors import Unavailable
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.outbox import BATCH, LOOK_S, LogCourier, Outbox, Sender
from opengdi.standards.faults import Malformed, Unverified

NODE = "org.example.node"
HUB = "eu.hub"
HERE = Path(__file__).parent


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def outbox(engine: Engine, clock: FixedClock) -> Outbox:
    return Outbox(engine, clock, source=NODE, new_id=lambda: os.urandom(8).hex())


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def courier(listener: Listener, key: SigningKey, clock: FixedClock) -> Iterator[HttpCourier]:
    courier = HttpCourier(listener.url, key, clock, sender=NODE, receiver=HUB, timeout_s=5)
    yield courier
    courier.close()


def write(outbox: Outbox, engine: Engine, subject: str) -> str:
    with engine.begin() as connection:
        return outbox.write(connection, "eu.gdi.archive.file.ready", subject, {"state": "ready"})


def test_an_event_arrives_whole_signed_and_once(
    outbox: Outbox, engine: Engine, courier: HttpCourier, listener: Listener, key: SigningKey
) -> None:
    id_ = write(outbox, engine, "GDIF-EE-1")
    assert (outbox.send_due(courier), outbox.send_due(courier)) == (1, 0)
    ((headers, body),) = listener.heard
    assert headers["content-type"] == "application/cloudevents+json"
    assert json.loads(body) == {
        "specversion": "1.0",
        "id": id_,
        "source": NODE,
        "type": "eu.gdi.archive.file.ready",
        "subject": "GDIF-EE-1",
        "time": "2026-01-01T00:00:00+00:00",
        "datacontenttype": "application/json",
        "data": {"state": "ready"},
    }
    signature = headers[SIGNATURE_HEADER]
    assert check_event(signature, body, sender=NODE, receiver=HUB, keys=[key.public]) == id_
    for wrong in (
        lambda: check_event(signature, body + b" ", sender=NODE, receiver=HUB, keys=[key.public]),
        lambda: check_event(signature, body, sender="org.other", receiver=HUB, keys=[key.public]),
        lambda: check_event(signature, body, sender=NODE, receiver=HUB, keys=[SigningKey.generate().public]),
        lambda: check_event(signature, body, sender=NODE, receiver="other.hub", keys=[key.public]),
        lambda: check_event("x.y.z", body, sender=NODE, receiver=HUB, keys=[key.public]),
    ):
        with pytest.raises((Unverified, Malformed)):
            wrong()


def test_what_was_undone_is_not_told(outbox: Outbox, engine: Engine, courier: HttpCourier) -> None:
    with engine.connect() as connection, connection.begin() as transaction:
        outbox.write(connection, "eu.gdi.x", "1", {})
        transaction.rollback()
    assert outbox.send_due(courier) == 0
    assert outbox.backlog().waiting == 0


def test_events_are_told_in_order(
    outbox: Outbox, engine: Engine, courier: HttpCourier, listener: Listener
) -> None:
    for number in range(5):
        write(outbox, engine, str(number))
    assert (outbox.send_due(courier, 3), outbox.send_due(courier, 3)) == (3, 2)
    assert [event["subject"] for event in listener.events] == list("01234")


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_nothing_is_lost_while_the_receiver_is_away(
    outbox: Outbox, engine: Engine, courier: HttpCourier, listener: Listener, status: int
) -> None:
    for subject in "abc":
        write(outbox, engine, subject)
    listener.statuses = [204, status]
    with pytest.raises(Unavailable, match=f"answers {status}"):
        outbox.send_due(courier)
    assert outbox.backlog().waiting == 2
    assert outbox.send_due(courier) == 2
    assert [event["subject"] for event in listener.events] == list("abc")


def test_an_event_that_is_refused_holds_up_no_other_and_is_tried_again(
    outbox: Outbox, engine: Engine, courier: HttpCourier, listener: Listener, clock: FixedClock
) -> None:
    for subject in "abc":
        write(outbox, engine, subject)
    listener.statuses = [400]
    assert outbox.send_due(courier) == 2
    backlog = outbox.backlog()
    assert (backlog.waiting, backlog.oldest) == (1, clock.now())
    assert "refuses event" in backlog.trouble
    clock.advance(1.9)
    assert outbox.send_due(courier) == 0
    clock.advance(0.2)
    assert outbox.send_due(courier) == 1
    assert [event["subject"] for event in listener.events] == list("bca")


def test_a_receiver_that_nobody_is_at_is_unavailable(
    outbox: Outbox, engine: Engine, key: SigningKey, clock: FixedClock
) -> None:
    write(outbox, engine, "a")
    nobody = HttpCourier("http://127.0.0.1:9/", key, clock, sender=NODE, receiver=HUB, timeout_s=1)
    sender = Sender(outbox, nobody)
    rests = [sender.turn() for _ in range(4)]
    assert rests == [2 * LOOK_S, 4 * LOOK_S, 8 * LOOK_S, 16 * LOOK_S]
    assert "127.0.0.1:9" in sender.trouble
    nobody.close()


def test_a_sender_rests_only_when_all_is_sent(
    outbox: Outbox, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with engine.begin() as connection:
        for number in range(BATCH + 1):
            outbox.write(connection, "eu.gdi.x", str(number), {})
    sender = Sender(outbox, LogCourier())
    assert [sender.turn(), sender.turn(), sender.trouble] == [0.0, LOOK_S, ""]
    assert len([line for line in caplog.messages if "eu.gdi.x" in line]) == BATCH + 1


@pytest.mark.parametrize("killed", ["before it was sent", "before it was forgotten"])
def test_a_process_killed_after_the_commit_tells_it_after_its_restart(
    location: str, outbox: Outbox, listener: Listener, key: SigningKey, courier: HttpCourier, killed: str
) -> None:
    """Peers lose what was to be sent, or send what was undone: writing and sending are not one act there."""
    command = [sys.executable, str(HERE / "outbox_process.py"), location, listener.url, killed]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert first.stdout.readline() == "waiting\n"
    first.kill()
    first.wait()
    first.stdout.close()
    again = Outbox(open_engine(location), SystemClock(), source=NODE, new_id=str)
    assert again.backlog().waiting == 1
    assert again.send_due(courier) == 1
    told = [event["id"] for event in listener.events]
    assert told == ["the-event"] * (2 if killed == "before it was forgotten" else 1)  # known by its id
    again._engine.dispose()
