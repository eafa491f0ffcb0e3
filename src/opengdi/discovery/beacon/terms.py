"""Filtering terms: what a filter may name, derived from the data and cut by the floor on people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opengdi.discovery.beacon.cohorts import CohortLists
from opengdi.discovery.beacon.holdings import Holdings
from opengdi.discovery.beacon.model import BeaconProfile, HeldDataset
from opengdi.discovery.model import FilteringTerm
from opengdi.discovery.ports import SubjectStore
from opengdi.standards.beacon.entry_types import ENTRY_TYPES
from opengdi.standards.beacon.questions import EntryType, Granularity, Page
from opengdi.standards.beacon.request import Target

FILTERING_TERMS: Final = "filtering_terms"


class TermLists:
    """Lists of filtering terms of one Beacon; a Beacon that answers no filters has none."""

    def __init__(
        self, holdings: Holdings, subjects: SubjectStore, cohorts: CohortLists, profile: BeaconProfile
    ) -> None:
        self._holdings = holdings
        self._subjects = subjects
        self._cohorts = cohorts
        self._filters = profile.granularity is not Granularity.RECORD
        self._known: tuple[tuple[HeldDataset, ...], Sequence[FilteringTerm]] = ((), ())

    async def page(self, where: Target | None, page: Page) -> Sequence[FilteringTerm]:
        """Terms of the whole Beacon, of one entry type, of one dataset, or of the datasets that define a cohort.

        None for an id that there is not; limit 0 is all of them.
        """
        terms, size = await self._terms(where), page.limit
        return terms[page.skip * size : (page.skip + 1) * size] if size else () if page.skip else terms

    async def _terms(self, where: Target | None) -> Sequence[FilteringTerm]:
        if not self._filters:
            return ()
        if where is None:
            return self._all()
        if not ENTRY_TYPES[where.entry_type].is_collection:
            return [term for term in self._all() if where.entry_type in term.scopes]
        if where.entry_id is None:
            return self._all()
        return self._read(await self._behind(where.entry_type, where.entry_id))

    async def _behind(self, collection: EntryType, identifier: str) -> Sequence[HeldDataset]:
        """The dataset of that id, or the datasets that define a cohort of that id."""
        held = self._holdings.current()
        if collection is EntryType.COHORT:
            return await self._cohorts.within(held, frozenset({identifier}))
        return [each for each in held if each.id == identifier]

    def _all(self) -> Sequence[FilteringTerm]:
        """Terms of every published dataset, read once until one is published or hidden."""
        held = self._holdings.current()
        if held is not self._known[0]:
            self._known = (held, self._read(held))
        return self._known[1]

    def _read(self, held: Sequence[HeldDataset]) -> Sequence[FilteringTerm]:
        floors = {each.release.number: each.policy.k_individuals for each in held}
        return self._subjects.terms([each.release for each in held], floors)
