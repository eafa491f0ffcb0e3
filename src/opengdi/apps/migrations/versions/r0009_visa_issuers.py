"""Visa issuers: ids of the visas that were signed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "issued_visas",
        sa.Column("jti", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("type", sa.String(40), nullable=False),
        sa.Column("dataset", sa.String(128), nullable=False),
        sa.Column("permit", sa.String(40), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("jti", name="pk_issued_visas"),
    )
    for column in ("permit", "dataset", "subject", "until"):
        op.create_index(f"ix_issued_visas_{column}", "issued_visas", [column])


def downgrade() -> None:
    op.drop_table("issued_visas")
