"""Worker processes of this machine, started afresh (`spawn`), so that no lock or thread is inherited."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from opengdi.kernel.bulk.attempt import Outcome, attempt
from opengdi.kernel.bulk.ports import Argument, Cancelled, Result, Task, TaskFailed
from opengdi.kernel.bulk.window import ordered_results
from opengdi.kernel.errors import GdiError


class ProcessPool:
    """As many processes as `workers` says (0: one per core this process may use), begun when first needed.

    Each worker holds the reading end of a pipe, the life line; it ends at once when the other end closes: on
    `close`, and when this process ends in whatever way, `kill -9` included.
    """

    def __init__(self, workers: int = 0) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))
        context = get_context("spawn")
        self._worker_end, self._life_line = context.Pipe(duplex=False)
        self._executor = ProcessPoolExecutor(
            self.workers, mp_context=context, initializer=_hold_life_line, initargs=(self._worker_end,)
        )
        self._is_closed = False
        self._closing = threading.Lock()

    def map_ordered(
        self,
        function: Callable[[Argument], Result],
        tasks: Iterable[Task[Argument]],
        *,
        on_finished: Callable[[str], None] | None = None,
    ) -> Iterator[Result]:
        def submit(task: Task[Argument]) -> Future[Outcome[Result]]:
            try:
                return self._executor.submit(attempt, function, task)
            except RuntimeError:  # broken, or shut down
                raise self._loss_of(task.name) from None

        return ordered_results(tasks, submit, self._collect, width=2 * self.workers, on_finished=on_finished)

    def _collect(self, future: Future[Outcome[Result]], task: str) -> Outcome[Result]:
        try:
            return future.result()
        except (BrokenProcessPool, CancelledError):
            raise self._loss_of(task) from None
        except Exception as error:  # noqa: BLE001  # the argument or the result cannot be pickled
            return Outcome(reason=f"{type(error).__name__}: {error}")

    def _loss_of(self, task: str) -> GdiError:
        if self._is_closed:
            return Cancelled(f"the pool was closed before {task} was done")
        return TaskFailed(task, "a worker process died while this task, or one beside it, was carried out")

    def close(self) -> None:
        with self._closing:  # two threads that close one pipe at once may close somebody else's file
            self._is_closed = True
            self._life_line.close()
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._worker_end.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _hold_life_line(life_line: Connection) -> None:
    """Prepare a worker: Ctrl-C is the parent's business, and the end of the life line is the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(life_line,), daemon=True, name="life-line").start()


def _end_with(life_line: Connection) -> None:
    life_line.poll(None)  # nothing is ever sent: readable means closed
    os._exit(1)
