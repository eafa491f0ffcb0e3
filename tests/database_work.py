"""How much a SQLite database did: steps of its virtual machine, which are the same on every machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine, event

_EVERY: Final = 10


@dataclass
class Work:
    """Steps so far, in tens."""

    steps: int = 0

    def count(self) -> int:
        """Called by SQLite; 0 lets it go on."""
        self.steps += 1
        return 0


@contextmanager
def work_of(engine: Engine) -> Iterator[Work]:
    """What is done by connections that are opened within."""
    work = Work()

    def watch(connection: Any, _record: Any) -> None:
        connection.set_progress_handler(work.count, _EVERY)

    engine.dispose()
    event.listen(engine, "connect", watch)
    try:
        yield work
    finally:
        event.remove(engine, "connect", watch)
        engine.dispose()
