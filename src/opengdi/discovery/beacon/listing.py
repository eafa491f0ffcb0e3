"""Datasets and cohorts that hold somebody selected: named where a count of each would tell it, and at its price. Pure.

Which of them hold people enough is what the guard and the floor let be said of each. Their records are those that
everybody may read (decision 0006, "Cohorts and datasets by filters").
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

from msgspec import structs

from opengdi.discovery.beacon.collections import cohort_record, dataset_record
from opengdi.discovery.beacon.model import HeldDataset, Outcome
from opengdi.discovery.beacon.telling import Level
from opengdi.discovery.model import Cohort
from opengdi.standards.beacon.entry_types import ENTRY_TYPES
from opengdi.standards.beacon.questions import EntryType, Granularity, Page


def names_collections(entry_type: EntryType, level: Level, wanted: Granularity) -> bool:
    """True if datasets or cohorts are asked for by name, and a caller at this level may be told numbers of people."""
    may_count = level.most is not None and level.most >= Granularity.COUNT
    return ENTRY_TYPES[entry_type].is_collection and wanted is Granularity.RECORD and may_count


def records_of(
    entry_type: EntryType, dataset: HeldDataset, cohorts: Sequence[Cohort], hits: Sequence[bool]
) -> list[object]:
    """The dataset, or those of its cohorts, that hold somebody selected; `hits` in the order of the cohorts."""
    if entry_type is EntryType.DATASET:
        return [dataset_record(dataset)] if any(hits) else []
    return [cohort_record(cohort, dataset) for cohort in compress(cohorts, hits)]


def one_page(outcomes: Sequence[Outcome], page: Page) -> tuple[list[Outcome], bool]:
    """The outcomes with one page of what they list together, and whether another follows."""
    place, end = -page.skip * page.limit, page.limit
    cut = []
    for outcome in outcomes:
        listed = outcome.results or ()
        cut.append(structs.replace(outcome, results=listed[max(-place, 0) : max(end - place, 0)]))
        place += len(listed)
    return cut, place > end
