"""Reading a stored file as its reader sees it: decrypted, after its edit list. Nothing decrypted is kept on disk."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Generic, TypeVar

from opengdi.delivery.htsget.composition import Stored
from opengdi.delivery.model import HeldFile
from opengdi.delivery.ports import Files
from opengdi.kernel.errors import Unavailable
from opengdi.standards.bgzf.walking import Need, Reading
from opengdi.standards.crypt4gh import (
    BATCH_SEGMENTS,
    CIPHER_SEGMENT,
    SEGMENT,
    SegmentCipher,
    plain_size,
)
from opengdi.standards.faults import Malformed, Unverified
from opengdi.standards.htsget.errors import BadRequest

T = TypeVar("T")

_KEPT_SEGMENTS: Final = 8
"""Planning looks at a block here and there; two blocks often lie in one segment."""

Bytes = bytes | bytearray | memoryview


class DamagedFile(Unavailable):
    """What the archive holds is not what it took in; the message says where."""

    public = "The file cannot be read at the moment; the operator of this node has been told."


class Source:
    """One file, for one request."""

    def __init__(self, files: Files, file: HeldFile, stored: Stored) -> None:
        self.file = file
        self.stored = stored
        self._files = files
        self._cipher = SegmentCipher(stored.header.data_keys)
        self._segments: OrderedDict[int, bytes] = OrderedDict()

    @classmethod
    async def open(cls, files: Files, file: HeldFile) -> Source:
        """Raises DamagedFile or Unavailable if its header does not open or its body has no possible size."""
        header = await files.header(file)
        try:
            return cls(files, file, Stored(header, plain_size(file.body_bytes)))
        except Malformed as error:
            raise DamagedFile(f"{file.id}: {error}") from error

    async def run(self, reading: Reading[T]) -> T:
        """Give a reading the bytes that it asks for, until it is done. It works in threads, for it may take its time.

        Raises DamagedFile where it finds no sense, and BadRequest where the file cannot answer what was asked.
        """
        sent = None
        try:
            while not isinstance(step := await asyncio.to_thread(_step, reading, sent), _Done):
                sent = await self.read(step.first, step.stop)
        except BadRequest:
            raise
        except Malformed as error:
            raise DamagedFile(f"{self.file.id}: {error}") from error
        return step.result

    async def read(self, first: int, stop: int) -> bytes:
        """A few bytes; what lies beyond the end is left out."""
        stop = min(stop, self.stored.size)
        parts = [
            (await self._segment(start // SEGMENT))[start % SEGMENT : start % SEGMENT + end - start]
            for begin, until in self.stored.edits.plain_ranges(first, stop)
            for start, end in _by_segment(begin, until)
        ]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def stream(self, first: int, stop: int) -> AsyncGenerator[Bytes, None]:
        """All of [first, stop), in pieces of up to 2 MiB; decrypted in a thread while the loop serves others."""
        for begin, until in self.stored.edits.plain_ranges(first, stop):
            async with aclosing(self._stream_plain(begin, until)) as pieces:
                async for piece in pieces:
                    yield piece

    async def stored_bytes(self, first: int, stop: int) -> AsyncGenerator[Bytes, None]:
        """Bytes [first, stop) of the body as it is stored."""
        async for piece in self._files.read_body(self.file, first, stop):
            yield piece

    async def _segment(self, number: int) -> bytes:
        found = self._segments.get(number)
        if found is None:
            first = number * CIPHER_SEGMENT
            stop = min(first + CIPHER_SEGMENT, self.file.body_bytes)
            sealed = b"".join([piece async for piece in self._files.read_body(self.file, first, stop)])
            found = bytes(self._decrypt(sealed, first))
            self._segments[number] = found
            if len(self._segments) > _KEPT_SEGMENTS:
                self._segments.popitem(last=False)
        return found

    async def _stream_plain(self, begin: int, until: int) -> AsyncGenerator[Bytes, None]:
        at = begin // SEGMENT * CIPHER_SEGMENT
        stop = min(-(-until // SEGMENT) * CIPHER_SEGMENT, self.file.body_bytes)
        where = begin // SEGMENT * SEGMENT
        async with aclosing(self._batches(at, stop)) as batches:
            async for batch in batches:
                plain = memoryview(await asyncio.to_thread(self._decrypt, batch, at))
                yield plain[max(0, begin - where) : until - where]
                at += len(batch)
                where += len(plain)

    def _batches(self, first: int, stop: int) -> AsyncGenerator[memoryview, None]:
        """The body from `first` to `stop` in batches of whole segments; each is gone when the next is asked for."""
        pieces = self._files.read_body(self.file, first, stop)
        return in_batches(pieces, min(BATCH_SEGMENTS * CIPHER_SEGMENT, stop - first))

    def _decrypt(self, sealed: Bytes, at: int) -> bytearray:
        try:
            plain = bytearray(plain_size(len(sealed)))
            self._cipher.decrypt_into(sealed, plain, at=at)
        except (Malformed, Unverified) as error:
            raise DamagedFile(f"{self.file.id}: {error}") from error
        return plain


@dataclass(frozen=True, slots=True)
class _Done(Generic[T]):
    """What a reading gave: the StopIteration that says so cannot leave a thread."""

    result: T


def _step(reading: Reading[T], sent: bytes | None) -> Need | _Done[T]:
    try:
        return next(reading) if sent is None else reading.send(sent)
    except StopIteration as done:
        return _Done(done.value)


async def in_batches(pieces: AsyncIterator[Bytes], size: int) -> AsyncGenerator[memoryview, None]:
    """Bytes in batches of `size`, the last may be shorter. They share one buffer: a batch is gone with the next."""
    buffer = memoryview(bytearray(size))
    filled = 0
    async for piece in pieces:
        rest = memoryview(piece)
        while rest:
            taken = min(len(rest), size - filled)
            buffer[filled : filled + taken] = rest[:taken]
            filled, rest = filled + taken, rest[taken:]
            if filled == size:
                yield buffer
                filled = 0
    if filled:
        yield buffer[:filled]


def _by_segment(begin: int, until: int) -> list[tuple[int, int]]:
    """A plain range cut at the borders of segments."""
    borders = [begin, *range((begin // SEGMENT + 1) * SEGMENT, until, SEGMENT), until]
    return list(pairwise(borders)) if begin < until else []
