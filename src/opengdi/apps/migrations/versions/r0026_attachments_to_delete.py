"""Attachments whose contents are to be deleted, until they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "attachments_to_delete",
        sa.Column("attachment", sa.String(40), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("attachment", name="pk_attachments_to_delete"),
    )


def downgrade() -> None:
    op.drop_table("attachments_to_delete")
