"""Tables of people, their details, their sessions, and logins that were used up."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, DateTime, Index, String, Table, Text, UniqueConstraint

from opengdi.kernel.database import metadata

people: Final = Table(
    "people",
    metadata,
    Column("subject", String(255), primary_key=True),
    Column("issuer", String(500), nullable=False),
    Column("upstream", String(255), nullable=False),
    Column("first_login", DateTime(timezone=True), nullable=False),
    Column("last_login", DateTime(timezone=True), nullable=False),
    UniqueConstraint("issuer", "upstream", name="uq_people_issuer"),
)

people_details: Final = Table(
    "people_details",
    metadata,
    Column("subject", String(255), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("email", String(200), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Index("ix_people_details_email", "email"),
)
"""What names somebody: may be erased, and comes again with their next login."""

login_sessions: Final = Table(
    "login_sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("subject", String(255), nullable=False),
    Column("began_at", DateTime(timezone=True), nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Column("id_token", Text, nullable=False),
    Column("authenticated_at", DateTime(timezone=True)),
    Index("ix_login_sessions_subject", "subject"),
    Index("ix_login_sessions_seen_at", "seen_at"),
)
"""digest: SHA-256 of the session id, so that the table opens no session. id_token: sealed."""

login_attempts: Final = Table(
    "login_attempts",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("used_at", DateTime(timezone=True), nullable=False),
)
"""digest: SHA-256 of the state of a login that has come back; it does not come back twice."""
