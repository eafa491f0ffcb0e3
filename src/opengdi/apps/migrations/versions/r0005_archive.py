"""The archive: files, what was computed of them, their log and their datasets; and the outbox of events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)
_LIVE = sa.text("state <> 'disabled'")
_DUE = sa.text("due_at IS NOT NULL")
_UNKEPT = sa.text("unkept > 0")
_STATES = (
    "state IN ('archived', 'disabled', 'error', 'ingested', 'ready', 'submitted', 'uploaded', 'verified')"
)
_STORED = (
    "state NOT IN ('archived', 'verified', 'ready') OR (header IS NOT NULL AND key_id IS NOT NULL "
    "AND body_bytes IS NOT NULL AND plain_bytes IS NOT NULL)"
)
_TRANSITIONS = (
    "before_state || '>' || after_state IN ("
    "'>uploaded', 'archived>error', 'archived>verified', "
    "'error>disabled', 'error>submitted', 'ingested>archived', "
    "'ingested>error', 'ready>disabled', 'submitted>disabled', "
    "'submitted>error', 'submitted>ingested', 'uploaded>disabled', "
    "'uploaded>submitted', 'verified>error', 'verified>ready')"
)


def upgrade() -> None:
    _make_files()
    _make_what_was_computed()
    _make_log()
    _make_datasets()
    op.create_table(
        "outbox",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("written_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_outbox"),
        sa.UniqueConstraint("id", name="uq_outbox_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_due_at", "outbox", ["due_at"])


def _make_files() -> None:
    op.create_table(
        "archive_files",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("upload", sa.String(64), nullable=False),
        sa.Column("provider", sa.String(128), nullable=False),
        sa.Column("path", sa.String(1024), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("place", sa.String(64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("declared", sa.Text(), nullable=False),
        sa.Column("dataset", sa.String(128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("due_at", _TIME, nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=True),
        sa.Column("key_id", sa.String(128), nullable=True),
        sa.Column("body_bytes", sa.BigInteger(), nullable=True),
        sa.Column("plain_bytes", sa.BigInteger(), nullable=True),
        sa.Column("format", sa.String(16), nullable=False),
        sa.Column("index_kind", sa.String(16), nullable=False),
        sa.Column("checked_at", _TIME, nullable=True),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("unkept", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_archive_files"),
        sa.UniqueConstraint("id", name="uq_archive_files_id"),
        sa.UniqueConstraint("upload", name="uq_archive_files_upload"),
        sa.UniqueConstraint("place", name="uq_archive_files_place"),
        sa.UniqueConstraint("provider", "path", "version", name="uq_archive_files_provider_path_version"),
        sa.CheckConstraint(_STATES, name="ck_archive_files_state"),
        sa.CheckConstraint(_STORED, name="ck_archive_files_stored"),
        sa.CheckConstraint("state <> 'error' OR reason <> ''", name="ck_archive_files_reason"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_archive_files_live",
        "archive_files",
        ["provider", "path"],
        unique=True,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )
    op.create_index(
        "ix_archive_files_due_at", "archive_files", ["due_at"], sqlite_where=_DUE, postgresql_where=_DUE
    )
    op.create_index(
        "ix_archive_files_unkept", "archive_files", ["unkept"], sqlite_where=_UNKEPT, postgresql_where=_UNKEPT
    )
    op.create_index("ix_archive_files_state", "archive_files", ["state"])
    op.create_index("ix_archive_files_key_id", "archive_files", ["key_id"])


def _of_a_file(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["file"], ["archive_files.id"], name=f"fk_{table}_file_archive_files")


def _make_what_was_computed() -> None:
    op.create_table(
        "archive_digests",
        sa.Column("file", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("value", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("file", "kind", name="pk_archive_digests"),
        _of_a_file("archive_digests"),
    )
    op.create_table(
        "archive_chunks",
        sa.Column("file", sa.String(32), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("file", name="pk_archive_chunks"),
        _of_a_file("archive_chunks"),
    )
    op.create_table(
        "archive_pieces",
        sa.Column("file", sa.String(32), nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(512), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("file", "place", name="pk_archive_pieces"),
        _of_a_file("archive_pieces"),
    )
    op.create_table(
        "archive_past_headers",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("file", sa.String(32), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.String(128), nullable=False),
        sa.Column("replaced_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_archive_past_headers"),
        _of_a_file("archive_past_headers"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_archive_past_headers_file", "archive_past_headers", ["file"])


def _make_log() -> None:
    op.create_table(
        "archive_events",
        sa.Column("number", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("file", sa.String(32), nullable=False),
        sa.Column("before_state", sa.String(16), nullable=False),
        sa.Column("after_state", sa.String(16), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_archive_events"),
        sa.CheckConstraint(_TRANSITIONS, name="ck_archive_events_transition"),
        _of_a_file("archive_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_archive_events_file", "archive_events", ["file"])


def _make_datasets() -> None:
    op.create_table(
        "archive_datasets",
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_archive_datasets"),
        sa.CheckConstraint(
            "state IN ('deprecated', 'registered', 'released')", name="ck_archive_datasets_state"
        ),
    )
    op.create_table(
        "archive_dataset_files",
        sa.Column("dataset", sa.String(128), nullable=False),
        sa.Column("file", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "file", name="pk_archive_dataset_files"),
        sa.ForeignKeyConstraint(
            ["dataset"], ["archive_datasets.id"], name="fk_archive_dataset_files_dataset_archive_datasets"
        ),
        _of_a_file("archive_dataset_files"),
    )
    op.create_index("ix_archive_dataset_files_file", "archive_dataset_files", ["file"])


def downgrade() -> None:
    for table in (
        "outbox",
        "archive_dataset_files",
        "archive_datasets",
        "archive_events",
        "archive_past_headers",
        "archive_pieces",
        "archive_chunks",
        "archive_digests",
        "archive_files",
    ):
        op.drop_table(table)
