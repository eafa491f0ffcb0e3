"""Seals of pieces that wait in the inbox for the archive, and what senders by tus said when they began.

What came before this revision lies without a seal. Files that were checked longest ago, and what a provider holds, are
found without reading all files.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"

_WORDS = ("upload_metadata", "upload_concat")
_INDEXES = (["state", "checked_at", "number"], ["provider", "state", "size_bytes"])


def upgrade() -> None:
    seal = sa.Column("seal", sa.LargeBinary(), nullable=False, server_default=sa.text("''"))
    op.add_column("archive_pieces", seal)
    for name in _WORDS:
        op.add_column("uploads", sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''")))
    op.execute(sa.text("UPDATE uploads SET upload_concat = 'partial' WHERE partial"))
    for columns in _INDEXES:
        op.create_index(_index(columns), "archive_files", columns)


def downgrade() -> None:
    for columns in _INDEXES:
        op.drop_index(_index(columns), "archive_files")
    for name in _WORDS:
        op.drop_column("uploads", name)
    op.drop_column("archive_pieces", "seal")


def _index(columns: list[str]) -> str:
    return f"ix_archive_files_{'_'.join(columns)}"
