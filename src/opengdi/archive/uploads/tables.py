"""Tables of uploads: what was begun, which parts arrived, and every object in the inbox that is ours to remove."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    text,
)

from opengdi.kernel.database import metadata

BYTEWISE: Final = String(1024).with_variant(String(1024, collation="C"), "postgresql")
"""Text in the order of its UTF-8 bytes, as S3 lists it; SQLite's own order is that."""

PENDING, STORED, GARBAGE = "pending", "stored", "garbage"

uploads: Final = Table(
    "uploads",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("protocol", String(8), nullable=False),
    Column("provider", String(200), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("path", BYTEWISE, nullable=False),
    Column("partial", Boolean, nullable=False),
    Column("declared", Text, nullable=False),
    Column("dataset", String(128), nullable=False),
    Column("length", BigInteger, nullable=True),
    Column("state", String(16), nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("etag", String(64), nullable=False),
    Column("headed", Boolean, nullable=False),
    Column("refusal", Text, nullable=False),
    Column("file", String(64), nullable=False),
    Column("begun_at", DateTime(timezone=True), nullable=False),
    Column("touched_at", DateTime(timezone=True), nullable=False),
    Column("upload_metadata", Text, nullable=False, server_default=text("''")),
    Column("upload_concat", Text, nullable=False, server_default=text("''")),
    CheckConstraint("state IN ('open', 'completing', 'completed')", name="state"),
    Index("ix_uploads_provider_path", "provider", "path"),
    Index("ix_uploads_state_touched_at", "state", "touched_at"),
)

upload_parts: Final = Table(
    "upload_parts",
    metadata,
    Column("upload", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("attempt", String(32), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("etag", String(32), nullable=False),
    Column("checksums", Text, nullable=False),
    Column("stored_at", DateTime(timezone=True), nullable=False),
)

upload_pieces: Final = Table(
    "upload_pieces",
    metadata,
    Column("key", String(128), primary_key=True),
    Column("upload", String(64), nullable=False),
    Column("provider", String(200), nullable=False),
    Column("part", Integer, nullable=False),
    Column("attempt", String(32), nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("seal", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),
    Column("stored_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("state IN ('pending', 'stored', 'garbage')", name="state"),
    Index("ix_upload_pieces_upload_part", "upload", "part"),
    Index("ix_upload_pieces_provider", "provider"),
    Index("ix_upload_pieces_state_stored_at", "state", "stored_at"),
)
"""A row is there before its object and as long as it, unless the archive took the object over."""
