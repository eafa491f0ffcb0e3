"""What the doors of the archive ask for: taking charge of uploads, and telling providers where their files stand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from opengdi.archive.listing import Page, Selection
from opengdi.archive.model import ArchivedFile, Companion, FileEvent
from opengdi.archive.ports import Received
from opengdi.archive.registry import Registry
from opengdi.kernel.errors import NotFound
from opengdi.kernel.ids import FileId


def _not_at_it(_id: str) -> None:
    """Of no file anything is being read."""


def _none_beside(_ids: Collection[FileId]) -> dict[FileId, tuple[Companion, ...]]:
    """No file has an index beside it."""
    return {}


@dataclass(frozen=True, slots=True)
class ArchiveService:
    """The archive as its doors see it; a `ports.Reception`. Nothing here blocks the event loop.

    ingest_on_upload: whether an upload's job begins at once. begin: called when there is something to begin.
    taken_bytes: how much of a file was read, while it is taken in. beside: index files that providers sent, with their
    data, by either.
    """

    registry: Registry
    ingest_on_upload: bool
    begin: Callable[[], None]
    taken_bytes: Callable[[str], int | None] = _not_at_it
    beside: Callable[[Collection[FileId]], Mapping[FileId, tuple[Companion, ...]]] = _none_beside

    async def admit(self, provider: str, path: str) -> None:
        await asyncio.to_thread(self.registry.admit, provider, path)

    async def received(self, upload: Received) -> FileId:
        file = await asyncio.to_thread(self.registry.receive, upload, submit=self.ingest_on_upload)
        self.begin()
        return file.id

    async def status(self, provider: str, path: str) -> ArchivedFile:
        return await asyncio.to_thread(self.registry.newest, provider, path)

    async def find(self, provider: str, id_: FileId) -> tuple[ArchivedFile, tuple[FileEvent, ...]]:
        """A provider's file with its log. Raises NotFound, for another provider's file too."""
        file = await asyncio.to_thread(self.registry.find, id_)
        if file.provider != provider:
            raise NotFound(f"{id_} is not a file of {provider}")
        return file, await asyncio.to_thread(self.registry.events, id_)

    async def companions(self, files: Collection[ArchivedFile]) -> Mapping[FileId, tuple[Companion, ...]]:
        """Of each file that has some: its index files, or the data that it is the index of."""
        return await asyncio.to_thread(self.beside, [file.id for file in files])

    async def page(self, selection: Selection, after: FileId | None, most: int) -> Page:
        """Files in order of arrival."""
        return await asyncio.to_thread(self.registry.page, selection, after=after, most=most)
