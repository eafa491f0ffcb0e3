"""A Crypt4GH file as an ordinary file of its plaintext: seek and read anywhere."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, Protocol, Self

from opengdi.standards.crypt4gh.edit_list import EditList
from opengdi.standards.crypt4gh.header import Header, HeaderReader, open_header
from opengdi.standards.crypt4gh.segments import (
    BATCH_SEGMENTS,
    SEGMENT,
    SegmentCipher,
    WriteBuffer,
    plain_size,
    span_for,
)
from opengdi.standards.crypt4gh.x25519 import PrivateKey
from opengdi.standards.faults import Malformed

CACHED_SEGMENTS: Final = 16
_FIRST_READ_BYTES: Final = 4096


class Source(Protocol):
    """Bytes that can be read at any place; whoever hands it in does the input."""

    @property
    def size(self) -> int:
        """Bytes there are."""
        ...

    def read_at(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on; fewer only at the end."""
        ...


class SeekableReader(io.RawIOBase):
    """The plaintext, after the edit list. `io.BufferedReader(reader)` makes small reads cheap.

    Every byte it gives was authenticated; the last segments that were read are kept decrypted in memory.
    Not for two threads at a time.
    """

    def __init__(self, source: Source, header: Header, *, header_bytes: int) -> None:
        """header_bytes: where in `source` the body begins; 0 if the header is kept elsewhere.

        Raises Malformed if the body cannot have that size.
        """
        super().__init__()
        self._source = source
        self._header_bytes = header_bytes
        self._plain_size = plain_size(source.size - header_bytes, at=header_bytes)
        self._edits = header.edit_list or EditList()
        self._cipher = SegmentCipher(header.data_keys)
        self._cache: OrderedDict[int, bytearray] = OrderedDict()
        self._at = 0
        self.size: Final = self._edits.edited_size(self._plain_size)

    @classmethod
    def open(cls, source: Source, readers: Sequence[PrivateKey]) -> Self:
        """Of a whole file, with its header at the start. Raises Malformed, NoKeyFits."""
        raw = read_header(source)
        return cls(source, open_header(raw, readers).header, header_bytes=len(raw))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError(f"cannot seek to {base + offset}, before the start")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: WriteBuffer) -> int:  # type: ignore[override]  # what Python calls a WriteableBuffer
        """Fill `buffer`; how many bytes, fewer only at the end. Raises Unverified, Malformed."""
        target = memoryview(buffer).cast("B")
        last = min(self._at + len(target), self.size)
        filled = 0
        for start, stop in self._edits.plain_ranges(self._at, last):
            self._fill(target[filled : filled + stop - start], start)
            filled += stop - start
        self._at += filled
        return filled

    def _fill(self, target: memoryview, start: int) -> None:
        """Plaintext from plain offset `start` on; whole runs of segments are decrypted in place."""
        filled = 0
        while filled < len(target):
            segment, skip = divmod(start + filled, SEGMENT)
            run = min((len(target) - filled) // SEGMENT, BATCH_SEGMENTS) if skip == 0 else 0
            if run and segment not in self._cache:
                filled += self._decrypt(segment, run, target[filled : filled + run * SEGMENT])
                continue
            part = memoryview(self._segment(segment))[skip : skip + len(target) - filled]
            target[filled : filled + len(part)] = part
            filled += len(part)

    def _segment(self, number: int) -> bytearray:
        """A decrypted segment, from memory if it was read lately."""
        if number in self._cache:
            self._cache.move_to_end(number)
            return self._cache[number]
        plain = bytearray(min(SEGMENT, self._plain_size - number * SEGMENT))
        self._decrypt(number, 1, memoryview(plain))
        self._cache[number] = plain
        if len(self._cache) > CACHED_SEGMENTS:
            self._cache.popitem(last=False)
        return plain

    def _decrypt(self, first: int, count: int, target: memoryview) -> int:
        span = span_for(self._header_bytes, first * SEGMENT, (first + count) * SEGMENT)
        stop = min(span.stop, self._source.size)
        sealed = self._source.read_at(span.start, stop - span.start)
        if len(sealed) != stop - span.start:
            raise Malformed(
                f"byte {span.start + len(sealed)}: the file ends here; {stop} bytes were promised"
            )
        return self._cipher.decrypt_into(sealed, target, at=span.start)


def read_header(source: Source) -> bytes:
    """The raw header at the start of `source`, read in as few pieces as it takes. Raises Malformed."""
    reader, at = HeaderReader(), 0
    while True:
        piece = source.read_at(at, max(reader.needed, _FIRST_READ_BYTES))
        if reader.feed(piece) is not None:
            return reader.raw
        if not piece:
            raise Malformed(f"byte {at}: the file ends within the Crypt4GH header")
        at += len(piece)
