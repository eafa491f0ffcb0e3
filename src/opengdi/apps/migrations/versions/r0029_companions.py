"""Index files that providers sent, the data each lies beside, and whether it fits; of what is there the scrub asks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0027"

_TABLE, _PENDING = "archive_companions", "ix_archive_companions_pending"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("file", sa.String(32), nullable=False),
        sa.Column("data", sa.String(32), nullable=False),
        sa.Column("judgement", sa.String(16), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("file", name=f"pk_{_TABLE}"),
        _of_a_file("file"),
        _of_a_file("data"),
        sa.CheckConstraint(
            "judgement IN ('fits', 'pending', 'unknown', 'wrong')", name=f"ck_{_TABLE}_judgement"
        ),
    )
    op.create_index(f"ix_{_TABLE}_data", _TABLE, ["data"])
    pending = sa.text("judgement = 'pending'")
    op.create_index(_PENDING, _TABLE, ["judgement"], sqlite_where=pending, postgresql_where=pending)


def downgrade() -> None:
    op.drop_table(_TABLE)


def _of_a_file(column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["archive_files.id"], name=f"fk_{_TABLE}_{column}_archive_files")
