"""A sliding window over futures: results in order, submission no faster than consumption."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from opengdi.kernel.bulk.attempt import Outcome
from opengdi.kernel.bulk.ports import Argument, Result, Task


class Future(Protocol):
    """The little that the futures of `concurrent.futures` and of Dask have in common."""

    def done(self) -> bool: ...

    def cancel(self) -> Any: ...

    def add_done_callback(self, fn: Callable[[Any], object], /) -> Any: ...


AnyFuture = TypeVar("AnyFuture", bound=Future)


@dataclass(slots=True)
class _Begun(Generic[AnyFuture]):
    name: str
    future: AnyFuture
    is_finished: bool = False


def ordered_results(
    tasks: Iterable[Task[Argument]],
    submit: Callable[[Task[Argument]], AnyFuture],
    collect: Callable[[AnyFuture, str], Outcome[Result]],
    *,
    width: int,
    on_finished: Callable[[str], None] | None,
) -> Iterator[Result]:
    """Results in the order of the tasks; at most `width` tasks are submitted and not yet handed over."""
    source = iter(tasks)
    window: deque[_Begun[AnyFuture]] = deque()
    finished: SimpleQueue[_Begun[AnyFuture]] = SimpleQueue()
    try:
        while True:
            for task in islice(source, width - len(window)):
                begun = _Begun(task.name, submit(task))
                window.append(begun)
                begun.future.add_done_callback(partial(_put, finished, begun))
            if not window:
                return
            _wait_for(window[0], finished, on_finished)
            yield collect(window[0].future, window[0].name).unfold(window[0].name)
            window.popleft()
    finally:
        for begun in window:
            if not begun.future.done():
                begun.future.cancel()


def _wait_for(
    first: _Begun[AnyFuture],
    finished: SimpleQueue[_Begun[AnyFuture]],
    on_finished: Callable[[str], None] | None,
) -> None:
    """Wait until `first` is finished and tell of each that finishes meanwhile, callbacks arriving in any thread."""
    while not first.is_finished:
        begun = finished.get()
        begun.is_finished = True
        if on_finished is not None:
            on_finished(begun.name)


def _put(finished: SimpleQueue[_Begun[AnyFuture]], begun: _Begun[AnyFuture], _: object) -> None:
    finished.put(begun)
