"""Filtering terms: what a filter may name, derived from the data and cut by the floor on people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opengdi.discovery.beacon.holdings import Holdings
from opengdi.discovery.beacon.model import BeaconProfile, HeldDataset
from opengdi.discovery.model import FilteringTerm
from opengdi.discovery.ports import SubjectStore
from opengdi.standards.beacon.questions import EntryType, Granularity, Page
from opengdi.standards.beacon.request import Target

FILTERING_TERMS: Final = "filtering_terms"


class TermLists:
    """Lists of filtering terms of one Beacon; a Beacon that answers no filters has none."""

    def __init__(self, holdings: Holdings, subjects: SubjectStore, profile: BeaconProfile) -> None:
        self._holdings = holdings
        self._subjects = subjects
        self._filters = profile.granularity is not Granularity.RECORD
        self._known: tuple[tuple[HeldDataset, ...], Sequence[FilteringTerm]] = ((), ())

    def page(self, where: Target | None, page: Page) -> Sequence[FilteringTerm]:
        """Terms of the whole Beacon, of one entry type, or of one dataset; limit 0 is all of them."""
        terms, size = self._terms(where), page.limit
        return terms[page.skip * size : (page.skip + 1) * size] if size else () if page.skip else terms

    def _terms(self, where: Target | None) -> Sequence[FilteringTerm]:
        if not self._filters:
            return ()
        if where is None:
            return self._all()
        if where.entry_id is not None and where.entry_type is EntryType.DATASET:
            return self._read([each for each in self._holdings.current() if each.id == where.entry_id])
        if where.entry_type in (EntryType.DATASET, EntryType.COHORT):
            return self._all()
        return [term for term in self._all() if where.entry_type in term.scopes]

    def _all(self) -> Sequence[FilteringTerm]:
        """Terms of every published dataset, read once until one is published or hidden."""
        held = self._holdings.current()
        if held is not self._known[0]:
            self._known = (held, self._read(held))
        return self._known[1]

    def _read(self, held: Sequence[HeldDataset]) -> Sequence[FilteringTerm]:
        floors = {each.release.number: each.policy.k_individuals for each in held}
        return self._subjects.terms([each.release for each in held], floors)
