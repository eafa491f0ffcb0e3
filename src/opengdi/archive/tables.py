"""The archive's tables, and how a row becomes a fact.

What only `rules` may decide is said again as CHECKs, so that no other program can record it either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    RowMapping,
    String,
    Table,
    Text,
    UniqueConstraint,
    select,
    text,
)

from opengdi.archive.model import (
    ArchivedFile,
    DatasetState,
    Declared,
    Digests,
    FileEvent,
    FileState,
    Judgement,
    Stored,
)
from opengdi.archive.rules import PERMITTED
from opengdi.kernel.database import aware, metadata
from opengdi.kernel.ids import FileId, ReleaseId

_UNHOLDABLE: Final = re.compile("[\0\ud800-\udfff]")

_NUMBER: Final = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts by itself only in a column of type INTEGER."""


def holdable(text: str) -> str:
    """The text up to the first character that no database holds: NUL, or half of a pair."""
    found = _UNHOLDABLE.search(text)
    return text[: found.start()] if found else text


def _one_of(column: str, values: Any) -> str:
    quoted = ", ".join(f"'{value}'" for value in sorted(values))
    return f"{column} IN ({quoted})"


FILE_STATES: Final = _one_of("state", FileState)
DATASET_STATES: Final = _one_of("state", DatasetState)
JUDGEMENTS: Final = _one_of("judgement", Judgement)
TRANSITIONS_ALLOWED: Final = _one_of(
    "before_state || '>' || after_state", (f"{before or ''}>{after}" for before, after in PERMITTED)
)
STORED_IF_VERIFIED: Final = (
    "state NOT IN ('archived', 'verified', 'ready') OR (header IS NOT NULL AND key_id IS NOT NULL "
    "AND body_bytes IS NOT NULL AND plain_bytes IS NOT NULL)"
)
ERROR_SAYS_WHY: Final = "state <> 'error' OR reason <> ''"

