"""Permits and entitlements."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "access_permits",
        sa.Column("permit", sa.String(40), nullable=False),
        sa.Column("application", sa.String(60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("jws", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("permit", name="pk_access_permits"),
    )
    op.create_index("ix_access_permits_application", "access_permits", ["application"])
    op.create_index("ix_access_permits_due", "access_permits", ["due_at"])
    op.create_table(
        "held_permits",
        sa.Column("permit", sa.String(40), nullable=False),
        sa.Column("hub", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("jws", sa.Text(), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("permit", name="pk_held_permits"),
    )
    op.create_table(
        "heard_standings",
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("organisation", sa.String(60), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
        sa.Column("good", sa.Boolean(), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_heard_standings"),
    )
    op.create_table(
        "own_revocations",
        sa.Column("permit", sa.String(40), nullable=False),
        sa.Column("dataset", sa.String(200), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("permit", "dataset", "subject", name="pk_own_revocations"),
    )
    op.create_table(
        "entitlements",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("permit", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("dataset", sa.String(200), nullable=False),
        sa.Column("version", sa.String(60), nullable=False),
        sa.Column("source", sa.String(300), nullable=False),
        sa.Column("asserted", sa.DateTime(timezone=True), nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("regions", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("reason", sa.String(60), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_entitlements_subject", "entitlements", ["subject", "ended_at"])
    op.create_index("ix_entitlements_permit", "entitlements", ["permit"])


def downgrade() -> None:
    for table in ("entitlements", "own_revocations", "heard_standings", "held_permits", "access_permits"):
        op.drop_table(table)
