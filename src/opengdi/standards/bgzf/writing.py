"""Making blocks: of data, and empty ones of a wanted size to fill a gap between two others."""

from __future__ import annotations

import zlib
from struct import Struct
from typing import Final

from opengdi.standards.bgzf.blocks import LARGEST_BLOCK

DATA_IN_BLOCK: Final = 0xFF00
"""Bytes of data in a full block; even what does not shrink then fits into one."""

SMALLEST_FILLER: Final = 48
"""From this size on every filler can be made."""

_LEVEL: Final = 6
_HEADER: Final = bytes.fromhex("1f8b08040000000000ff060042430200")
_U16: Final = Struct("<H")
_TRAILER: Final = Struct("<II")
_AROUND: Final = len(_HEADER) + _U16.size + _TRAILER.size
_END_OF_DATA: Final = b"\x03\x00"
_EMPTY_STORED: Final = b"\x00\x00\x00\xff\xff"
_EMPTY_FIXED_AND_STORED: Final = b"\x02\x00\x00\x00\xff\xff"
"""A stored block begins at a whole byte, so an empty one takes 5 bytes; with an empty fixed block before it, 6."""


def deflate_blocks(data: bytes | bytearray | memoryview) -> bytes:
    """Blocks that hold `data`; no bytes for none. The end-of-file marker is not among them."""
    view = memoryview(data)
    return b"".join(
        _block(view[start : start + DATA_IN_BLOCK]) for start in range(0, len(view), DATA_IN_BLOCK)
    )


def _block(data: memoryview) -> bytes:
    deflated = zlib.compress(data, _LEVEL, wbits=-15)
    return _framed(deflated, _TRAILER.pack(zlib.crc32(data), len(data)))


def _framed(deflated: bytes, trailer: bytes) -> bytes:
    return b"".join((_HEADER, _U16.pack(len(deflated) + _AROUND - 1), deflated, trailer))


def can_fill(size: int) -> bool:
    """True if empty blocks can take exactly `size` bytes: 0, 28, 33, 34, 38–40, 43–46 and all from 48 on."""
    return size == 0 or _stored_blocks(size) is not None


def filler(size: int) -> bytes:
    """Empty blocks of `size` bytes together, which every reader passes over. Raises ValueError unless `can_fill`."""
    made = []
    while size > LARGEST_BLOCK:
        made.append(_empty(LARGEST_BLOCK // 2))
        size -= LARGEST_BLOCK // 2
    if size:
        made.append(_empty(size))
    return b"".join(made)


def _empty(size: int) -> bytes:
    counts = _stored_blocks(size)
    if counts is None:
        raise ValueError(f"no empty BGZF block has {size} bytes")
    fives, sixes = counts
    deflated = _EMPTY_FIXED_AND_STORED * sixes + _EMPTY_STORED * fives + _END_OF_DATA
    return _framed(deflated, _TRAILER.pack(0, 0))


def _stored_blocks(size: int) -> tuple[int, int] | None:
    """How many empty blocks of 5 and of 6 bytes make up an empty BGZF block of `size` bytes."""
    room = size - _AROUND - len(_END_OF_DATA)
    sixes = room % 5
    fives = (room - 6 * sixes) // 5
    return (fives, sixes) if room >= 0 and fives >= 0 else None
