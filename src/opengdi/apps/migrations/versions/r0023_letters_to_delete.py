"""Letters of people who were erased, until their files are deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.create_table(
        "letters_to_delete",
        sa.Column("which", sa.String(254), nullable=False),
        sa.PrimaryKeyConstraint("which", name="pk_letters_to_delete"),
    )


def downgrade() -> None:
    op.drop_table("letters_to_delete")
