"""What the parts of access ask of each other, and of what lies around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from opengdi.access.model import AskedDataset, Json, Purpose
from opengdi.kernel.release import DatasetType


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether somebody may ask for data, and for whom. Source: GDI E-20 (requests), E-21 (care).

    organisation: id, empty if nobody assigned this person. lacking: what is missing, each a sentence for the person.
    signing_officials: subjects who may confirm what this person asks for.
    """

    subject: str
    organisation: str = ""
    may_request: bool = False
    may_reuse_for_care: bool = False
    lacking: tuple[str, ...] = ()
    signing_officials: frozenset[str] = frozenset()


class Standings(Protocol):
    """Who stands how, now. A method blocks shortly."""

    def of(self, subject: str) -> Standing:
        """Somebody unknown has no organisation and may not request."""
        ...


@dataclass(frozen=True, slots=True)
class OfferedDataset:
    """A dataset release that may be asked for. url: where it is described, and, if it is governed elsewhere, asked for.

    duo: clauses of the data use statement, codes or objects, as `standards.duo` reads them.
    """

    dataset: str
    version: str
    node: str
    body: str
    title: str = ""
    dataset_type: DatasetType = DatasetType.COMPLIANT
    duo: tuple[str | dict[str, Any], ...] = ()
    url: str = ""

    @property
    def asked(self) -> AskedDataset:
        return AskedDataset(self.dataset, self.version, self.node, self.body, self.dataset_type)


class Datasets(Protocol):
    """What can be asked for. Methods block shortly."""

    def find(self, dataset: str, version: str = "") -> OfferedDataset | None:
        """The release of that version, or the newest one if none is named."""
        ...

    def all(self) -> Sequence[OfferedDataset]:
        """The newest release of each dataset, by id."""
        ...


@dataclass(frozen=True, slots=True)
class Match:
    """What the use conditions of a dataset say to a purpose; reasons: a sentence each."""

    verdict: Literal["yes", "no", "unsure"]
    reasons: tuple[str, ...] = field(default=())


class Matcher(Protocol):
    """Compares a stated purpose with a dataset's use conditions."""

    def match(self, purpose: Purpose, duo: Json, offered: OfferedDataset) -> Match: ...
