"""A signed 64-bit number for an allele: the sort key of every stored site.

Layout from the highest bit: sign (always 0) · contig 5 bits · position 28 bits (0-based start) · allele 30 bits.
Keys therefore order by contig, then start, and no reader needs unsigned integers. The allele part is exact for
REF + ALT of up to ten bases of A, C, G, T in all (bit 29 clear: REF length 4 bits, ALT length 4 bits,
bases 20 bits) and a 29-bit hash otherwise (bit 29 set), so a reader of hashed keys compares REF and ALT too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from opengdi.standards.coordinates import CONTIG_CODES, CONTIGS
from opengdi.standards.faults import Malformed

POSITION_BITS: Final = 28
ALLELE_BITS: Final = 30
HASHED: Final = 1 << 29
_EXACT_BASES: Final = 10
_BASE_CODES: Final = {"A": 0, "C": 1, "G": 2, "T": 3}
_BASES: Final = "ACGT"


@dataclass(frozen=True, slots=True)
class DecodedKey:
    """What a key tells; `ref` and `alt` are None when the allele part is a hash."""

    contig: str
    start: int
    ref: str | None
    alt: str | None


def variant_key(contig: str, start: int, ref: str, alt: str) -> int:
    """Key of an allele at 0-based `start`; REF and ALT in upper case, ALT may be symbolic.

    Raises Malformed if the contig is unknown or the position does not fit.
    """
    return position_key(contig, start) | allele_code(ref, alt)


def position_key(contig: str, start: int) -> int:
    """Smallest key at 0-based `start`: the lower end of a scan."""
    code = CONTIG_CODES.get(contig)
    if code is None:
        raise Malformed(f"unknown contig {contig!r}")
    if not 0 <= start < 1 << POSITION_BITS:
        raise Malformed(f"position {start} is outside 0..{(1 << POSITION_BITS) - 1}")
    return (code << POSITION_BITS | start) << ALLELE_BITS


def allele_code(ref: str, alt: str) -> int:
    """The 30-bit allele part. Only that of short alleles is remembered: others may be as long as a question."""
    return _short_code(ref, alt) if len(ref) + len(alt) <= _EXACT_BASES else _hashed_code(ref, alt)


@lru_cache(maxsize=65536)
def _short_code(ref: str, alt: str) -> int:
    packed = 0
    for base in ref + alt:
        if base not in _BASE_CODES:
            return _hashed_code(ref, alt)
        packed = packed << 2 | _BASE_CODES[base]
    return len(ref) << 25 | len(alt) << 21 | packed


def _hashed_code(ref: str, alt: str) -> int:
    digest = blake2b(f"{ref}>{alt}".encode(), digest_size=4).digest()
    return HASHED | int.from_bytes(digest) & HASHED - 1


def is_hashed(key: int) -> bool:
    """True if REF and ALT must be compared besides the key."""
    return bool(key & HASHED)


def decode_key(key: int) -> DecodedKey:
    """What is in a key. Raises Malformed if no contig has its code."""
    code = key >> POSITION_BITS + ALLELE_BITS
    if not 1 <= code <= len(CONTIGS):
        raise Malformed(f"key {key} names no contig")
    start = key >> ALLELE_BITS & (1 << POSITION_BITS) - 1
    if is_hashed(key):
        return DecodedKey(CONTIGS[code - 1], start, None, None)
    ref_length, alt_length = key >> 25 & 15, key >> 21 & 15
    bases = "".join(_BASES[key >> 2 * place & 3] for place in range(ref_length + alt_length - 1, -1, -1))
    return DecodedKey(CONTIGS[code - 1], start, bases[:ref_length], bases[ref_length:])
