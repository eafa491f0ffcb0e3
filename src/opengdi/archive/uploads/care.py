"""Keeping the inbox tidy while the node serves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import timedelta
from typing import Final

from opengdi.archive.uploads.clearing import Clearing
from opengdi.archive.uploads.faults import NoSuchUpload
from opengdi.archive.uploads.handover import Handover
from opengdi.archive.uploads.store import UploadStore
from opengdi.kernel.errors import Conflict, GdiError, Invalid, NotFound

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
            try:
                await self.tidy_up()
            except GdiError as error:
                logger.warning("the inbox could not be tidied: %s", error)
            await asyncio.sleep(self._every_s)

    async def tidy_up(self) -> None:
        """One round of that."""
        interrupted = [
            *await asyncio.to_thread(self._claim_whole_ones),
            *await asyncio.to_thread(self._store.stuck, _SETTLE_AFTER),
        ]
        for id_ in interrupted:
            try:
                await self._handover.settle(id_)
            except (Conflict, Invalid, NotFound) as error:
                logger.warning("upload %s was complete, but the archive did not take it: %s", id_, error)
        expired = await asyncio.to_thread(self._store.expire, self._idle)
        if expired:
            logger.info("%d uploads that nobody went on with are given up", expired)
        await asyncio.to_thread(self._store.forsake, _GRACE)
        while await self._clearing.garbage():
            pass

    def _claim_whole_ones(self) -> list[str]:
        """Begin to hand over what came whole and was left there; its ids."""
        claimed = []
        for upload in self._store.whole(_SETTLE_AFTER):
            with contextlib.suppress(NoSuchUpload):  # its sender came back and was faster
                self._store.claim(upload.id, size_bytes=upload.received, etag="")
                claimed.append(upload.id)
        return claimed
