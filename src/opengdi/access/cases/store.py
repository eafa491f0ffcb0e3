"""When which case has something due: an index over the events, written with them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Column, Connection, DateTime, Engine, Index, String, Table, delete, insert, select

from opengdi.access.cases.model import Case
from opengdi.access.cases.timers import next_due
from opengdi.kernel.database import metadata, reading

access_case_timers: Final = Table(
    "access_case_timers",
    metadata,
    Column("case_id", String(120), primary_key=True),
    Column("body", String(120), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Index("ix_access_case_timers_due_at", "due_at"),
)


def keep_timer(connection: Connection, case: Case) -> None:
    """Note when the case has something due next."""
    connection.execute(delete(access_case_timers).where(access_case_timers.c.case_id == case.id))
    if (at := next_due(case)) is not None:
        connection.execute(insert(access_case_timers), {"case_id": case.id, "body": case.body, "due_at": at})


def due_cases(engine: Engine, now: datetime) -> dict[str, str]:
    """The cases of which something has become due, those that wait the longest first, and the body of each."""
    columns = access_case_timers.c
    query = select(columns.case_id, columns.body).where(columns.due_at <= now)
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(columns.due_at, columns.case_id))
        return {row.case_id: row.body for row in rows}
