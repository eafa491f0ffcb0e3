"""Uploads: what was begun, which parts arrived, and the objects in the inbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_BYTEWISE = sa.String(1024).with_variant(sa.String(1024, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("protocol", sa.String(8), nullable=False),
        sa.Column("provider", sa.String(200), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("path", _BYTEWISE, nullable=False),
        sa.Column("partial", sa.Boolean(), nullable=False),
        sa.Column("declared", sa.Text(), nullable=False),
        sa.Column("dataset", sa.String(128), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.String(64), nullable=False),
        sa.Column("headed", sa.Boolean(), nullable=False),
        sa.Column("refusal", sa.Text(), nullable=False),
        sa.Column("file", sa.String(64), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('open', 'completing', 'completed')", name="ck_uploads_state"),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
    )
    op.create_index("ix_uploads_provider_path", "uploads", ["provider", "path"])
    op.create_index("ix_uploads_state_touched_at", "uploads", ["state", "touched_at"])
    op.create_table(
        "upload_parts",
        sa.Column("upload", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.String(32), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.String(32), nullable=False),
        sa.Column("checksums", sa.Text(), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("upload", "number", name="pk_upload_parts"),
    )
    op.create_table(
        "upload_pieces",
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("upload", sa.String(64), nullable=False),
        sa.Column("provider", sa.String(200), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.String(32), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('pending', 'stored', 'garbage')", name="ck_upload_pieces_state"),
        sa.PrimaryKeyConstraint("key", name="pk_upload_pieces"),
    )
    op.create_index("ix_upload_pieces_upload_part", "upload_pieces", ["upload", "part"])
    op.create_index("ix_upload_pieces_provider", "upload_pieces", ["provider"])
    op.create_index("ix_upload_pieces_state_stored_at", "upload_pieces", ["state", "stored_at"])


def downgrade() -> None:
    op.drop_table("upload_pieces")
    op.drop_table("upload_parts")
    op.drop_table("uploads")
