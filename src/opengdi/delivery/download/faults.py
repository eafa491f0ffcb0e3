"""Refusals with the words that clients of the field's download API know (`errorCode`)."""

from __future__ import annotations

from enum import StrEnum

from opengdi.kernel.errors import Invalid


class Code(StrEnum):
    """`errorCode` of a problem document."""

    KEY_MISSING = "KEY_MISSING"
    KEY_CONFLICT = "KEY_CONFLICT"
    KEY_INVALID = "KEY_INVALID"
    RANGE_INVALID = "RANGE_INVALID"
    RANGE_NOT_SATISFIABLE = "RANGE_NOT_SATISFIABLE"
    FILTER_CONFLICT = "FILTER_CONFLICT"
    INVALID_PAGE_TOKEN = "INVALID_PAGE_TOKEN"  # noqa: S105  # a word, no secret
    INVALID_PAGE_SIZE = "INVALID_PAGE_SIZE"
    INVALID_FILE_PATH = "INVALID_FILE_PATH"


class Refused(Invalid):
    """A request that is wrong in a way that has a word."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


class PastTheEnd(Refused):
    """A range that begins behind the last byte (416)."""

    def __init__(self, size: int) -> None:
        super().__init__(Code.RANGE_NOT_SATISFIABLE, f"The range begins past the last of {size} bytes.")
        self.size = size
