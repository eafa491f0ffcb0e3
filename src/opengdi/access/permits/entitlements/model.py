"""Facts of entitlements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from opengdi.access.decision import Decision, Ruling
from opengdi.access.permits.document import PermitDocument


@dataclass(frozen=True, slots=True)
class Only:
    """Which entitlements are looked at: those of one permit, of one person, or of both; both empty: all."""

    permit: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class HeardStanding:
    """What a hub last said of a person. terms: addresses of what was accepted; until: of training and vetting."""

    subject: str
    organisation: str = ""
    terms: frozenset[str] = frozenset()
    until: datetime | None = None
    good: bool = False


Release = tuple[str, str]
"""A dataset and its version."""


@dataclass(frozen=True, slots=True)
class CaseWord:
    """What a case of this node says now, by this node's own records. hub: that offered it.

    about: what it was asked; rulings: of its last decision, at that time; people: whom the version of the application
    names that was decided on; vetoed: ids of datasets; withdrawn: the hub asks no longer, whatever was decided.
    """

    case: str
    hub: str
    application: str
    body: str
    kind: str
    about: frozenset[Release]
    at: datetime | None = None
    rulings: Mapping[Release, Ruling] = field(default_factory=dict)
    people: frozenset[str] = frozenset()
    vetoed: frozenset[str] = frozenset()
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class HeldPermit:
    """A permit as this node holds it.

    own: the decisions inside that this node's own bodies signed; words: of all cases of this node on the applications
    of these decisions; named: the body that this node itself names for a release.
    """

    document: PermitDocument
    own: tuple[Decision, ...]
    words: tuple[CaseWord, ...]
    named: Mapping[Release, str]


@dataclass(frozen=True, slots=True)
class OwnRevocation:
    """What this node took back of a permit; empty `dataset` or `subject`: of all.

    applications: that the permit rested on. What was decided on them until then opens nothing by another number either.
    """

    permit: str
    dataset: str = ""
    subject: str = ""
    at: datetime | None = None
    applications: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, order=True)
class Entitlement:
    """That somebody may use a dataset from `start` until `until`. source: address of the body; asserted: its decision.

    regions: 1-based with both ends in; empty: the whole dataset.
    """

    permit: str
    subject: str
    dataset: str
    version: str
    source: str
    asserted: datetime
    start: datetime
    until: datetime
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Demands:
    """What this node asks of people besides a permit. terms: one version of each document must have been accepted.

    sources: address of each of this node's bodies.
    """

    node: str
    sources: dict[str, str]
    terms: tuple[str, ...] = ()
