"""Whom a question about people selects: read from the stores as bitmaps, told to nobody by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce

import numpy as np

from opengdi.discovery.beacon.cohorts import CohortLists
from opengdi.discovery.beacon.model import HeldDataset
from opengdi.discovery.beacon.rules import digest_unit
from opengdi.discovery.beacon.scans import ScanThreads
from opengdi.discovery.model import Bitmap, SiteRef
from opengdi.discovery.ports import SubjectStore, VariantStore
from opengdi.standards.beacon.questions import EntryType, Filter, QuestionKind, VariantQuestion
from opengdi.standards.coordinates import CONTIGS


@dataclass(frozen=True, slots=True)
class Selection:
    """Carriers of an allele, who satisfy all filters, in all of the cohorts; and what is counted of them."""

    entry_type: EntryType
    variant: VariantQuestion | None
    filters: tuple[Filter, ...]
    cohorts: frozenset[str]

    @property
    def is_everybody(self) -> bool:
        return self.variant is None and not self.filters and not self.cohorts

    @property
    def unit(self) -> int:
        """Budget unit: the same for the same selection, in whatever order it is written."""
        filters = sorted(map(repr, self.filters))
        return digest_unit((self.entry_type, self.variant, filters, sorted(self.cohorts)))


class Selector:
    """Reads selections; everything slow runs in a scan thread."""

    def __init__(
        self, variants: VariantStore, subjects: SubjectStore, cohorts: CohortLists, scans: ScanThreads
    ) -> None:
        self.cohorts = cohorts
        self._variants = variants
        self._subjects = subjects
        self._scans = scans
        self._entries: dict[tuple[int, EntryType], int] = {}

    async def individuals(self, dataset: HeldDataset, selection: Selection) -> Bitmap:
        """The individuals of a dataset who are selected."""
        members = await self._members(dataset, selection)
        return await self._scans.run(partial(self._read, dataset, selection, members))

    async def documents(
        self,
        dataset: HeldDataset,
        selection: Selection,
        named: Sequence[tuple[EntryType, str]],
        *,
        skip: int,
        limit: int,
    ) -> tuple[int, list[Mapping[str, object]]]:
        """How many entries of the selected individuals there are, and the documents of a page of them.

        named: entries of single people that restrict it further.
        """
        individuals, release = await self.individuals(dataset, selection), dataset.release

        def read() -> tuple[int, list[Mapping[str, object]]]:
            chosen, subjects = individuals, self._subjects
            for entry_type, entry_id in named:
                behind = subjects.individuals_behind(release, entry_type, entry_id)
                chosen = np.zeros_like(chosen) if behind is None else chosen & behind
            number = subjects.count(release, selection.entry_type, chosen)
            found = subjects.documents(release, selection.entry_type, chosen, skip=skip, limit=limit)
            own = [each for kind, each in named if kind is selection.entry_type]
            if own:  # an individual may have several samples, and one of them is named
                found = [each for each in found if each.get("id") in own]
                number = len(found)
            return number, list(found)

        return await self._scans.run(read)

    async def carriers_by_allele(self, dataset: HeldDataset, selection: Selection) -> list[Bitmap]:
        """For each allele of the question, the selected individuals who carry it."""
        assert selection.variant is not None
        members = await self._members(dataset, selection)
        sites = await self._scans.run(partial(self._sites, dataset, selection.variant))
        return [
            await self._scans.run(partial(self._among, dataset, selection, members, [site])) for site in sites
        ]

    async def divides(self, dataset: HeldDataset, selection: Selection) -> bool:
        """True if the selection leaves some of the dataset's people out, the allele apart."""
        return bool(selection.filters or await self._members(dataset, selection))

    async def alleles_seen(self, dataset: HeldDataset, question: VariantQuestion) -> int:
        """How many alleles of the question the floor on alleles lets be seen in the whole dataset."""
        floors = {dataset.release.number: dataset.policy.k_alleles}

        def count() -> int:
            found = (
                self._variants.search(place, [dataset.release], floors, skip=0, limit=0)
                for place in _places(question)
            )
            return sum(hits.total for each in found for hits in each)

        return await self._scans.run(count)

    def entries_held(self, dataset: HeldDataset, entry_type: EntryType) -> int:
        """Entries of a type in the whole dataset, counted once per release."""
        key = dataset.release.number, entry_type
        if key not in self._entries:
            everybody = np.packbits(np.ones(dataset.account.individuals, dtype=np.uint8))
            self._entries[key] = self._subjects.count(dataset.release, entry_type, everybody)
        return self._entries[key]

    async def _members(self, dataset: HeldDataset, selection: Selection) -> list[Bitmap]:
        """Members of each cohort of the selection that is less than the whole dataset."""
        named = await self.cohorts.named(dataset, selection.cohorts)
        return [cohort.members for cohort in named if cohort.members is not None]

    def _read(self, dataset: HeldDataset, selection: Selection, members: Sequence[Bitmap]) -> Bitmap:
        carried = None if selection.variant is None else self._sites(dataset, selection.variant)
        return self._among(dataset, selection, members, carried)

    def _among(
        self,
        dataset: HeldDataset,
        selection: Selection,
        members: Sequence[Bitmap],
        carried: Sequence[SiteRef] | None,
    ) -> Bitmap:
        found = self._subjects.matching(dataset.release, selection.filters, carried)
        return reduce(np.bitwise_and, members, found)

    def _sites(self, dataset: HeldDataset, question: VariantQuestion) -> list[SiteRef]:
        """Every allele of the question, hidden or not, for counting who carries it."""
        return [site for place in _places(question) for site in self._variants.locate(place, dataset.release)]


def _places(question: VariantQuestion) -> Sequence[VariantQuestion]:
    """The question on every contig, if it names a position without one."""
    if question.contig is not None or question.gene is not None or question.kind is QuestionKind.EVERYTHING:
        return (question,)
    return [replace(question, contig=contig) for contig in CONTIGS]
