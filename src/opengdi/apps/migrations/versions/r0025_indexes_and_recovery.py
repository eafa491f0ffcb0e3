"""Why a file has no index, and which recovery key its header is sealed for; neither is known of what is there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0023"

_COLUMNS = (("without_index", sa.Text()), ("recovery_id", sa.String(128)))


def upgrade() -> None:
    for name, kind in _COLUMNS:
        op.add_column("archive_files", sa.Column(name, kind, nullable=False, server_default=sa.text("''")))


def downgrade() -> None:
    for name, _ in _COLUMNS:
        op.drop_column("archive_files", name)
