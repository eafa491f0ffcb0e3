"""How much of its people a dataset tells a caller, decided before any data is read. Pure.

Records: to holders of a visa for the whole of the dataset. Numbers and yes or no: to registered researchers and to
everybody as far as the dataset's policy goes. What is lowered is said, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from opengdi.kernel.disclosure.counts import PublishedCount
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.ids import ReleaseId
from opengdi.kernel.principal import Principal, Tier, Visa
from opengdi.standards.beacon.questions import Granularity

NEEDS_VISA: Final = "records need a visa for the whole dataset, in this version"
NEEDS_REGISTRATION: Final = "the dataset tells this to registered researchers only"
ITS_POLICY: Final = "the dataset tells no more, by its policy"
NO_RECORDS: Final = "there are no records of these entries"

_LEVELS: Final = (None, Granularity.BOOLEAN, Granularity.COUNT)
"""By the number that a policy has for it."""


@dataclass(frozen=True, slots=True)
class Level:
    """The most that is told; None: nothing. reason: why it is not more; empty where everything may be told."""

    most: Granularity | None
    reason: str = ""


def visas_for(asker: Principal, release: ReleaseId, now: datetime) -> list[Visa]:
    """The caller's visas that open all of a release now."""
    return [visa for visa in asker.visas if visa.opens(release) and not visa.regions and visa.holds_at(now)]


def level_of(asker: Principal, release: ReleaseId, policy: DisclosurePolicy, now: datetime) -> Level:
    """How much a release tells a caller of its people."""
    if visas_for(asker, release, now):
        return Level(Granularity.RECORD)
    public, registered = _LEVELS[policy.tells_public], _LEVELS[policy.tells_registered]
    if asker.tier >= Tier.REGISTERED:
        most = registered if policy.tells_registered >= policy.tells_public else public
        return Level(most, NEEDS_VISA if most is Granularity.COUNT else ITS_POLICY)
    more = policy.tells_registered > policy.tells_public
    return Level(public, NEEDS_REGISTRATION if more else ITS_POLICY)


def as_boolean(count: PublishedCount) -> PublishedCount:
    """A count of which nothing but its existence is told, in no sum either."""
    return PublishedCount(0, count.exists, "imprecise", None)
