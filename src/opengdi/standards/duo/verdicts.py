"""What is said of a purpose: verdicts and what they rest on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Final, Protocol

from opengdi.standards.duo import SPEC_VERSION
from opengdi.standards.duo.codes import CHECKSUM


class Verdict(IntEnum):
    """In order of weight: of several findings the heaviest counts."""

    APPROVE = 0
    ABSTAIN = 1
    NEEDS_EVIDENCE = 2
    DENY = 3

    @property
    def word(self) -> str:
        """`needs-evidence`, as it is told."""
        return self.name.lower().replace("_", "-")


class Hierarchy(Protocol):
    """Which disease is a kind of which; `standards.ontology.Ontology` is one."""

    def knows(self, term: str) -> bool:
        """True if the term is listed."""
        ...

    def is_a(self, term: str, ancestor: str) -> bool:
        """True if `ancestor` is the term itself or lies above it."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """A vocabulary by which was decided."""

    name: str
    version: str
    checksum: str


@dataclass(frozen=True, slots=True)
class Diseases:
    """A hierarchy of diseases, and where it is from."""

    hierarchy: Hierarchy
    source: Source


DUO: Final = Source("DUO", SPEC_VERSION, CHECKSUM)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one clause says of a purpose. terms: what was looked at, beside the clause's code."""

    code: str
    verdict: Verdict
    reason: str
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DutyOfUse:
    """What a user takes on. until: day it ends or is due; months: of use that are allowed."""

    code: str
    text: str
    until: date | None = None
    months: int | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """The answer: the heaviest verdict, why, what would have to be done, and by which vocabularies."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    duties: tuple[DutyOfUse, ...]
    sources: tuple[Source, ...]
