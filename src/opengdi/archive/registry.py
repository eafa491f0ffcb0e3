"""The registry: which files the archive has, where each stands and what was computed of it. The state database says so.

One act is one transaction, with its events and with whatever `on_change` writes beside them. Methods block shortly:
call them from a thread, not from an event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from opengdi.archive.companions import (
    await_judgement,
    await_unseen_judgement,
    forget_what_is_being_judged,
)
from opengdi.archive.holdings import Holdings
from opengdi.archive.model import (
    UNDER_WAY,
    Act,
    ArchivedFile,
    Change,
    FileState,
    Stored,
)
from opengdi.archive.places import volume_of_place
from opengdi.archive.ports import Received
from opengdi.archive.rules import (
    INTAKE,
    checked_dataset,
    checked_declared,
    checked_path,
    checked_upload,
    follow,
    stands_in_the_way,
)
from opengdi.archive.tables import (
    archive_chunks,
    archive_digests,
    archive_events,
    archive_files,
    archive_pieces,
    digest_rows,
    stored_values,
)
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import reading
from opengdi.kernel.errors import Conflict, Unavailable
from opengdi.kernel.ids import FileId

_TRIES: Final = 5
"""How often an insertion that another one forestalled is looked at again."""

Hear = Callable[[Change, Connection], None]
"""Hears of a change before its transaction ends, and may write into it; what it raises undoes the change."""


Waiting = Callable[[], dict[str, int]]
"""Bytes of uploads that still have to be stored, by the volume that they will go to."""

NewPlace = Callable[[int, Waiting], str]
"""Makes a place for so many bytes; where there are several volumes, what waits for each is asked for."""


def unheard(_change: Change, _connection: Connection) -> None:
    """Hears of a change and keeps it to itself."""


class Registry(Holdings):
    """The files of one node. Every process of the node may change it; nobody sees half a change.

    new_id makes a fresh accession, new_place a fresh place for an upload; both unguessable and never told twice.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        *,
        new_id: Callable[[], FileId],
        new_place: NewPlace,
        on_change: Hear = unheard,
    ) -> None:
        super().__init__(engine, clock)
        self._new_id = new_id
        self._new_place = new_place
        self._on_change = on_change

    # what arrives

    def admit(self, provider: str, path: str) -> None:
        """Raises Conflict if a file of this path stands in the way of another upload, Invalid for the path."""
        with reading(self._engine) as connection:
            self._check_way(self._newest(connection, provider, checked_path(path)))

    def receive(self, upload: Received, *, submit: bool) -> ArchivedFile:
        """Record a complete upload, and let its job begin if `submit`. The same upload again changes nothing.

        A file of the same path that ended in ERROR is superseded: it becomes DISABLED.
        Raises Conflict if another file of this path stands in the way, Invalid.
        """
        checked_upload(upload.upload)
        checked_path(upload.path)
        if upload.dataset:
            checked_dataset(upload.dataset)
        for _ in range(_TRIES):
            try:
                with self._engine.begin() as connection:
                    return self._receive(connection, upload, submit=submit)
            except IntegrityError:
                continue  # another process was faster, or the accession was taken: look again
        raise Unavailable(f"upload {upload.upload} could not be recorded: others write the same path")

    def _receive(self, connection: Connection, upload: Received, *, submit: bool) -> ArchivedFile:
        known = self._select(connection, archive_files.c.upload == upload.upload)
        if known:
            return _same(known[0], upload)
        newest = self._newest(connection, upload.provider, upload.path)
        if newest is not None and newest.upload == upload.upload:
            return newest  # recorded by somebody else between the two questions
        self._check_way(newest)
        if newest is not None:
            self._act(connection, newest, (Act.SUPERSEDE,), upload.actor)
        file = self._insert(connection, upload, version=newest.version + 1 if newest else 1)
        self._log(connection, file.id, [(None, file.state)], upload.actor)
        self._on_change(Change(Act.RECEIVE, file, None, upload.actor), connection)
        if submit:
            return self._act(connection, file, (Act.SUBMIT,), upload.actor, due_at=file.created)
        return file

    def _insert(self, connection: Connection, upload: Received, *, version: int) -> ArchivedFile:
        id_ = self._new_id()
        place = self._new_place(upload.size_bytes, partial(_waiting_bytes, connection))
        connection.execute(insert(archive_files), _new_row(upload, id_, place, version, self._clock.now()))
        pieces = [
            {"file": id_, "place": number, **asdict(piece)} for number, piece in enumerate(upload.pieces)
        ]
        if pieces:
            connection.execute(insert(archive_pieces), pieces)
        return self._find(connection, id_)

    def _check_way(self, newest: ArchivedFile | None) -> None:
        if newest is not None and stands_in_the_way(newest):
            text = (
                f"{newest.path} is {newest.state} as {newest.id}: nothing archived is overwritten; "
                "send it under another path, or have that file disabled first"
            )
            raise Conflict(text, public=text)

    # what becomes of it

    def submit(self, id_: FileId, actor: str) -> ArchivedFile:
        """Let the job of an uploaded file begin."""
        return self._change(id_, (Act.SUBMIT,), actor, due_at=self._clock.now())

    def retry(self, id_: FileId, actor: str) -> ArchivedFile:
        """Take up a file that ended in ERROR or is dead, with a new attempt. Raises Conflict for any other."""
        with self._engine.begin() as connection:
            file = self._locked(connection, id_)
            due = {"due_at": self._clock.now(), "attempt": file.attempt + 1, "trouble": "", "reason": ""}
            if not file.is_dead:
                return self._act(connection, file, (Act.RETRY,), actor, **due)
            self._update(connection, file, due)
            after = self._find(connection, id_)
            self._on_change(Change(Act.RETRY, after, file.state, actor), connection)
            return after

    def deposit(
        self, id_: FileId, stored: Stored, *, header: bytes, chunk_hashes: bytes, actor: str
    ) -> ArchivedFile:
        """Record what one pass found and stored: the file is VERIFIED, and READY as nothing more is to be done.

        A file that is past that already, or was given up meanwhile, is returned as it is.
        """
        with self._engine.begin() as connection:
            file = self._locked(connection, id_)
            if follow(file.state, INTAKE[0]) is None:
                return file
            connection.execute(insert(archive_digests), digest_rows(file.id, stored.digests))
            connection.execute(insert(archive_chunks), {"file": file.id, "hashes": chunk_hashes})
            kept = {**stored_values(stored), "header": header, "checked_at": self._clock.now()}
            done = {"trouble": "", "due_at": None}
            after = self._act(connection, file, (*INTAKE, Act.FINISH), actor, **kept, **done)
            await_judgement(connection, after)
        await_unseen_judgement(self._engine, after)
        return after

    def fail(self, id_: FileId, reason: str, actor: str) -> ArchivedFile:
        """The provider's fault: ERROR at once, with the reason in words for the provider."""
        return self._change(id_, (Act.FAIL,), actor, reason=reason, trouble="", due_at=None)

    def postpone(self, id_: FileId, attempt: int, trouble: str, due: datetime | None, *, actor: str) -> bool:
        """Our fault: begin another attempt when `due`, or (None) leave it dead for the operator.

        False, and nothing happens, if `attempt` is not the present one or the file is not under way.
        """
        with self._engine.begin() as connection:
            file = self._locked(connection, id_)
            if file.attempt != attempt or file.state not in UNDER_WAY or file.due is None:
                return False
            values = {"attempt": attempt + 1, "due_at": due} if due else {"due_at": None}
            self._update(connection, file, {**values, "trouble": trouble})
            if due is None:
                change = Change(Act.STALL, self._find(connection, id_), file.state, actor)
                self._on_change(change, connection)
            return True

    def indexed(self, id_: FileId, stored: Stored, actor: str, *, place: str | None = None) -> ArchivedFile:
        """Record what came of another try at the index of a READY file: format, index, or why there is none.

        place: where the file lay when that began. Raises NotFound, and Conflict if it is not READY any more, or was
        moved.
        """
        values = {
            "format": stored.format,
            "index_kind": stored.index,
            "without_index": stored.without_index,
            "unkept": archive_files.c.unkept + 1,
        }
        with self._engine.begin() as connection:
            file = self._locked(connection, id_)
            if file.state is not FileState.READY:
                raise Conflict(f"{id_} is {file.state}; only a file that is ready is indexed")
            if place not in {None, file.place}:
                raise Conflict(f"{id_} was moved while it was indexed; index it again")
            self._update(connection, file, values)
            after = self._find(connection, id_)
            self._on_change(Change(Act.INDEX, after, file.state, actor), connection)
            await_judgement(connection, after)
            return after

    def moved(self, before: ArchivedFile, place: str, actor: str) -> ArchivedFile:
        """Say that a file lies at another place now, to which all of it was copied as it was `before`.

        Raises NotFound, and Conflict if anything about it has changed since.
        """
        with self._engine.begin() as connection:
            file = self._locked(connection, before.id)
            if file != before:
                raise Conflict(f"{file.id} was changed while it was moved; move it again")
            this = update(archive_files).where(archive_files.c.id == file.id)
            connection.execute(this.values(place=place, unkept=archive_files.c.unkept + 1))
            after = self._find(connection, file.id)
            self._on_change(Change(Act.MOVE, after, file.state, actor), connection)
            forget_what_is_being_judged(connection, file.id)
            return after

    def cancel(self, id_: FileId, actor: str, reason: str) -> ArchivedFile:
        """Give up a file before it is archived. Raises Conflict if it is."""
        return self._change(id_, (Act.CANCEL,), actor, reason=reason, due_at=None)

    def disable(self, id_: FileId, actor: str, reason: str) -> ArchivedFile:
        """Take an archived file out of use for good; its bytes stay until it is decommissioned."""
        return self._change(id_, (Act.DISABLE,), actor, reason=reason, unkept=archive_files.c.unkept + 1)

    def _change(self, id_: FileId, acts: Sequence[Act], actor: str, **values: Any) -> ArchivedFile:
        with self._engine.begin() as connection:
            return self._act(connection, self._locked(connection, id_), acts, actor, **values)

    def _act(
        self,
        connection: Connection,
        file: ArchivedFile,
        acts: Sequence[Act],
        actor: str,
        **values: Any,
    ) -> ArchivedFile:
        """Carry out acts on a locked file, one after the other; the file as it is if the first has been done."""
        steps: list[tuple[FileState | None, FileState]] = []
        state = file.state
        for act in acts:
            after = follow(state, act)
            if after is None:
                break
            steps.append((state, after))
            state = after
        if not steps:
            return file
        self._update(connection, file, {**values, "state": state})
        self._log(connection, file.id, steps, actor, values.get("reason", ""))
        after_all = self._find(connection, file.id)
        self._on_change(Change(acts[-1], after_all, file.state, actor), connection)
        return after_all

    def _update(self, connection: Connection, file: ArchivedFile, values: dict[str, Any]) -> None:
        this = update(archive_files).where(archive_files.c.id == file.id, archive_files.c.state == file.state)
        changed = connection.execute(this.values(**values, changed_at=self._clock.now()))
        if changed.rowcount != 1:
            raise Conflict(f"{file.id} was changed by somebody else meanwhile")

    def _log(
        self,
        connection: Connection,
        id_: FileId,
        steps: Sequence[tuple[FileState | None, FileState]],
        actor: str,
        reason: str = "",
    ) -> None:
        said = {"file": id_, "at": self._clock.now(), "actor": actor, "reason": reason}
        rows = [{**said, "before_state": before or "", "after_state": after} for before, after in steps]
        connection.execute(insert(archive_events), rows)

    # what was done beside

    def forget_pieces(self, id_: FileId) -> None:
        """Say that the pieces of an upload are gone from the inbox."""
        with self._engine.begin() as connection:
            connection.execute(delete(archive_pieces).where(archive_pieces.c.file == id_))

    def kept(self, id_: FileId, changes: int) -> None:
        """Say that the facts beside the body tell the changes that there were; what came since is still to be told."""
        columns = archive_files.c
        this = update(archive_files).where(columns.id == id_, columns.unkept == changes)
        with self._engine.begin() as connection:
            connection.execute(this.values(unkept=0))


