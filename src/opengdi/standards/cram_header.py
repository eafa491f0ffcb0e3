"""CRAM: the SAM header as far as records need it to be decoded, and the beginning of a file that has such a header.

Spec: CRAM 3.1 and 2.1, "File definition", "Container header structure", "Block structure", "File header block".
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final

from opengdi.standards.cram import FILE_DEFINITION_BYTES, MAGIC
from opengdi.standards.faults import Malformed

_I32: Final = Struct("<i")
_RAW, _FILE_HEADER, _CONTENT_ID = 0, 0, 0
_NO_PLACE_NO_RECORDS: Final = bytes(6)
"""Reference, start, span, records, record counter, bases: a zero each."""
_ONE_BLOCK_AT_ONCE: Final = bytes([1, 1, 0])
"""Number of blocks, number of landmarks, and the one landmark."""
_MAJOR_WITH_CHECKSUMS: Final = 3
_FIELD: Final = re.compile(rb"\t([A-Za-z][A-Za-z0-9]):([^\t\r\n]*)")


@dataclass(frozen=True, slots=True)
class Reference:
    """An `@SQ` line. length: as it is written there. md5: lower case; empty: the line has none."""

    name: bytes
    length: bytes
    md5: str


def references(text: bytes) -> list[Reference]:
    """The reference sequences that a SAM header names, in the order of their ids."""
    return [
        Reference(fields.get(b"SN", b""), fields.get(b"LN", b""), _md5(fields.get(b"M5", b"")))
        for fields in _lines(text, b"@SQ")
    ]


def bare_header(text: bytes, sequence_name: Callable[[str], str | None]) -> bytes:
    """The header with nothing but names and lengths of references, and ids of read groups: records count on those.

    sequence_name: what stands for the MD5 of a reference, if it is known. Where a header says that its references
    lie (`UR`) is left out, so that whoever decodes with it looks nowhere.
    """
    lines = [b"@HD\tVN:1.6\tSO:coordinate"]
    for found in references(text):
        known = sequence_name(found.md5) if found.md5 else None
        digest = b"\tM5:" + known.encode() if known else b""
        lines.append(b"@SQ\tSN:" + found.name + b"\tLN:" + found.length + digest)
    lines += [b"@RG\tID:" + fields.get(b"ID", b"") for fields in _lines(text, b"@RG")]
    return b"".join(line + b"\n" for line in lines)


def file_start(definition: bytes, text: bytes) -> bytes:
    """A file definition as it is, and the container of a SAM header. Raises Malformed for an unknown version."""
    if definition[:4] != MAGIC or len(definition) < FILE_DEFINITION_BYTES or definition[4] not in {2, 3}:
        raise Malformed("not CRAM 2 or 3")
    checksum = _checksum if definition[4] >= _MAJOR_WITH_CHECKSUMS else _no_checksum
    content = _I32.pack(len(text)) + text
    size = _itf8(len(content))
    block = bytes([_RAW, _FILE_HEADER, _CONTENT_ID]) + size + size + content
    block += checksum(block)
    container = _I32.pack(len(block)) + _NO_PLACE_NO_RECORDS + _ONE_BLOCK_AT_ONCE
    return definition[:FILE_DEFINITION_BYTES] + container + checksum(container) + block


def _lines(text: bytes, kind: bytes) -> Iterator[dict[bytes, bytes]]:
    for line in text.split(b"\n"):
        if line.startswith(kind + b"\t"):
            yield dict(_FIELD.findall(line))


def _md5(value: bytes) -> str:
    return value.decode("ascii", "replace").lower()


def _checksum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")


def _no_checksum(_: bytes) -> bytes:
    return b""


def _itf8(number: int) -> bytes:
    """§2.3: a length of up to 28 bits; the leading ones of the first byte say how many follow."""
    for more in range(4):
        if number < 1 << (7 * (more + 1)):
            head = (0xFF00 >> more) & 0xFF
            return (number | head << 8 * more).to_bytes(more + 1)
    raise Malformed("a header of more than 256 MiB")
