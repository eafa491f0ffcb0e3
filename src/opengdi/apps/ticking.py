"""Work that time brings, again and again while a process serves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from opengdi.kernel.health import Condition, Finding, Probe

logger = logging.getLogger(__name__)


class Ticking:
    """Does what time brings, again and again; trouble: why it cannot, empty: it can."""

    def __init__(self, name: str, work: Callable[[], int], every_s: float) -> None:
        self._name = name
        self._work = work
        self._every_s = every_s
        self.trouble = ""

    async def run(self) -> None:
        """As long as the process serves."""
        while True:
            try:
                await asyncio.to_thread(self._work)
                self.trouble = ""
            except Exception as error:  # noqa: BLE001  the database may be away: it is tried again
                self.trouble = type(error).__name__
                logger.warning("%s: what time brings cannot be done: %s", self._name, self.trouble)
            await asyncio.sleep(self._every_s)

    def probe(self) -> Probe:
        """For readiness; the process serves without it, but not for long."""

        def look() -> Finding:
            return Finding(Condition.DEGRADED, self.trouble) if self.trouble else Finding()

        return Probe(self._name, look, needed=False)
