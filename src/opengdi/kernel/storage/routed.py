"""Several storages as one: each object lies in the one that its key names, so that nobody has to look for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta

from opengdi.kernel.errors import Unavailable
from opengdi.kernel.storage.ports import Storage, StoredObject


class RoutedStorage:
    """storages: by name. name_of: the storage that the object of a key lies in, or is to lie in."""

    def __init__(self, storages: Mapping[str, Storage], name_of: Callable[[str], str]) -> None:
        self._storages = storages
        self._name_of = name_of

    async def put(
        self, key: str, content: AsyncIterable[bytes], *, fresh: bool = False, size_bytes: int = 0
    ) -> StoredObject:
        return await self._of(key).put(key, content, fresh=fresh, size_bytes=size_bytes)

    async def get(self, key: str, first: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        async for piece in self._of(key).get(key, first, stop):
            yield piece

    async def read_at(self, key: str, first: int, stop: int) -> bytes:
        return await self._of(key).read_at(key, first, stop)

    async def head(self, key: str) -> StoredObject:
        return await self._of(key).head(key)

    async def list(self, folder: str = "") -> AsyncIterator[StoredObject]:
        found = [each for storage in self._storages.values() async for each in storage.list(folder)]
        for each in sorted(found, key=lambda stored: stored.key):
            yield each

    async def delete(self, key: str) -> None:
        await self._of(key).delete(key)

    async def exists(self, key: str) -> bool:
        return await self._of(key).exists(key)

    async def drop_unfinished(self, folder: str, now: datetime, age: timedelta) -> int:
        """One that fails keeps no other from being swept."""
        swept = [each.drop_unfinished(folder, now, age) for each in self._storages.values()]
        found = await asyncio.gather(*swept, return_exceptions=True)
        for trouble in found:
            if isinstance(trouble, BaseException):
                raise trouble
        return sum(count for count in found if isinstance(count, int))

    def _of(self, key: str) -> Storage:
        name = self._name_of(key)
        if name not in self._storages:
            raise Unavailable(f"object {key!r} lies in a storage {name!r} that is not set")
        return self._storages[name]
