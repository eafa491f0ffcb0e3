"""Organisations and people: bytes of documents, and what was last told of people."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "access_documents",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_access_documents"),
    )
    op.create_table(
        "access_standings",
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("organisation", sa.String(40), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_access_standings"),
    )
    op.create_index("ix_access_standings_organisation", "access_standings", ["organisation"])


def downgrade() -> None:
    op.drop_table("access_standings")
    op.drop_table("access_documents")
