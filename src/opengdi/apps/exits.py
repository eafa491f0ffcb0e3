"""How a command ends: an exit code for every kind of error, and the sentence that goes with it."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

from opengdi.kernel.errors import (
    Conflict,
    GdiError,
    Invalid,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    OverBudget,
    Unavailable,
)
from opengdi.standards.faults import Malformed, Unverified

EXIT_CODES: Final[dict[type[Exception], int]] = {
    Invalid: 2,
    Malformed: 2,
    Unverified: 2,
    NotFound: 3,
    NotAuthenticated: 4,
    NotPermitted: 5,
    OverBudget: 6,
    Conflict: 7,
    Unavailable: 8,
    OSError: 9,
}
"""2 is also what a wrong option gives; a defect of our own gives 70 (`EX_SOFTWARE` of sysexits.h)."""

DEFECT: Final = 70


def exit_code(error: Exception) -> int:
    """The exit code of a command that `error` ended."""
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), DEFECT)


def sentence(error: Exception) -> str:
    """What to tell the operator about `error`: all of it for what we raise on purpose, its place otherwise."""
    if isinstance(error, GdiError | Malformed | Unverified):
        return str(error)
    if isinstance(error, OSError):
        reason = error.strerror or str(error) or type(error).__name__
        return f"{error.filename}: {reason}" if error.filename else reason
    return f"a defect in gdi, please report it: {type(error).__name__}: {error}{_place(error)}"


def _place(error: Exception) -> str:
    """` (file:line)` of the innermost frame."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return ""
    return f" ({PurePath(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno})"
