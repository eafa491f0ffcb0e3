"""Taking in an upload: once through it, and everything is known of it, and its body lies in the archive.

Batches of the upload are hashed and decrypted in threads while the storage writes them. What is wrong is said before
the last byte is handed to the storage, which then keeps nothing: an object that is visible is a verified one. No more
than a few batches are in memory, and plaintext is nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from opengdi.archive import places
from opengdi.archive.checks import BodyChecks, signed_checks
from opengdi.archive.intake.faults import Damaged, DigestMismatch
from opengdi.archive.intake.indexing import BuiltIndex, IndexBuilder, nonce_bytes_for, seal_index
from opengdi.archive.intake.opening import HeaderGate, Opened
from opengdi.archive.intake.sides import PlainSide, SealedSide
from opengdi.archive.keyring import Keyring
from opengdi.archive.model import Declared, Digests, Stored
from opengdi.archive.rules import mismatches
from opengdi.kernel.errors import Conflict, GdiError
from opengdi.kernel.storage import Storage, put_whole
from opengdi.standards.faults import Malformed, Unverified

BATCH_BYTES: Final = 2 * 1024 * 1024

Heard = Callable[[int], None]
"""Told how many bytes of the upload have been read so far."""

_Batch = list[bytes]


@dataclass(frozen=True, slots=True)
class Taken:
    """What is known of a file that was taken in.

    header: sealed for the archive's current key and the recovery key. chunk_hashes: see `checks`.
    without_index: why a file of an indexed format has no index; empty if it has one, or its format has none.
    """

    stored: Stored
    header: bytes
    chunk_hashes: tuple[bytes, ...]
    without_index: str = ""


async def take_in(
    pieces: AsyncIterable[bytes],
    target: Storage,
    place: str,
    keyring: Keyring,
    declared: Declared,
    *,
    index: bool = True,
    size_bytes: int = 0,
    heard: Heard = lambda _: None,
) -> Taken:
    """Read an upload once, verify it, and keep its body and what belongs beside it at `place`.

    Doing it again for the same upload and place is no harm, whatever was done of it before. size_bytes: of the upload,
    0 if nobody knows.

    Raises the provider's faults (WrongKey, Damaged, DigestMismatch; nothing is kept then), Conflict if another body
    lies at the place, Unavailable if the storage fails.
    """
    reader = _Reader(pieces, heard)
    opened = await reader.header(keyring)
    builder = IndexBuilder(wanted=index)
    single = _OnePass(opened, declared, builder)
    try:
        await _keep_body(target, places.body_key(place), single, reader, size_bytes=size_bytes)
        built = await asyncio.to_thread(builder.finish)
    finally:
        builder.abandon()
    taken = single.taken(keyring, built)
    await _keep_beside(target, place, keyring, taken, opened, built)
    return taken


class _Reader:
    """The pieces of an upload: first its header, then its body in batches."""

    def __init__(self, pieces: AsyncIterable[bytes], heard: Heard) -> None:
        self._pieces = aiter(pieces)
        self._heard = heard
        self._read_bytes = 0
        self._first = b""

    async def header(self, keyring: Keyring) -> Opened:
        """Raises WrongKey, Damaged."""
        gate = HeaderGate(keyring)
        async for piece in self._pieces:
            self._count(piece)
            opened = gate.feed(piece)
            if opened is not None:
                self._first = gate.rest
                return opened
        raise gate.ended()

    async def batch(self) -> _Batch:
        """About 2 MiB of the body; empty at the end."""
        batch, self._first = [self._first] if self._first else [], b""
        size = len(batch[0]) if batch else 0
        while size < BATCH_BYTES:
            piece = await anext(self._pieces, None)
            if piece is None:
                break
            self._count(piece)
            if piece:
                batch.append(piece)
                size += len(piece)
        return batch

    def _count(self, piece: bytes) -> None:
        self._read_bytes += len(piece)
        self._heard(self._read_bytes)


class _OnePass:
    """Both sides of one body, and the verdict."""

    def __init__(self, opened: Opened, declared: Declared, builder: IndexBuilder) -> None:
        self._opened = opened
        self._declared = declared
        self._sealed = SealedSide(opened.raw, declared)
        self._plain = PlainSide(opened, declared, builder.take)
        self.fault: GdiError | None = None

    async def body(self, reader: _Reader) -> AsyncGenerator[bytes]:
        """The body unchanged. It ends only if all is well; else it raises, and `fault` says the same."""
        with self._faults():
            batch = await reader.batch()
        while batch:
            work = asyncio.ensure_future(self._take_and_read_on(batch, reader))
            try:
                for piece in batch:
                    yield piece
                with self._faults():
                    batch = await work
            finally:
                await _ended(work)
        with self._faults():
            await asyncio.to_thread(self._plain.finish)
            self._compare()

    @property
    def body_sha256(self) -> str:
        return self._sealed.body_sha256

    def taken(self, keyring: Keyring, built: BuiltIndex) -> Taken:
        key = keyring.current
        stored = Stored(
            key_id=key.key_id,
            body_bytes=self._sealed.body_bytes,
            plain_bytes=self._plain.plain_bytes,
            digests=self._digests(),
            format=built.format.value if built.format else "",
            index=built.kind,
        )
        header = keyring.seal(self._opened.header, key)
        return Taken(stored, header, tuple(self._plain.chunks.hashes), built.reason)

    async def _take_and_read_on(self, batch: _Batch, reader: _Reader) -> _Batch:
        """Both sides take the batch while the next one is read. Nobody reads on once it is wrong."""
        reading = asyncio.ensure_future(reader.batch())
        try:
            sides = (self._sealed.take, self._plain.take)
            told = await asyncio.gather(
                *(asyncio.to_thread(take, batch) for take in sides), return_exceptions=True
            )
            for fault in filter(None, told):
                raise fault
            return await reading
        finally:
            await _ended(reading)

    def _digests(self) -> Digests:
        return Digests(
            sha256=self._sealed.upload_sha256,
            body_sha256=self._sealed.body_sha256,
            plain_sha256=self._plain.plain_sha256,
            md5=self._sealed.upload_md5,
            plain_md5=self._plain.plain_md5,
        )

    def _compare(self) -> None:
        """Raises DigestMismatch, naming all that differs."""
        wrong = mismatches(self._declared, self._digests())
        if wrong:
            raise DigestMismatch("the file is not the one that was declared: " + "; ".join(wrong))

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """What is wrong with the upload, in words for the provider, and kept: a storage may wrap what it is handed."""
        try:
            yield
        except (Malformed, Unverified) as error:
            self.fault = Damaged(str(error))
            raise self.fault from error
        except GdiError as error:
            self.fault = error
            raise


async def _ended(task: asyncio.Future[_Batch]) -> None:
    """Wait until a task is over, ending it if need be; what it raised has been said, or is of no interest any more."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()


