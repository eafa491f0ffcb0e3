"""Passports that were verified, by their digest, for as long as all that was verified holds. Bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from opengdi.identity.clearinghouse.rules import Counted, Held
from opengdi.identity.model import Proof
from opengdi.standards.passport import Claims

MOST_VISAS: Final = 50_000
"""Visas that are remembered in all: 65 MB (1.3 kB each, 2026-11)."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What came out of one passport. until: when the first token of it ends, or is to be looked at again."""

    claims: Claims
    held: Sequence[Held]
    proof: Proof
    counted: Sequence[Counted]
    until: datetime

    @property
    def size(self) -> int:
        return 1 + len(self.held)


class Memory:
    """The ones used last; not to be used by two threads at once."""

    def __init__(self, most: int = MOST_VISAS) -> None:
        self._most = most
        self._size = 0
        self._kept: OrderedDict[bytes, Verified] = OrderedDict()

    def get(self, digest: bytes, now: datetime) -> Verified | None:
        """What is known of a passport; None: nothing that still holds."""
        found = self._kept.get(digest)
        if found is None:
            return None
        if now >= found.until:
            self._drop(digest)
            return None
        self._kept.move_to_end(digest)
        return found

    def put(self, digest: bytes, verified: Verified) -> None:
        """Remember it, and forget what was not used for longest where it does not fit."""
        self._drop(digest)
        self._kept[digest] = verified
        self._size += verified.size
        while self._size > self._most:
            self._drop(next(iter(self._kept)))

    def _drop(self, digest: bytes) -> None:
        if (found := self._kept.pop(digest, None)) is not None:
            self._size -= found.size