archive_files: Final = Table(
    "archive_files",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False),
    Column("upload", String(64), nullable=False),
    Column("provider", String(128), nullable=False),
    Column("path", String(1024), nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("place", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("declared", Text, nullable=False),
    Column("dataset", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("trouble", Text, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=True),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("header", LargeBinary, nullable=True),
    Column("key_id", String(128), nullable=True),
    Column("recovery_id", String(128), nullable=False, server_default=text("''")),
    Column("body_bytes", BigInteger, nullable=True),
    Column("plain_bytes", BigInteger, nullable=True),
    Column("format", String(16), nullable=False),
    Column("index_kind", String(16), nullable=False),
    Column("without_index", Text, nullable=False, server_default=text("''")),
    Column("checked_at", DateTime(timezone=True), nullable=True),
    Column("finding", Text, nullable=False),
    Column("unkept", Integer, nullable=False),
    UniqueConstraint("id"),
    UniqueConstraint("upload"),
    UniqueConstraint("place"),
    UniqueConstraint("provider", "path", "version"),
    CheckConstraint(FILE_STATES, name="state"),
    CheckConstraint(STORED_IF_VERIFIED, name="stored"),
    CheckConstraint(ERROR_SAYS_WHY, name="reason"),
    Index(
        "ix_archive_files_live",
        "provider",
        "path",
        unique=True,
        sqlite_where=text("state <> 'disabled'"),
        postgresql_where=text("state <> 'disabled'"),
    ),
    Index(
        "ix_archive_files_due_at",
        "due_at",
        sqlite_where=text("due_at IS NOT NULL"),
        postgresql_where=text("due_at IS NOT NULL"),
    ),
    Index(
        "ix_archive_files_unkept",
        "unkept",
        sqlite_where=text("unkept > 0"),
        postgresql_where=text("unkept > 0"),
    ),
    Index(
        "ix_archive_files_finding",
        "finding",
        sqlite_where=text("finding <> ''"),
        postgresql_where=text("finding <> ''"),
    ),
    Index("ix_archive_files_provider_number", "provider", "number"),
    Index("ix_archive_files_state", "state"),
    Index("ix_archive_files_state_checked_at_number", "state", "checked_at", "number"),
    Index("ix_archive_files_provider_state_size_bytes", "provider", "state", "size_bytes"),
    Index("ix_archive_files_key_id", "key_id"),
    sqlite_autoincrement=True,
)
"""unkept: changes of an archived file that the facts beside its body do not tell yet."""

archive_digests: Final = Table(
    "archive_digests",
    metadata,
    Column("file", ForeignKey("archive_files.id"), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("value", String(128), nullable=False),
)
"""kind: a field of `model.Digests`."""

archive_chunks: Final = Table(
    "archive_chunks",
    metadata,
    Column("file", ForeignKey("archive_files.id"), primary_key=True),
    Column("hashes", LargeBinary, nullable=False),
)
"""Hashes of the stored body by chunk, one after the other."""

archive_pieces: Final = Table(
    "archive_pieces",
    metadata,
    Column("file", ForeignKey("archive_files.id"), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("key", String(512), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("seal", LargeBinary, nullable=False, server_default=text("''")),
)
"""Where an upload lies in the inbox, until the file is ready or given up."""

archive_events: Final = Table(
    "archive_events",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("file", ForeignKey("archive_files.id"), nullable=False, index=True),
    Column("before_state", String(16), nullable=False),
    Column("after_state", String(16), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    CheckConstraint(TRANSITIONS_ALLOWED, name="transition"),
    sqlite_autoincrement=True,
)
"""The log of transitions; `before_state` is empty for the first of a file."""

archive_past_headers: Final = Table(
    "archive_past_headers",
    metadata,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("file", ForeignKey("archive_files.id"), nullable=False, index=True),
    Column("header", LargeBinary, nullable=False),
    Column("key_id", String(128), nullable=False),
    Column("replaced_at", DateTime(timezone=True), nullable=False),
    sqlite_autoincrement=True,
)
"""Headers that a rotation of keys replaced."""

archive_datasets: Final = Table(
    "archive_datasets",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    CheckConstraint(DATASET_STATES, name="state"),
)

archive_release_files: Final = Table(
    "archive_release_files",
    metadata,
    Column("dataset", ForeignKey("archive_datasets.id"), primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("file", ForeignKey("archive_files.id"), primary_key=True, index=True),
)

archive_companions: Final = Table(
    "archive_companions",
    metadata,
    Column("file", ForeignKey("archive_files.id"), primary_key=True),
    Column("data", ForeignKey("archive_files.id"), nullable=False, index=True),
    Column("judgement", String(16), nullable=False),
    Column("note", Text, nullable=False),
    Column("asked", Integer, nullable=False),
    CheckConstraint(JUDGEMENTS, name="judgement"),
    Index(
        "ix_archive_companions_pending",
        "judgement",
        sqlite_where=text("judgement = 'pending'"),
        postgresql_where=text("judgement = 'pending'"),
    ),
)
"""Index files of providers, and the data that they lie beside. asked: how often a judgement was asked for."""


def lies_in(volume: str) -> ColumnElement[bool]:
    """Of files: that their place names the volume; empty: that it names none."""
    place = archive_files.c.place
    return place.endswith(f"-{volume}") if volume else ~place.contains("-")


FACTS: Final = tuple(
    column for column in archive_files.c if column.name not in {"header", "checked_at", "finding", "unkept"}
)
"""What `file_of` reads: everything about a file that is small."""


def files_of(connection: Connection, rows: list[RowMapping]) -> tuple[ArchivedFile, ...]:
    """The files of `rows` of FACTS, in their order, with their digests and releases."""
    stored = [row["id"] for row in rows if row["key_id"] is not None]
    digests, releases = _digests(connection, stored), _releases(connection, stored)
    return tuple(file_of(row, digests.get(row["id"]), releases.get(row["id"], ())) for row in rows)


def _digests(connection: Connection, ids: list[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    if ids:
        query = select(archive_digests).where(archive_digests.c.file.in_(ids))
        for file, kind, value in connection.execute(query):
            found.setdefault(file, {})[kind] = value
    return found


def _releases(connection: Connection, ids: list[str]) -> dict[str, list[ReleaseId]]:
    found: dict[str, list[ReleaseId]] = {}
    if ids:
        rows = archive_release_files.c
        query = select(rows.dataset, rows.version, rows.file).where(rows.file.in_(ids))
        for dataset, version, file in connection.execute(query.order_by(rows.dataset, rows.version)):
            found.setdefault(file, []).append(ReleaseId(dataset, version))
    return found


def file_of(
    row: RowMapping, digests: dict[str, str] | None, releases: Iterable[ReleaseId] = ()
) -> ArchivedFile:
    """One file from a row of FACTS; `digests` by kind, None if nothing is stored of it."""
    return ArchivedFile(
        id=FileId(row["id"]),
        upload=row["upload"],
        provider=row["provider"],
        path=row["path"],
        version=row["version"],
        state=FileState(row["state"]),
        place=row["place"],
        size_bytes=row["size_bytes"],
        created=aware(row["created_at"]),
        changed=aware(row["changed_at"]),
        declared=msgspec.json.decode(row["declared"], type=Declared),
        dataset=row["dataset"],
        releases=tuple(releases),
        reason=row["reason"],
        attempt=row["attempt"],
        trouble=row["trouble"],
        due=_aware_or_none(row["due_at"]),
        stored=_stored_of(row, digests) if digests else None,
    )


def _stored_of(row: RowMapping, digests: dict[str, str]) -> Stored:
    return Stored(
        key_id=row["key_id"],
        body_bytes=row["body_bytes"],
        plain_bytes=row["plain_bytes"],
        digests=Digests(**digests),
        format=row["format"],
        index=row["index_kind"],
        without_index=row["without_index"],
        recovery_id=row["recovery_id"],
    )


def stored_values(stored: Stored) -> dict[str, Any]:
    """What a row of files says of what is stored; the digests have rows of their own."""
    return {
        "key_id": stored.key_id,
        "recovery_id": stored.recovery_id,
        "body_bytes": stored.body_bytes,
        "plain_bytes": stored.plain_bytes,
        "format": stored.format,
        "index_kind": stored.index,
        "without_index": stored.without_index,
    }


def digest_rows(id_: FileId, digests: Digests) -> list[dict[str, str]]:
    """A row for each digest that was computed."""
    told = ((field.name, getattr(digests, field.name)) for field in fields(Digests))
    return [{"file": id_, "kind": kind, "value": value} for kind, value in told if value]


def event_of(row: RowMapping) -> FileEvent:
    """One line of the log of a file."""
    return FileEvent(
        number=row["number"],
        file=FileId(row["file"]),
        before=FileState(row["before_state"]) if row["before_state"] else None,
        after=FileState(row["after_state"]),
        at=aware(row["at"]),
        actor=row["actor"],
        reason=row["reason"],
    )


def _aware_or_none(time: datetime | None) -> datetime | None:
    return aware(time) if time is not None else None
