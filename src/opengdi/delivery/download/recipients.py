"""To whose Crypt4GH key a file is sent: the key that the request names, or the one the caller has registered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    LargeBinary,
    String,
    Table,
    delete,
    insert,
    select,
)

from opengdi.delivery.download.faults import Code, Refused
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import metadata, reading
from opengdi.standards.crypt4gh import PublicKey, parse_public_key
from opengdi.standards.faults import Malformed

KEY_HEADERS: Final = ("x-c4gh-public-key", "htsget-context-public-key", "client-public-key")
"""Headers that hold a recipient's key, Base64 of the raw key or of its PEM text; one of them, not more.

The last one is how clients of version 1 of the field's API say it.
"""

recipient_keys: Final = Table(
    "delivery_recipient_keys",
    metadata,
    Column("subject", String(200), primary_key=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("registered", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A caller's own key. registered: aware."""

    key: PublicKey
    registered: datetime


def forget_key(connection: Connection, subject: str) -> None:
    """Forget a caller's key, within a transaction of the caller's."""
    connection.execute(delete(recipient_keys).where(recipient_keys.c.subject == subject))


class RecipientKeys:
    """The registered keys, one for each caller."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def register(self, subject: str, key: PublicKey) -> RegisteredKey:
        """Keep the key in place of an older one."""
        kept = RegisteredKey(key, self._clock.now().replace(microsecond=0))
        await asyncio.to_thread(self._put, subject, kept)
        return kept

    async def find(self, subject: str) -> RegisteredKey | None:
        """The caller's key, if one is registered."""
        return await asyncio.to_thread(self._get, subject)

    async def forget(self, subject: str) -> None:
        """Nothing happens if there is none."""
        await asyncio.to_thread(self._drop, subject)

    def _put(self, subject: str, kept: RegisteredKey) -> None:
        row = {
            "subject": subject,
            "public_key": kept.key.raw,
            "registered": int(kept.registered.timestamp()),
        }
        with self._engine.begin() as connection:
            connection.execute(delete(recipient_keys).where(recipient_keys.c.subject == subject))
            connection.execute(insert(recipient_keys), row)

    def _get(self, subject: str) -> RegisteredKey | None:
        columns = (recipient_keys.c.public_key, recipient_keys.c.registered)
        with reading(self._engine) as connection:
            row = connection.execute(
                select(*columns).where(recipient_keys.c.subject == subject)
            ).one_or_none()
        if row is None:
            return None
        return RegisteredKey(PublicKey(bytes(row.public_key)), datetime.fromtimestamp(row.registered, UTC))

    def _drop(self, subject: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(recipient_keys).where(recipient_keys.c.subject == subject))


def key_in(headers: Mapping[str, str]) -> PublicKey | None:
    """The key that a request names in its headers (names in lower case). Raises Refused."""
    found = [headers[name] for name in KEY_HEADERS if name in headers]
    if len(found) > 1:
        raise Refused(Code.KEY_CONFLICT, f"Only one of {', '.join(KEY_HEADERS)} may be given.")
    return read_key(found[0]) if found else None


def read_key(text: str | bytes) -> PublicKey:
    """A public key in any form that the field writes. Raises Refused."""
    try:
        return parse_public_key(text)
    except Malformed as error:
        raise Refused(Code.KEY_INVALID, f"The recipient's key: {error}.") from error


async def recipient_of(headers: Mapping[str, str], subject: str, keys: RecipientKeys) -> PublicKey:
    """The key that the request names, else the caller's registered one. Raises Refused if there is neither."""
    named = key_in(headers)
    if named is not None:
        return named
    registered = await keys.find(subject)
    if registered is None:
        raise Refused(
            Code.KEY_MISSING,
            "Files leave encrypted: name your Crypt4GH public key in X-C4GH-Public-Key (Base64; sda-cli: --pubkey), "
            "or register it at …/keys.",
        )
    return registered.key
