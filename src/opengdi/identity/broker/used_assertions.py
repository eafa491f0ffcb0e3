"""Client assertions that were shown, until their end: none is taken twice, whichever process of the hub it comes to."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

from sqlalchemy import Column, DateTime, Engine, Index, String, Table, delete, insert
from sqlalchemy.exc import IntegrityError

from opengdi.kernel.clock import Clock
from opengdi.kernel.database import metadata

broker_assertions: Final = Table(
    "broker_assertions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("until", DateTime(timezone=True), nullable=False),
    Index("ix_broker_assertions_until", "until"),
)
"""digest: SHA-256 of client and `jti`."""


class UsedAssertions:
    """Blocks shortly on the database: call it from a thread."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def first_use(self, client: str, jti: str, until: datetime) -> bool:
        """True once for each `jti` of a client; what has ended is swept out, as its end refuses it already."""
        digest = hashlib.sha256(f"{client}\0{jti}".encode()).hexdigest()
        try:
            with self._engine.begin() as connection:
                connection.execute(
                    delete(broker_assertions).where(broker_assertions.c.until < self._clock.now())
                )
                connection.execute(insert(broker_assertions), {"digest": digest, "until": until})
        except IntegrityError:
            return False
        return True
