"""Removing from the inbox what nobody needs. What fails is left for the next round of care."""

from __future__ import annotations

import asyncio

from opengdi.archive.uploads.store import UploadStore
from opengdi.kernel.storage import Storage


class Clearing:
    """Objects first, rows after, so that none is forgotten."""

    def __init__(self, store: UploadStore, storage: Storage) -> None:
        self._store = store
        self._storage = storage

    async def garbage(self, upload: str = "") -> bool:
        """Remove the garbage of an upload, or some of all; True if there was some."""
        keys = await asyncio.to_thread(self._store.garbage, upload)
        for key in keys:
            await self._remove(key)
        return bool(keys)

    async def attempt(self, attempt: str, upload: str) -> None:
        """Give up what was sent in this attempt."""
        await asyncio.to_thread(self._store.give_up_attempt, attempt)
        await self.garbage(upload)

    async def piece(self, key: str) -> None:
        """Give up a planned object."""
        await asyncio.to_thread(self._store.give_up_piece, key)
        await self._remove(key)

    async def _remove(self, key: str) -> None:
        await self._storage.delete(key)
        await asyncio.to_thread(self._store.forget, key)
