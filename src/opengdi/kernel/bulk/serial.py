"""One task after the other in this process: for tests, and for work too small for processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self

from opengdi.kernel.bulk.attempt import attempt
from opengdi.kernel.bulk.ports import Argument, Cancelled, Result, Task


class SerialPool:
    """A pool without workers of its own."""

    workers = 1

    def __init__(self) -> None:
        self._is_closed = False

    def map_ordered(
        self,
        function: Callable[[Argument], Result],
        tasks: Iterable[Task[Argument]],
        *,
        on_finished: Callable[[str], None] | None = None,
    ) -> Iterator[Result]:
        for task in tasks:
            if self._is_closed:
                raise Cancelled(f"the pool was closed before {task.name}")
            outcome = attempt(function, task)
            if on_finished is not None:
                on_finished(task.name)
            yield outcome.unfold(task.name)

    def close(self) -> None:
        self._is_closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
