"""Jobs that outlive the process: named, idempotent, in steps of which each is done once.

`ports` says what a job may count on; `durable` is the adapter (DBOS Transact on SQLite or PostgreSQL).
"""

from __future__ import annotations

from opengdi.kernel.jobs.ports import Job, Jobs, JobState, JobStatus, Json, Steps

__all__ = ["Job", "JobState", "JobStatus", "Jobs", "Json", "Steps"]
