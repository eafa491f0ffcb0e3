"""Who asks, as far as it has been proved, and what was opened to them. Taken from verified credentials only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from opengdi.standards.coordinates import Interval


class Tier(IntEnum):
    """What a caller has proved about itself (Beacon security levels)."""

    PUBLIC = 0
    REGISTERED = 1
    CONTROLLED = 2


@dataclass(frozen=True, slots=True)
class Visa:
    """One dataset that a decision opened to somebody; empty `regions`: all of it. `until` is aware, None: no end."""

    dataset: str
    regions: tuple[Interval, ...] = ()
    until: datetime | None = None

    def holds_at(self, now: datetime) -> bool:
        """True before its end."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True)
class Principal:
    """One caller.

    `subject` is stable and opaque: `anonymous:<keyed digest of the address>`, `token:<name>`, or
    `<hub id>/<pseudonym>` for somebody behind a verified hub. Budgets and audit lines are kept under it.
    `provider` is the data provider for whom this caller may submit files; empty: for none.
    """

    subject: str
    tier: Tier = Tier.PUBLIC
    hub: str | None = None
    visas: tuple[Visa, ...] = ()
    provider: str = ""

    @property
    def is_anonymous(self) -> bool:
        return self.tier is Tier.PUBLIC
