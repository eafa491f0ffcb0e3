"""Handing a complete upload to the archive: once, whoever is killed and however many do it."""

from __future__ import annotations

import asyncio

from opengdi.archive.model import Piece
from opengdi.archive.ports import Received, Reception
from opengdi.archive.uploads.clearing import Clearing
from opengdi.archive.uploads.model import PieceSlot, StoredPiece, Upload, UploadState
from opengdi.archive.uploads.pieces import new_key, sealed
from opengdi.archive.uploads.store import UploadStore
from opengdi.kernel.errors import Conflict, Invalid, Unavailable
from opengdi.kernel.storage import Storage


class Handover:
    """The way from a claimed upload to a file of the archive."""

    def __init__(
        self, store: UploadStore, storage: Storage, reception: Reception, clearing: Clearing
    ) -> None:
        self._store = store
        self._storage = storage
        self._reception = reception
        self._clearing = clearing

    async def settle(self, id_: str) -> Upload:
        """Hand a claimed upload over, or go on with that after a crash; harmless if another process does it too."""
        upload = await asyncio.to_thread(self._store.find, id_)
        if upload.state is not UploadState.COMPLETING:
            return upload
        pieces = [
            await self._unsealed(upload, piece) for piece in await asyncio.to_thread(self._store.pieces, id_)
        ]
        received = Received(
            upload.id,
            upload.sender.provider,
            upload.wish.path,
            tuple(Piece(piece.key, piece.size_bytes) for piece in pieces),
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

    async def _unsealed(self, upload: Upload, piece: StoredPiece) -> StoredPiece:
        """The piece as it came, rewritten if it lies under a seal."""
        if not piece.seal:
            return piece
        slot = PieceSlot(new_key(), upload.id, 0, "", 0)
        await asyncio.to_thread(self._store.plan, slot, upload.sender.provider)
        await self._storage.put(slot.key, sealed(self._storage.get(piece.key), piece.seal))
        if not await asyncio.to_thread(self._store.unseal, piece.key, slot, piece.size_bytes):
            raise Unavailable(f"upload {upload.id} is being completed by another process")
        return StoredPiece(slot.key, piece.size_bytes)
