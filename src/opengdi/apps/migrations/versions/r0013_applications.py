"""Applications: forms as they came into use, releases that nodes offer, and what a node told its hubs of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "access_forms",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", "version", name="pk_access_forms"),
    )
    op.create_table(
        "access_datasets",
        sa.Column("dataset", sa.String(128), nullable=False),
        sa.Column("version", sa.String(60), nullable=False),
        sa.Column("node", sa.String(200), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "version", name="pk_access_datasets"),
    )
    op.create_table(
        "access_offers",
        sa.Column("hub", sa.String(200), nullable=False),
        sa.Column("dataset", sa.String(128), nullable=False),
        sa.Column("version", sa.String(60), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("hub", "dataset", "version", name="pk_access_offers"),
    )


def downgrade() -> None:
    op.drop_table("access_offers")
    op.drop_table("access_datasets")
    op.drop_table("access_forms")
