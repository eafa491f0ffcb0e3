"""Reading a BGZF file here and there, without reading it: generators ask for bytes and are sent them.

`Reading[T]` yields a `Need`, is sent those bytes of the file (fewer only at its end), and returns a T.
Offsets are virtual and packed: block << 16 | within.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from opengdi.standards.bgzf.blocks import LARGEST_BLOCK, block_size, inflate
from opengdi.standards.faults import Malformed

T = TypeVar("T")

LARGEST_RECORD: Final = 1 << 28
LARGEST_HEADER: Final = 1 << 26
"""Bytes, inflated: limits of ours, so that a hostile file cannot fill the memory."""


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes [first, stop) of the file are needed."""

    first: int
    stop: int


Reading = Generator[Need, bytes, T]
Data = bytes | bytearray


class Records(Protocol):
    """How records of a format follow each other in inflated bytes."""

    @property
    def last_may_be_open(self) -> bool:
        """True if the last record of a file may lack its end, as a line of text may."""
        ...

    def length(self, data: Data, at: int) -> int | None:
        """Bytes of the record at `at`, which may reach beyond `data`; None if that cannot be told yet."""
        ...

    def place(self, data: Data, at: int, length: int) -> tuple[int, int, int]:
        """Number of the reference, start and end (0-based, half-open) of the whole record at `at`."""
        ...

    def may_begin(self, data: Data, at: int) -> bool:
        """True if what stands at `at` certainly looks like a record; False where that cannot be told."""
        ...


Take = Callable[[Data, int, int], bool]
"""Takes a record (its buffer, offset and length); False to stop before it."""


def read_block(at: int) -> Reading[bytes]:
    """The block at byte `at`, still compressed. Raises Malformed if none begins there."""
    raw = yield Need(at, at + LARGEST_BLOCK)
    size = block_size(raw)
    if size > len(raw):
        raise Malformed(f"byte {at}: the file ends within a BGZF block")
    return raw[:size]


def walk(records: Records, begin: int, end: int, take: Take) -> Reading[int]:
    """Hand all records of [begin, end) to `take`, one after another, until it says stop.

    begin: the start of a record. Returns where the first record begins that was not taken, `end` at most.
    Raises Malformed.
    """
    held, held_at = (
        bytearray(),
        begin,
    )  # in one place: a record over a thousand blocks is not copied with each of them
    block, within = begin >> 16, begin & 0xFFFF
    while block << 16 | within < end:
        raw = yield from read_block(block)
        shift, at = within - len(held), 0
        held += inflate(raw)[within:]
        while (length := records.length(held, at)) is not None and at + length <= len(held):
            where = held_at if at == 0 else block << 16 | at + shift
            if where >= end or not take(held, at, length):
                return where
            at += length
        del held[:at]
        if not held:
            held_at = block + len(raw) << 16
        elif at:
            held_at = block << 16 | at + shift
        if len(held) > LARGEST_RECORD:
            raise Malformed(f"byte {block}: a record longer than {LARGEST_RECORD} bytes")
        block, within = block + len(raw), 0
    if held and held_at < end and records.last_may_be_open and not take(held, 0, len(held)):
        return held_at
    return end


def is_whole(records: Records, data: Data, first: int, last: int) -> bool:
    """True if `data[first:last]` is records from end to end, as far as their lengths and fixed parts tell."""
    at = first
    while at < last:
        if not records.may_begin(data, at):
            return False
        at += records.length(data, at) or last
    return at == last


@dataclass(frozen=True, slots=True)
class HeaderEnd:
    """Where the header ends. first_record: packed. tail: its bytes in the block that it shares with records."""

    first_record: int
    tail: bytes


def read_header(size_of: Callable[[bytearray], int | None]) -> Reading[tuple[bytes, HeaderEnd]]:
    """The inflated header at the begin of a file, and where it ends.

    size_of: bytes of the header that the given bytes begin with, None while more are needed. Raises Malformed.
    """
    text, block = bytearray(), 0
    while True:
        raw = yield from read_block(block)
        data = inflate(raw)
        before = len(text)
        text += data
        size = size_of(text)
        if size is not None and size <= len(text):
            break
        if len(text) > LARGEST_HEADER:
            raise Malformed(f"the header is longer than {LARGEST_HEADER} bytes")
        block += len(raw)
    if size == len(text):
        return bytes(text), HeaderEnd(block + len(raw) << 16, b"")
    return bytes(text[:size]), HeaderEnd(block << 16 | size - before, bytes(text[before:size]))
