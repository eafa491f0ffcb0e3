"""Counts the people of a cohort by the hub's own network of subject-level Beacons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from opengdi.access.applications.cohorts import CohortCount
from opengdi.kernel.doors import registered
from opengdi.standards.beacon.questions import BeaconRequest, Granularity, Include

if TYPE_CHECKING:
    from opengdi.access.model import AskedDataset
    from opengdi.federation.service import BeaconNetwork
    from opengdi.kernel.principal import Principal


@dataclass(frozen=True, slots=True)
class NetworkCounts:
    """Implements `access.applications.cohorts.Counting`: one question to all members, by the rules for any question."""

    network: BeaconNetwork

    async def __call__(
        self, question: BeaconRequest, datasets: Sequence[AskedDataset], asker: Principal
    ) -> list[CohortCount]:
        """A count for each release; None where nobody answered for it, or the asker's budget is used up."""
        registered(asker)
        wanted = frozenset(asked.dataset for asked in datasets)
        asked = replace(question, granularity=Granularity.COUNT, include=Include.ALL, datasets=wanted)
        answered = await self.network.answer(asked, asker)
        told = {str(each.get("id", "")): each for each in answered.merged.result_sets}
        return [_count(each, told.get(each.dataset, {})) for each in datasets]


def _count(asked: AskedDataset, told: Mapping[str, Any]) -> CohortCount:
    count = told.get("resultsCount")
    return CohortCount(
        asked.dataset,
        asked.version,
        count if isinstance(count, int) and not isinstance(count, bool) else None,
        str(told.get("countPrecision", "")),
        [str(each) for each in told.get("countAdjustedTo", ())],
    )
