"""Client assertions that were used; when people proved who they are; when keys were used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

_MOMENTS = (
    ("login_sessions", "authenticated_at"),
    ("broker_grants", "authenticated_at"),
    ("machine_keys", "last_used_at"),
)


def upgrade() -> None:
    op.create_table(
        "broker_assertions",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_broker_assertions"),
    )
    op.create_index("ix_broker_assertions_until", "broker_assertions", ["until"])
    for table, name in _MOMENTS:
        op.add_column(table, sa.Column(name, sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for table, name in _MOMENTS:
        op.drop_column(table, name)
    op.drop_table("broker_assertions")
