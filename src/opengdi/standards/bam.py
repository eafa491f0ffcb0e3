"""BAM: the header and where its records lie, as far as cutting a file into regions needs it.

Works on inflated bytes. Spec: SAMv1 §4.2 "The BAM format".
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from struct import error as StructError  # noqa: N812  # the module's own name says nothing here
from typing import Final

from opengdi.standards.faults import Malformed

SPEC_VERSION: Final = "SAMv1 4.2"
MAGIC: Final = b"BAM\1"
SMALLEST_RECORD: Final = 36
"""Bytes of a record without name, CIGAR, sequence and tags, `block_size` included."""

MOST_REFERENCES: Final = 1 << 20
"""A limit of ours, so that a hostile header cannot fill the memory."""

_I32: Final = Struct("<i")
_FIXED: Final = Struct("<3i2B3Hi")
_CONSUME_REFERENCE: Final = frozenset({0, 2, 3, 7, 8})
"""CIGAR operations M, D, N, =, X."""
_UNMAPPED: Final = 4


@dataclass(frozen=True, slots=True)
class BamHeader:
    """names, lengths: of the reference sequences, in the order of their ids. size: bytes of all of it, inflated."""

    names: tuple[str, ...]
    lengths: tuple[int, ...]
    size: int


def parse_header(start: bytes | bytearray) -> BamHeader | None:
    """The header that a file begins with; None if it goes on beyond `start`. Raises Malformed."""
    _check_magic(start)
    try:
        return _parse_header(bytes(start))
    except StructError:
        return None


class HeaderSize:
    """Tells how long a header is while its bytes come in; what was looked at is not looked at again."""

    def __init__(self) -> None:
        self._at = 0
        self._left = -1

    def __call__(self, start: bytearray) -> int | None:
        """Bytes of the header that `start` begins with, None while it may go on beyond. Raises Malformed."""
        _check_magic(start)
        try:
            self._go_on(start)
        except StructError:
            return None
        return self._at

    def _go_on(self, start: bytearray) -> None:
        if self._left < 0:
            at = 8 + _length(start, 4, "header text")
            self._left, self._at = _length(start, at, "list of references"), at + 4
        if self._left > MOST_REFERENCES:
            raise Malformed(f"a BAM of {self._left} reference sequences; {MOST_REFERENCES} are the most")
        while self._left:
            name_bytes = _length(start, self._at, "reference name")
            _length(start, self._at + 4 + name_bytes, "reference")
            self._at, self._left = self._at + 8 + name_bytes, self._left - 1


def _check_magic(start: bytes | bytearray) -> None:
    if start[:4] != MAGIC[: len(start)]:
        raise Malformed("not BAM: the magic bytes are missing")


def _parse_header(start: bytes) -> BamHeader | None:
    at = 8 + _length(start, 4, "header text")
    count = _length(start, at, "list of references")
    at += 4
    names, lengths = [], []
    for _ in range(count):
        name_bytes = _length(start, at, "reference name")
        name = start[at + 4 : at + 4 + name_bytes]
        at += 4 + name_bytes
        lengths.append(_length(start, at, "reference"))
        at += 4
        names.append(name.rstrip(b"\0").decode("utf-8", "replace"))
    return BamHeader(tuple(names), tuple(lengths), at)


def _length(data: bytes | bytearray, at: int, what: str) -> int:
    length: int = _I32.unpack_from(data, at)[0]
    if length < 0:
        raise Malformed(f"the {what} of a BAM has {length} bytes or entries")
    return length


@dataclass(frozen=True, slots=True)
class BamRecords:
    """How records follow each other in the inflated bytes of a BAM with `references` reference sequences."""

    references: int

    @property
    def last_may_be_open(self) -> bool:
        return False

    def length(self, data: bytes | bytearray, at: int) -> int | None:
        """Bytes of the record that begins at `at`; None if `data` holds too little to tell. Raises Malformed."""
        if at + _I32.size > len(data):
            return None
        size = _I32.size + int(_I32.unpack_from(data, at)[0])
        if size < SMALLEST_RECORD:
            raise Malformed(f"a BAM record of {size} bytes; {SMALLEST_RECORD} are the least")
        return size

    def place(self, data: bytes | bytearray, at: int, length: int) -> tuple[int, int, int]:
        """Reference, start and end of the whole record at `at`: 0-based, half-open, one base if nothing is aligned.

        A record without a place is on reference -1. Raises Malformed.
        """
        _, reference, start, name_bytes, _, _, operations, flag, _ = _FIXED.unpack_from(data, at)
        cigar_at = at + SMALLEST_RECORD + name_bytes
        if cigar_at + 4 * operations > at + length:
            raise Malformed("a BAM record is shorter than its name and CIGAR")
        if flag & _UNMAPPED:
            return reference, start, start + 1
        cigar = Struct(f"<{operations}I").unpack_from(data, cigar_at)
        aligned = sum(word >> 4 for word in cigar if word & 15 in _CONSUME_REFERENCE)
        return reference, start, start + max(1, aligned)

    def may_begin(self, data: bytes | bytearray, at: int) -> bool:
        """True if what stands at `at` can be a record: the ids and lengths in its fixed part fit together."""
        if at + SMALLEST_RECORD > len(data):
            return False
        size, reference, start, name_bytes, _, _, operations, _, bases = _FIXED.unpack_from(data, at)
        least = SMALLEST_RECORD - 4 + name_bytes + 4 * operations + (bases + 1) // 2 + bases
        return bool(
            -1 <= reference < self.references and start >= -1 and name_bytes and bases >= 0 and least <= size
        )
