"""Files lie in a version of a dataset. Those mapped before belong to the one published, else loaded last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

_OLD, _NEW = "archive_dataset_files", "archive_release_files"


def upgrade() -> None:
    op.create_table(
        _NEW,
        sa.Column("dataset", sa.String(128), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("file", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "version", "file", name=f"pk_{_NEW}"),
        *_keys(_NEW),
    )
    op.create_index(f"ix_{_NEW}_file", _NEW, ["file"])
    op.execute(
        f"INSERT INTO {_NEW} (dataset, version, file) SELECT dataset, COALESCE(("  # noqa: S608  names of this module
        "SELECT version FROM dataset_releases AS held"
        f" WHERE held.dataset = {_OLD}.dataset AND held.state <> 'withdrawn'"
        " ORDER BY CASE held.state WHEN 'published' THEN 0 ELSE 1 END, held.number DESC LIMIT 1"
        f"), ''), file FROM {_OLD}"
    )
    op.drop_table(_OLD)


def downgrade() -> None:
    op.create_table(
        _OLD,
        sa.Column("dataset", sa.String(128), nullable=False),
        sa.Column("file", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "file", name=f"pk_{_OLD}"),
        *_keys(_OLD),
    )
    op.create_index(f"ix_{_OLD}_file", _OLD, ["file"])
    op.execute(f"INSERT INTO {_OLD} (dataset, file) SELECT DISTINCT dataset, file FROM {_NEW}")  # noqa: S608  as above
    op.drop_table(_NEW)


def _keys(table: str) -> tuple[sa.ForeignKeyConstraint, ...]:
    return (
        sa.ForeignKeyConstraint(
            ["dataset"], ["archive_datasets.id"], name=f"fk_{table}_dataset_archive_datasets"
        ),
        sa.ForeignKeyConstraint(["file"], ["archive_files.id"], name=f"fk_{table}_file_archive_files"),
    )
