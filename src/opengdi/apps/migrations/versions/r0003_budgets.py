"""What callers have been told: the journal of budgets with the turn of its writers, and the sets of people."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    turn = op.create_table(
        "budget_turn",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_budget_turn"),
    )
    op.bulk_insert(turn, [{"id": 1, "turn": 0}])
    op.create_table(
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
    op.create_table(
        "people_told",
        sa.Column("purse", sa.String(200), nullable=False),
        sa.Column("dataset", sa.String(128), nullable=False),
        sa.Column("version", sa.String(128), nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("individuals", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("purse", "dataset", "version", "place", name="pk_people_told"),
    )


def downgrade() -> None:
    op.drop_table("people_told")
    op.drop_table("budget_journal")
    op.drop_table("budget_turn")
