"""Filtering terms: what a filter may name, derived from the data and cut by the floor on people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from opengdi.discovery.beacon.holdings import Holdings
from opengdi.discovery.beacon.model import BeaconProfile, HeldDataset
from opengdi.discovery.model import FilteringTerm
from opengdi.discovery.ports import SubjectStore
from opengdi.kernel.errors import Invalid
from opengdi.standards.beacon.questions import EntryType, Granularity
from opengdi.standards.beacon.request import Target

FILTERING_TERMS: Final = "filtering_terms"


class TermLists:
    """Lists of filtering terms of one Beacon; a Beacon that answers no filters has none."""

    def __init__(self, holdings: Holdings, subjects: SubjectStore, profile: BeaconProfile) -> None:
        self._holdings = holdings
        self._subjects = subjects
        self._filters = profile.granularity is not Granularity.RECORD
        self._known: tuple[tuple[HeldDataset, ...], Sequence[FilteringTerm]] = ((), ())

    def page(self, where: Target | None, query: Mapping[str, str]) -> Sequence[FilteringTerm]:
        """Terms of the whole Beacon, of one entry type, or of one dataset; `skip` counts pages, no `limit` is all.

        Raises Invalid for a page that is no number.
        """
        skip, limit = (_number(query, name) for name in ("skip", "limit"))
        terms = self._terms(where)
        return terms[skip * limit : (skip + 1) * limit] if limit else () if skip else terms

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


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Invalid(f"{name} {text!r} must be a whole number")
    return int(text)
