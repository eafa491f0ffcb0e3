"""Notices of the feed are forgotten once they were heard; people are forgotten, and who has done so is kept.

What was granted in a browser session ends with it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("feed", sa.Column("about", sa.String(200), nullable=False, server_default=sa.text("''")))
    op.create_index("ix_feed_about", "feed", ["about"])
    op.add_column(
        "broker_grants", sa.Column("session", sa.String(64), nullable=False, server_default=sa.text("''"))
    )
    op.create_index("ix_broker_grants_session", "broker_grants", ["session"])
    op.create_table(
        "feed_readers",
        sa.Column("reader", sa.String(200), nullable=False),
        sa.Column("heard", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("reader", name="pk_feed_readers"),
    )
    op.create_table(
        "erasures",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
    )
    op.create_table(
        "erasures_done",
        sa.Column("erasure", sa.String(32), nullable=False),
        sa.Column("member", sa.String(200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("erasure", "member", name="pk_erasures_done"),
    )


def downgrade() -> None:
    op.drop_table("erasures_done")
    op.drop_table("erasures")
    op.drop_table("feed_readers")
    op.drop_index("ix_broker_grants_session", "broker_grants")
    op.drop_column("broker_grants", "session")
    op.drop_index("ix_feed_about", "feed")
    op.drop_column("feed", "about")
