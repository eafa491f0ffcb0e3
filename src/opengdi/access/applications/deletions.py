"""Contents of attachments that are to be deleted: noted in the transaction that makes them useless, deleted behind it.

So a rollback loses none, and a crash leaves none for ever. What is handed in is noted before its content is kept, and
is no longer with the event that names it: what no event names goes as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Column, Connection, DateTime, Engine, String, Table, delete, insert, select

from opengdi.kernel.clock import Clock
from opengdi.kernel.database import metadata, reading
from opengdi.kernel.errors import Conflict

UPLOAD: Final = timedelta(hours=1)
"""As long may pass from the first byte that is kept of an attachment to the event that names it."""

attachments_to_delete: Final = Table(
    "attachments_to_delete",
    metadata,
    Column("attachment", String(40), primary_key=True),
    Column("due_at", DateTime(timezone=True), nullable=False),
)
"""Each stays until its content is deleted."""

_columns: Final = attachments_to_delete.c


def note_deletions(connection: Connection, ids: Iterable[str], now: datetime) -> None:
    """The contents of these attachments are to be deleted."""
    wanted = sorted(set(ids))
    if wanted:
        connection.execute(delete(attachments_to_delete).where(_columns.attachment.in_(wanted)))
        connection.execute(
            insert(attachments_to_delete), [{"attachment": id_, "due_at": now} for id_ in wanted]
        )


def keep_upload(connection: Connection, id_: str, now: datetime) -> None:
    """What was handed in stays, if the transaction is committed. Raises Conflict if it took too long."""
    its = (_columns.attachment == id_) & (_columns.due_at > now)
    if connection.execute(delete(attachments_to_delete).where(its)).rowcount != 1:
        raise Conflict(f"attachment {id_} was kept too long ago", public="Please send the file again.")


class Deletions:
    """What is to be deleted at one hub. Methods block shortly: call them from a thread."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def expect(self, id_: str) -> None:
        """A content is kept from now on; it goes, unless an event names it within `UPLOAD`."""
        with self._engine.begin() as connection:
            note_deletions(connection, [id_], self._clock.now() + UPLOAD)

    def due(self) -> list[str]:
        """Attachments whose content is to be deleted now."""
        query = select(_columns.attachment).where(_columns.due_at <= self._clock.now())
        with reading(self._engine) as connection:
            return list(connection.scalars(query))

    def done(self, id_: str) -> None:
        """The content is deleted."""
        with self._engine.begin() as connection:
            connection.execute(delete(attachments_to_delete).where(_columns.attachment == id_))
