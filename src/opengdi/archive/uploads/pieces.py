"""Streams cut into pieces that are stored one by one, so that memory stays flat and what arrived stays."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from typing import Final

FOLDER: Final = "pieces"


class Stream:
    """A body that is cut into pieces.

    keep: if the body breaks off, what came until then is still a piece; else the piece ends with the same error.
    """

    def __init__(self, body: AsyncIterator[bytes], monotonic: Callable[[], float], *, keep: bool) -> None:
        self._body = body
        self._monotonic = monotonic
        self._keep = keep
        self._held = b""
        self._ended = False
        self.broken: Exception | None = None

    async def more(self) -> bool:
        """True if there is something for another piece. Raises what the body raises, unless pieces are to be kept."""
        while not self._held and not self._ended:
            await self._next()
        return bool(self._held)

    async def piece(self, most_bytes: int, most_s: float) -> AsyncIterator[bytes]:
        """The next bytes: so many at most, and none that come later than `most_s` after the first."""
        left, until = most_bytes, self._monotonic() + most_s
        while left and await self.more() and (left == most_bytes or self._monotonic() < until):
            taken, self._held = self._held[:left], self._held[left:]
            left -= len(taken)
            yield taken

    async def _next(self) -> None:
        try:
            self._held = await anext(self._body)
        except StopAsyncIteration:
            self._ended = True
        except Exception as error:
            self._ended = True
            self.broken = error
            if not self._keep:
                raise


class Counted:
    """Content, and how much of it has passed."""

    def __init__(self, content: AsyncIterator[bytes]) -> None:
        self._content = content
        self.size_bytes = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._content:
            self.size_bytes += len(chunk)
            yield chunk


def new_id() -> str:
    """Unguessable, letters and digits."""
    return os.urandom(16).hex()


def new_key() -> str:
    """Where a new object lies; folders stay small."""
    name = new_id()
    return f"{FOLDER}/{name[:2]}/{name}"
