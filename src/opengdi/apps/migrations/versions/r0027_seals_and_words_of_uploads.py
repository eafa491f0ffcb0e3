"""Seals of pieces that wait in the inbox for the archive, and what senders by tus said when they began.

What came before this revision lies without a seal.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"

_WORDS = ("upload_metadata", "upload_concat")


def upgrade() -> None:
    seal = sa.Column("seal", sa.LargeBinary(), nullable=False, server_default=sa.text("''"))
    op.add_column("archive_pieces", seal)
    for name in _WORDS:
        op.add_column("uploads", sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''")))
    op.execute(sa.text("UPDATE uploads SET upload_concat = 'partial' WHERE partial"))


def downgrade() -> None:
    for name in _WORDS:
        op.drop_column("uploads", name)
    op.drop_column("archive_pieces", "seal")
