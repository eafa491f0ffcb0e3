"""How far a load is, on standard error: a bar with rate and remaining time, or plain lines where nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from opengdi.apps.terminal import console
from opengdi.kernel.clock import Clock

_LINE_EVERY_S: Final = 10.0


class BarProgress:
    """A bar per stage."""

    def __init__(self, bars: Progress, clock: Clock) -> None:
        self._bars, self._clock = bars, clock
        self._bar: TaskID | None = None
        self._records, self._began = 0, clock.monotonic()

    def stage(self, name: str, size: int) -> None:
        self._records, self._began = 0, self._clock.monotonic()
        self._bar = self._bars.add_task(name, total=size, rate="")

    def advance(self, size: int, records: int) -> None:
        self._records += records
        seconds = self._clock.monotonic() - self._began
        rate = f"{self._records / seconds:,.0f} records/s" if self._records and seconds > 0 else ""
        if self._bar is not None:
            self._bars.update(self._bar, advance=size, rate=rate)


class LineProgress:
    """A line when a stage begins and every ten seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._name, self._size, self._done, self._records = "", 0, 0, 0
        self._began = self._said = clock.monotonic()

    def stage(self, name: str, size: int) -> None:
        self._name, self._size, self._done, self._records = name, size, 0, 0
        self._began = self._said = self._clock.monotonic()
        print(f"{name} …", file=sys.stderr, flush=True)

    def advance(self, size: int, records: int) -> None:
        self._done += size
        self._records += records
        now = self._clock.monotonic()
        if now - self._said >= _LINE_EVERY_S:
            self._said = now
            print(self._line(now - self._began), file=sys.stderr, flush=True)

    def _line(self, seconds: float) -> str:
        share = self._done / self._size if self._size else 1.0
        remaining = seconds / share - seconds if share else 0.0
        rate = f", {self._records / seconds:,.0f} records/s" if self._records else ""
        return f"{self._name} {share:.0%}{rate}, {remaining:.0f} s to go"


@contextmanager
def progress_on_stderr(clock: Clock) -> Iterator[BarProgress | LineProgress]:
    """What suits standard error."""
    speak = console(stderr=True)
    if not speak.is_terminal:
        yield LineProgress(clock)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=speak) as bars:
        yield BarProgress(bars, clock)
