"""Cohorts of the published datasets, each worked out once: their events count people over a whole release."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opengdi.discovery.beacon.model import HeldDataset
from opengdi.discovery.beacon.scans import ScanThreads
from opengdi.discovery.model import Cohort
from opengdi.discovery.ports import SubjectStore

_RELEASES_KNOWN: Final = 256
"""Lists kept at a time; releases come and go over the years that a node runs."""


class CohortLists:
    """Cohorts by dataset; a release never changes, so what was read once stays true."""

    def __init__(self, subjects: SubjectStore, scans: ScanThreads) -> None:
        self._subjects = subjects
        self._scans = scans
        self._known: dict[int, Sequence[Cohort]] = {}

    async def of(self, dataset: HeldDataset) -> Sequence[Cohort]:
        number = dataset.release.number
        found = self._known.get(number)
        if found is None:
            found = await self._scans.run(lambda: self._subjects.cohorts(dataset.release))
            if len(self._known) >= _RELEASES_KNOWN:
                self._known.clear()
            self._known[number] = found
        return found

    async def named(self, dataset: HeldDataset, ids: frozenset[str]) -> Sequence[Cohort]:
        """Those of the dataset's cohorts that have one of the ids; nothing is read for no ids."""
        return [cohort for cohort in await self.of(dataset) if cohort.id in ids] if ids else ()

    async def within(self, asked: Sequence[HeldDataset], ids: frozenset[str]) -> Sequence[HeldDataset]:
        """The datasets that define all of the cohorts."""
        if not ids:
            return asked
        return [each for each in asked if len(await self.named(each, ids)) == len(ids)]
