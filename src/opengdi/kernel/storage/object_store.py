"""Objects of an S3-compatible store (or of memory, or of a directory) through `obstore`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import ObjectStore, from_url

from opengdi.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from opengdi.kernel.storage.ports import StoredObject, checked_key, checked_range
from opengdi.kernel.storage.unfinished import unfinished_uploads

if TYPE_CHECKING:
    from obstore import GetResult, PutMode

_MIB: Final = 1024 * 1024
PIECE_BYTES: Final = _MIB
PART_BYTES: Final = 32 * _MIB
"""Size of the parts of a multipart upload, unless the object is so large that they must be larger."""

MOST_PARTS: Final = 10_000
"""As S3 has it. All parts of an object have the same size, which some stores insist on."""

_PARTS_AT_ONCE: Final = 4
_UNDER_WAY_BYTES: Final = _PARTS_AT_ONCE * PART_BYTES
"""Of parts that are under way, and in memory, together; one part may be more. One more is being filled meanwhile."""


READ_BYTES: Final = 1024 * _MIB
"""Of one request at most: a body that is read as slowly as somebody likes needs several, and none lasts for ever."""

_CLIENT: Final = {"timeout": "6h", "connect_timeout": "10s"}
"""A request ends with its body. obstore's own 30 seconds would end every part and every body that takes longer."""

SILENCE_S: Final = 60.0
"""For which a store may send nothing of a body that is read."""


