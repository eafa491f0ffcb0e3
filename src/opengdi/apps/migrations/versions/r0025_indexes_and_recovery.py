"""Why a file has no index, and which recovery key its header is sealed for; neither is known of what is there.

Damaged files, and those of a provider in order of arrival, are found without reading all files.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0023"

_COLUMNS = (("without_index", sa.Text()), ("recovery_id", sa.String(128)))

_FINDING, _ARRIVAL = "ix_archive_files_finding", "ix_archive_files_provider_number"


def upgrade() -> None:
    for name, kind in _COLUMNS:
        op.add_column("archive_files", sa.Column(name, kind, nullable=False, server_default=sa.text("''")))
    damaged = sa.text("finding <> ''")
    op.create_index(_FINDING, "archive_files", ["finding"], sqlite_where=damaged, postgresql_where=damaged)
    op.create_index(_ARRIVAL, "archive_files", ["provider", "number"])


def downgrade() -> None:
    for index in (_ARRIVAL, _FINDING):
        op.drop_index(index, "archive_files")
    for name, _ in _COLUMNS:
        op.drop_column("archive_files", name)
