"""Facts that all parts of access share: datasets that are asked for, purposes, events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias

from opengdi.kernel.release import DatasetType

Json: TypeAlias = "Mapping[str, Any]"

TIME: Final = "system:time"
"""Who acts where nobody does."""


class Purpose(StrEnum):
    """What data may be used for. Source: 1+MG data governance, four purposes and their routing."""

    RESEARCH = "research"
    POLICY = "policy"
    QUALITY = "quality-management"
    HEALTHCARE = "healthcare"


@dataclass(frozen=True, slots=True, order=True)
class AskedDataset:
    """A dataset release that is asked for, and who answers for it.

    node: id of the node that holds the data, whose signature any grant needs; body: id of who decides.
    """

    dataset: str
    version: str
    node: str
    body: str
    dataset_type: DatasetType = DatasetType.COMPLIANT


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that is to be recorded. kind: what was meant, such as `decision-requested`; data: ids, no people.

    Free text and names are kept by `Texts` under ids of their own, so that they can be erased.
    """

    kind: str
    data: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as recorded. number: 1, 2, … in its stream; position: in the order of all events.

    form: version of the event's data; a newer reader understands all older forms.
    """

    stream: str
    number: int
    kind: str
    at: datetime
    actor: str
    data: Json
    form: int = 1
    position: int = 0


@dataclass(frozen=True, slots=True)
class Head:
    """Where a stream stands, for lists: its state in a word, who it concerns (subjects, bodies), what to show."""

    state: str
    concerned: frozenset[str] = frozenset()
    summary: Json = field(default_factory=dict)
