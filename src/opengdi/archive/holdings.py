"""What there is in the registry: questions that change nothing. Methods block shortly."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from opengdi.archive.listing import Page, Selection, selected
from opengdi.archive.model import UNDER_WAY, ArchivedFile, FileEvent, FileState, Piece
from opengdi.archive.tables import (
    FACTS,
    archive_events,
    archive_files,
    archive_pieces,
    event_of,
    files_of,
)
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import reading
from opengdi.kernel.errors import NotFound
from opengdi.kernel.ids import FileId


class Holdings:
    """The files of one node, as every process of the node may look at them."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def find(self, id_: FileId) -> ArchivedFile:
        """Raises NotFound."""
        with reading(self._engine) as connection:
            return self._find(connection, id_)

    def newest(self, provider: str, path: str) -> ArchivedFile:
        """The newest file of a provider's path, whatever its state. Raises NotFound."""
        with reading(self._engine) as connection:
            found = self._newest(connection, provider, path)
        if found is None:
            raise NotFound(f"{provider} has sent no file {path!r}")
        return found

    def page(self, selection: Selection, *, after: FileId | None = None, most: int = 100) -> Page:
        """Files that the selection means, in order of arrival, from behind `after`."""
        number = archive_files.c.number
        query = selected(selection).order_by(number).limit(most + 1)
        if after is not None:
            last = select(number).where(archive_files.c.id == after)
            if selection.provider:  # an id of somebody else's file says no more than one that is nobody's
                last = last.where(archive_files.c.provider == selection.provider)
            query = query.where(number > last.scalar_subquery())
        with reading(self._engine) as connection:
            rows = list(connection.execute(query).mappings())
            files = files_of(connection, rows[:most])
        return Page(files, files[-1].id if len(rows) > most else None)

    def events(self, id_: FileId) -> tuple[FileEvent, ...]:
        """The log of a file, oldest first."""
        query = select(archive_events).where(archive_events.c.file == id_).order_by(archive_events.c.number)
        with reading(self._engine) as connection:
            return tuple(event_of(row) for row in connection.execute(query).mappings())

    def pieces(self, id_: FileId) -> tuple[Piece, ...]:
        """Where the bytes of an upload lie in the inbox, in order; empty once they were forgotten."""
        columns = archive_pieces.c
        query = select(columns.key, columns.size_bytes, columns.seal).where(columns.file == id_)
        with reading(self._engine) as connection:
            return tuple(Piece(*row) for row in connection.execute(query.order_by(columns.place)))

    def is_given_up(self, id_: FileId) -> bool:
        """True if a file ended before the archive had it: nothing of it is to be kept.

        What was archived and then disabled, or decommissioned, was READY: its log says so.
        """
        events = archive_events.c
        was_ready = select(events.number).where(events.file == id_, events.after_state == FileState.READY)
        query = select(archive_files.c.id).where(
            archive_files.c.id == id_, archive_files.c.state == FileState.DISABLED, ~was_ready.exists()
        )
        with reading(self._engine) as connection:
            return connection.scalar(query) is not None

    def lies_at(self, places: Collection[str]) -> bool:
        """True if one of these is the place of a file."""
        query = select(archive_files.c.id).where(archive_files.c.place.in_(places)).limit(1)
        with reading(self._engine) as connection:
            return connection.scalar(query) is not None

    def left_in_inbox(self, *, after: str = "", most: int = 100) -> tuple[FileId, ...]:
        """Files that are ready or given up and whose pieces still lie in the inbox; by id, from behind `after`."""
        over = archive_files.c.state.in_([FileState.READY, FileState.DISABLED])
        held = select(archive_pieces.c.file).distinct()
        id_ = archive_files.c.id
        query = select(id_).where(over, id_.in_(held), id_ > after).order_by(id_).limit(most)
        with reading(self._engine) as connection:
            return tuple(FileId(id_) for id_ in connection.scalars(query))

    def unkept(self, *, after: str = "", most: int = 100) -> tuple[tuple[ArchivedFile, int], ...]:
        """Archived files of which the facts beside the body do not tell all, and how many changes they lack.

        By id, from behind `after`.
        """
        columns = archive_files.c
        lacking = (columns.unkept > 0, columns.key_id.is_not(None), columns.id > after)
        query = select(*FACTS, columns.unkept).where(*lacking)
        with reading(self._engine) as connection:
            rows = list(connection.execute(query.order_by(columns.id).limit(most)).mappings())
            return tuple(zip(files_of(connection, rows), (row["unkept"] for row in rows), strict=True))

    def due(self, most: int) -> tuple[tuple[FileId, int], ...]:
        """(file, attempt) of files whose job should run now, those that waited longest first."""
        columns = archive_files.c
        query = (
            select(columns.id, columns.attempt)
            .where(columns.due_at <= self._clock.now())
            .order_by(columns.due_at, columns.number)
            .limit(most)
        )
        with reading(self._engine) as connection:
            return tuple((FileId(id_), attempt) for id_, attempt in connection.execute(query))

    def counts(self) -> dict[FileState, tuple[int, int]]:
        """Number of files and bytes sent, by state."""
        columns = archive_files.c
        query = select(columns.state, func.count(), func.sum(columns.size_bytes)).group_by(columns.state)
        with reading(self._engine) as connection:
            return {FileState(state): (files, int(size)) for state, files, size in connection.execute(query)}

    def held_bytes(self, provider: str) -> int:
        """Bytes that a provider sent and that are still kept for it, archived or under way."""
        columns = archive_files.c
        query = select(func.coalesce(func.sum(columns.size_bytes), 0)).where(
            columns.provider == provider, columns.state != FileState.DISABLED
        )
        with reading(self._engine) as connection:
            return int(connection.scalar(query) or 0)

    def backlog(self) -> tuple[int, int]:
        """(files that wait for their job or have one, dead files)."""
        columns = archive_files.c
        query = (
            select(func.count(columns.due_at), func.count())
            .select_from(archive_files)
            .where(columns.state.in_(UNDER_WAY))
        )
        with reading(self._engine) as connection:
            waiting, all_ = connection.execute(query).one()
        return waiting, all_ - waiting

    def _find(self, connection: Connection, id_: str) -> ArchivedFile:
        found = self._select(connection, archive_files.c.id == id_)
        if not found:
            raise NotFound(f"there is no file {id_} in the archive")
        return found[0]

    def _locked(self, connection: Connection, id_: FileId) -> ArchivedFile:
        """The file, which nobody else changes until the transaction ends; SQLite has locked everything already."""
        found = self._select(connection, archive_files.c.id == id_, lock=True)
        if not found:
            raise NotFound(f"there is no file {id_} in the archive")
        return found[0]

    def _newest(self, connection: Connection, provider: str, path: str) -> ArchivedFile | None:
        same = archive_files.c.provider == provider, archive_files.c.path == path
        newest = select(func.max(archive_files.c.version)).where(*same).scalar_subquery()
        found = self._select(connection, *same, archive_files.c.version == newest)
        return found[0] if found else None

    def _select(
        self, connection: Connection, *conditions: Any, lock: bool = False
    ) -> tuple[ArchivedFile, ...]:
        query = select(*FACTS).where(*conditions)
        rows = connection.execute(query.with_for_update() if lock else query)
        return files_of(connection, list(rows.mappings()))
