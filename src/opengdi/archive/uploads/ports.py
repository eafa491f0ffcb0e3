"""What receiving uploads needs from others: to judge first bytes, and to know what a provider holds already."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol


class Gate(Protocol):
    """Judges the beginning of one file."""

    def feed(self, piece: bytes, /) -> object | None:
        """Anything but None once the header is complete and opens; None: go on.

        Raises Invalid (in words for the provider) as soon as the bytes are no Crypt4GH header, or none for this node.
        """
        ...


NewGate = Callable[[], Gate]

HeldBytes = Callable[[str], Awaitable[int]]
"""How many bytes of a provider the archive holds or has in hand."""
