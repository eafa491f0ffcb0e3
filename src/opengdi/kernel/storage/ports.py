"""What whoever keeps files needs from a storage. Every adapter passes `tests/contract/test_storage_adapters.py`."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from opengdi.kernel.errors import Invalid, Unavailable

LONGEST_KEY: Final = 512
"""Characters; S3 allows 1,024 bytes, and a prefix may come before."""

_PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._=+-]{0,199}\Z")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object that is there. `modified` is aware."""

    key: str
    size_bytes: int
    modified: datetime


class Storage(Protocol):
    """Objects by key. All methods raise Invalid for a malformed key and Unavailable if the store fails."""

    async def put(
        self, key: str, content: AsyncIterable[bytes], *, fresh: bool = False, size_bytes: int = 0
    ) -> StoredObject:
        """Store or replace an object. Until the last byte is safe, readers see what was there before, or nothing;
        if `content` raises, that stays so.

        fresh: store it only if there is no such object. Raises Conflict if there is one, however late it came.
        size_bytes: how many will come at most, 0 if nobody knows: a store of parts must know it of more than 300 GB.
        """
        ...

    def get(self, key: str, first: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """Bytes `[first, stop)` in pieces; a `stop` past the end means the end.

        Raises NotFound if there is no such object, Invalid if `first` lies past the end or after `stop`.
        """
        ...

    async def read_at(self, key: str, first: int, stop: int) -> bytes:
        """Bytes `[first, stop)` at once, with little delay: for small ranges. Otherwise as `get`."""
        ...

    async def head(self, key: str) -> StoredObject:
        """Size and time of an object. Raises NotFound."""
        ...

    def list(self, folder: str = "") -> AsyncIterator[StoredObject]:
        """Objects whose key begins with `folder/`, or all, ordered by key."""
        ...

    async def delete(self, key: str) -> None:
        """Remove an object; nothing happens if there is none."""
        ...

    async def exists(self, key: str) -> bool:
        """True if there is such an object."""
        ...

    async def drop_unfinished(self, folder: str, now: datetime, age: timedelta) -> int:
        """Remove what writers that were killed left half-written below a folder, if it is older than `age`; how many.

        What this process writes is let be, however old it is.
        """
        ...


async def put_whole(storage: Storage, key: str, content: bytes, *, fresh: bool = False) -> StoredObject:
    """Store or replace a small object. Raises as `put` does."""

    async def only() -> AsyncIterator[bytes]:
        yield content

    return await storage.put(key, only(), fresh=fresh)


async def read_whole(storage: Storage, key: str) -> bytes:
    """All of a small object. Raises as `get` does."""
    return b"".join([piece async for piece in storage.get(key)])


async def answers(storage: Storage, key: str) -> bool:
    """False if not even whether there is such an object can be told: it is the storage that fails, not the object."""
    try:
        await storage.exists(key)
    except Unavailable:
        return False
    return True


def checked_key(key: str) -> str:
    """The key itself: parts of letters, digits, `._=+-` joined by `/`, none beginning with a dot.

    So a key is a safe path on every file system and no part of it can climb. Raises Invalid.
    """
    if len(key) > LONGEST_KEY or not all(_PART.match(part) for part in key.split("/")):
        raise Invalid(
            f"storage key {key!r} must be parts of letters, digits or ._=+- joined by '/', "
            f"none beginning with '.', {LONGEST_KEY} characters at most"
        )
    return key


def checked_range(key: str, size_bytes: int, first: int, stop: int | None) -> tuple[int, int]:
    """The range that is there to read, `[first, stop)`. Raises Invalid."""
    end = size_bytes if stop is None else min(stop, size_bytes)
    if not 0 <= first <= size_bytes or end < first:
        raise Invalid(f"range [{first}, {stop}) of {key} is not within its {size_bytes} bytes")
    return first, end
