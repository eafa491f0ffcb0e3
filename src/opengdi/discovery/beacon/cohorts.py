"""Cohorts of the published datasets, each worked out once: their events count people over a whole release."""

from __future__ import annotations

from collections.abc import Sequence

from opengdi.discovery.beacon.model import HeldDataset
from opengdi.discovery.beacon.scans import ScanThreads
from opengdi.discovery.model import Cohort
from opengdi.discovery.ports import SubjectStore


class CohortLists:
    """Cohorts by dataset; a release never changes, so what was read once stays true."""

    def __init__(self, subjects: SubjectStore, scans: ScanThreads) -> None:
        self._subjects = subjects
        self._scans = scans
        self._known: dict[int, Sequence[Cohort]] = {}

    async def of(self, dataset: HeldDataset) -> Sequence[Cohort]:
        number = dataset.release.number
        if number not in self._known:
            self._known[number] = await self._scans.run(lambda: self._subjects.cohorts(dataset.release))
        return self._known[number]

    async def named(self, dataset: HeldDataset, ids: frozenset[str]) -> Sequence[Cohort]:
        """Those of the dataset's cohorts that have one of the ids; nothing is read for no ids."""
        return [cohort for cohort in await self.of(dataset) if cohort.id in ids] if ids else ()

    async def within(self, asked: Sequence[HeldDataset], ids: frozenset[str]) -> Sequence[HeldDataset]:
        """The datasets that define all of the cohorts."""
        if not ids:
            return asked
        return [each for each in asked if len(await self.named(each, ids)) == len(ids)]
