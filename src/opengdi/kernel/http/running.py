"""Answers that last: they end when the right to them ends, a second later at most, and whoever reads sees them cut.

One task looks at all that run, so that an answer pays for it once, however many pieces it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from starlette.types import Scope

from opengdi.kernel.errors import Unavailable

Holds = Callable[[], Awaitable[bool]]
"""False once what opened an answer was taken back. What merely ran out with time opened it for as long as it lasts."""

STILL: Final = "opengdi.still"
"""Key of the scope: `Holds` of the credential that was shown, set by whoever checked it."""

LOOK_S: Final = 1.0


class RightEnded(Exception):
    """The answer has begun and must not go on: the edge cuts the connection. No `GdiError`: no API can answer it."""


async def always() -> bool:
    """`Holds` of what nobody can take back."""
    return True


def credential_holds(scope: Scope) -> Holds:
    """Whether what the caller showed is still believed; nothing was shown: it is."""
    found: Holds = scope.get(STILL, always)
    return found


def all_hold(*each: Holds) -> Holds:
    """True while every one is."""

    async def holds() -> bool:
        return all([await one() for one in each])

    return holds


class RunningAnswers:
    """Those of one event loop."""

    def __init__(self, look_s: float = LOOK_S) -> None:
        self._look_s = look_s
        self._running: dict[asyncio.Timeout, Holds] = {}
        self._looking: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def while_holding(self, holds: Holds) -> AsyncIterator[None]:
        """The body of an answer, cancelled when it holds no more. Raises RightEnded then."""
        limit = asyncio.timeout(None)
        try:
            async with limit:
                self._running[limit] = holds
                if self._looking is None:
                    self._looking = asyncio.create_task(self._look())
                yield
        except TimeoutError:
            if not limit.expired():
                raise
            raise RightEnded("what opened the answer was taken back while it was sent") from None
        finally:
            self._running.pop(limit, None)

    async def _look(self) -> None:
        try:
            while self._running:
                await asyncio.sleep(self._look_s)
                running = list(self._running.items())
                kept = await asyncio.gather(*(_still(holds) for _, holds in running))
                for (limit, _), holds in zip(running, kept, strict=True):
                    if not holds and limit in self._running:
                        limit.reschedule(asyncio.get_running_loop().time())
        finally:
            self._looking = None


async def _still(holds: Holds) -> bool:
    """Who cannot be asked now is asked again; whatever else goes wrong ends the answer."""
    try:
        return await holds()
    except Unavailable:
        return True
    except Exception:  # noqa: BLE001  whatever it is: one answer ends, and the others are still looked at
        return False
