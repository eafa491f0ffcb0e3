"""Who asks, as far as it has been proved, and what was opened to them. Taken from verified credentials only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Final

from opengdi.kernel.ids import ReleaseId
from opengdi.standards.coordinates import Interval

PROGRAM: Final = "key:"
"""What the subject of a program that holds a key begins with."""


class Tier(IntEnum):
    """What a caller has proved about itself (Beacon security levels)."""

    PUBLIC = 0
    REGISTERED = 1
    CONTROLLED = 2


class Role(StrEnum):
    """What somebody may be at a node or a hub. The roles in one application follow from its own events."""

    PROVIDER = "provider"
    OPERATOR = "operator"
    AUDITOR = "auditor"
    COORDINATOR = "coordinator"
    ONBOARDING_OPERATOR = "onboarding-operator"
    SIGNING_OFFICIAL = "signing-official"
    DAC_MEMBER = "dac-member"
    DAC_CHAIR = "dac-chair"
    ETHICS_MEMBER = "ethics-member"
    NATIONAL_COORDINATION_POINT = "national-coordination-point"
    DATA_HOLDER = "data-holder"
    BROKER = "broker"
    MEMBER_NODE = "member-node"


@dataclass(frozen=True, slots=True)
class Duty:
    """A role with what it is held for: a deciding body, an organisation, a provider; empty: for this whole service."""

    role: Role
    of: str = ""


@dataclass(frozen=True, slots=True)
class Visa:
    """One dataset that a decision opened to somebody; empty `regions`: all of it. `until` is aware, None: no end.

    id: by which it is taken back; empty: it has none. version: of the dataset; empty: each, also those that come later.
    """

    dataset: str
    regions: tuple[Interval, ...] = ()
    until: datetime | None = None
    id: str = field(default="", compare=False)
    version: str = ""

    def opens(self, release: ReleaseId) -> bool:
        """True if it is for that version of the dataset (decision 0018)."""
        return self.dataset == release.dataset and self.version in {"", release.version}

    def opens_any(self, releases: Iterable[ReleaseId]) -> bool:
        """True if it is for one of them."""
        return any(self.opens(release) for release in releases)

    def holds_at(self, now: datetime) -> bool:
        """True before its end."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True)
class Principal:
    """One caller.

    `subject` is stable and opaque: `anonymous:<keyed digest of the address>`, `key:<id>` for a program, or
    `<hub id>/<pseudonym>` for somebody behind a verified hub; the broker's `sub` for somebody who logged in. Budgets
    and audit lines are kept under it. logged_in: it is known who this is, whatever else was proved.
    tier: controlled access is to one dataset each, so `visas` tell it and not the tier.
    duties: the roles given to this person or program here. until: when what was proved stops holding; None: no end.
    authenticated: when the person last proved who they are at a login; None: nobody told.
    """

    subject: str
    tier: Tier = Tier.PUBLIC
    hub: str | None = None
    visas: tuple[Visa, ...] = ()
    duties: frozenset[Duty] = frozenset()
    logged_in: bool = False
    until: datetime | None = None
    authenticated: datetime | None = None

    @property
    def is_anonymous(self) -> bool:
        return self.tier is Tier.PUBLIC and not self.logged_in

    @property
    def is_program(self) -> bool:
        return self.subject.startswith(PROGRAM)

    def holds(self, role: Role, of: str = "") -> bool:
        """True if this caller has that role for `of`, or for the whole service."""
        return Duty(role, of) in self.duties or Duty(role) in self.duties
