"""Work that time brings: step by step, again and again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from opengdi.apps.ticking import Ticking
from opengdi.kernel.errors import Unavailable
from opengdi.kernel.health import Condition, Finding


class Steps:
    """What was done, in order; `fails` says by what a step fails, and how often. stop: after so many."""

    def __init__(self, fails: dict[str, list[Exception]], stop: int) -> None:
        self.done: list[str] = []
        self._fails = fails
        self._stop = stop
        self._ended = threading.Event()

    def named(self, *names: str) -> dict[str, Callable[[], object]]:
        return {name: lambda name=name: self._do(name) for name in names}

    def _do(self, name: str) -> None:
        if len(self.done) >= self._stop:
            self._ended.set()
            return
        self.done.append(name)
        if self._fails.get(name):
            raise self._fails[name].pop()

    async def run(self, ticking: Ticking) -> None:
        task = asyncio.ensure_future(ticking.run())
        await asyncio.to_thread(self._ended.wait, 10)
        task.cancel()


async def test_a_step_that_fails_keeps_no_other_from_being_done_and_is_tried_again():
    steps = Steps({"first": [Unavailable("the database is away")]}, stop=4)
    ticking = Ticking("care", 0.0, steps.named("first", "second"), detail="well")
    await steps.run(ticking)
    assert steps.done == ["first", "second", "first", "second"]
    probe = ticking.probe()
    assert (probe.name, probe.needed, probe.look()) == ("care", False, Finding(detail="well"))


async def test_readiness_tells_of_every_step_that_fails():
    fails = {"one": [Unavailable("the folder is away")], "two": [ValueError("a secret")]}
    steps = Steps(fails, stop=2)
    ticking = Ticking("care", 60.0, steps.named("one", "two", "last"))
    await steps.run(ticking)
    assert ticking.probe().look() == Finding(Condition.DEGRADED, "the folder is away; ValueError")
