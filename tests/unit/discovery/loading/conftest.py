"""Compressed forms for the loader's tests."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import pytest

from opengdi.standards.bgzf.blocks import END_OF_FILE


@pytest.fixture
def bgzf() -> Callable[[bytes], bytes]:
    """Bytes as BGZF with small blocks, so that lines run across them."""

    def compress(data: bytes, block: int = 4000) -> bytes:
        pieces = [data[at : at + block] for at in range(0, len(data), block)]
        return b"".join(map(_block, pieces)) + END_OF_FILE

    return compress


def _block(data: bytes) -> bytes:
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = deflate.compress(data) + deflate.flush()
    header = struct.pack("<4BI2BH2BHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(body) + 25)
    return header + body + struct.pack("<II", zlib.crc32(data), len(data))