async def _keep_body(
    target: Storage, key: str, single: _OnePass, reader: _Reader, *, size_bytes: int
) -> None:
    """Store the body, or find that it lies there already, byte for byte, from an earlier try."""
    async with aclosing(single.body(reader)) as body:
        try:
            if not await target.exists(key):
                await target.put(key, body, fresh=True, size_bytes=size_bytes)
                return
            async for _ in body:
                pass
        except Exception:
            if single.fault is not None:
                raise single.fault from None
            raise
    if await _digest_of(target, key) != single.body_sha256:
        raise Conflict(f"another body lies at {key}; nothing archived is overwritten")


async def _digest_of(target: Storage, key: str) -> str:
    digest = sha256()
    async for piece in target.get(key):
        await asyncio.to_thread(digest.update, piece)
    return digest.hexdigest()


async def _keep_beside(
    target: Storage, place: str, keyring: Keyring, taken: Taken, opened: Opened, built: BuiltIndex
) -> None:
    """The objects beside the body. They may be written again: the body they speak of is the same."""
    checks = BodyChecks(taken.stored.body_bytes, taken.stored.digests.body_sha256, taken.chunk_hashes)
    await put_whole(target, places.checks_key(place), signed_checks(checks, place, keyring))
    if built.content:
        nonces = keyring.fresh(nonce_bytes_for(built.content))
        sealed = await asyncio.to_thread(seal_index, built.content, opened.header, nonces)
        await put_whole(target, places.index_key(place), sealed)
    await put_whole(target, places.header_key(place), taken.header)
