"""Progress of a submission in the terminal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from opengdi.apps.submission.plan import Item
from opengdi.apps.submission.sending import item_bytes
from opengdi.apps.submission.submitting import OVER
from opengdi.apps.terminal import console


class Bars:
    """A bar for all bytes, one for each file that is on its way, a line for each that is done."""

    def __init__(self, progress: Progress, items: int, size_bytes: int) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._tasks: dict[Item, TaskID] = {}
        self._arrived: dict[Item, int] = {}
        self._items, self._done = items, 0
        self._all = progress.add_task(self._title(), total=size_bytes, state="")

    def began(self, item: Item) -> None:
        with self._lock:
            self._tasks[item] = self._progress.add_task(item.path, total=item_bytes(item), state="sending")

    def arrived(self, item: Item, size_bytes: int) -> None:
        with self._lock:
            self._progress.update(self._tasks[item], completed=size_bytes)
            self._progress.advance(self._all, size_bytes - self._arrived.get(item, 0))
            self._arrived[item] = size_bytes

    def state(self, item: Item, state: str, reason: str = "") -> None:
        with self._lock:
            self._progress.update(self._tasks[item], state=state)
            if state in OVER:
                self._done += 1
                self._progress.remove_task(self._tasks[item])
                self._progress.update(self._all, description=self._title())
                self._progress.console.print(f"{state:>8}  {item.path}{'  ' + reason if reason else ''}")

    def _title(self) -> str:
        return f"{self._done} of {self._items} files"


@contextmanager
def bars_on_stderr(items: list[Item]) -> Iterator[Bars]:
    """Bars while the block runs."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}", markup=False),
    )
    with Progress(*columns, console=console(stderr=True)) as progress:
        yield Bars(progress, len(items), sum(map(item_bytes, items)))


class Silence:
    """Watches nothing, for programs that read the report."""

    def began(self, item: Item) -> None: ...

    def arrived(self, item: Item, size_bytes: int) -> None: ...

    def state(self, item: Item, state: str, reason: str = "") -> None: ...
