"""What a Beacon is: its identity, what it serves, what it holds, and what one dataset answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from opengdi.discovery.beacon.records import RecordBuilder
from opengdi.discovery.model import ShelvedRelease
from opengdi.kernel.disclosure.counts import PublishedCount
from opengdi.kernel.disclosure.ledger import BudgetAccount
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.ids import ReleaseId
from opengdi.kernel.principal import Tier
from opengdi.standards.beacon.questions import EntryType, Granularity
from opengdi.standards.coordinates import Assembly


@dataclass(frozen=True, slots=True)
class Organisation:
    """Who runs the Beacon."""

    id: str
    name: str
    url: str = ""
    logo_url: str = ""


@dataclass(frozen=True, slots=True)
class BeaconIdentity:
    """How a Beacon presents itself.

    base_url: external address of the base path, without a slash at the end; maps are made of it. A path alone is
    completed with the address by which a caller reached the Beacon (`at`). alternative_url: the node's other Beacon.
    handovers: links that stand in every answer as a whole.
    """

    id: str
    name: str
    description: str
    environment: str
    organisation: Organisation
    base_url: str
    alternative_url: str
    software_version: str
    production: bool = False
    handovers: Sequence[Mapping[str, object]] = ()

    def at(self, origin: str) -> BeaconIdentity:
        """The identity with absolute addresses; `origin` such as `http://127.0.0.1:8080`."""
        if not self.base_url.startswith("/"):
            return self
        return replace(self, base_url=origin + self.base_url, alternative_url=origin + self.alternative_url)


@dataclass(frozen=True, slots=True)
class BeaconProfile:
    """What one of the two Beacons serves, to whom, and how much it tells at most.

    granularity: the most that is told, and what is assumed where a request does not say.
    tier: what a caller must have proved.
    """

    name: str
    entry_types: tuple[EntryType, ...]
    granularity: Granularity
    tier: Tier


AGGREGATED: Final = BeaconProfile(
    "aggregated",
    (EntryType.GENOMIC_VARIANT, EntryType.DATASET, EntryType.COHORT),
    Granularity.RECORD,
    Tier.PUBLIC,
)
INDIVIDUALS: Final = BeaconProfile("individuals", tuple(EntryType), Granularity.COUNT, Tier.REGISTERED)


@dataclass(frozen=True, slots=True)
class Paging:
    """Sizes of pages: assumed where a request does not say, and at most. In results per dataset."""

    default_limit: int = 10
    max_limit: int = 1000


@dataclass(frozen=True, slots=True)
class HeldDataset:
    """A published release with the disclosure policy in force: the strictest of the dataset's and the node's.

    info and handovers stand beside each of its results; `told_info` is the JSON of the former. floored: the same
    dataset under floors that hide every answer with few carriers, for callers who may be told of no more of them; None:
    its own floors do. Everything here is worked out once per release.
    """

    release: ShelvedRelease
    assembly: Assembly
    policy: DisclosurePolicy
    account: BudgetAccount
    records: RecordBuilder
    info: Mapping[str, object]
    handovers: Sequence[Mapping[str, object]] = ()
    floored: HeldDataset | None = None
    id: str = field(init=False)
    told_info: msgspec.Raw = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", self.release.manifest.dataset)
        object.__setattr__(self, "told_info", msgspec.Raw(msgspec.json.encode(self.info)))

    @property
    def release_id(self) -> ReleaseId:
        return ReleaseId(self.id, self.release.manifest.version)


class Outcome(msgspec.Struct, frozen=True):
    """What is told of one dataset: a count and perhaps records (None: no records belong into the answer).

    granularity: how much is told of this dataset, where it is less than of others; None: as of all.
    results: records, or a `msgspec.Raw` with the JSON array of all; info: a mapping, or its JSON.
    """

    dataset: str
    count: PublishedCount
    results: Sequence[object] | None = None
    info: Mapping[str, object] | msgspec.Raw | None = None
    handovers: Sequence[Mapping[str, object]] = ()
    granularity: Granularity | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A dataset that does not answer this caller; the reason depends on caller and question only, never on data."""

    dataset: str
    reason: str


@dataclass(frozen=True, slots=True)
class Findings:
    """Outcome of every dataset asked, in the order of their ids, and the refusals.

    notes: assumptions and remarks for the `info` of the answer. more: whether a further page has results.
    """

    outcomes: Sequence[Outcome]
    refusals: Sequence[Refusal] = ()
    notes: Mapping[str, object] = field(default_factory=dict)
    more: bool = False
