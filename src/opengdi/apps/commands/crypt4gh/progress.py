"""How far a long command is, on standard error: a bar at a terminal, else a line every ten seconds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from opengdi.apps.commands.crypt4gh.streams import Advance, called
from opengdi.kernel.clock import Clock

_STEP_BYTES: Final = 16 * 1024 * 1024
"""A bar that is drawn for every batch would cost as much as the batch."""

_LINE_EVERY_S: Final = 10.0
_MIB: Final = 1024 * 1024


@contextmanager
def progress_on_stderr(name: Path, size: int | None, clock: Clock) -> Iterator[Advance]:
    """What suits standard error; size in bytes, None if unknown."""
    if sys.stderr.isatty():
        with _bar(called(name), size) as advance:
            yield advance
    else:
        yield _Lines(called(name), size, clock).advance


class _Lines:
    """Says something only of what takes long."""

    def __init__(self, name: str, size: int | None, clock: Clock) -> None:
        self._name, self._size, self._clock = name, size, clock
        self._done = 0
        self._began = self._said = clock.monotonic()

    def advance(self, size: int) -> None:
        self._done += size
        now = self._clock.monotonic()
        if now - self._said < _LINE_EVERY_S:
            return
        self._said = now
        of = f" of {self._size / _MIB:,.0f}" if self._size else ""
        rate = self._done / _MIB / (now - self._began)
        print(
            f"{self._name}: {self._done / _MIB:,.0f}{of} MiB, {rate:,.0f} MiB/s", file=sys.stderr, flush=True
        )


@contextmanager
def _bar(name: str, size: int | None) -> Iterator[Advance]:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from opengdi.apps.terminal import console

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(stderr=True)) as bars:
        task = bars.add_task(name, total=size)
        waiting = 0

        def advance(done: int) -> None:
            nonlocal waiting
            waiting += done
            if waiting >= _STEP_BYTES:
                bars.advance(task, waiting)
                waiting = 0

        yield advance
        bars.advance(task, waiting)
