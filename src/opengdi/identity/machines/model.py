"""What is known of a program's key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from opengdi.kernel.principal import Duty, Role, Tier

GRANTABLE: Final = frozenset({Role.PROVIDER, Role.BROKER, Role.OPERATOR, Role.AUDITOR})
"""What a program may be; decisions are people's."""


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """What a key is for.

    tier: REGISTERED for programs that ask the subject-level Beacon for registered people, else PUBLIC.
    paths: where it may be used, at and below; empty: everywhere. methods: empty: all. until: aware; None: no end.
    """

    name: str
    duties: frozenset[Duty] = frozenset()
    tier: Tier = Tier.PUBLIC
    paths: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class MachineKey:
    """A key as it stands. created, revoked, last_used: aware; revoked: None while it has not been taken back.

    last_used: to some minutes; None: never.
    """

    id: str
    terms: KeyTerms
    created: datetime
    created_by: str
    revoked: datetime | None = None
    last_used: datetime | None = None

    def is_in_use(self, now: datetime) -> bool:
        """True while it opens something: neither taken back nor at its end."""
        return self.revoked is None and (self.terms.until is None or self.terms.until > now)
