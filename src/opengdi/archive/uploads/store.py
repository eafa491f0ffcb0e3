"""Uploads in the state database: begun, arriving, handed over. One act is one transaction.

Every process of the node may act on every upload; nobody sees half an act. Methods block shortly: call them from a
thread, not from an event loop.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, Select, delete, func, insert, select, update

from opengdi.archive.model import Declared, Piece
from opengdi.archive.tables import holdable
from opengdi.archive.uploads.faults import NoSuchUpload, NotEncrypted, WrongOffset
from opengdi.archive.uploads.model import (
    Part,
    PieceSlot,
    Protocol,
    Sender,
    Upload,
    UploadState,
    Wish,
)
from opengdi.archive.uploads.tables import (
    GARBAGE,
    PENDING,
    STORED,
    upload_parts,
    upload_pieces,
    uploads,
)
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import aware, reading
from opengdi.kernel.errors import Conflict

OPEN, COMPLETING, COMPLETED = UploadState
_UP, _PART, _PIECE = uploads.c, upload_parts.c, upload_pieces.c


class UploadStore:
    """The uploads of one node."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    # beginning and looking

    def begin(self, id_: str, sender: Sender, wish: Wish) -> Upload:
        """Record a new upload under an id of the caller's."""
        with self._engine.begin() as connection:
            return self._begin(connection, id_, sender, wish)

    def _begin(self, connection: Connection, id_: str, sender: Sender, wish: Wish) -> Upload:
        now = self._clock.now()
        row = {
            "id": id_,
            "protocol": wish.protocol,
            "provider": sender.provider,
            "actor": sender.actor,
            "path": wish.path,
            "partial": wish.partial,
            "declared": msgspec.json.encode(wish.declared).decode(),
            "dataset": wish.dataset,
            "length": wish.length,
            "state": OPEN,
            "received": 0,
            "size_bytes": 0,
            "headed": False,
            **dict.fromkeys(("etag", "refusal", "file"), ""),
            "begun_at": now,
            "touched_at": now,
            "upload_metadata": wish.metadata,
            "upload_concat": wish.concat,
        }
        connection.execute(insert(uploads), row)
        return _upload(_one(connection, id_))

    def join(self, id_: str, sender: Sender, wish: Wish, partials: Sequence[str]) -> Upload:
        """Record a new upload that has the pieces of others, in order, whose header opens. The others end by that.

        Raises NoSuchUpload, NotEncrypted.
        """
        with self._engine.begin() as connection:
            whole, total = self._begin(connection, id_, sender, wish), 0
            for number, partial in enumerate(partials):
                total += _open(connection, partial).received
                move = update(upload_pieces).where(_PIECE.upload == partial, _PIECE.state == STORED)
                connection.execute(move.values(upload=id_, part=number))
                self._discard(connection, _PIECE.upload == partial)  # what a killed process never finished
                connection.execute(delete(uploads).where(_UP.id == partial))
            self._touch(connection, whole, received=total, headed=True)
            return _upload(_one(connection, id_))

    def joined(self, provider: str, wish: Wish) -> Upload | None:
        """The upload that was made by such a wish before, whatever became of it."""
        same = _UP.provider == provider, _UP.path == wish.path, _UP.upload_concat == wish.concat
        query = select(uploads).where(*same).order_by(_UP.begun_at.desc())
        with reading(self._engine) as connection:
            row = connection.execute(query).mappings().first()
            return _upload(row) if row else None

    def find(self, id_: str) -> Upload:
        """Raises NoSuchUpload."""
        if holdable(id_) != id_:
            raise NoSuchUpload("there is no upload of an id that is no text")
        with reading(self._engine) as connection:
            return _upload(_one(connection, id_))

    def uploads_of(
        self, provider: str, protocol: Protocol, *, after: tuple[str, str], most: int
    ) -> list[Upload]:
        """Open uploads of a provider by path and id, from behind `after`."""
        mine = _UP.provider == provider, _UP.protocol == protocol, _UP.state == OPEN
        path, id_ = map(holdable, after)
        beyond = (_UP.path > path) | ((_UP.path == path) & (_UP.id > id_))
        query = select(uploads).where(*mine, _UP.path >= path, beyond).order_by(_UP.path, _UP.id).limit(most)
        with reading(self._engine) as connection:
            return [_upload(row) for row in connection.execute(query).mappings()]

    def completed_of(self, provider: str, *, after: str, most: int, including: bool = False) -> list[Upload]:
        """Completed uploads of a provider by path, from behind `after` (or from it on)."""
        first = holdable(after)
        beyond = _UP.path >= first if including else _UP.path > first
        mine = _UP.provider == provider, _UP.state == COMPLETED, beyond
        with reading(self._engine) as connection:
            rows = connection.execute(select(uploads).where(*mine).order_by(_UP.path).limit(most)).mappings()
            return [_upload(row) for row in rows]

    def parts(self, id_: str) -> dict[int, Part]:
        """Parts that arrived, by number, in order."""
        query = select(upload_parts).where(_PART.upload == id_).order_by(_PART.number)
        with reading(self._engine) as connection:
            return {row["number"]: _part(row) for row in connection.execute(query).mappings()}

    def pieces(self, id_: str) -> tuple[Piece, ...]:
        """The pieces of an upload in the order of its bytes: those of its parts, or those that came one by one."""
        with reading(self._engine) as connection:
            return tuple(_piece(row) for row in connection.execute(_pieces_of(id_)).mappings())

    def held_bytes(self, provider: str) -> int:
        """Bytes of a provider in the inbox that the archive has not taken over."""
        query = select(func.coalesce(func.sum(_PIECE.size_bytes), 0)).where(
            _PIECE.provider == provider, _PIECE.state != GARBAGE
        )
        with reading(self._engine) as connection:
            return int(connection.scalar(query) or 0)

    # what arrives

    def plan(self, slot: PieceSlot, provider: str) -> None:
        """Announce an object before it is written, so that none is ever forgotten."""
        row = {
            "key": slot.key,
            "upload": slot.upload,
            "provider": provider,
            "part": slot.part,
            "attempt": slot.attempt,
            "place": slot.place,
            "size_bytes": 0,
            "seal": slot.seal,
            "state": PENDING,
            "stored_at": self._clock.now(),
        }
        with self._engine.begin() as connection:
            connection.execute(insert(upload_pieces), row)

    def keep(self, slot: PieceSlot, size_bytes: int) -> None:
        """Say that a planned object is safe. Raises NoSuchUpload if the upload ended meanwhile."""
        with self._engine.begin() as connection:
            self._touch(connection, _open(connection, slot.upload))
            self._keep(connection, slot, size_bytes)

    def _keep(self, connection: Connection, slot: PieceSlot, size_bytes: int) -> None:
        this = update(upload_pieces).where(_PIECE.key == slot.key, _PIECE.state == PENDING)
        kept = connection.execute(
            this.values(state=STORED, size_bytes=size_bytes, stored_at=self._clock.now())
        )
        if kept.rowcount != 1:
            raise NoSuchUpload(f"piece {slot.key} was given up meanwhile")

    def append(self, slot: PieceSlot, size_bytes: int, offset: int) -> int:
        """The same for what comes one after the other: at `offset`; where the upload stands then.

        Raises WrongOffset if it stands elsewhere by now, NoSuchUpload.
        """
        with self._engine.begin() as connection:
            upload = _open(connection, slot.upload)
            if upload.received != offset:
                raise WrongOffset(f"the upload stands at {upload.received}, not at {offset}")
            self._keep(connection, slot, size_bytes)
            self._touch(connection, upload, received=offset + size_bytes)
            return offset + size_bytes

    def add_part(self, id_: str, part: Part, attempt: str) -> None:
        """Record a part that arrived whole; what was sent as this part before is garbage. Raises NoSuchUpload."""
        row = {
            "upload": id_,
            "number": part.number,
            "attempt": attempt,
            "size_bytes": part.size_bytes,
            "etag": part.etag,
            "checksums": json.dumps(dict(part.checksums)),
            "stored_at": part.stored,
        }
        this = (_PART.upload == id_, _PART.number == part.number)
        with self._engine.begin() as connection:
            upload = _open(connection, id_)
            replaced = connection.scalar(select(_PART.attempt).where(*this))
            if replaced:
                self._discard(connection, _PIECE.upload == id_, _PIECE.attempt == replaced)
                connection.execute(delete(upload_parts).where(*this))
            connection.execute(insert(upload_parts), row)
            self._touch(connection, upload)

    def note_header(self, id_: str) -> None:
        """Note that the header of the file was seen and opens."""
        with self._engine.begin() as connection:
            self._touch(connection, _open(connection, id_), headed=True)

    def refuse(self, id_: str, reason: str) -> None:
        """Take no more of an upload and keep nothing of it, but the reason for whoever goes on sending."""
        with self._engine.begin() as connection:
            upload = _open(connection, id_)
            self._touch(connection, upload, refusal=reason)
            self._empty(connection, id_)

    def declare(self, id_: str, declared: Declared) -> None:
        """Replace what the sender declared. Raises NoSuchUpload."""
        with self._engine.begin() as connection:
            self._touch(connection, _open(connection, id_), declared=msgspec.json.encode(declared).decode())

    # what becomes of it

    def claim(self, id_: str, *, size_bytes: int, etag: str, parts: Sequence[Part] = ()) -> Upload:
        """Begin to hand an upload over: nothing more is taken. parts: those that make the object; others are garbage.

        It was touched when something last came: what the archive does not take in the end is given up in its time.
        Raises NoSuchUpload, Conflict if the upload changed since the parts were looked at.
        """
        with self._engine.begin() as connection:
            upload = _open(connection, id_)
            if parts:
                self._choose(connection, id_, parts)
            this = update(uploads).where(_UP.id == upload.id)
            connection.execute(this.values(state=COMPLETING, size_bytes=size_bytes, etag=etag))
            return _upload(_one(connection, id_))

    def _choose(self, connection: Connection, id_: str, parts: Sequence[Part]) -> None:
        query = select(_PART.number, _PART.attempt, _PART.etag).where(_PART.upload == id_)
        there = {number: (attempt, etag) for number, attempt, etag in connection.execute(query)}
        if any(there.get(part.number, ("", ""))[1] != part.etag for part in parts):
            raise Conflict(f"upload {id_} changed while it was completed")
        chosen = {part.number for part in parts}
        used = [there[number][0] for number in chosen]
        for number in there.keys() - chosen:
            connection.execute(delete(upload_parts).where(_PART.upload == id_, _PART.number == number))
        query = select(_PIECE.attempt).where(_PIECE.upload == id_).distinct()
        for attempt in set(connection.scalars(query)) - set(used):
            self._discard(connection, _PIECE.upload == id_, _PIECE.attempt == attempt)

    def reopen(self, id_: str) -> None:
        """Undo a claim: the archive did not take it."""
        with self._engine.begin() as connection:
            this = update(uploads).where(_UP.id == id_, _UP.state == COMPLETING)
            connection.execute(this.values(state=OPEN))

    def finish(self, id_: str, file: str) -> Upload:
        """The archive has it, pieces and all. An older completed upload of the same path is forgotten."""
        with self._engine.begin() as connection:
            upload = _upload(_one(connection, id_, lock=True))
            if upload.state is COMPLETING:
                same = _UP.provider == upload.sender.provider, _UP.path == upload.wish.path
                connection.execute(delete(uploads).where(*same, _UP.state == COMPLETED))
                connection.execute(delete(upload_parts).where(_PART.upload == id_))
                theirs = _PIECE.upload == id_, _PIECE.state == STORED
                connection.execute(delete(upload_pieces).where(*theirs))
                self._discard(connection, _PIECE.upload == id_)
                self._touch(connection, upload, state=COMPLETED, file=file)
            return _upload(_one(connection, id_))

    def give_up(self, id_: str) -> None:
        """End an open upload without a file, or forget a refused one. Raises NoSuchUpload."""
        with self._engine.begin() as connection:
            if _one(connection, id_, lock=True)["state"] != OPEN:
                raise NoSuchUpload(f"upload {id_} is not open")
            self._empty(connection, id_)
            connection.execute(delete(uploads).where(_UP.id == id_))

    # care

    def expire(self, idle: timedelta, single: timedelta) -> int:
        """Give up open uploads for which nothing has come for so long; how many.

        single: the time for objects that come by one request (S3 PutObject), with which nobody can go on.
        """
        now = self._clock.now()
        by_one = (_UP.protocol == Protocol.S3) & _UP.length.is_not(None)
        is_stale = (_UP.touched_at < now - idle) | (by_one & (_UP.touched_at < now - single))
        query = select(_UP.id).where(_UP.state == OPEN, is_stale).with_for_update()
        with self._engine.begin() as connection:
            stale = list(connection.scalars(query))
            for id_ in stale:
                self._empty(connection, id_)
                connection.execute(delete(uploads).where(_UP.id == id_))
        return len(stale)

    def stuck(self, since: timedelta) -> list[str]:
        """Uploads that someone began to hand over, and for which nothing came so long that they may be interrupted."""
        last = self._clock.now() - since
        query = select(_UP.id).where(_UP.state == COMPLETING, _UP.touched_at < last)
        with reading(self._engine) as connection:
            return list(connection.scalars(query))

    def whole(self, since: timedelta) -> list[str]:
        """Open uploads of which all bytes came, so long ago that whoever took the last ones was interrupted."""
        last = self._clock.now() - since
        left = _UP.state == OPEN, _UP.protocol == Protocol.TUS, _UP.touched_at < last
        whole = _UP.headed, ~_UP.partial, _UP.received == _UP.length
        with reading(self._engine) as connection:
            return list(connection.scalars(select(_UP.id).where(*left, *whole)))

    def forsake(self, grace: timedelta) -> None:
        """Mark what interrupted senders left: planned objects, and sendings of parts that never became whole."""
        last = self._clock.now() - grace
        whole = select(_PART.attempt).where(_PART.upload == _PIECE.upload)
        newest = (
            select(_PIECE.attempt, _PIECE.upload)
            .where(_PIECE.attempt != "", _PIECE.state == STORED, _PIECE.attempt.not_in(whole))
            .group_by(_PIECE.attempt, _PIECE.upload)
            .having(func.max(_PIECE.stored_at) < last)
        )
        with self._engine.begin() as connection:
            self._discard(connection, _PIECE.state == PENDING, _PIECE.stored_at < last)
            for attempt, upload in list(connection.execute(newest)):
                self._discard(connection, _PIECE.upload == upload, _PIECE.attempt == attempt)

    def garbage(self, upload: str = "", *, after: str = "", most: int = 1000) -> list[str]:
        """Keys of objects that nobody needs: of one upload, or of all in order, from behind `after`."""
        query = select(_PIECE.key).where(_PIECE.state == GARBAGE).limit(most)
        mine = query.where(_PIECE.upload == upload)
        all_ = query.where(_PIECE.key > after).order_by(_PIECE.key)
        with reading(self._engine) as connection:
            return list(connection.scalars(mine if upload else all_))

    def forget(self, key: str) -> None:
        """Say that an object is gone."""
        with self._engine.begin() as connection:
            connection.execute(delete(upload_pieces).where(_PIECE.key == key))

    def give_up_attempt(self, attempt: str, upload: str) -> None:
        """What was sent in this attempt is garbage."""
        with self._engine.begin() as connection:
            self._discard(connection, _PIECE.upload == upload, _PIECE.attempt == attempt)

    def give_up_piece(self, key: str) -> None:
        """A planned object will not come."""
        with self._engine.begin() as connection:
            self._discard(connection, _PIECE.key == key, _PIECE.state == PENDING)

    def _empty(self, connection: Connection, id_: str) -> None:
        connection.execute(delete(upload_parts).where(_PART.upload == id_))
        self._discard(connection, _PIECE.upload == id_)

    def _discard(self, connection: Connection, *which: Any) -> None:
        """Mark pieces as garbage; with its seal goes what it held."""
        values = {"state": GARBAGE, "seal": b"", "stored_at": self._clock.now()}
        connection.execute(update(upload_pieces).where(*which).values(**values))

    def _touch(self, connection: Connection, upload: Upload, **values: Any) -> None:
        this = update(uploads).where(_UP.id == upload.id)
        connection.execute(this.values(**values, touched_at=self._clock.now()))


