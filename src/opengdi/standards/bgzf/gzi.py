"""GZI: where each block of a BGZF file begins, compressed and not, but for the first.

Spec: bgzip(1), "GZI FORMAT": a count, then pairs of offsets, little-endian numbers of 64 bits.
"""

from __future__ import annotations

import sys
from array import array

from opengdi.standards.faults import Malformed

_NUMBER_BYTES = 8


def parse_gzi(raw: bytes) -> tuple[array[int], array[int]]:
    """Offsets of the blocks in the file, and in the uncompressed bytes. Raises Malformed."""
    count = int.from_bytes(raw[:_NUMBER_BYTES], "little")
    if len(raw) < _NUMBER_BYTES or len(raw) != _NUMBER_BYTES * (1 + 2 * count):
        raise Malformed(f"a GZI of {len(raw)} bytes that says it has {count} blocks")
    numbers = array("Q", raw[_NUMBER_BYTES:])
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers[::2], numbers[1::2]
