"""One row of the budget journal for all that a transaction booked of a purse, in whatever datasets."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from itertools import count, groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    rows = _taken(
        "SELECT turn, purse, dataset, version, individuals, units FROM budget_journal ORDER BY turn, purse, line"
    )
    journal = op.create_table(
        "budget_journal",
        sa.Column("turn", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("purse", sa.String(200), nullable=False),
        sa.Column("booked", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("turn", "purse", name="pk_budget_journal"),
    )
    op.create_index("ix_budget_journal_purse", "budget_journal", ["purse"])
    op.bulk_insert(
        journal,
        [
            {"turn": turn, "purse": purse, "booked": json.dumps([_booking(*row) for _, _, *row in booked])}
            for (turn, purse), booked in groupby(rows, key=itemgetter(0, 1))
        ],
    )


def downgrade() -> None:
    rows = _taken("SELECT turn, purse, booked FROM budget_journal ORDER BY turn, purse")
    journal = op.create_table(
        "budget_journal",
        sa.Column("turn", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("purse", sa.String(200), nullable=False),
        sa.Column("dataset", sa.String(128), nullable=False),
        sa.Column("version", sa.String(128), nullable=False),
        sa.Column("individuals", sa.Integer(), nullable=False),
        sa.Column("units", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("turn", "line", name="pk_budget_journal"),
    )
    op.create_index("ix_budget_journal_purse_dataset", "budget_journal", ["purse", "dataset"])
    lines = count()
    op.bulk_insert(
        journal,
        [
            {
                "turn": turn,
                "line": next(lines),
                "purse": purse,
                "dataset": dataset,
                "version": version,
                "individuals": individuals,
                "units": b64decode(units),
            }
            for turn, purse, booked in rows
            for dataset, version, individuals, units in json.loads(booked)
        ],
    )


def _taken(query: str) -> list[Any]:
    """The rows of the journal, which is gone afterwards."""
    rows = op.get_bind().execute(sa.text(query)).all()
    op.drop_table("budget_journal")
    return list(rows)


def _booking(dataset: str, version: str, individuals: int, units: bytes) -> list[object]:
    return [dataset, version, individuals, b64encode(units).decode()]
