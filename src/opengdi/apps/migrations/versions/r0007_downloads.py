"""Recipients' keys that callers registered, and headers that were sealed for recipients."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "delivery_recipient_keys",
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("registered", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_delivery_recipient_keys"),
    )
    op.create_table(
        "delivery_pinned_headers",
        sa.Column("file", sa.String(64), nullable=False),
        sa.Column("recipient", sa.String(64), nullable=False),
        sa.Column("body_sha256", sa.String(64), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("file", "recipient", name="pk_delivery_pinned_headers"),
    )
    op.create_index("ix_delivery_pinned_headers_until", "delivery_pinned_headers", ["until"])


def downgrade() -> None:
    op.drop_table("delivery_pinned_headers")
    op.drop_table("delivery_recipient_keys")
