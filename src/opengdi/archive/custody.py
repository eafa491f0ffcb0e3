"""What must be known to keep files well: their headers, the hashes of their bodies, when each was last checked.

For delivery, the rotation of keys, the scrub, recovery and decommissioning; beside the registry of files.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    delete,
    false,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from opengdi.archive.companions import await_judgement
from opengdi.archive.model import ArchivedFile, DatasetState, FileState
from opengdi.archive.places import bare_place
from opengdi.archive.tables import (
    FACTS,
    archive_chunks,
    archive_companions,
    archive_datasets,
    archive_digests,
    archive_events,
    archive_files,
    archive_past_headers,
    archive_release_files,
    digest_rows,
    files_of,
    lies_in,
    stored_values,
)
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import aware, reading
from opengdi.kernel.errors import Conflict, NotFound, Unavailable
from opengdi.kernel.ids import FileId

_TRIES: Final = 5
"""How often an insertion that another one forestalled is looked at again."""


@dataclass(frozen=True, slots=True)
class Check:
    """When the stored bytes of a file were last held against what is known of them; an empty finding is good."""

    file: FileId
    at: datetime
    finding: str


Alarm = Callable[[FileId, str, Connection], None]
"""Raises an incident, a file and what is wrong with it, in the transaction that remembers it. May block shortly."""


def unalarmed(_file: FileId, _finding: str, _connection: Connection) -> None:
    """Raises nothing."""


class Custody:
    """The part of the registry that care needs. Methods block shortly on the database.

    Every method that changes something may be told twice.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def header(self, id_: FileId) -> bytes:
        """The stored Crypt4GH header. Raises NotFound if the archive holds none of this file."""
        columns = archive_files.c
        with reading(self._engine) as connection:
            header = connection.scalar(select(columns.header).where(columns.id == id_))
        if header is None:
            raise NotFound(f"the archive holds no header of {id_}")
        return bytes(header)

    def chunk_hashes(self, id_: FileId) -> bytes:
        """Hashes of the stored body by chunk, one after the other. Raises NotFound."""
        with reading(self._engine) as connection:
            hashes = connection.scalar(select(archive_chunks.c.hashes).where(archive_chunks.c.file == id_))
        if hashes is None:
            raise NotFound(f"the archive knows no hashes of {id_}")
        return bytes(hashes)

    def sealed_for_others(
        self, key_id: str, recovery_id: str = "", *, after: FileId | None = None, most: int = 100
    ) -> tuple[ArchivedFile, ...]:
        """Files whose stored header is not sealed for `key_id` and, if there is one, for the recovery key.

        By id, from behind `after`.
        """
        columns = archive_files.c
        query = select(*FACTS).where(
            columns.key_id.is_not(None), or_(columns.key_id != key_id, _uncovered(recovery_id))
        )
        if after is not None:
            query = query.where(columns.id > after)
        return self._files(query.order_by(columns.id).limit(most))

    def uncovered(self, recovery_id: str) -> int:
        """How many stored headers are not known to be sealed for that recovery key; 0 if there is none."""
        columns = archive_files.c
        query = select(func.count()).where(columns.key_id.is_not(None), _uncovered(recovery_id))
        with reading(self._engine) as connection:
            return connection.scalar(query) or 0

    def reseal(self, before: ArchivedFile, *, header: bytes, key_id: str, recovery_id: str = "") -> bool:
        """Put a header sealed for these keys in the place of the one that the file had, which is kept beside.

        False, and nothing happens, if the present one is sealed for other keys than it was, or for these, or if the
        file was moved.
        Raises NotFound.
        """
        assert before.stored is not None  # of every file that has a header
        id_, was = before.id, (before.stored.key_id, before.stored.recovery_id)
        columns = archive_files.c
        with self._engine.begin() as connection:
            query = select(columns.header, columns.key_id, columns.recovery_id, columns.place)
            query = query.where(columns.id == id_).with_for_update()
            row = connection.execute(query).one_or_none()
            if row is None or row.header is None:
                raise NotFound(f"the archive holds no header of {id_}")
            is_other = (row.key_id, row.recovery_id) != was or row.place != before.place
            if is_other or was == (key_id, recovery_id):
                return False
            past = {"file": id_, "header": row.header, "key_id": row.key_id, "replaced_at": self._clock.now()}
            connection.execute(insert(archive_past_headers), past)
            this = update(archive_files).where(columns.id == id_)
            connection.execute(this.values(header=header, key_id=key_id, recovery_id=recovery_id))
            return True

    def past_headers(self, id_: FileId) -> tuple[tuple[str, bytes], ...]:
        """(key id, header) of the headers that rotations replaced, oldest first."""
        columns = archive_past_headers.c
        query = select(columns.key_id, columns.header).where(columns.file == id_).order_by(columns.number)
        with reading(self._engine) as connection:
            return tuple((key_id, bytes(header)) for key_id, header in connection.execute(query))

    def to_check(
        self, before: datetime, most: int = 100, *, but_in: Collection[str] = ()
    ) -> tuple[ArchivedFile, ...]:
        """READY files that were last checked before that time, those checked longest ago first.

        but_in: volumes whose files are left out.
        """
        columns = archive_files.c
        query = select(*FACTS).where(columns.state == FileState.READY, columns.checked_at < before)
        for volume in but_in:
            query = query.where(~lies_in(volume))
        return self._files(query.order_by(columns.checked_at, columns.number).limit(most))

    def checked(self, file: ArchivedFile, finding: str, alarm: Alarm = unalarmed) -> bool:
        """Remember that a file was checked now, and what is wrong with it; empty: nothing. News go to `alarm`.

        False, and nothing happens, if the file was disabled, decommissioned or moved since it was read.
        """
        columns = archive_files.c
        as_it_was = (
            columns.id == file.id,
            columns.state == file.state,
            columns.place == file.place,
            columns.header.is_not(None),
        )
        with self._engine.begin() as connection:
            known = connection.scalar(select(columns.finding).where(*as_it_was).with_for_update())
            if known is None:
                return False
            this = update(archive_files).where(columns.id == file.id)
            connection.execute(this.values(checked_at=self._clock.now(), finding=finding))
            await_judgement(connection, file, anew=False)
            if finding and finding != known:
                alarm(file.id, finding, connection)
            return True

    def damaged(self) -> int:
        """How many files something wrong was found in at their last check."""
        query = select(func.count()).where(archive_files.c.finding != "")
        with reading(self._engine) as connection:
            return connection.scalar(query) or 0

    def findings(self) -> tuple[Check, ...]:
        """Files in which something wrong was found at their last check, by id."""
        columns = archive_files.c
        query = select(columns.id, columns.checked_at, columns.finding).where(columns.finding != "")
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(columns.id)).all()
        return tuple(Check(FileId(id_), aware(at), finding) for id_, at, finding in rows)

    def knows(self, file: ArchivedFile) -> bool:
        """True if the registry has this file. Raises Conflict if another one has its id, upload, place or path."""
        with reading(self._engine) as connection:
            return _is_there(connection, file)

    def restore(self, file: ArchivedFile, *, header: bytes, chunk_hashes: bytes, actor: str) -> bool:
        """Put a READY file into a registry that lost it, with its id, digests and datasets (as registered).

        False, and nothing happens, if it is there. Raises Conflict if it is no file that the archive holds, and as
        `knows` does.
        """
        if file.stored is None or file.state is not FileState.READY:
            raise Conflict(f"{file.id} is {file.state}: only a file that is ready can be restored")
        for _ in range(_TRIES):
            try:
                with self._engine.begin() as connection:
                    if _is_there(connection, file):
                        return False
                    self._restore(connection, file, header, chunk_hashes, actor)
                    return True
            except IntegrityError:
                continue  # another process was faster: look again at what it wrote
        raise Unavailable(f"{file.id} could not be restored: others write the same files")

    def _restore(
        self, connection: Connection, file: ArchivedFile, header: bytes, chunk_hashes: bytes, actor: str
    ) -> None:
        assert file.stored is not None  # as `restore` made sure
        connection.execute(insert(archive_files), self._row(file, header))
        connection.execute(insert(archive_digests), digest_rows(file.id, file.stored.digests))
        connection.execute(insert(archive_chunks), {"file": file.id, "hashes": chunk_hashes})
        steps = ("", "uploaded", "submitted", "ingested", "archived", "verified", "ready")
        said = {"file": file.id, "at": self._clock.now(), "actor": actor, "reason": "restored"}
        events = [{**said, "before_state": before, "after_state": after} for before, after in pairwise(steps)]
        connection.execute(insert(archive_events), events)
        for dataset, version in file.releases:
            if (
                connection.scalar(select(archive_datasets.c.id).where(archive_datasets.c.id == dataset))
                is None
            ):
                new = {"id": dataset, "state": DatasetState.REGISTERED, "changed_at": self._clock.now()}
                connection.execute(insert(archive_datasets), new)
            connection.execute(
                insert(archive_release_files), {"dataset": dataset, "version": version, "file": file.id}
            )
        await_judgement(connection, file)

    def _row(self, file: ArchivedFile, header: bytes) -> dict[str, Any]:
        assert file.stored is not None
        return {
            "id": file.id,
            "upload": file.upload,
            "provider": file.provider,
            "path": file.path,
            "version": file.version,
            "state": file.state,
            "place": file.place,
            "size_bytes": file.size_bytes,
            "declared": msgspec.json.encode(file.declared).decode(),
            "dataset": file.dataset,
            "reason": "",
            "attempt": max(1, file.attempt),
            "trouble": "",
            "created_at": file.created,
            "changed_at": self._clock.now(),
            "header": header,
            **stored_values(file.stored),
            "checked_at": self._clock.now(),
            "finding": "",
            "unkept": 0,
        }

    def forget(self, id_: FileId, reason: str) -> None:
        """After the bytes of a DISABLED file were deleted: forget its headers and hashes; row and log stay.

        reason: who decided it and why; it takes the place of why the file was disabled, which the log still says.

        Raises NotFound, and Conflict if the file is not DISABLED.
        """
        columns = archive_files.c
        with self._engine.begin() as connection:
            state = connection.scalar(select(columns.state).where(columns.id == id_).with_for_update())
            if state is None:
                raise NotFound(f"there is no file {id_} in the archive")
            if state != FileState.DISABLED:
                raise Conflict(f"{id_} is {state}; only what is disabled can be decommissioned")
            nothing = dict.fromkeys(("header", "key_id", "body_bytes", "plain_bytes", "checked_at"))
            connection.execute(
                update(archive_files).where(columns.id == id_).values(**nothing, finding="", reason=reason)
            )
            for table in (archive_chunks, archive_past_headers, archive_release_files, archive_companions):
                connection.execute(delete(table).where(table.c.file == id_))

    def _files(self, query: Any) -> tuple[ArchivedFile, ...]:
        with reading(self._engine) as connection:
            return files_of(connection, list(connection.execute(query).mappings()))


def _uncovered(recovery_id: str) -> ColumnElement[bool]:
    """Nothing is, where there is no recovery key: then there is nothing to seal for."""
    return archive_files.c.recovery_id != recovery_id if recovery_id else false()


def _is_there(connection: Connection, file: ArchivedFile) -> bool:
    """True if the file is in the registry. Raises Conflict if another one is where it belongs."""
    columns = archive_files.c
    of_path = and_(columns.provider == file.provider, columns.path == file.path)
    in_the_way = {
        "its accession": columns.id == file.id,
        "its upload": columns.upload == file.upload,
        "its place in the storage": columns.place == file.place,
        f"version {file.version} of its path": and_(of_path, columns.version == file.version),
        "its path": and_(of_path, columns.state != FileState.DISABLED),
    }
    for what, holds_it in in_the_way.items():
        for id_, place in connection.execute(select(columns.id, columns.place).where(holds_it)):
            if (id_, bare_place(place)) == (file.id, bare_place(file.place)):  # or a copy that a move left
                return True
            raise Conflict(f"{what} is that of {id_}, at {place}, which is in the registry and stays")
    return False
