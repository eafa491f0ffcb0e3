"""How the walk speaks: numbered steps in plain words, and the one that failed by its name."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from rich.console import Console

from opengdi.apps.terminal import console
from opengdi.kernel.errors import Conflict, GdiError
from opengdi.standards.faults import Malformed, Unverified


class StepFailed(Exception):
    """A step did not show what it promises; the message names it."""


@dataclass
class Teller:
    """Counts and tells the steps. `console` is where it speaks."""

    console: Console = field(default_factory=console)
    _number: int = 0

    @contextmanager
    def step(self, words: str) -> Iterator[None]:
        """Tell the step, and what it was if it fails: raises StepFailed."""
        self._number += 1
        self.console.print(f"{self._number:2}. {words}", style="bold")
        try:
            yield
        except _FAILURES as error:
            self.console.print()
            raise StepFailed(f"step {self._number} ({words}) failed: {error}") from error
        self.console.print()

    def say(self, words: str) -> None:
        self.console.print(f"    {words}")


_FAILURES = (
    GdiError, Malformed, Unverified, OSError, KeyError, ValueError, httpx.HTTPError, subprocess.SubprocessError,
)  # fmt: skip


def expect(shown: object, otherwise: str) -> None:
    """Raises Conflict, with those words, unless there is something."""
    if not shown:
        raise Conflict(otherwise)
