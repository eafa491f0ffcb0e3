"""A time limit on the start of answers that costs a request one entry in a table, not a timer of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Wait:
    """One request that waits for its answer to begin."""

    __slots__ = ("expired", "since", "task")

    def __init__(self, task: asyncio.Task[object], since: float) -> None:
        self.task = task
        self.since = since
        self.expired = False


class Patience:
    """Cancels the task of each wait that lasts longer than the limit, at most an eighth of the limit late.

    `asyncio.timeout` does the same with a timer per request, at some 7 µs a request in a loaded loop; here one timer
    sweeps the waits, oldest first, while there are any. For one event loop.
    """

    def __init__(self, limit_s: float, now: Callable[[], float]) -> None:
        self._limit_s = limit_s
        self._now = now
        self._waits: dict[Wait, None] = {}  # in order of arrival
        self._sweeping = False

    def begin(self, since: float) -> Wait:
        """A wait of the running task, from `since` on (by the clock of `now`)."""
        task = asyncio.current_task()
        assert task is not None
        wait = Wait(task, since)
        self._waits[wait] = None
        if not self._sweeping:
            self._sweep_later()
        return wait

    def renew(self, wait: Wait, since: float) -> None:
        """The request is alive: its wait begins anew. Nothing happens if it has ended."""
        if self._waits.pop(wait, wait) is None:
            wait.since = since
            self._waits[wait] = None

    def end(self, wait: Wait) -> None:
        """The answer has begun, or will never: no limit from here on. Ending twice is harmless."""
        self._waits.pop(wait, None)

    def _sweep_later(self) -> None:
        self._sweeping = True
        asyncio.get_running_loop().call_later(self._limit_s / 8, self._sweep)

    def _sweep(self) -> None:
        latest = self._now() - self._limit_s
        over = []
        for wait in self._waits:
            if wait.since > latest:
                break
            over.append(wait)
        for wait in over:
            del self._waits[wait]
            wait.expired = True
            wait.task.cancel()
        self._sweeping = False
        if self._waits:
            self._sweep_later()
