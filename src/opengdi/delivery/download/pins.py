"""Headers sealed for a recipient, kept as they are, so that an interrupted download goes on with the same bytes.

Sealing takes fresh random keys each time; a second header would begin a file with other bytes and another entity tag. A
kept header can be opened by its recipient only, so it is no secret of ours.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    LargeBinary,
    String,
    Table,
    and_,
    delete,
    insert,
    or_,
    select,
)
from sqlalchemy.exc import IntegrityError

from opengdi.delivery.model import HeldFile
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import metadata, reading
from opengdi.standards.crypt4gh import PublicKey

pinned_headers: Final = Table(
    "delivery_pinned_headers",
    metadata,
    Column("file", String(64), primary_key=True),
    Column("recipient", String(64), primary_key=True),
    Column("body_sha256", String(64), nullable=False),
    Column("header", LargeBinary, nullable=False),
    Column("until", BigInteger, nullable=False, index=True),
)


class HeaderPins:
    """One header for each file and recipient, for `lifetime`."""

    def __init__(self, engine: Engine, clock: Clock, lifetime: timedelta) -> None:
        self._engine = engine
        self._clock = clock
        self._lifetime = lifetime

    async def pinned(self, file: HeldFile, recipient: PublicKey) -> bytes | None:
        """The header that was given out before and still holds."""
        return await asyncio.to_thread(self._find, file, recipient)

    async def pin(self, file: HeldFile, recipient: PublicKey, header: bytes) -> bytes:
        """Keep the header; of two requests that do so at once both get the first one's."""
        return await asyncio.to_thread(self._keep, file, recipient, header)

    def _find(self, file: HeldFile, recipient: PublicKey) -> bytes | None:
        wanted = select(pinned_headers.c.header).where(
            pinned_headers.c.file == file.id,
            pinned_headers.c.recipient == recipient.raw.hex(),
            pinned_headers.c.body_sha256 == file.body_sha256,
            pinned_headers.c.until > _seconds(self._clock.now()),
        )
        with reading(self._engine) as connection:
            found = connection.scalar(wanted)
        return None if found is None else bytes(found)

    def _keep(self, file: HeldFile, recipient: PublicKey, header: bytes) -> bytes:
        now = self._clock.now()
        row = {
            "file": file.id,
            "recipient": recipient.raw.hex(),
            "body_sha256": file.body_sha256,
            "header": header,
            "until": _seconds(now + self._lifetime),
        }
        of_another_body = and_(
            pinned_headers.c.file == file.id, pinned_headers.c.body_sha256 != file.body_sha256
        )
        try:
            with self._engine.begin() as connection:
                over = or_(pinned_headers.c.until <= _seconds(now), of_another_body)
                connection.execute(delete(pinned_headers).where(over))
                connection.execute(insert(pinned_headers), row)
        except IntegrityError:
            return self._find(file, recipient) or header
        return header


def _seconds(time: datetime) -> int:
    return int(time.timestamp())
