"""What receiving uploads needs from others: to judge first bytes, and to know what a provider holds
already, and who shows which key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from opengdi.kernel.keys import Secret
from opengdi.kernel.principal import Principal


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


class SenderKeys(Protocol):
    """Knows keys of programs, with which requests are signed."""

    def secret(self, id_: str) -> Secret | None:
        """What a key signs with; None: it is no id of a key. Known before anybody knows whether there is such a key."""
        ...

    async def of_id(self, id_: str, method: str, path: str) -> Principal:
        """Whose key it is. Raises NotAuthenticated if there is none, NotPermitted if it is not for this."""
        ...


class Tokens(Protocol):
    """Checks tokens."""

    async def of_token(self, token: str, method: str, path: str) -> Principal:
        """Who shows a token. Raises NotAuthenticated, NotPermitted."""
        ...
