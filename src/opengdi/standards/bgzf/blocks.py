"""Blocks of a BGZF file. A block is a gzip member of at most 64 KiB that tells its own compressed size."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from struct import Struct
from typing import Final, Self

from opengdi.standards.faults import Malformed

GZIP_MAGIC: Final = b"\x1f\x8b"
LARGEST_BLOCK: Final = 65536
"""Bytes of a block, compressed or not: "limited to 64 KiB"."""
HEADER_BYTES: Final = 18
"""Bytes of a block's header as every BGZF writer makes it: one extra subfield, `BC`."""

END_OF_FILE: Final = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block that ends a complete file (SAMv1 §4.1.2, end-of-file marker)."""

_HEADER = Struct("<4BI2BH2BHH")
_TRAILER = Struct("<II")


@dataclass(frozen=True, slots=True, order=True)
class VirtualOffset:
    """A place in the uncompressed bytes: offset of the block in the file, then offset inside the block."""

    block: int
    within: int = 0

    @classmethod
    def unpack(cls, packed: int) -> Self:
        """From the 64-bit form that indexes hold: block << 16 | within."""
        return cls(packed >> 16, packed & 0xFFFF)


def is_bgzf(start: bytes) -> bool:
    """True if a file that begins with `start` (18 bytes or more) is BGZF, not plain gzip."""
    return start[:4] == b"\x1f\x8b\x08\x04" and start[12:16] == b"BC\x02\x00"


def block_size(header: bytes) -> int:
    """Compressed size in bytes of the whole block whose first 18 bytes are given. Raises Malformed."""
    if len(header) < HEADER_BYTES or not is_bgzf(header):
        raise Malformed("not a BGZF block: its header has no BC field")
    size: int = _HEADER.unpack_from(header)[-1] + 1
    if size < HEADER_BYTES + _TRAILER.size:
        raise Malformed(f"a BGZF block of {size} bytes is too short")
    return size


def inflate(block: bytes | memoryview) -> bytes:
    """The bytes in one whole block. Raises Malformed if it is damaged."""
    checksum, length = _TRAILER.unpack_from(block, len(block) - _TRAILER.size)
    if length > LARGEST_BLOCK:
        raise Malformed(f"a BGZF block is damaged: it says that it holds {length} bytes")
    try:
        data = zlib.decompress(block[HEADER_BYTES : -_TRAILER.size], wbits=-15, bufsize=length or 1)
    except zlib.error as error:
        raise Malformed(f"a BGZF block is damaged: {error}") from error
    if len(data) != length or zlib.crc32(data) != checksum:
        raise Malformed("a BGZF block is damaged: its checksum or length does not hold")
    return data
