"""Cases of deciding bodies: when which has something due, and where people belong, for conflicts of interest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "access_case_timers",
        sa.Column("case_id", sa.String(120), nullable=False),
        sa.Column("body", sa.String(120), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("case_id", name="pk_access_case_timers"),
    )
    op.create_index("ix_access_case_timers_due_at", "access_case_timers", ["due_at"])
    op.create_table(
        "access_belonging",
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("organisation", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_access_belonging"),
    )


def downgrade() -> None:
    op.drop_table("access_belonging")
    op.drop_table("access_case_timers")
