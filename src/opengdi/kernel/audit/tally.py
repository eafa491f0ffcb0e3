"""Equal acts counted for a while and written as one line: for what happens often and must be in the chain all the same.

A line holds `count:`, `first:` and `last:`. What is counted is in memory until its window ends or the process does: a
`kill -9` loses one window at most, and never a refusal that was written at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from dataclasses import dataclass
from typing import Final, NamedTuple

from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import Unavailable

logger = logging.getLogger(__name__)

WINDOW_S: Final = 60.0
MOST_KINDS: Final = 10_000
"""Of acts that differ; then all are written before their time, as soon as a thread can."""


class Act(NamedTuple):
    """What is equal to what."""

    action: str
    actor: str
    outcome: Outcome
    objects: tuple[str, ...]


@dataclass(slots=True)
class _Counted:
    first: str
    last: str
    count: int = 1


class Tally:
    """Counts on one event loop, which writes nothing: threads do."""

    def __init__(self, audit: AuditLog, clock: Clock, window_s: float = WINDOW_S) -> None:
        self._audit = audit
        self._clock = clock
        self._window_s = window_s
        self._counted: dict[Act, _Counted] = {}
        self._swapping = threading.Lock()
        self._is_full = asyncio.Event()

    def count(self, act: Act) -> None:
        """One more of it."""
        now = self._clock.now().isoformat()
        with self._swapping:
            counted = self._counted.get(act)
            if counted is not None:
                counted.last = now
                counted.count += 1
                return
            self._counted[act] = _Counted(now, now)
            kinds = len(self._counted)
        if kinds >= MOST_KINDS:
            self._is_full.set()
        if kinds >= 2 * MOST_KINDS:  # nobody writes, or not fast enough
            self.finish()

    def write(self) -> None:
        """All that was counted, from any thread. Raises Unavailable; what is not written by then stays counted."""
        with self._swapping:
            taken, self._counted = self._counted, {}
        try:
            for act in list(taken):
                counted = taken[act]
                told = (f"count:{counted.count}", f"first:{counted.first}", f"last:{counted.last}")
                self._audit.append(
                    act.action, actor=act.actor, outcome=act.outcome, objects=(*act.objects, *told)
                )
                del taken[act]
        finally:
            if taken:
                self._put_back(taken)

    def _put_back(self, taken: dict[Act, _Counted]) -> None:
        """What was counted before, and meanwhile."""
        with self._swapping:
            for act, counted in self._counted.items():
                before = taken.get(act)
                taken[act] = (
                    _Counted(before.first, counted.last, before.count + counted.count) if before else counted
                )
            self._counted = taken

    async def keep_writing(self) -> None:
        """For as long as the process serves: write when a window ends, or so much was counted."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_full.wait(), self._window_s)
            self._is_full.clear()
            await asyncio.to_thread(self.finish)

    def finish(self) -> None:
        """Write what can be written."""
        try:
            self.write()
        except (
            Unavailable
        ) as error:  # tried again after the next window; whatever changes something refuses meanwhile
            logger.warning("decisions are not written yet: %s", error)