def _pieces_of(id_: str) -> Select[Any]:
    """Pieces of whole parts (S3), or of an upload without parts (tus), in order."""
    whole = select(_PART.attempt).where(_PART.upload == id_)
    mine = _PIECE.upload == id_, _PIECE.state == STORED, (_PIECE.attempt == "") | _PIECE.attempt.in_(whole)
    return select(upload_pieces).where(*mine).order_by(_PIECE.part, _PIECE.place)


def _one(connection: Connection, id_: str, *, lock: bool = False) -> RowMapping:
    """Raises NoSuchUpload."""
    query = select(uploads).where(_UP.id == id_)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise NoSuchUpload(f"there is no upload {id_[:80]!r}")
    return row


def _open(connection: Connection, id_: str) -> Upload:
    """The upload, which nobody else changes until the transaction ends. Raises NoSuchUpload, NotEncrypted."""
    upload = _upload(_one(connection, id_, lock=True))
    if upload.state is not OPEN:
        raise NoSuchUpload(f"upload {id_} is {upload.state}")
    if upload.refusal:
        raise NotEncrypted(upload.refusal)
    return upload


def _upload(row: RowMapping | Mapping[str, Any]) -> Upload:
    declared = msgspec.json.decode(row["declared"], type=Declared)
    wish = Wish(
        Protocol(row["protocol"]),
        row["path"],
        declared,
        row["dataset"],
        row["length"],
        row["partial"],
        row["upload_metadata"],
        row["upload_concat"],
    )
    return Upload(
        row["id"],
        Sender(row["provider"], row["actor"]),
        wish,
        UploadState(row["state"]),
        _time(row["begun_at"]),
        _time(row["touched_at"]),
        row["received"],
        row["size_bytes"],
        row["etag"],
        row["headed"],
        row["refusal"],
        row["file"],
    )


def _part(row: RowMapping) -> Part:
    return Part(
        row["number"], row["size_bytes"], row["etag"], _time(row["stored_at"]), json.loads(row["checksums"])
    )


def _piece(row: RowMapping) -> Piece:
    return Piece(row["key"], row["size_bytes"], row["seal"])


def _time(value: datetime) -> datetime:
    return aware(value)
