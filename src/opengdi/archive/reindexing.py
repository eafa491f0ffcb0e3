"""Making the index of an archived file later: none could be made while it was taken in, or the stored one is damaged.

The body is read and decrypted once more, held against its digest, and nothing of the file but its index is written.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

from opengdi.archive import places
from opengdi.archive.custody import Custody
from opengdi.archive.intake.indexing import BuiltIndex, IndexBuilder, nonce_bytes_for, seal_index
from opengdi.archive.intake.opening import Opened
from opengdi.archive.intake.sides import PlainSide
from opengdi.archive.keyring import Keyring
from opengdi.archive.model import UNDECLARED, ArchivedFile, FileState, Stored
from opengdi.archive.registry import Registry
from opengdi.kernel.errors import Conflict
from opengdi.kernel.ids import FileId
from opengdi.kernel.storage import Storage, put_whole
from opengdi.standards.crypt4gh import Header
from opengdi.standards.faults import Malformed, Unverified


class Reindexing:
    """Makes indexes of files of one archive."""

    def __init__(self, registry: Registry, custody: Custody, storage: Storage, keyring: Keyring) -> None:
        self._registry = registry
        self._custody = custody
        self._storage = storage
        self._keyring = keyring

    async def run(self, id_: FileId, actor: str) -> ArchivedFile:
        """The file after another try: with a new index, or with why there is none. Doing it again does no harm.

        Raises NotFound; Conflict if the file is not READY, is damaged, or has an index and another could not be made;
        Unavailable.
        """
        file = await asyncio.to_thread(self._registry.find, id_)
        if file.stored is None or file.state is not FileState.READY:
            raise Conflict(f"{id_} is {file.state}; only a file that is ready is indexed")
        try:
            header = self._keyring.open(await asyncio.to_thread(self._custody.header, id_))
            built = await self._built(file.place, header, file.stored)
        except (Malformed, Unverified) as error:
            raise Conflict(f"{id_} is damaged, see gdi archive scrub {id_}: {error}") from error
        if file.stored.index and not built.content:
            raise Conflict(f"{id_} keeps the index that it has: {built.reason}")
        await self._keep(file.place, header, built)
        return await self._recorded(file, _with(file.stored, built), actor)

    async def _built(self, place: str, header: Header, stored: Stored) -> BuiltIndex:
        """Raises Malformed, Unverified if the body is not what it was."""
        builder = IndexBuilder()
        plain = PlainSide(Opened(b"", header), UNDECLARED, builder.take)
        try:
            async for piece in self._storage.get(places.body_key(place)):
                await asyncio.to_thread(plain.take, [piece])
            await asyncio.to_thread(plain.finish)
            if plain.plain_sha256 != stored.digests.plain_sha256:
                raise Unverified("what it decrypts to is not what was archived")
            return await asyncio.to_thread(builder.finish)
        finally:
            builder.abandon()

    async def _keep(self, place: str, header: Header, built: BuiltIndex) -> None:
        if built.content:
            nonces = self._keyring.fresh(nonce_bytes_for(built.content))
            sealed = await asyncio.to_thread(seal_index, built.content, header, nonces)
            await put_whole(self._storage, places.index_key(place), sealed)

    async def _recorded(self, file: ArchivedFile, stored: Stored, actor: str) -> ArchivedFile:
        try:
            indexed = partial(self._registry.indexed, place=file.place)
            return await asyncio.to_thread(indexed, file.id, stored, actor)
        except (
            Conflict
        ):  # it was disabled or moved meanwhile, and nothing must be left of one that was decommissioned
            await self._storage.delete(places.index_key(file.place))
            raise


def _with(stored: Stored, built: BuiltIndex) -> Stored:
    return replace(
        stored,
        format=built.format.value if built.format else "",
        index=built.kind,
        without_index=built.reason,
    )
