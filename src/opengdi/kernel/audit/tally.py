"""Equal acts counted for a while and written as one line: for what happens often and must be in the chain all the same.

A line holds `count:`, `first:` and `last:`. What is counted is in memory until its window ends or the process does: a
`kill -9` loses one window at most, and never a refusal that was written at once.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final, NamedTuple

from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import Unavailable

logger = logging.getLogger(__name__)

WINDOW_S: Final = 60.0
MOST_KINDS: Final = 10_000
"""Of acts that differ; then all are written before their time."""


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
    """For one event loop."""

    def __init__(self, audit: AuditLog, clock: Clock, window_s: float = WINDOW_S) -> None:
        self._audit = audit
        self._clock = clock
        self._window_s = window_s
        self._counted: dict[Act, _Counted] = {}

    def count(self, act: Act) -> None:
        """One more of it."""
        now = self._clock.now().isoformat()
        counted = self._counted.get(act)
        if counted is not None:
            counted.last = now
            counted.count += 1
            return
        if len(self._counted) >= MOST_KINDS:
            self.finish()
        self._counted[act] = _Counted(now, now)

    def write(self) -> None:
        """All that was counted. Raises Unavailable; what is not written by then stays counted."""
        for act in list(self._counted):
            counted = self._counted[act]
            told = (f"count:{counted.count}", f"first:{counted.first}", f"last:{counted.last}")
            self._audit.append(
                act.action, actor=act.actor, outcome=act.outcome, objects=(*act.objects, *told)
            )
            del self._counted[act]

    async def keep_writing(self) -> None:
        """For as long as the process serves: write when a window ends."""
        while True:
            await asyncio.sleep(self._window_s)
            self.finish()

    def finish(self) -> None:
        """Write what can be written."""
        try:
            self.write()
        except (
            Unavailable
        ) as error:  # tried again after the next window; whatever changes something refuses meanwhile
            logger.warning("decisions are not written yet: %s", error)