class ObjectStorage:
    """The objects of an `obstore` store. Uploads larger than one part are multipart; none is visible half."""

    def __init__(
        self,
        store: ObjectStore,
        *,
        part_bytes: int = PART_BYTES,
        most_parts: int = MOST_PARTS,
        read_bytes: int = READ_BYTES,
    ) -> None:
        self._store = store
        self._sending: set[str] = set()
        self._part_bytes = part_bytes
        self._most_parts = most_parts
        self._read_bytes = read_bytes

    @classmethod
    def at(
        cls,
        url: str,
        config: Mapping[str, str],
        client: Mapping[str, Any] | None = None,
        *,
        retries: int = 4,
        part_bytes: int = PART_BYTES,
        most_parts: int = MOST_PARTS,
        read_bytes: int = READ_BYTES,
    ) -> ObjectStorage:
        """The store at `s3://bucket/prefix`, by obstore's names: `config` holds `endpoint`, `access_key_id`,
        `secret_access_key`, `region`, …; `client` holds `allow_http`, `timeout`, `connect_timeout`, ….

        Raises Invalid if the URL or an option is not understood.
        """
        open_store: Any = from_url  # typed by provider, which only the URL tells
        options = {"config": dict(config), "client_options": {**_CLIENT, **(client or {})}} if config else {}
        try:
            store = open_store(url, **options, retry_config={"max_retries": retries})
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # what panics in obstore is no Exception
            raise Invalid(f"storage {url}: {error}") from error
        return cls(store, part_bytes=part_bytes, most_parts=most_parts, read_bytes=read_bytes)

    async def put(
        self, key: str, content: AsyncIterable[bytes], *, fresh: bool = False, size_bytes: int = 0
    ) -> StoredObject:
        """fresh: an object of one part is put on the store's own condition (`If-None-Match`); for a larger one, whose
        parts cannot be joined on a condition, we look before the first part and again after the last one.
        """
        path, pieces = checked_key(key), aiter(content)
        part_bytes = part_bytes_for(size_bytes, least=self._part_bytes, most_parts=self._most_parts)
        if fresh:
            await self._refuse_if_there(key)
        beginning = await _up_to_a_part(pieces, self._part_bytes)
        if len(beginning) < self._part_bytes:
            mode: PutMode = "create" if fresh else "overwrite"
            with _said(key):
                await obstore.put_async(self._store, path, beginning, use_multipart=False, mode=mode)
        elif fresh:
            try:
                await self._put_parts(path, _joined(beginning, self._guarded(key, pieces)), part_bytes)
            except (
                Unavailable
            ):  # which is all that is left of a Conflict that passed through the store's hands
                await self._refuse_if_there(key)
                raise
        else:
            await self._put_parts(path, _joined(beginning, pieces), part_bytes)
        return await self.head(key)

    async def get(self, key: str, first: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        if not 0 <= first < (stop if stop is not None else first + 1):
            await self._checked(key, first, stop)
            return  # the range is empty, which a store answers with 416
        at, end = first, stop
        while end is None or at < end:
            until = at + self._read_bytes if end is None else min(at + self._read_bytes, end)
            try:
                got = await self._open(key, at, until)
            except Unavailable:
                if at == first and await self._checked(key, first, stop) == (first, first):
                    return  # it is empty, at the end of the object
                raise
            end = got.meta["size"] if end is None else min(end, got.meta["size"])
            async for piece in _listened(key, got):
                at += len(piece)
                yield piece

    async def _open(self, key: str, first: int, stop: int) -> GetResult:
        with _said(key):
            async with asyncio.timeout(SILENCE_S):
                return await obstore.get_async(
                    self._store, checked_key(key), options={"range": (first, stop)}
                )

    async def read_at(self, key: str, first: int, stop: int) -> bytes:
        return b"".join([piece async for piece in self.get(key, first, stop)])

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

    async def drop_unfinished(self, folder: str, now: datetime, age: timedelta) -> int:
        """Only of an S3 store that is told an access key; others forget parts by rules of their own."""
        uploads = unfinished_uploads(self._store, lambda: now)
        if uploads is None:
            return 0
        return await uploads.drop(checked_key(folder) + "/", now - age, spare=self._sending.copy())

    async def _put_parts(self, key: str, pieces: AsyncIterator[bytes], part_bytes: int) -> None:
        """Who is cancelled meanwhile leaves nothing: the store is told to forget the parts that it has."""
        given_up = asyncio.Event()
        within = _until(given_up, key, _within(key, pieces, part_bytes * self._most_parts))
        putting = asyncio.ensure_future(
            obstore.put_async(
                self._store, key, within, chunk_size=part_bytes, max_concurrency=parts_at_once(part_bytes)
            )
        )
        self._sending.add(key)
        putting.add_done_callback(lambda _: self._sending.discard(key))
        try:
            with _said(key):
                await asyncio.shield(putting)
        except asyncio.CancelledError:
            given_up.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(SILENCE_S):
                    await asyncio.gather(putting, return_exceptions=True)
            raise

    async def _checked(self, key: str, first: int, stop: int | None) -> tuple[int, int]:
        return checked_range(key, (await self.head(key)).size_bytes, first, stop)

    async def _guarded(self, key: str, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The pieces; an object that came meanwhile is found before the parts are joined."""
        async for piece in pieces:
            yield piece
        await self._refuse_if_there(key)

    async def _refuse_if_there(self, key: str) -> None:
        if await self.exists(key):
            raise Conflict(_there(key))


def part_bytes_for(size_bytes: int, *, least: int = PART_BYTES, most_parts: int = MOST_PARTS) -> int:
    """Size of the parts of which `most_parts` hold an object of `size_bytes`: `least`, or else whole MiB."""
    needed = -(-size_bytes // most_parts)
    return max(least, -(-needed // _MIB) * _MIB)


def parts_at_once(part_bytes: int) -> int:
    """How many parts are sent at a time: fewer of larger ones, so that memory stays the same while it can."""
    return max(1, min(_PARTS_AT_ONCE, _UNDER_WAY_BYTES // part_bytes))


async def _within(key: str, pieces: AsyncIterator[bytes], most_bytes: int) -> AsyncIterator[bytes]:
    """The pieces. Raises Unavailable as soon as they are more than the parts hold, not when all of them are sent."""
    size_bytes = 0
    async for piece in pieces:
        size_bytes += len(piece)
        if size_bytes > most_bytes:
            raise Unavailable(f"object {key!r} is larger than the {most_bytes} bytes that its parts can hold")
        yield piece


async def _listened(key: str, got: GetResult) -> AsyncIterator[bytes]:
    """The bytes that a store sends. Raises Unavailable if it falls silent."""
    pieces = aiter(got.stream(min_chunk_size=PIECE_BYTES))
    while True:
        with _said(key):
            try:
                async with asyncio.timeout(SILENCE_S):
                    piece = bytes(await anext(pieces))
            except StopAsyncIteration:
                return
        yield piece


async def _until(given_up: asyncio.Event, key: str, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces. Raises Unavailable as soon as somebody has given up, however long the next piece takes."""
    giving_up = asyncio.ensure_future(given_up.wait())
    try:
        while True:
            coming = asyncio.ensure_future(anext(pieces, None))
            await asyncio.wait({coming, giving_up}, return_when=asyncio.FIRST_COMPLETED)
            if giving_up.done():
                coming.cancel()
                raise Unavailable(f"object {key!r} is not sent any further")
            piece = await coming
            if piece is None:
                return
            yield piece
    finally:
        giving_up.cancel()


def _there(key: str) -> str:
    return f"there is an object {key!r} already; it is not replaced"


async def _up_to_a_part(pieces: AsyncIterator[bytes], part_bytes: int) -> bytes:
    """At least one part's worth of bytes, or all there are."""
    beginning = bytearray()
    async for piece in pieces:
        beginning += piece
        if len(beginning) >= part_bytes:
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
    except AlreadyExistsError as error:
        raise Conflict(_there(key)) from error
    except (BaseError, OSError, TimeoutError) as error:
        raise Unavailable(f"object {key!r}: the store failed: {error}") from error
