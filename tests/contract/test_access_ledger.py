"""What happened is told once, in order, and lists say where each thing stands: on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, Engine, text

from opengdi.access.ledger import Ledger, Story
from opengdi.access.model import Event, Head, NewEvent
from opengdi.access.texts import Texts, Written
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.database import MOST_THREADS, reading
from opengdi.kernel.errors import NotFound, NotPermitted


@dataclass(frozen=True)
class Tally:
    count: int = 0
    people: frozenset[str] = frozenset()


def tell(state: Tally, event: Event) -> Tally:
    return replace(state, count=state.count + 1, people=state.people | {event.actor})


TALLY = Story(
    "tally", Tally(), tell, lambda state: Head(f"at-{state.count}", state.people, {"n": state.count})
)


class Lines:
    def __init__(self) -> None:
        self.written: list[tuple[str, Outcome]] = []

    def append(self, action: str, *, outcome: Outcome = Outcome.DONE, **_: object) -> int:
        self.written.append((action, outcome))
        return len(self.written)


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def ledger(engine: Engine, lines: Lines) -> Ledger:
    return Ledger(engine, FixedClock(datetime(2026, 11, 29, tzinfo=UTC)), lines)


def one(_state: Tally, _now: datetime) -> list[NewEvent]:
    return [NewEvent("counted", {"by": 1})]


def test_events_add_up_to_the_state(ledger: Ledger):
    for actor in ("a", "b", "a"):
        state = ledger.change(TALLY, "x", one, actor=actor)
    assert state == ledger.state(TALLY, "x") == Tally(3, frozenset("ab"))
    assert [(event.number, event.kind, event.data) for event in ledger.events(TALLY, "x")] == [
        (number, "counted", {"by": 1}) for number in (1, 2, 3)
    ]


def test_an_act_that_wants_nothing_recorded_changes_nothing(ledger: Ledger, lines: Lines):
    assert ledger.change(TALLY, "x", lambda *_: [], actor="a") == Tally()
    assert not lines.written
    with pytest.raises(NotFound):
        ledger.state(TALLY, "x")


def test_what_follows_undoes_the_act_when_it_fails(ledger: Ledger, engine: Engine):
    def fail(*_: object) -> None:
        raise RuntimeError

    text = Written("t1", "a", "a name")
    with pytest.raises(RuntimeError):
        ledger.change(TALLY, "x", one, actor="a", texts=(text,), follow=fail)
    assert ledger.feed(0) == []
    assert Texts(engine).of(["t1"]) == {"t1": ""}


def test_a_refusal_is_in_the_audit_chain(ledger: Ledger, lines: Lines):
    def refuse(*_: object) -> list[NewEvent]:
        raise NotPermitted("no")

    with pytest.raises(NotPermitted):
        ledger.change(TALLY, "x", refuse, actor="a")
    assert lines.written == [("access.tally.refuse", Outcome.REFUSED)]


def test_many_at_once_lose_nothing(ledger: Ledger):
    threads = [
        threading.Thread(target=ledger.change, args=(TALLY, "x", one), kwargs={"actor": f"p{number}"})
        for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.state(TALLY, "x").count == 6
    assert [event.position for event in ledger.feed(0)] == sorted(
        event.position for event in ledger.events(TALLY, "x")
    )


def test_acts_on_the_same_two_streams_in_either_order_both_happen(ledger: Ledger):
    def act(first: str, second: str) -> None:
        def follow(connection: Connection, *_: object) -> None:
            ledger.change_within(connection, TALLY, second, one, actor=first)

        for _ in range(2):
            ledger.change(TALLY, first, one, actor=first, follow=follow)

    threads = [threading.Thread(target=act, args=names) for names in (("x", "y"), ("y", "x"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.state(TALLY, "x").count == ledger.state(TALLY, "y").count == 4


def test_acts_within_transactions_of_others_do_not_wait_for_each_other_in_a_circle(
    ledger: Ledger, engine: Engine
):
    """Nobody tries them again: what a node told, or a hub, must come through at once."""
    began, failures = threading.Event(), list[BaseException]()

    def act(first: str, second: str) -> None:
        try:
            with engine.begin() as connection:
                ledger.change_within(connection, TALLY, first, one, actor=first)
                began.set()
                time.sleep(0.3)
                ledger.change_within(connection, TALLY, second, one, actor=first)
        except BaseException as error:  # noqa: BLE001  told below
            failures.append(error)

    threads = [threading.Thread(target=act, args=names) for names in (("x", "y"), ("y", "x"))]
    threads[0].start()
    began.wait()
    threads[1].start()
    for thread in threads:
        thread.join()
    assert not failures
    assert ledger.state(TALLY, "x").count == ledger.state(TALLY, "y").count == 2


def test_a_list_goes_by_pages_and_by_whom_it_concerns(ledger: Ledger):
    for number in range(7):
        ledger.change(TALLY, f"x{number}", one, actor="even" if number % 2 == 0 else "odd")
    ids: list[str] = []
    after: str | None = None
    while True:
        page = ledger.list(TALLY, concerning=["even"], after=after, most=3)
        ids += [line.id for line in page.lines]
        after = page.after
        if after is None:
            break
    assert sorted(ids) == ["x0", "x2", "x4", "x6"]
    assert ledger.list(TALLY, states=["at-2"]).lines == ()
    assert {line.summary["n"] for line in ledger.list(TALLY).lines} == {1}


def test_texts_are_erased_by_person_and_the_events_stay(ledger: Ledger, engine: Engine):
    ledger.change(
        TALLY, "x", one, actor="a", texts=(Written("t1", "ann", "Ann"), Written("t2", "bob", "Bob"))
    )
    texts = Texts(engine)
    assert texts.erase("ann") == 1
    assert texts.of(["t1", "t2"]) == {"t1": "", "t2": "Bob"}
    assert len(ledger.events(TALLY, "x")) == 1


def test_many_at_one_stream_do_not_keep_each_other_waiting(ledger: Ledger, engine: Engine):
    """Whoever decides looks something up on a second connection, while all others hold one and wait."""
    began, failures = threading.Barrier(MOST_THREADS), list[BaseException]()

    def looked_up(_state: Tally, _now: datetime) -> list[NewEvent]:
        with reading(engine) as connection:
            connection.execute(text("SELECT 1"))
        return [NewEvent("counted", {"by": 1})]

    def act() -> None:
        began.wait()
        try:
            ledger.change(TALLY, "x", looked_up, actor="a")
        except BaseException as error:  # noqa: BLE001  told below
            failures.append(error)

    threads = [threading.Thread(target=act) for _ in range(MOST_THREADS)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert time.monotonic() - start < 20
    assert ledger.state(TALLY, "x").count == MOST_THREADS
