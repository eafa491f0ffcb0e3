"""Seals of pieces that wait in the inbox for the archive: what came before this revision has none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    seal = sa.Column("seal", sa.LargeBinary(), nullable=False, server_default=sa.text("''"))
    op.add_column("archive_pieces", seal)


def downgrade() -> None:
    op.drop_column("archive_pieces", "seal")
