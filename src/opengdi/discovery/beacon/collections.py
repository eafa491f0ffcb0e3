"""Datasets and cohorts themselves: what the aggregated Beacon tells about collections.

Every number of people in a cohort's events passes the floor. The differencing guard cannot know who read them, so
they are told in classes from which subtracting a guarded count gains nothing (decision 0006).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from opengdi.discovery.beacon.cohorts import CohortLists
from opengdi.discovery.beacon.model import Findings, HeldDataset, Outcome
from opengdi.discovery.beacon.rules import Restriction, refuse_filters
from opengdi.discovery.model import Cohort
from opengdi.kernel.disclosure.counts import publish_items, publish_open_cell, stay_apart
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.standards.beacon.questions import BeaconRequest, EntryType, Page

_EVENT_NUMBERS = frozenset({"eventSize", "eventCases", "eventControls", "availabilityCount"})
_COHORT_TYPES = frozenset({"study-defined", "beacon-defined", "user-defined"})


class Collections:
    """Answers about datasets and cohorts."""

    def __init__(self, cohorts: CohortLists) -> None:
        self._cohorts = cohorts

    async def find(
        self, request: BeaconRequest, restriction: Restriction, asked: Sequence[HeldDataset], page: Page
    ) -> Findings:
        """Datasets asked, or the cohorts in them, one page of either.

        Raises Invalid for filters: they select individuals, which the subject-level Beacon counts.
        """
        refuse_filters(request)
        if request.entry_type is EntryType.DATASET:
            records = [dataset_record(each) for each in asked]
        else:
            records = await self._cohort_records(asked, restriction)
        first = page.skip * page.limit
        shown = records[first : first + page.limit]
        outcome = Outcome("", publish_items(len(records)), shown)
        return Findings([outcome], more=len(records) > first + page.limit)

    async def _cohort_records(
        self, asked: Sequence[HeldDataset], restriction: Restriction
    ) -> list[dict[str, object]]:
        return [
            cohort_record(cohort, dataset)
            for dataset in asked
            for cohort in await self._cohorts.of(dataset)
            if not restriction.cohorts or cohort.id in restriction.cohorts
        ]


def dataset_record(dataset: HeldDataset) -> dict[str, object]:
    """A dataset as the default model describes it. Spec: `datasets/defaultSchema.json`."""
    manifest = dataset.release.manifest
    record: dict[str, object] = {
        "id": manifest.dataset,
        "name": manifest.title,
        "version": manifest.version,
        "info": {
            **dataset.info,
            "country": manifest.country,
            "datasetType": manifest.dataset_type.value,
            "populations": list(manifest.populations),
            "synthetic": manifest.synthetic,
        },
    }
    if manifest.description:
        record["description"] = manifest.description
    if manifest.created:
        record["createDateTime"] = manifest.created
    if manifest.source_reference:
        record["externalUrl"] = manifest.source_reference
    return record


def cohort_record(cohort: Cohort, dataset: HeldDataset) -> dict[str, object]:
    """A cohort with floored numbers. Spec: `cohorts/defaultSchema.json`.

    A cohort that is a part of its dataset tells its size only: the rest of each cell would follow by subtraction.
    """
    document = cohort.document
    cohort_type = document.get("cohortType")
    everybody = dataset.account.individuals
    size = everybody if cohort.members is None else int(np.bitwise_count(cohort.members).sum())
    record = {
        name: value for name, value in document.items() if name not in ("collectionEvents", "cohortSize")
    }
    record |= {
        "id": cohort.id,
        "name": str(document.get("name") or cohort.id),
        "cohortType": cohort_type if cohort_type in _COHORT_TYPES else "study-defined",
    }
    told = publish_open_cell(size, everybody, dataset.policy)
    if told.exists:
        record["cohortSize"] = told.number
    events = document.get("collectionEvents")
    if isinstance(events, list) and cohort.members is None:
        record["collectionEvents"] = [_floored(event, size, dataset.policy) for event in events]
    return record


def _floored(value: object, cohort: int, policy: DisclosurePolicy) -> object:
    """The same document with every number of people as it may be told; hidden ones are left out."""
    if isinstance(value, Mapping):
        told = {name: _floored_member(name, item, cohort, policy) for name, item in value.items()}
        return {name: item for name, item in told.items() if item is not None}
    if isinstance(value, list):
        return [_floored(item, cohort, policy) for item in value]
    return value


def _floored_member(name: str, item: object, cohort: int, policy: DisclosurePolicy) -> object:
    if name == "distribution" and isinstance(item, Mapping):
        return {label: _distribution(cells, cohort, policy) for label, cells in item.items()}
    if name in _EVENT_NUMBERS and isinstance(item, int):
        return _told(item, cohort, policy)
    return _floored(item, cohort, policy)


def _distribution(cells: object, cohort: int, policy: DisclosurePolicy) -> object:
    """All cells of a distribution, or none: one hidden cell would follow from the others by subtraction.

    Those of the cohort whom no cell counts are a cell too. Cells of which someone is in several divide nothing.
    """
    if not isinstance(cells, Mapping):
        return {}
    numbers = {label: number for label, number in cells.items() if isinstance(number, int)}
    rest = cohort - sum(numbers.values())
    parts = {label: publish_open_cell(number, cohort, policy) for label, number in numbers.items()}
    if len(parts) < len(cells) or not all(part.exists for part in parts.values()):
        return {}
    if rest >= 0 and policy.k_individuals > 1:
        divided = [*parts.values(), *([publish_open_cell(rest, cohort, policy)] if rest else [])]
        if not all(part.exists for part in divided) or not stay_apart(divided, cohort, policy.k_individuals):
            return {}
    return {label: part.number for label, part in parts.items()}


def _told(number: int, cohort: int, policy: DisclosurePolicy) -> int | None:
    count = publish_open_cell(number, cohort, policy)
    return count.number if count.exists else None
