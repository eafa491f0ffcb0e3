"""Attachments whose contents are to be deleted, until they are; of whom nothing is told any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.create_table(
        "attachments_to_delete",
        sa.Column("attachment", sa.String(40), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("attachment", name="pk_attachments_to_delete"),
    )
    op.create_table(
        "notices_erased",
        sa.Column("which", sa.String(220), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("which", name="pk_notices_erased"),
    )


def downgrade() -> None:
    op.drop_table("notices_erased")
    op.drop_table("attachments_to_delete")
