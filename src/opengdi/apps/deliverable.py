"""The archive as delivery sees it: files that are ready and lie in a released dataset."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from opengdi.archive import places
from opengdi.archive.intake.indexing import open_index
from opengdi.archive.mapping import Extent as MappedExtent
from opengdi.archive.mapping import Names
from opengdi.archive.model import ArchivedFile
from opengdi.delivery.model import Extent, HeldFile
from opengdi.kernel.errors import Invalid, NotFound, Unavailable
from opengdi.kernel.ids import ReleaseId, file_id
from opengdi.kernel.storage import read_whole
from opengdi.standards.faults import Malformed, Unverified

if TYPE_CHECKING:
    from opengdi.archive.custody import Custody
    from opengdi.archive.keyring import Keyring
    from opengdi.archive.mapping import Mapping
    from opengdi.archive.registry import Registry
    from opengdi.kernel.clock import Clock
    from opengdi.kernel.storage import Storage
    from opengdi.standards.crypt4gh import Header

BELIEVED_S: Final = 1.0
"""Seconds for which a found file is not looked up again: a dataset that is taken back is closed that much later."""

_MOST_KEPT: Final = 10_000
_SMALL_READ: Final = 1 << 18
"""Bytes that are read at once, which spares an open file and its steps."""


@dataclass(frozen=True, slots=True)
class _Found:
    file: HeldFile
    place: str
    at: float


class ArchiveFiles:
    """`delivery.ports.Files` over the archive of a node."""

    def __init__(
        self,
        registry: Registry,
        mapping: Mapping,
        custody: Custody,
        *,
        storage: Storage,
        keyring: Keyring,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._mapping = mapping
        self._custody = custody
        self._storage = storage
        self._keyring = keyring
        self._now = clock.monotonic
        self._found: OrderedDict[str, _Found] = OrderedDict()

    async def find(self, file_id: str) -> HeldFile:
        return (await self._look_up(file_id)).file

    async def header(self, file: HeldFile) -> Header:
        try:
            return await asyncio.to_thread(self._open_header, file.id)
        except (Malformed, Unverified) as error:
            raise Unavailable(f"the stored header of {file.id} does not open: {error}") from error

    async def index(self, file: HeldFile) -> bytes | None:
        place = await self._place(file)
        try:
            sealed = await read_whole(self._storage, places.index_key(place))
        except NotFound:
            moved = await self._place(file, anew=True)
            return await self.index(file) if moved != place else None
        header = await self.header(file)
        try:
            return await asyncio.to_thread(open_index, sealed, header)
        except (Malformed, Unverified) as error:
            raise Unavailable(f"the stored index of {file.id} does not open: {error}") from error

    async def read_body(self, file: HeldFile, first: int, stop: int) -> AsyncIterator[bytes]:
        if not 0 <= first <= stop <= file.body_bytes:
            raise Invalid(f"range [{first}, {stop}) is not within the {file.body_bytes} bytes of {file.id}")
        place, at = await self._place(file), first
        while at < stop:
            try:
                async for piece in self._pieces(places.body_key(place), at, stop):
                    at += len(piece)
                    yield piece
            except NotFound:
                before, place = place, await self._place(file, anew=True)
                if place == before:
                    raise
            else:
                return  # also of a body that is shorter than it was: whoever reads it finds out

    async def _pieces(self, key: str, first: int, stop: int) -> AsyncIterator[bytes]:
        if stop - first <= _SMALL_READ:
            yield await self._storage.read_at(key, first, stop)
            return
        async for piece in self._storage.get(key, first, stop):
            yield piece

    async def in_dataset(self, dataset: str) -> Sequence[HeldFile]:
        return await self._deliverable(await asyncio.to_thread(self._mapping.deliverable, dataset))

    async def versions_of(self, dataset: str) -> Sequence[str]:
        return await asyncio.to_thread(self._mapping.versions_of, dataset)

    async def page(
        self,
        dataset: str,
        versions: Collection[str],
        *,
        name: str = "",
        prefix: str = "",
        after: str = "",
        most: int,
    ) -> Sequence[HeldFile]:
        page = partial(self._mapping.page, dataset, versions, Names(name, prefix), after=after, most=most)
        return await self._deliverable(await asyncio.to_thread(page))

    async def extent(self, dataset: str, versions: Collection[str]) -> Extent:
        return _told(await asyncio.to_thread(self._mapping.extent, dataset, versions))

    async def extent_of_all(self) -> Extent:
        return _told(await asyncio.to_thread(self._mapping.extent_of_all))

    async def releases(self) -> Sequence[ReleaseId]:
        return list(await asyncio.to_thread(self._mapping.released_versions))

    async def _deliverable(self, files: Sequence[ArchivedFile]) -> list[HeldFile]:
        """With their releases, but for those of datasets that are not released."""
        named = {each.dataset for file in files for each in file.releases}
        released = await asyncio.to_thread(self._mapping.released, named)
        return [
            _held(file, tuple(each for each in file.releases if each.dataset in released)) for file in files
        ]

    async def _place(self, file: HeldFile, *, anew: bool = False) -> str:
        """anew: it is not where it was believed to be; it may have been moved."""
        if anew:
            self._found.pop(file.id, None)
        found = self._found.get(file.id)
        return found.place if found else (await self._look_up(file.id)).place

    async def _look_up(self, text: str) -> _Found:
        found = self._found.get(text)
        if found is None or self._now() - found.at >= BELIEVED_S:
            found = await asyncio.to_thread(self._read, text)
            self._found[text] = found
            self._found.move_to_end(text)
            if len(self._found) > _MOST_KEPT:
                self._found.popitem(last=False)
        return found

    def _read(self, text: str) -> _Found:
        self._found.pop(text, None)
        try:
            known = file_id(text)
        except Invalid as error:
            raise NotFound("no id of a file") from error
        releases = self._mapping.released_of(known)
        if not releases:
            raise NotFound(f"{known} is not to be delivered")
        file = self._registry.find(known)
        return _Found(_held(file, releases), file.place, self._now())

    def _open_header(self, id_: str) -> Header:
        return self._keyring.open(self._custody.header(file_id(id_)))


def _told(found: MappedExtent) -> Extent:
    return Extent(found.files, found.body_bytes, found.changed)


def _held(file: ArchivedFile, releases: tuple[ReleaseId, ...]) -> HeldFile:
    stored = file.stored
    if stored is None:
        raise NotFound(f"{file.id} is not archived")
    return HeldFile(
        id=file.id,
        name=file.path.removesuffix(".c4gh"),
        format=stored.format,
        releases=releases,
        body_bytes=stored.body_bytes,
        plain_bytes=stored.plain_bytes,
        body_sha256=stored.digests.body_sha256,
        plain_sha256=stored.digests.plain_sha256,
        created=file.created,
        updated=file.changed,
    )