def _new_row(upload: Received, id_: FileId, place: str, version: int, now: datetime) -> dict[str, Any]:
    return {
        "id": id_,
        "upload": upload.upload,
        "provider": upload.provider,
        "path": upload.path,
        "version": version,
        "state": FileState.UPLOADED,
        "place": place,
        "size_bytes": upload.size_bytes,
        "declared": msgspec.json.encode(checked_declared(upload.declared)).decode(),
        "dataset": upload.dataset,
        "attempt": 1,
        "unkept": 0,
        "created_at": now,
        "changed_at": now,
        **dict.fromkeys(("reason", "trouble", "format", "index_kind", "finding"), ""),
    }


def _same(known: ArchivedFile, upload: Received) -> ArchivedFile:
    if (known.provider, known.path) != (upload.provider, upload.path):
        raise Conflict(f"upload {upload.upload} is known as another file")
    return known


def _waiting_bytes(connection: Connection) -> dict[str, int]:
    columns, waiting = archive_files.c, (FileState.UPLOADED, *UNDER_WAY)
    query = select(columns.place, columns.size_bytes).where(columns.state.in_(waiting))
    found: dict[str, int] = {}
    for place, size_bytes in connection.execute(query):
        volume = volume_of_place(place)
        found[volume] = found.get(volume, 0) + size_bytes
    return found
