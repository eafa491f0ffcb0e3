"""What bulk work needs from whatever carries it out. Every adapter passes `tests/contract/test_bulk_pools.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from opengdi.kernel.errors import Unavailable

Argument = TypeVar("Argument")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Task(Generic[Argument]):
    """One piece of work; the name is for people (`chr21:0-5000000`), the argument must be picklable."""

    name: str
    argument: Argument


class TaskFailed(Unavailable):
    """A task broke by an error nobody foresaw, or its worker died; `worker_traceback` is for the operator's log."""

    def __init__(self, task: str, reason: str, worker_traceback: str = "") -> None:
        super().__init__(f"{task}: {reason}")
        self.task = task
        self.worker_traceback = worker_traceback


class Cancelled(Unavailable):
    """The pool was closed while it worked."""

    public = "The work was cancelled."


class BulkPool(Protocol):
    """Workers that carry out tasks. A context manager; leaving it ends the workers at once."""

    @property
    def workers(self) -> int:
        """Tasks that are carried out at the same time."""
        ...

    def map_ordered(
        self,
        function: Callable[[Argument], Result],
        tasks: Iterable[Task[Argument]],
        *,
        on_finished: Callable[[str], None] | None = None,
    ) -> Iterator[Result]:
        """Results in the order of the tasks, each as soon as it and all before it are there.

        `function` must be importable by name (module level). Tasks are taken from the iterable only as fast as
        results are taken from the iterator: at most `2 * workers` are begun and not yet handed over.
        `on_finished` gets the name of each task in the order of finishing, in the caller's thread, while it waits.
        Closing the iterator (`break`, an exception) withdraws what has not begun.

        Raises the GdiError that a task raised, with the task's name as a note; TaskFailed for any other
        exception and for a worker that died; Cancelled if the pool is closed meanwhile.
        """
        ...

    def close(self) -> None:
        """End the workers, also in the middle of a task; may be called from another thread, and twice."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
