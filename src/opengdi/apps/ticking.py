"""Work that time brings, again and again while a process serves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from opengdi.kernel.errors import GdiError
from opengdi.kernel.health import Condition, Finding, Probe

logger = logging.getLogger(__name__)


class Ticking:
    """Does what time brings, again and again, step by step; a step that fails keeps no other from being done.

    steps: by what they are called where they fail. detail: what readiness tells while all is well.
    """

    def __init__(
        self, name: str, every_s: float, steps: Mapping[str, Callable[[], object]], *, detail: str = ""
    ) -> None:
        self._name = name
        self._every_s = every_s
        self._steps = steps
        self._detail = detail
        self._troubles: dict[str, str] = {}

    async def run(self) -> None:
        """As long as the process serves."""
        while True:
            await self.turn()
            await asyncio.sleep(self._every_s)

    async def turn(self) -> None:
        """Each step once."""
        for step in self._steps:
            await asyncio.to_thread(self._try, step)

    def _try(self, step: str) -> None:
        try:
            self._steps[step]()
            self._troubles.pop(step, None)
        except Exception as error:  # noqa: BLE001  the database may be away: it is tried again
            why = str(error) if isinstance(error, GdiError) else type(error).__name__
            self._troubles[step] = why
            logger.warning("%s: %s cannot be done: %s", self._name, step, why)

    def probe(self) -> Probe:
        """For readiness; the process serves without it, but not for long."""
        return Probe(self._name, self._look, needed=False)

    def _look(self) -> Finding:
        troubles = list(self._troubles.values())
        if troubles:
            return Finding(Condition.DEGRADED, "; ".join(troubles))
        return Finding(detail=self._detail)
