"""What a feature needs to have something done for certain; `tests/contract/test_jobs_durable.py` holds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class Steps(Protocol):
    """The hand that a job gets: whatever touches the world goes through it."""

    def run(self, name: str, function: Callable[..., Json], *arguments: Json, attempts: int = 1) -> Json:
        """What the function gives; once it has, the step is never run again, the result comes from the record.

        A process killed within a step runs that step again, so a step must bear being done twice.
        An exception is tried again up to `attempts` times in all, then raised.
        """
        ...


Job: TypeAlias = "Callable[[Steps, Json], Json]"
"""Calls its steps in the same order each time for the same argument; everything else in it is plain computing."""


class JobState(StrEnum):
    """Where a job stands. Only DEAD ones can be retried."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One job as recorded. `result` once it is done, `error` once it is dead; times are aware."""

    id: str
    name: str
    state: JobState
    argument: Json
    submitted: datetime
    changed: datetime
    result: Json = None
    error: str = ""


class Jobs(Protocol):
    """Durable jobs. Methods block shortly on the database: call them from a thread, not from an event loop."""

    def register(self, name: str, job: Job) -> None:
        """Say what carries out jobs of this name; before `start`, in every process that shares the database."""
        ...

    def start(self) -> None:
        """Take up what was left undone, then whatever is submitted. Raises Unavailable."""
        ...

    def submit(self, name: str, argument: Json, *, key: str) -> str:
        """Id of the job; submitting the same name and key again gives the same job, whatever the argument.

        Raises NotFound if no job of this name is registered.
        """
        ...

    def status(self, job_id: str) -> JobStatus:
        """Raises NotFound."""
        ...

    def list(self, *, name: str | None = None, state: JobState | None = None) -> list[JobStatus]:
        """Jobs in order of submission."""
        ...

    def retry(self, job_id: str) -> None:
        """Take up a dead job at the step that failed. Raises NotFound, Conflict if it is not dead."""
        ...

    def forget(self, before: datetime, most: int = 1000) -> int:
        """Forget jobs that were done before that time, with their steps; how many were forgotten.

        The key of a forgotten job names a new one.
        """
        ...

    def close(self) -> None:
        """Stop; what runs is taken up at the next start."""
        ...
