"""Objects of an S3-compatible store (or of memory, or of a directory) through `obstore`."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import ObjectStore, from_url

from opengdi.kernel.errors import Invalid, NotFound, Unavailable
from opengdi.kernel.storage.ports import StoredObject, checked_key, checked_range

PIECE_BYTES: Final = 1024 * 1024
PART_BYTES: Final = 8 * 1024 * 1024
"""Size of the parts of a multipart upload; S3 allows 10,000 of them, so objects of up to 80 GB."""


class ObjectStorage:
    """The objects of an `obstore` store. Uploads larger than one part are multipart; none is visible half."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def at(
        cls, url: str, config: Mapping[str, str], client: Mapping[str, Any] | None = None, *, retries: int = 4
    ) -> ObjectStorage:
        """The store at `s3://bucket/prefix`, by obstore's names: `config` holds `endpoint`, `access_key_id`,
        `secret_access_key`, `region`, …; `client` holds `allow_http`, `timeout`, `connect_timeout`, ….

        Raises Invalid if the URL or an option is not understood.
        """
        open_store: Any = from_url  # typed by provider, which only the URL tells
        options = {"config": dict(config), "client_options": dict(client or {})} if config else {}
        try:
            return cls(open_store(url, **options, retry_config={"max_retries": retries}))
        except (BaseError, ValueError) as error:
            raise Invalid(f"storage {url}: {error}") from error

    async def put(self, key: str, content: AsyncIterable[bytes]) -> StoredObject:
        path, pieces = checked_key(key), aiter(content)
        beginning = await _up_to_a_part(pieces)
        with _said(key):
            if len(beginning) < PART_BYTES:
                await obstore.put_async(self._store, path, beginning, use_multipart=False)
            else:
                await obstore.put_async(self._store, path, _joined(beginning, pieces), chunk_size=PART_BYTES)
        return await self.head(key)

    async def get(self, key: str, first: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        found = await self.head(key)
        offset, end = checked_range(key, found.size_bytes, first, stop)
        if offset == end:
            return  # a store answers 416 to an empty range
        with _said(key):
            got = await obstore.get_async(self._store, key, options={"range": (offset, end)})
            async for piece in got.stream(min_chunk_size=PIECE_BYTES):
                yield bytes(piece)

    async def head(self, key: str) -> StoredObject:
        with _said(key):
            found = await obstore.head_async(self._store, checked_key(key))
        return StoredObject(key, found["size"], found["last_modified"])

    async def list(self, folder: str = "") -> AsyncIterator[StoredObject]:
        prefix = checked_key(folder) + "/" if folder else None
        with _said(folder):
            pages = [page async for page in obstore.list(self._store, prefix, chunk_size=1000)]
        found = [(entry["path"], entry["size"], entry["last_modified"]) for page in pages for entry in page]
        for path, size_bytes, modified in sorted(found):  # not every store lists in order
            yield StoredObject(path, size_bytes, modified)

    async def delete(self, key: str) -> None:
        path = checked_key(key)
        try:
            with _said(key):
                await obstore.delete_async(self._store, path)
        except NotFound:
            return

    async def exists(self, key: str) -> bool:
        try:
            await self.head(key)
        except NotFound:
            return False
        return True


async def _up_to_a_part(pieces: AsyncIterator[bytes]) -> bytes:
    """At least one part's worth of bytes, or all there are."""
    beginning = bytearray()
    async for piece in pieces:
        beginning += piece
        if len(beginning) >= PART_BYTES:
            break
    return bytes(beginning)


async def _joined(beginning: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield beginning
    async for piece in rest:
        yield piece


@contextmanager
def _said(key: str) -> Iterator[None]:
    """What the store says, in our words."""
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        raise NotFound(f"there is no object {key!r}") from error
    except (BaseError, OSError) as error:
        raise Unavailable(f"object {key!r}: the store failed: {error}") from error
