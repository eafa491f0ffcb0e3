"""What happens often is counted and written once a window: with how often, first and last."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.delivery.recorded import RecordedAudit

from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.audit.tally import MOST_KINDS, Act, Tally
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Unavailable


def passing(actor: str, *objects: str) -> Act:
    return Act("door.pass", actor, Outcome.DONE, objects)


class FullDisk(RecordedAudit):
    is_full = True

    def append(self, action, **more):  # type: ignore[no-untyped-def]
        if self.is_full:
            raise Unavailable("the disk is full")
        return super().append(action, **more)


def test_equal_acts_are_one_line_with_their_number_and_the_first_and_last_moment() -> None:
    audit, clock = RecordedAudit(), FixedClock()
    tally, first = Tally(audit, clock), clock.now()
    for _ in range(3):
        tally.count(passing("ada", "route:GET /x"))
        clock.advance(5)
    tally.count(passing("eve", "route:GET /x"))
    assert audit.lines == []
    tally.write()
    last = first.replace(second=first.second + 10)
    assert audit.lines[0] == (
        "door.pass",
        "ada",
        Outcome.DONE,
        ("route:GET /x", "count:3", f"first:{first.isoformat()}", f"last:{last.isoformat()}"),
    )
    assert [line[1] for line in audit.lines] == ["ada", "eve"]
    tally.write()
    assert len(audit.lines) == 2, "a window begins anew"


@given(st.lists(st.sampled_from([passing(a, o) for a in "ab" for o in "xy"] + ["write"]), max_size=60))
def test_no_act_is_lost_or_told_twice(steps: list[Act | str]) -> None:
    audit = RecordedAudit()
    tally = Tally(audit, FixedClock())
    for step in [*steps, "write"]:
        tally.write() if isinstance(step, str) else tally.count(step)
    for act in {step for step in steps if isinstance(step, Act)}:
        told = [line[3] for line in audit.lines if (line[1], line[3][0]) == (act.actor, act.objects[0])]
        assert sum(int(objects[1].removeprefix("count:")) for objects in told) == steps.count(act)


async def test_a_window_ends_by_itself() -> None:
    audit = RecordedAudit()
    tally = Tally(audit, FixedClock(), window_s=0.01)
    writing = asyncio.create_task(tally.keep_writing())
    tally.count(passing("ada"))
    async with asyncio.timeout(5):
        while not audit.lines:  # noqa: ASYNC110  the task that we wait for knows nothing of us
            await asyncio.sleep(0.005)
    writing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await writing


def test_what_cannot_be_written_stays_counted() -> None:
    audit = FullDisk()
    tally = Tally(audit, FixedClock())
    tally.count(passing("ada"))
    with pytest.raises(Unavailable):
        tally.write()
    tally.finish()
    tally.count(passing("ada"))
    audit.is_full = False
    tally.finish()
    assert [line[3][0] for line in audit.lines] == ["count:2"]


class Threads(RecordedAudit):
    """Also knows which threads wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.wrote: set[int] = set()

    def append(self, action, **more):  # type: ignore[no-untyped-def]
        self.wrote.add(threading.get_ident())
        return super().append(action, **more)


async def test_so_many_different_acts_are_written_before_their_time_and_not_by_the_loop() -> None:
    audit = Threads()
    tally = Tally(audit, FixedClock(), window_s=60)
    writing = asyncio.create_task(tally.keep_writing())
    await asyncio.sleep(0)
    for number in range(MOST_KINDS):
        tally.count(passing(f"anonymous:{number}"))
    assert audit.lines == [], "whoever asks something waits for none of them"
    async with asyncio.timeout(30):
        while len(audit.lines) < MOST_KINDS:  # noqa: ASYNC110  as above
            await asyncio.sleep(0.005)
    writing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await writing
    assert threading.get_ident() not in audit.wrote


def test_twice_as_many_different_acts_are_kept_and_no_more() -> None:
    audit = RecordedAudit()
    tally = Tally(audit, FixedClock())
    for number in range(2 * MOST_KINDS):
        tally.count(passing(f"anonymous:{number}"))
    assert len(audit.lines) == 2 * MOST_KINDS


def test_what_is_counted_while_the_rest_cannot_be_written_is_added_to_it() -> None:
    class Slow(FullDisk):
        def append(self, action, **more):  # type: ignore[no-untyped-def]
            if self.is_full:
                tally.count(passing("ada"))
                tally.count(passing("eve"))
            return super().append(action, **more)

    audit = Slow()
    tally = Tally(audit, FixedClock())
    tally.count(passing("ada"))
    tally.finish()
    audit.is_full = False
    tally.finish()
    assert [(line[1], line[3][0]) for line in audit.lines] == [("ada", "count:2"), ("eve", "count:1")]
