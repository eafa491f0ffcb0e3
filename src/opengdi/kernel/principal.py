"""Who asks, as far as it has been proved. Taken from verified credentials only, never from a parameter."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class Tier(IntEnum):
    """What a caller has proved about itself (Beacon security levels)."""

    PUBLIC = 0
    REGISTERED = 1
    CONTROLLED = 2


@dataclass(frozen=True, slots=True)
class Principal:
    """One caller.

    `subject` is stable and opaque: `anonymous:<keyed digest of the address>`, `token:<name>`, or
    `<hub id>/<pseudonym>` for somebody behind a verified hub. Budgets and audit lines are kept under it.
    `grants` are dataset ids that a visa opens to this caller; empty until visas exist.
    """

    subject: str
    tier: Tier = Tier.PUBLIC
    hub: str | None = None
    grants: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_anonymous(self) -> bool:
        return self.tier is Tier.PUBLIC
