"""Work that time brings: step by step, again and again."""

from __future__ import annotations

import asyncio
import threading

from opengdi.apps.ticking import Ticking
from opengdi.kernel.errors import Unavailable
from opengdi.kernel.health import Condition, Finding


async def test_a_step_that_fails_keeps_no_other_from_being_done_and_is_tried_again():
    done: list[str] = []
    failures = [Unavailable("the database is away")]

    def first() -> None:
        done.append("first")
        if failures:
            raise failures.pop()

    ticking = Ticking("care", 60.0, {"first": first, "second": lambda: done.append("second")}, detail="well")
    probe = ticking.probe()
    await ticking.turn()
    assert done == ["first", "second"]
    assert probe.look() == Finding(Condition.DEGRADED, "the database is away")
    await ticking.turn()
    assert done == ["first", "second"] * 2
    assert (probe.name, probe.needed, probe.look()) == ("care", False, Finding(detail="well"))


async def test_readiness_tells_of_every_step_that_fails():
    def fails(error: Exception) -> None:
        raise error

    steps = {
        "one": lambda: fails(Unavailable("the folder is away")),
        "two": lambda: fails(ValueError("a secret")),
    }
    ticking = Ticking("care", 60.0, steps)
    await ticking.turn()
    assert ticking.probe().look() == Finding(Condition.DEGRADED, "the folder is away; ValueError")


async def test_it_goes_on_for_as_long_as_the_process_serves():
    twice = threading.Barrier(2)
    ticking = Ticking("care", 0.0, {"one": lambda: twice.wait(10)})
    task = asyncio.ensure_future(ticking.run())
    for _ in range(3):
        await asyncio.to_thread(twice.wait, 10)
    task.cancel()
    twice.abort()
