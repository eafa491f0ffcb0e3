"""Logins: people and sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "people",
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("issuer", sa.String(500), nullable=False),
        sa.Column("upstream", sa.String(255), nullable=False),
        sa.Column("first_login", _TIME, nullable=False),
        sa.Column("last_login", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_people"),
        sa.UniqueConstraint("issuer", "upstream", name="uq_people_issuer"),
    )
    op.create_table(
        "people_details",
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(200), nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_people_details"),
    )
    op.create_index("ix_people_details_email", "people_details", ["email"])
    op.create_table(
        "login_sessions",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("began_at", _TIME, nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.Column("id_token", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_login_sessions"),
    )
    op.create_index("ix_login_sessions_subject", "login_sessions", ["subject"])
    op.create_index("ix_login_sessions_seen_at", "login_sessions", ["seen_at"])
    op.create_table(
        "login_attempts",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("used_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_login_attempts"),
    )


def downgrade() -> None:
    for table in ("login_attempts", "login_sessions", "people_details", "people"):
        op.drop_table(table)
