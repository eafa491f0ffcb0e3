"""The REMS-shaped interface: numbers of things, and what clients made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "access_rems_things",
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "number", name="pk_access_rems_things"),
        sa.UniqueConstraint("kind", "name", name="uq_access_rems_things_kind"),
    )


def downgrade() -> None:
    op.drop_table("access_rems_things")
