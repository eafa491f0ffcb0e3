"""Keeping the inbox tidy while the node serves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Final

from opengdi.archive.uploads.clearing import Clearing
from opengdi.archive.uploads.handover import Handover
from opengdi.archive.uploads.store import UploadStore
from opengdi.kernel.errors import GdiError

logger = logging.getLogger(__name__)

_SETTLE_AFTER: Final = timedelta(seconds=60)
_GRACE: Final = timedelta(hours=2)
"""How long a planned object, or the next piece of a part, may take. Pieces are cut by time well before."""


class Care:
    """Finishes, gives up and removes. idle: an upload is given up after; every_s: seconds between two rounds."""

    def __init__(
        self, store: UploadStore, handover: Handover, clearing: Clearing, *, idle: timedelta, every_s: float
    ) -> None:
        self._store = store
        self._handover = handover
        self._clearing = clearing
        self._idle = idle
        self._every_s = every_s

    async def keep_tidy(self) -> None:
        """Forever: finish what a crash interrupted, give up what nobody goes on with, remove what nobody needs."""
        while True:
            await self.tidy_up()
            await asyncio.sleep(self._every_s)

    async def tidy_up(self) -> None:
        """One round of that. What goes wrong with one thing delays no other, and is tried again in the next round."""
        await _try("uploads that came whole", self._claim_whole_ones)
        await _try("uploads that were complete", self._settle_interrupted)
        await _try("uploads that nobody goes on with", self._give_up_idle)
        await _try("what interrupted senders left", partial(asyncio.to_thread, self._store.forsake, _GRACE))
        await _try("garbage", self._clearing.all_garbage)

    async def _claim_whole_ones(self) -> None:
        """Begin to hand over what came whole and was left there."""
        for id_ in await asyncio.to_thread(self._store.whole, _SETTLE_AFTER):
            await _try(f"upload {id_}, which came whole", partial(asyncio.to_thread, self._claim, id_))

    def _claim(self, id_: str) -> None:
        self._store.claim(id_, size_bytes=self._store.find(id_).received, etag="")

    async def _settle_interrupted(self) -> None:
        for id_ in await asyncio.to_thread(self._store.stuck, _SETTLE_AFTER):
            await _try(f"upload {id_}, which was complete", partial(self._handover.settle, id_))

    async def _give_up_idle(self) -> None:
        expired = await asyncio.to_thread(self._store.expire, self._idle, _GRACE)
        if expired:
            logger.info("%d uploads that nobody went on with are given up", expired)


async def _try(what: str, act: Callable[[], Awaitable[object]]) -> None:
    try:
        await act()
    except Exception as error:  # noqa: BLE001  whatever it is, nothing else must wait for it
        said = error if isinstance(error, GdiError) else type(error).__name__
        logger.warning("the inbox could not be tidied of %s: %s", what, said)
