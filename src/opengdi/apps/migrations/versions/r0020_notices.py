"""Notices to people: what was told to whom, how far the ledger was read, and what people do not want."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_table(
        "notices",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("rule", sa.String(60), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.String(120), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("recipient", sa.String(220), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        sa.UniqueConstraint("position", "rule", "recipient", name="uq_notices_position"),
    )
    op.create_index("ix_notices_state", "notices", ["state", "due_at"])
    op.create_index("ix_notices_recipient", "notices", ["recipient", "written_at"])
    op.create_table(
        "notices_read",
        sa.Column("one", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_notices_read"),
    )
    op.create_table(
        "notices_declined",
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("rule", sa.String(60), nullable=False),
        sa.PrimaryKeyConstraint("subject", "rule", name="pk_notices_declined"),
    )


def downgrade() -> None:
    op.drop_table("notices_declined")
    op.drop_table("notices_read")
    op.drop_table("notices")
