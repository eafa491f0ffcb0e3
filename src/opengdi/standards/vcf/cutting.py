"""Where records of a VCF or BCF lie in inflated bytes, as far as cutting a file into regions needs it.

Spec: VCF v4.5, §1.4 "Header line syntax" and §6.3.1 "BCF2 records".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Final

from opengdi.standards.faults import Malformed
from opengdi.standards.vcf.bcf import header_length

_END = re.compile(rb"(?:^|;)END=(\d{1,10})(?:;|$)")
_BCF_FIXED: Final = Struct("<IIiiifII")
_BCF_SHARED: Final = 24
_COLUMNS: Final = 8
_COLUMN_LINE: Final = b"\n#CHROM"


class VcfHeaderSize:
    """Tells how long a header is while its bytes come in; what was looked at is not looked at again."""

    def __init__(self) -> None:
        self._seen = 0

    def __call__(self, text: bytearray) -> int | None:
        """Bytes of the header lines that `text` begins with; None if they may go on beyond it. Raises Malformed."""
        if not (text.startswith(b"##") or b"##".startswith(text)):
            raise Malformed("not VCF: it does not begin with '##'")
        columns = text.find(_COLUMN_LINE, self._seen)
        if columns < 0:
            self._seen = max(0, len(text) - len(_COLUMN_LINE))
            return None
        self._seen, end = columns, text.find(b"\n", columns + 1)
        return None if end < 0 else end + 1


def bcf_header_size(start: bytearray) -> int | None:
    """Bytes of the header, as soon as its own length is there. Raises Malformed."""
    return header_length(bytes(start[:9])) if len(start) >= 9 else None


@dataclass(frozen=True, slots=True)
class VcfLines:
    """Lines of a VCF; references by name, numbered as its index numbers them."""

    references: Mapping[bytes, int]

    @property
    def last_may_be_open(self) -> bool:
        return True

    def length(self, data: bytes | bytearray, at: int) -> int | None:
        end = data.find(b"\n", at)
        return None if end < 0 else end + 1 - at

    def place(self, data: bytes | bytearray, at: int, length: int) -> tuple[int, int, int]:
        """A contig that the index does not have is reference -1. Raises Malformed."""
        columns = bytes(data[at : at + length]).rstrip(b"\r\n").split(b"\t", _COLUMNS)
        if len(columns) < _COLUMNS or not columns[1].isdigit():
            raise Malformed("a line of the VCF has no POS, or fewer than 8 columns")
        start = max(0, int(columns[1]) - 1)
        told = _END.search(columns[7])
        end = max(start + len(columns[3]), int(told[1]) if told else 0)
        return self.references.get(columns[0], -1), start, end

    def may_begin(self, data: bytes | bytearray, at: int) -> bool:  # noqa: ARG002  # a line does not show it
        return False


@dataclass(frozen=True, slots=True)
class BcfRecords:
    """Records of a BCF whose header numbers its contigs below `references`."""

    references: int

    @property
    def last_may_be_open(self) -> bool:
        return False

    def length(self, data: bytes | bytearray, at: int) -> int | None:
        if at + 8 > len(data):
            return None
        shared, samples = (
            int.from_bytes(data[at : at + 4], "little"),
            int.from_bytes(data[at + 4 : at + 8], "little"),
        )
        if shared < _BCF_SHARED:
            raise Malformed(
                f"a BCF record with {shared} bytes before its samples; {_BCF_SHARED} are the least"
            )
        return 8 + shared + samples

    def place(self, data: bytes | bytearray, at: int, length: int) -> tuple[int, int, int]:  # noqa: ARG002  # fixed
        _, _, contig, start, bases, *_ = _BCF_FIXED.unpack_from(data, at)
        return contig, start, start + max(1, bases)

    def may_begin(self, data: bytes | bytearray, at: int) -> bool:
        if at + _BCF_FIXED.size > len(data):
            return False
        shared, _, contig, start, bases, _, counts, _ = _BCF_FIXED.unpack_from(data, at)
        return bool(
            shared >= _BCF_SHARED
            and 0 <= contig < self.references
            and start >= -1
            and bases >= 0
            and counts >> 16
        )
