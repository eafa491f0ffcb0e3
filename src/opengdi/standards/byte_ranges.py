"""One byte range of a representation, and whether it may still be taken: `Range` and `If-Range`.

Spec: RFC 9110 §14.1.2 "Byte Ranges", §14.2 "Range", §13.1.5 "If-Range".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from opengdi.standards.faults import Malformed

SPEC_VERSION: Final = "RFC 9110"

LARGEST_NUMBER_DIGITS: Final = 19
"""Digits of a position; no file has more bytes than a signed 64-bit number counts."""

_UNIT: Final = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=")
_SPEC: Final = re.compile(r"\s*bytes\s*=\s*(\d*)-(\d*)\s*\Z", re.ASCII | re.IGNORECASE)


class Unsatisfiable(Malformed):
    """A range of which the representation has not a single byte (416)."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes [first, stop), never empty."""

    first: int
    stop: int

    def content_range(self, size: int) -> str:
        """Value of `Content-Range`, whose positions are both inclusive."""
        return f"bytes {self.first}-{self.stop - 1}/{size}"


def unsatisfied_range(size: int) -> str:
    """Value of `Content-Range` in an answer 416."""
    return f"bytes */{size}"


def parse_range(header: str, size: int) -> ByteRange | None:
    """The range that a `Range` header asks of a representation of `size` bytes, cut at its end.

    None if the unit is not bytes: "A server MUST ignore a Range header field received with […] a range unit that is
    not understood". Several ranges are refused: each costs what one costs, and nobody needs them here.
    Raises Malformed, and Unsatisfiable if nothing of the range is there.
    """
    unit = _UNIT.match(header)
    if unit is not None and unit[1].lower() != "bytes":
        return None
    found = _SPEC.match(header)
    if found is None or max(map(len, found.groups())) > LARGEST_NUMBER_DIGITS:
        raise Malformed("Range must be one range such as bytes=0-1023, bytes=1024- or bytes=-1024")
    first, last = found.groups()
    if not first:
        return _suffix(last, size)
    stop = int(last) + 1 if last else size
    if last and int(last) < int(first):
        raise Malformed("Range must not end before it begins")
    if int(first) >= size:
        raise Unsatisfiable(f"Range begins past the last of {size} bytes")
    return ByteRange(int(first), min(stop, size))


def _suffix(length: str, size: int) -> ByteRange:
    if not length:
        raise Malformed("Range must have a first or a last position")
    if not int(length) or not size:
        raise Unsatisfiable("a suffix of no bytes")
    return ByteRange(max(0, size - int(length)), size)


def may_continue(if_range: str | None, etag: str) -> bool:
    """True if a range may be taken: there is no `If-Range`, or it names this very representation.

    Entity tags are compared strongly; a date never matches, because no `Last-Modified` was told.
    """
    return if_range is None or (if_range.strip() == etag and not etag.startswith("W/"))
