"""Jobs on DBOS Transact: every step's result lies in the database before the next step begins."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from dbos import DBOS, DBOSConfig, SetWorkflowID
from dbos import WorkflowSerializationFormat as Format
from dbos import WorkflowStatus as Recorded
from sqlalchemy.exc import SQLAlchemyError

from opengdi.kernel.database import open_engine
from opengdi.kernel.errors import Conflict, NotFound, Unavailable
from opengdi.kernel.jobs.ports import Job, JobState, JobStatus, Json

_STATES: Final = {
    "ENQUEUED": JobState.WAITING,
    "DELAYED": JobState.WAITING,
    "PENDING": JobState.RUNNING,
    "SUCCESS": JobState.DONE,
    "ERROR": JobState.DEAD,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": JobState.DEAD,
    "CANCELLED": JobState.CANCELLED,
}
_VERSION: Final = "1"
"""One for all versions of the package: a job left by an older one is taken up. Change a job's name with its steps."""

MOST_AT_ONCE: Final = 8
"""Jobs carried out at the same time by one process; each has a thread."""


class _Steps:
    def run(self, name: str, function: Callable[..., Json], *arguments: Json, attempts: int = 1) -> Json:
        options: Any = {"name": name, "retries_allowed": attempts > 1, "max_attempts": attempts}
        return DBOS.run_step(options, function, *arguments)


class DurableJobs:
    """Jobs in the database at `location`: a SQLite file, or a PostgreSQL URL (schema `dbos`).

    `executor` names this process among those that share the database and must stay the same when it starts again,
    because what it left undone is known by it. DBOS allows one instance in a process.
    """

    def __init__(self, location: str | Path, *, executor: str) -> None:
        open_engine(location).dispose()  # refuses what cannot be opened, and makes a file private
        is_url = isinstance(location, str) and "://" in location
        config: DBOSConfig = {
            "name": "opengdi",
            "system_database_url": str(location) if is_url else f"sqlite:///{location}",
            "executor_id": executor,
            "application_version": _VERSION,
            "max_executor_threads": MOST_AT_ONCE,
            "log_level": "WARNING",
        }
        _log_where_we_log()
        self._dbos = DBOS(config=config)
        self._workflows: dict[str, Callable[[Json], Json]] = {}

    def register(self, name: str, job: Job) -> None:
        def workflow(argument: Json) -> Json:
            return job(_Steps(), argument)

        # JSON, not DBOS's usual pickle: what lies in a database is data, not code
        decorate = DBOS.workflow(name=name, serialization_type=Format.PORTABLE)
        self._workflows[name] = decorate(workflow)

    def start(self) -> None:
        try:
            DBOS.launch()
        except SQLAlchemyError as error:
            raise Unavailable(f"the jobs' database does not answer: {error}") from error

    def submit(self, name: str, argument: Json, *, key: str) -> str:
        if name not in self._workflows:
            raise NotFound(f"no job {name!r} is registered; there are {', '.join(sorted(self._workflows))}")
        with SetWorkflowID(f"{name}:{key}"):
            return str(DBOS.start_workflow(self._workflows[name], argument).workflow_id)

    def status(self, job_id: str) -> JobStatus:
        found = DBOS.get_workflow_status(job_id)
        if found is None:
            raise NotFound(f"there is no job {job_id!r}")
        return _status(found)

    def list(self, *, name: str | None = None, state: JobState | None = None) -> list[JobStatus]:
        recorded = [theirs for theirs, ours in _STATES.items() if state in {None, ours}]
        return [_status(found) for found in DBOS.list_workflows(name=name, status=recorded)]

    def retry(self, job_id: str) -> None:
        found = self.status(job_id)
        if found.state is not JobState.DEAD:
            raise Conflict(f"job {job_id!r} is {found.state}; only a dead one can be retried")
        steps = DBOS.list_workflow_steps(job_id)
        failed = [step["function_id"] for step in steps if step["error"] is not None]
        DBOS.rewind_workflow(job_id, start_step=failed[-1] if failed else len(steps) + 1)

    def forget(self, before: datetime, most: int = 1000) -> int:
        options: dict[str, Any] = {"load_input": False, "load_output": False, "limit": most}
        done = DBOS.list_workflows(status="SUCCESS", completed_before=before.isoformat(), **options)
        DBOS.delete_workflows([found.workflow_id for found in done])
        return len(done)

    def close(self) -> None:
        DBOS.destroy(destroy_registry=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _status(found: Recorded) -> JobStatus:
    arguments = found.input["args"] if found.input else ()
    return JobStatus(
        id=found.workflow_id,
        name=found.name,
        state=_STATES[found.status],
        argument=arguments[0] if arguments else None,
        submitted=_time(found.created_at),
        changed=_time(found.updated_at),
        result=found.output,
        error=str(found.error) if found.error else "",
    )


def _time(milliseconds: int | None) -> datetime:
    return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC)


def _log_where_we_log() -> None:
    """DBOS writes to the console unless its logger has a handler; with this one its lines go where ours go."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
