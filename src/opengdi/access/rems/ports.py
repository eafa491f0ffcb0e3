"""What the REMS-shaped interface needs of its surroundings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection

from opengdi.access.rems.model import Entitlement
from opengdi.kernel.principal import Principal

Keys = Callable[[str, str, str], Awaitable[Principal | None]]
"""The program of a key, for a method and a path; None: it is no key. Raises NotAuthenticated, NotPermitted."""


Uses = Mapping[tuple[str, str], datetime]
"""Until when a permit opens all of a dataset to a person, by subject and dataset; what is not there is not open."""


Opens = Callable[[str], Uses]
"""What a permit, by its number, opens now: nothing if it is unknown, suspended, asleep or over. Blocks."""


class OpensWithin(Protocol):
    """What a permit opens now, also by what this very transaction wrote."""

    def __call__(self, connection: Connection, permit: str, /) -> Uses: ...


class Visas(Protocol):
    """Signs entitlements as visas that consumers of the field read (RS256). Methods block."""

    def sign(self, entitlements: Iterable[Entitlement], asker: str) -> list[str]:
        """A visa for each. asker: subject of who gets them, for the audit chain."""
        ...

    def key_set(self) -> Mapping[str, Any]:
        """The JSON Web Key Set to check them with."""
        ...


class AuditLines(Protocol):
    """Reads the audit chain. Blocks."""

    def __call__(self, actor: str | None) -> list[Mapping[str, Any]]:
        """Lines, newest last; those of one subject, or all."""
        ...
