"""Carrying out one task so that whatever happens can travel back from a worker."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from opengdi.kernel.bulk.ports import Argument, Result, Task, TaskFailed
from opengdi.kernel.errors import GdiError


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Result]):
    """What a task came to: a value; or a GdiError; or the reason and traceback of another error.

    Foreign exceptions travel as text, because many cannot be unpickled and would break the pool.
    """

    value: Result | None = None
    refusal: GdiError | None = None
    reason: str = ""
    worker_traceback: str = ""

    def unfold(self, task: str) -> Result:
        """The value. Raises what `BulkPool.map_ordered` promises."""
        if self.refusal is not None:
            self.refusal.add_note(f"in task {task}")
            raise self.refusal
        if self.reason:
            raise TaskFailed(task, self.reason, self.worker_traceback)
        return self.value  # type: ignore[return-value]  # None only where the function returned None


def attempt(function: Callable[[Argument], Result], task: Task[Argument]) -> Outcome[Result]:
    """Outcome of one task; runs in the worker."""
    try:
        return Outcome(value=function(task.argument))
    except GdiError as refusal:
        return Outcome(refusal=refusal)
    except Exception as error:  # noqa: BLE001  # the edge of a worker process
        reason = f"{type(error).__name__}: {error}"
        return Outcome(reason=reason, worker_traceback=traceback.format_exc())
