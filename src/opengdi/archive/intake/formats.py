"""What a decrypted file is, told by its first bytes, never by its name.

Spec: SAMv1 §4.2 (BAM), CRAM 3.1 "File definition", VCF 4.5 §1 and §6 (BCF), each in BGZF (SAMv1 §4.1) but CRAM.
"""

from __future__ import annotations

import zlib
from enum import StrEnum
from typing import Final

from opengdi.standards.bgzf.blocks import HEADER_BYTES, is_bgzf

_WITHIN_BGZF: Final = 31
"""`wbits` of zlib for a gzip member."""

_LONGEST_MAGIC: Final = 17


class Format(StrEnum):
    """Formats that can be served by region, by htsget's names; VCF is bgzipped."""

    BAM = "BAM"
    CRAM = "CRAM"
    VCF = "VCF"
    BCF = "BCF"


_MAGICS: Final = {
    b"BAM\x01": Format.BAM,
    b"BCF\x02": Format.BCF,
    b"##fileformat=VCFv": Format.VCF,
}


def recognise(beginning: bytes | memoryview) -> Format | None:
    """The format of a file that begins so; None for any other, and for a VCF that is not bgzipped."""
    start = bytes(beginning[:HEADER_BYTES])
    if start.startswith(b"CRAM"):
        return Format.CRAM
    if not is_bgzf(start):
        return None
    try:
        inflated = zlib.decompressobj(_WITHIN_BGZF).decompress(beginning, _LONGEST_MAGIC)
    except zlib.error:
        return None
    return next((found for magic, found in _MAGICS.items() if inflated.startswith(magic)), None)
