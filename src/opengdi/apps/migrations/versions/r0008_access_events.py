"""Access: events of applications, cases, permits; texts that can be erased; the feed from hub to nodes and back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column(
        "outbox", sa.Column("destination", sa.String(200), nullable=False, server_default=sa.text("''"))
    )
    op.create_table(
        "access_events",
        sa.Column("position", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("stream", sa.String(120), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("form", sa.Integer(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.UniqueConstraint("stream", "number", name="uq_access_events_stream"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "access_heads",
        sa.Column("stream", sa.String(120), nullable=False),
        sa.Column("story", sa.String(30), nullable=False),
        sa.Column("state", sa.String(40), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("stream", name="pk_access_heads"),
    )
    op.create_index("ix_access_heads_story", "access_heads", ["story", "changed_at", "stream"])
    op.create_table(
        "access_concerned",
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("stream", sa.String(120), nullable=False),
        sa.PrimaryKeyConstraint("who", "stream", name="pk_access_concerned"),
    )
    op.create_index("ix_access_concerned_stream", "access_concerned", ["stream"])
    op.create_table(
        "access_texts",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("stream", sa.String(120), nullable=False),
        sa.Column("about", sa.String(200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_access_texts"),
    )
    op.create_index("ix_access_texts_stream", "access_texts", ["stream"])
    op.create_index("ix_access_texts_about", "access_texts", ["about"])
    op.create_table(
        "feed",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("audience", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_feed_audience", "feed", ["audience", "number"])
    op.create_table(
        "feed_cursors",
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_feed_cursors"),
    )
    op.create_table(
        "received_events",
        sa.Column("sender", sa.String(200), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sender", "id", name="pk_received_events"),
    )


def downgrade() -> None:
    for table in (
        "received_events",
        "feed_cursors",
        "feed",
        "access_texts",
        "access_concerned",
        "access_heads",
    ):
        op.drop_table(table)
    op.drop_table("access_events")
    op.drop_column("outbox", "destination")
