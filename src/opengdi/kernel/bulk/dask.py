"""Workers of a Dask cluster: on other machines, under Slurm or in Kubernetes. They need the same opengdi."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Final, Self

from distributed import Client

from opengdi.kernel.bulk.attempt import Outcome, attempt
from opengdi.kernel.bulk.ports import Argument, Cancelled, Result, Task
from opengdi.kernel.bulk.window import ordered_results
from opengdi.kernel.errors import Unavailable

CONNECT_TIMEOUT_S: Final = 10.0
_LOOK_S: Final = 5.0
"""A client that is closed while somebody asks it for a result may never answer; so it is looked whether it was."""


class DaskPool:
    """The threads of all workers that the scheduler at `address` (`tcp://host:8786`) has now.

    Closing withdraws what has not begun; a task that has begun ends by itself, its result is forgotten.
    Raises Unavailable if the scheduler does not answer, or has no worker, within `CONNECT_TIMEOUT_S`.
    """

    def __init__(self, address: str) -> None:
        try:
            self._client = _connect(address)
            self._client.wait_for_workers(1, timeout=CONNECT_TIMEOUT_S)
        except (OSError, TimeoutError, ValueError) as error:
            raise Unavailable(f"bulk.dask_scheduler {address}: no scheduler with workers answers") from error
        self.workers = sum(self._client.nthreads().values())
        self._is_closed = False
        self._closing = threading.Lock()

    def map_ordered(
        self,
        function: Callable[[Argument], Result],
        tasks: Iterable[Task[Argument]],
        *,
        on_finished: Callable[[str], None] | None = None,
    ) -> Iterator[Result]:
        def submit(task: Task[Argument]) -> Any:
            if self._is_closed:
                raise Cancelled(f"the pool was closed before {task.name}")
            return self._client.submit(attempt, function, task, pure=False)

        return ordered_results(tasks, submit, self._collect, width=2 * self.workers, on_finished=on_finished)

    def _collect(self, future: Any, task: str) -> Outcome[Any]:
        while not self._is_closed:
            try:
                outcome: Outcome[Any] = future.result(timeout=_LOOK_S)
            except TimeoutError:
                continue
            except Exception as error:  # noqa: BLE001  # killed workers, a lost scheduler, what cannot be pickled
                if not self._is_closed:
                    return Outcome(reason=f"{type(error).__name__}: {error}")
            else:
                return outcome
        raise Cancelled(f"the pool was closed before {task} was done")

    def close(self) -> None:
        with self._closing:
            self._is_closed = True
            self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _connect(address: str) -> Any:
    client: Any = Client  # the library has no types
    return client(address, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
