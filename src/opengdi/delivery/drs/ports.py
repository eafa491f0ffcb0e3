"""What the service needs to believe passports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from opengdi.kernel.principal import Principal


class Passports(Protocol):
    """Checks passports that callers put into the body of a POST. issuers: whose visas are believed, for OPTIONS."""

    @property
    def issuers(self) -> tuple[str, ...]: ...

    async def holder(self, passports: Sequence[str], asker: Principal) -> Principal:
        """Who the passports prove the caller to be, with their visas and no others.

        asker: who calls, by other credentials. Raises NotAuthenticated if one of the passports proves nothing.
        """
        ...
