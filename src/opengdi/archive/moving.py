"""Moving archived files to another volume: copied, read again and compared, then told of there; the old go last.

Where the copy lies follows from where the file lies, so that a move which was stopped anywhere goes on when told again,
and what it left is found. Files may be read meanwhile. One process at a time moves files, or decommissions them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256

from opengdi.archive import places
from opengdi.archive.checks import BodyChecks, signed_checks
from opengdi.archive.custody import Custody
from opengdi.archive.facts import keep_facts, read_facts
from opengdi.archive.keyring import Keyring
from opengdi.archive.model import ArchivedFile, FileState, Stored
from opengdi.archive.registry import Registry
from opengdi.archive.scrub import HASH_BYTES
from opengdi.kernel.errors import Conflict, NotFound, Unavailable
from opengdi.kernel.ids import FileId
from opengdi.kernel.storage import Storage, put_whole, read_whole
from opengdi.standards.faults import Malformed, Unverified

Heard = Callable[[int], object]
"""Is told how many bytes of a body were copied, as they are."""


class Moving:
    """Moves files of one archive. volumes: by name; storage: all of them as one."""

    def __init__(
        self,
        registry: Registry,
        custody: Custody,
        volumes: Mapping[str, Storage],
        storage: Storage,
        keyring: Keyring,
    ) -> None:
        self._registry = registry
        self._custody = custody
        self._volumes = volumes
        self._storage = storage
        self._keyring = keyring

    async def run(
        self, id_: FileId, volume: str, actor: str, *, heard: Heard = lambda _bytes: None
    ) -> ArchivedFile:
        """The file where it lies now; nothing of it is left in other volumes. Doing it again does no harm.

        Raises NotFound; Conflict if the archive holds nothing of the file, it is damaged, or changed meanwhile;
        Unavailable.
        """
        file = await asyncio.to_thread(self._registry.find, id_)
        is_over = file.state in {FileState.READY, FileState.DISABLED}
        if not is_over or await asyncio.to_thread(self._registry.is_given_up, id_):
            raise Conflict(f"{id_} is {file.state}, and the archive holds nothing of it")
        place = places.in_volume(file.place, volume)
        if place != file.place:
            file = await self._moved(file, place, actor, heard)
        for other in self._others(file.place):
            await self._delete(file, other)
        return file

    async def sweep(self, volume: str) -> int:
        """Remove from a volume what is left there of files that lie elsewhere by now; how many objects."""
        removed = 0
        for folder in places.FOLDERS:
            async for found in self._volumes[volume].list(folder):
                others = list(self._others(places.place_of(found.key)))
                if await asyncio.to_thread(self._registry.lies_at, others):
                    await self._storage.delete(found.key)
                    removed += 1
        return removed

    def _others(self, place: str) -> Iterator[str]:
        """Where the file of a place would lie in other volumes."""
        return (other for name in self._volumes if (other := places.in_volume(place, name)) != place)

    async def _moved(self, file: ArchivedFile, place: str, actor: str, heard: Heard) -> ArchivedFile:
        await self._copy(file, place, heard)
        try:
            return await asyncio.to_thread(self._registry.moved, file, place, actor)
        except Conflict:
            if (await asyncio.to_thread(self._registry.find, file.id)).place != place:
                await self._delete(file, place)
            raise

    async def _copy(self, file: ArchivedFile, place: str, heard: Heard) -> None:
        """All that lies at the place of a file; of one that was decommissioned these are its facts."""
        try:
            if file.stored is None:
                facts = await read_whole(self._storage, places.facts_key(file.place))
                file = read_facts(facts, file.place, self._keyring)
            else:
                await self._copy_body(file, file.stored, place, heard)
                await self._copy_beside(file, file.stored, place)
        except (Malformed, Unverified, NotFound) as error:
            raise Conflict(f"{file.id} is damaged, see gdi archive scrub {file.id}: {error}") from error
        await keep_facts(self._storage, self._keyring, replace(file, place=place))

    async def _copy_body(self, file: ArchivedFile, stored: Stored, place: str, heard: Heard) -> None:
        """Raises Unverified if the body is not what was archived, Unavailable if the copy is not what was written."""
        key = places.body_key(place)
        if await self._is_whole(key, stored):
            return
        body = self._verified(places.body_key(file.place), stored, heard)
        await self._storage.put(key, body, size_bytes=stored.body_bytes)
        if not await self._is_whole(key, stored):
            raise Unavailable(f"{key} is not what was written there")

    async def _verified(self, key: str, stored: Stored, heard: Heard) -> AsyncIterator[bytes]:
        """The bytes of a body; the last of them only once they are known to be those that were archived."""
        digest, held = sha256(), b""
        async for piece in self._storage.get(key):
            await asyncio.to_thread(digest.update, piece)
            heard(len(piece))
            if held:
                yield held
            held = piece
        if digest.hexdigest() != stored.digests.body_sha256:
            raise Unverified("the body is not what was archived")
        yield held

    async def _is_whole(self, key: str, stored: Stored) -> bool:
        """True if the body is there, byte for byte."""
        digest = sha256()
        try:
            if (await self._storage.head(key)).size_bytes != stored.body_bytes:
                return False
            async for piece in self._storage.get(key):
                await asyncio.to_thread(digest.update, piece)
        except NotFound:
            return False
        return digest.hexdigest() == stored.digests.body_sha256

    async def _copy_beside(self, file: ArchivedFile, stored: Stored, place: str) -> None:
        """Headers and checks as the database has them, and the index if there is one."""
        header = await asyncio.to_thread(self._custody.header, file.id)
        hashes = await asyncio.to_thread(self._custody.chunk_hashes, file.id)
        chunks = tuple(hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES))
        checks = BodyChecks(stored.body_bytes, stored.digests.body_sha256, chunks)
        for key_id, former in await asyncio.to_thread(self._custody.past_headers, file.id):
            await self._put(places.former_header_key(place, key_id), former)
        if stored.index and await self._storage.exists(places.index_key(file.place)):
            index = await read_whole(self._storage, places.index_key(file.place))
            await self._put(places.index_key(place), index)
        await self._put(places.checks_key(place), signed_checks(checks, place, self._keyring))
        await self._put(places.header_key(place), header)

    async def _put(self, key: str, content: bytes) -> None:
        await put_whole(self._storage, key, content)
        if await read_whole(self._storage, key) != content:
            raise Unavailable(f"{key} is not what was written there")

    async def _delete(self, file: ArchivedFile, place: str) -> None:
        """What lies of a file at a place where it does not lie any more, or not yet.

        The facts first, which are written last: where they are, everything is, and a lost database comes back from it.
        """
        past = await asyncio.to_thread(self._custody.past_headers, file.id)
        former = [places.former_header_key(place, key_id) for key_id, _ in past]
        for key in (places.facts_key(place), *former, *places.all_keys(place)):
            await self._storage.delete(key)
