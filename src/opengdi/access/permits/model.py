"""What a permit is: states, roles, commands, and the facts that its events add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from opengdi.access.model import AskedDataset, Purpose
from opengdi.kernel.release import DatasetType


class State(StrEnum):
    """Where a permit stands. NOTHING: there is none yet. Only what is ACTIVE opens anything."""

    NOTHING = "nothing"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    SLEEPING = "sleeping"
    ENDED = "ended"


class Role(StrEnum):
    """What somebody is in one permit; one person may be several."""

    HOLDER = "holder"
    MEMBER = "member"
    SIGNING_OFFICIAL = "signing-official"
    COORDINATOR = "coordinator"
    NODE = "node"
    EVERYONE_ELSE = "everyone-else"


class Command(StrEnum):
    """What can be asked of a permit."""

    AMEND = "amend"
    LEAVE = "leave"
    EXTEND = "extend"
    REFUSE_EXTENSION = "refuse-extension"
    SUSPEND = "suspend"
    RESUME = "resume"
    SLEEP = "sleep"
    WAKE = "wake"
    ATTEST = "attest"
    FULFIL = "fulfil"
    CLOSE_OUT = "close-out"
    REVOKE = "revoke"


class Ended(StrEnum):
    """Why a permit ended."""

    EXPIRED = "expired"
    CLOSED_OUT = "closed-out"
    REVOKED = "revoked"


class CloseOut(StrEnum):
    """Why a project ends before its permit does. Source: DUOS, close-outs."""

    COMPLETED = "completed"
    MOVED = "moved-institution"
    TRANSFERRED = "transferred"
    SUPERSEDED = "superseded"
    NEVER_BEGUN = "never-begun"


@dataclass(frozen=True, slots=True)
class Permitted:
    """A dataset release that a permit opens, and what its body said.

    regions: 1-based with both ends in, as `22:1001-2000`; empty: all of it.
    """

    dataset: str
    version: str
    node: str
    body: str
    dataset_type: DatasetType
    decided: datetime
    until: datetime
    conditions: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        return (self.dataset, self.version)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may use the data, and for which organisation. Names are not kept here."""

    subject: str
    organisation: str


@dataclass(frozen=True, slots=True)
class Duty:
    """What the holder took on. due: when it must be done, or until when it holds; None: at once and all the time."""

    id: str
    code: str
    text: str
    datasets: tuple[str, ...] = ()
    due: datetime | None = None
    must_be_done: bool = False
    done: datetime | None = None
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class Signed:
    """A decision as its body signed it."""

    body: str
    jws: str


@dataclass(frozen=True, slots=True)
class Basis:
    """An application, in the version of that digest, on which decisions of a permit were made."""

    application: str
    digest: str


@dataclass(frozen=True, slots=True)
class Approved:
    """An application all of whose cases are closed: what a permit is made of.

    title: id of a text. digest: of the newest version; digests: of all that were submitted, as a body that had decided
    before a change keeps to what it decided on. extends: the permit whose time was asked to be longer; empty: none.
    """

    application: str
    digest: str
    purpose: Purpose
    applicant: Person
    members: tuple[Person, ...]
    datasets: tuple[AskedDataset, ...]
    decisions: tuple[Signed, ...]
    digests: frozenset[str] = frozenset()
    title: str = ""
    duo: Mapping[str, Any] = field(default_factory=dict)
    environment: str = ""
    until: datetime | None = None
    legal_basis: str = ""
    fees: str = ""
    extends: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What checked decisions come to: what is granted, what it obliges to, which applications they were made on."""

    datasets: tuple[Permitted, ...]
    duties: tuple[Duty, ...] = ()
    bases: tuple[Basis, ...] = ()


@dataclass(frozen=True, slots=True)
class Permit:
    """What the events of a permit add up to. version: rises with every event that a reader of the permit must know.

    title: id of a text. attest_by: when the holder must have said again that access is needed; announced,
    attestation_announced: days before the end, before an attestation falls due, that were. taken_out: releases that
    were taken out for ever; taken_back: (subject, dataset) that their node ended itself.
    """

    id: str = ""
    state: State = State.NOTHING
    version: int = 0
    application: str = ""
    digest: str = ""
    title: str = ""
    purpose: Purpose = Purpose.RESEARCH
    duo: Mapping[str, Any] = field(default_factory=dict)
    holder: Person = field(default_factory=lambda: Person("", ""))
    members: tuple[Person, ...] = ()
    datasets: tuple[Permitted, ...] = ()
    duties: tuple[Duty, ...] = ()
    bases: tuple[Basis, ...] = ()
    decisions: tuple[Signed, ...] = ()
    environment: str = ""
    legal_basis: str = ""
    fees: str = ""
    issued: datetime | None = None
    changed: datetime | None = None
    until: datetime | None = None
    attest_by: datetime | None = None
    announced: frozenset[int] = frozenset()
    attestation_announced: frozenset[int] = frozenset()
    suspended_for: str = ""
    extension: datetime | None = None
    ended: datetime | None = None
    ended_by: str = ""
    ended_for: str = ""
    nodes: frozenset[str] = frozenset()
    taken_out: frozenset[tuple[str, str]] = frozenset()
    taken_back: frozenset[tuple[str, str]] = frozenset()

    @property
    def people(self) -> tuple[Person, ...]:
        """All who may use the data."""
        return (self.holder, *self.members)

    @property
    def subjects(self) -> frozenset[str]:
        return frozenset(person.subject for person in self.people)
