"""Handing a complete upload to the archive: once, whoever is killed and however many do it."""

from __future__ import annotations

import asyncio

from opengdi.archive.ports import Received, Reception
from opengdi.archive.uploads.clearing import Clearing
from opengdi.archive.uploads.model import Upload, UploadState
from opengdi.archive.uploads.store import UploadStore
from opengdi.kernel.errors import Conflict, Invalid


class Handover:
    """The way from a claimed upload to a file of the archive."""

    def __init__(self, store: UploadStore, reception: Reception, clearing: Clearing) -> None:
        self._store = store
        self._reception = reception
        self._clearing = clearing

    async def settle(self, id_: str) -> Upload:
        """Hand a claimed upload over, or go on with that after a crash; harmless if another process does it too."""
        upload = await asyncio.to_thread(self._store.find, id_)
        if upload.state is not UploadState.COMPLETING:
            return upload
        received = Received(
            upload.id,
            upload.sender.provider,
            upload.wish.path,
            await asyncio.to_thread(self._store.pieces, id_),
            upload.sender.actor,
            upload.wish.declared,
            upload.wish.dataset,
        )
        try:
            file = await self._reception.received(received)
        except (Conflict, Invalid):
            await asyncio.to_thread(self._store.reopen, id_)
            raise
        finished = await asyncio.to_thread(self._store.finish, id_, file)
        await self._clearing.garbage(id_)
        return finished
