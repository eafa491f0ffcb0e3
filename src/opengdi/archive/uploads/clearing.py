"""Removing from the inbox what nobody needs. What fails is left for the next round of care."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy.exc import DBAPIError

from opengdi.archive.uploads.store import UploadStore
from opengdi.kernel.errors import GdiError
from opengdi.kernel.storage import Storage

logger = logging.getLogger(__name__)


class Clearing:
    """Objects first, rows after, so that none is forgotten."""

    def __init__(self, store: UploadStore, storage: Storage) -> None:
        self._store = store
        self._storage = storage

    async def garbage(self, upload: str) -> None:
        """Remove garbage of an upload, as much as a request may wait for."""
        for key in await asyncio.to_thread(self._store.garbage, upload):
            await self._remove(key)

    async def all_garbage(self) -> None:
        """Remove the garbage of all uploads."""
        after = ""
        while keys := await asyncio.to_thread(self._store.garbage, after=after):
            for key in keys:
                await self._remove(key)
            after = keys[-1]

    async def attempt(self, attempt: str, upload: str) -> None:
        """Give up what was sent in this attempt."""
        await asyncio.to_thread(self._store.give_up_attempt, attempt, upload)
        await self.garbage(upload)

    async def piece(self, key: str) -> None:
        """Give up a planned object."""
        await asyncio.to_thread(self._store.give_up_piece, key)
        await self._remove(key)

    async def _remove(self, key: str) -> None:
        """An object that cannot be removed yet delays no other."""
        try:
            await self._storage.delete(key)
            await asyncio.to_thread(self._store.forget, key)
        except (GdiError, DBAPIError, OSError) as error:
            logger.warning("%s stays in the inbox for now: %s", key, error)
