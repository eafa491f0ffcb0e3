"""Which part of a sequence is asked for, and with what status a question fails that cannot be answered.

Spec: GA4GH refget 2.0.0, "Method: get sequence by ID", "Errors", "Range headers".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from opengdi.standards.faults import Malformed

_UINT32: Final = 2**32
_NUMBER: Final = re.compile(r"\d{1,10}\Z", re.ASCII)
_RANGE: Final = re.compile(r"bytes=(\d{0,19})-(\d{0,19})\Z", re.ASCII)


class Refused(Malformed):
    """A question that the specification answers with a status of its own."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Part:
    """What to send: spans [first, stop) of the sequence one after the other, and the status to send them with."""

    spans: tuple[tuple[int, int], ...]
    status: HTTPStatus = HTTPStatus.OK

    @property
    def length(self) -> int:
        return sum(stop - first for first, stop in self.spans)


def asked_part(
    parameters: Mapping[str, str],
    range_header: str | None,
    *,
    length: int,
    circular: bool,
    limit: int = 0,
) -> Part:
    """The part of a sequence of `length` bases that a request asks for; all of it, if it says nothing.

    limit: most bases that `start` and `end` may name; 0: no limit. Raises Refused.
    """
    start, end = (_number(parameters, name) for name in ("start", "end"))
    if start is None and end is None:
        return _whole(length) if range_header is None else _by_range(range_header, length)
    if range_header is not None:
        raise Refused(HTTPStatus.BAD_REQUEST, "start or end and a Range header must not be given together")
    first, stop = start or 0, length if end is None else end
    _check_bounds(start, stop, length)
    if first > stop and not circular:
        raise Refused(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "start is greater than end, and the sequence is not circular",
        )
    part = Part(((first, stop),) if first <= stop else ((first, length), (0, stop)))
    if limit and part.length > limit:
        raise Refused(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"at most {limit} bases are told at once")
    return part


def _number(parameters: Mapping[str, str], name: str) -> int | None:
    """A "32-bit unsigned integer"."""
    text = parameters.get(name)
    if text is None:
        return None
    if not _NUMBER.match(text) or int(text) >= _UINT32:
        raise Refused(HTTPStatus.BAD_REQUEST, f"{name} must be a whole number from 0 to {_UINT32 - 1}")
    return int(text)


def _check_bounds(start: int | None, stop: int, length: int) -> None:
    if start is not None and start > length:
        raise Refused(HTTPStatus.BAD_REQUEST, f"start is larger than the length, {length}")
    # The compliance suite asks for 416 where `start` names no base of the sequence.
    if stop > length or start == length:
        raise Refused(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"start and end must lie within {length} bases"
        )


def _whole(length: int) -> Part:
    return Part(((0, length),))


def _by_range(header: str, length: int) -> Part:
    """The part by a Range header, cut at the end of the sequence.

    "The server MUST respond with a Bad Request error if one or more ranges are out of bounds of the sequence"; for one
    that ends before it begins the compliance suite asks for 416.
    """
    found = _RANGE.match(header.strip())
    if found is None or not any(found.groups()):
        raise Refused(HTTPStatus.BAD_REQUEST, "Range must be one range of bytes such as bytes=0-9")
    first_text, last_text = found.groups()
    if not first_text:
        first, last = max(0, length - int(last_text)), length - 1
    else:
        first, last = int(first_text), int(last_text) if last_text else length - 1
    if first_text and last_text and first > last:
        raise Refused(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "Range must not end before it begins")
    if first >= length:
        raise Refused(HTTPStatus.BAD_REQUEST, f"Range lies out of bounds of {length} bases")
    return Part(((first, min(last + 1, length)),), HTTPStatus.PARTIAL_CONTENT)
