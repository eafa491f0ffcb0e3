"""Personal data that an audit event refers to: kept apart under a random id, so that it can be erased.

The chain itself holds ids only and is never edited; after an erasure it still shows that something was recorded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final, cast

from sqlalchemy import Column, DateTime, Engine, String, Table, Text, delete, insert, select

from opengdi.kernel.database import metadata, reading
from opengdi.kernel.errors import NotFound

audit_details: Final = Table(
    "audit_details",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("body", Text, nullable=False),
)


class AuditDetails:
    """The erasable table. Ids are random and given by the caller (`secrets.token_hex(16)`), never derived."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def remember(self, detail_id: str, body: Mapping[str, str], recorded_at: datetime) -> None:
        """Keep `body` under `detail_id`, which then goes into an event."""
        row = {
            "id": detail_id,
            "recorded_at": recorded_at,
            "body": json.dumps(dict(body), ensure_ascii=False),
        }
        with self._engine.begin() as connection:
            connection.execute(insert(audit_details), row)

    def recall(self, detail_id: str) -> dict[str, str]:
        """What was kept. Raises NotFound if it never was or has been erased."""
        with reading(self._engine) as connection:
            body = connection.scalar(select(audit_details.c.body).where(audit_details.c.id == detail_id))
        if body is None:
            raise NotFound(f"audit detail {detail_id} is not known, or has been erased")
        return cast("dict[str, str]", json.loads(body))

    def erase(self, detail_id: str) -> bool:
        """Forget it for good; False if there was nothing to forget."""
        with self._engine.begin() as connection:
            return (
                connection.execute(delete(audit_details).where(audit_details.c.id == detail_id)).rowcount > 0
            )
