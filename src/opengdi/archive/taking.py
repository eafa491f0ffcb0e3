"""The archive's own intake: one pass, into the archive's storage, sealed for its own keys."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import replace

from opengdi.archive import places
from opengdi.archive.facts import keep_facts
from opengdi.archive.intake import take_in
from opengdi.archive.keyring import Keyring
from opengdi.archive.model import ArchivedFile, FileState
from opengdi.archive.ports import Kept
from opengdi.kernel.storage import Storage, answers


class StoringIntake:
    """A `ports.Intake`."""

    def __init__(self, storage: Storage, keyring: Keyring) -> None:
        self._storage = storage
        self._keyring = keyring
        self._under_way: dict[str, int] = {}

    def taken_bytes(self, id_: str) -> int | None:
        """How much of a file was read, while this process takes it in."""
        return self._under_way.get(id_)

    async def take_in(self, file: ArchivedFile, pieces: AsyncIterable[bytes]) -> Kept:
        try:
            return await self._take_in(file, self._counted(file, pieces))
        finally:
            self._under_way.pop(file.id, None)

    async def _counted(self, file: ArchivedFile, pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        self._under_way[file.id] = 0
        async for piece in pieces:
            self._under_way[file.id] += len(piece)
            yield piece

    async def _take_in(self, file: ArchivedFile, pieces: AsyncIterable[bytes]) -> Kept:
        taken = await take_in(
            pieces, self._storage, file.place, self._keyring, file.declared, size_bytes=file.size_bytes
        )
        recovery_id = self._keyring.recovery_id
        stored = replace(taken.stored, without_index=taken.without_index, recovery_id=recovery_id)
        ready = replace(file, state=FileState.READY, stored=stored)  # as the registry will have it next
        await self.keep_facts(ready)
        return Kept(stored, taken.header, b"".join(taken.chunk_hashes))

    async def keep_facts(self, file: ArchivedFile) -> None:
        await keep_facts(self._storage, self._keyring, file)

    async def answers(self, file: ArchivedFile) -> bool:
        return await answers(self._storage, places.body_key(file.place))

    async def discard(self, file: ArchivedFile) -> None:
        for key in places.all_keys(file.place):
            await self._storage.delete(key)
