"""Members of a network, how each likes to be asked, and what became of asking it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from opengdi.kernel.keys.signatures import PublicKey
from opengdi.standards.beacon.dataset_info import NOT_TOLD, DatasetInfo
from opengdi.standards.beacon.questions import EntryType, Granularity

Json: TypeAlias = dict[str, object]
"""A JSON object as it came over the wire."""


class Network(StrEnum):
    """The two Beacon networks of the hub."""

    AGGREGATED = "aggregated"
    INDIVIDUALS = "individuals"


class Paging(StrEnum):
    """What a member's `skip` counts."""

    PAGES = "pages"
    RECORDS = "records"


class ParameterForm(StrEnum):
    """Where a member looks for the parameters of a variant question."""

    G_VARIANT = "g_variant"
    FLAT = "flat"
    LIST = "list"


class ContigForm(StrEnum):
    """How a member names sequences: `3`, `chr3` or `NC_000003.12`."""

    NAME = "name"
    CHR = "chr"
    ACCESSION = "accession"


class Verb(StrEnum):
    """HTTP method a member answers questions by."""

    POST = "POST"
    GET = "GET"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one member wants questions put. any_of: whether it understands nested lists of filters."""

    api_version: str = "v2.2.0"
    paging: Paging = Paging.PAGES
    parameters: ParameterForm = ParameterForm.G_VARIANT
    contigs: ContigForm = ContigForm.NAME
    verb: Verb = Verb.POST
    any_of: bool = True


@dataclass(frozen=True, slots=True)
class Member:
    """One Beacon of one member of the federation, as the signed registry tells it.

    id: of the member; service: id of this Beacon, which is its `beaconId`. url: base, without trailing slash.
    key: signs its answers, None for a foreign Beacon that does not sign.
    """

    id: str
    service: str
    name: str
    country: str
    url: str
    networks: frozenset[Network]
    dialect: Dialect = Dialect()
    key: PublicKey | None = None
    organisation: str = ""
    organisation_url: str = ""
    schema_version: str = "v2.2.0"


class MemberState(StrEnum):
    """What became of asking a member."""

    OK = "ok"
    TIMEOUT = "timeout"
    ERROR = "error"
    DENIED = "denied"
    SUPPRESSED = "suppressed"
    SKIPPED = "skipped"
    WAITING = "waiting"
    """Not yet: only in answers that grow."""


@dataclass(frozen=True, slots=True)
class ResultSet:
    """A member's answer for one dataset. count is None where the answer is boolean; document is as received."""

    id: str
    exists: bool
    count: int | None
    document: Json
    dataset: DatasetInfo = NOT_TOLD

    @property
    def set_type(self) -> str:
        return str(self.document["setType"])

    @property
    def results(self) -> list[Json]:
        found = self.document.get("results")
        return found if isinstance(found, list) else []


@dataclass(frozen=True, slots=True)
class Answer:
    """A member's answer after its structure has been checked.

    total is None where the member gave no number. collections is None unless the answer lists collections.
    refusals: why, by id of a dataset that refused.
    """

    beacon_id: str
    granularity: Granularity
    exists: bool
    total: int | None = None
    result_sets: tuple[ResultSet, ...] = ()
    collections: tuple[Json, ...] | None = None
    schemas: tuple[Json, ...] = ()
    handovers: tuple[Json, ...] = ()
    summary: Json = field(default_factory=dict)
    refusals: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of asking one member. answer is set only where something of it may be used (ok, suppressed).

    age_ms: how old the answer is, if the member had been asked the same before; None: it answered now.
    given_up: not for want of its answer, so of what it serves nothing is settled. size: of the answer as it was
    sent, in bytes.
    """

    member: Member
    state: MemberState
    latency_ms: int | None = None
    reason: str = ""
    answer: Answer | None = None
    age_ms: int | None = None
    given_up: bool = False
    size: int = 0


COLLECTIONS: Final = frozenset({EntryType.DATASET, EntryType.COHORT})
"""Entry types that are answered by `collections`."""

SUBJECT_LEVEL: Final = frozenset(
    {EntryType.INDIVIDUAL, EntryType.BIOSAMPLE, EntryType.RUN, EntryType.ANALYSIS}
)
"""Entry types that concern single people: asked of the subject-level network only."""
