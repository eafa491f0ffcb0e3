"""Whom a question about people selects: read from the stores as bitmaps, told to nobody by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Final, NamedTuple

import numpy as np

from opengdi.discovery.beacon.cohorts import CohortLists
from opengdi.discovery.beacon.model import HeldDataset
from opengdi.discovery.beacon.rules import digest_unit, places_of
from opengdi.discovery.beacon.scans import ScanThreads
from opengdi.discovery.model import Bitmap, Case, DatasetHits, ShelvedRelease, SiteRecord, SiteRef
from opengdi.discovery.ports import SubjectStore, VariantStore
from opengdi.standards.beacon.links import belong_together
from opengdi.standards.beacon.questions import EntryType, Filter, VariantQuestion

Document = Mapping[str, object]

_COUNTS_KNOWN: Final = 1024
"""Counts of whole releases kept at a time."""


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
    def people(self) -> Selection:
        """The selection itself, whatever is counted of the people."""
        return replace(self, entry_type=EntryType.INDIVIDUAL)

    @property
    def unit(self) -> int:
        """Budget unit: the same for the same selection, in whatever order it is written."""
        filters = sorted(map(repr, self.filters))
        return digest_unit((self.entry_type, self.variant, filters, sorted(self.cohorts)))


class Excerpt(NamedTuple):
    """What of a selection is shown: what belongs to entries of single people that are named, and a page of that."""

    named: Sequence[tuple[EntryType, str]]
    skip: int
    limit: int


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
        self, dataset: HeldDataset, selection: Selection, excerpt: Excerpt
    ) -> tuple[int, Sequence[Document]]:
        """How many entries of the selected individuals there are, and the documents of a page of them."""
        individuals = await self.individuals(dataset, selection)
        return await self._scans.run(
            partial(self._documents, dataset.release, selection.entry_type, individuals, excerpt)
        )

    def _documents(
        self, release: ShelvedRelease, entry_type: EntryType, individuals: Bitmap, excerpt: Excerpt
    ) -> tuple[int, Sequence[Document]]:
        subjects = self._subjects
        individuals = self._narrowed(release, individuals, excerpt)
        number = subjects.count(release, entry_type, individuals)
        if not excerpt.named:
            return number, subjects.documents(
                release, entry_type, individuals, skip=excerpt.skip, limit=excerpt.limit
            )
        found = self._all_of(release, entry_type, individuals)
        for kind, entry in self._entries_named(release, individuals, excerpt):
            found = [each for each in found if belong_together(entry_type, each, kind, entry)]
        return len(found), found[excerpt.skip : excerpt.skip + excerpt.limit]

    def _narrowed(self, release: ShelvedRelease, individuals: Bitmap, excerpt: Excerpt) -> Bitmap:
        """Those of the individuals who are behind every entry that is named."""
        for kind, entry_id in excerpt.named:
            behind = self._subjects.individuals_behind(release, kind, entry_id)
            individuals = np.zeros_like(individuals) if behind is None else individuals & behind
        return individuals

    def _entries_named(
        self, release: ShelvedRelease, individuals: Bitmap, excerpt: Excerpt
    ) -> list[tuple[EntryType, Document]]:
        """The named entries of individuals who are behind all of them."""
        return [
            (kind, entry)
            for kind, entry_id in excerpt.named
            for entry in self._all_of(release, kind, individuals)
            if entry.get("id") == entry_id
        ]

    def _all_of(
        self, release: ShelvedRelease, entry_type: EntryType, individuals: Bitmap
    ) -> Sequence[Document]:
        number = self._subjects.count(release, entry_type, individuals)
        return self._subjects.documents(release, entry_type, individuals, skip=0, limit=number)

    async def cases(
        self, dataset: HeldDataset, selection: Selection, excerpt: Excerpt
    ) -> tuple[int, list[tuple[SiteRecord, list[Case]]]]:
        """How many alleles of the question the selected people carry, and a page of them with their carriers.

        Of everybody, alleles that nobody carries as well.
        """
        people = await self.individuals(dataset, replace(selection, variant=None))
        return await self._scans.run(partial(self._cases, dataset.release, selection, people, excerpt))

    def _cases(
        self, release: ShelvedRelease, selection: Selection, people: Bitmap, excerpt: Excerpt
    ) -> tuple[int, list[tuple[SiteRecord, list[Case]]]]:
        assert selection.variant is not None
        sites = [
            site for place in places_of(selection.variant) for site in self._variants.sites(place, release)
        ]
        page = slice(excerpt.skip, excerpt.skip + excerpt.limit)
        if not (excerpt.named or selection.filters or selection.cohorts):
            carried = self._subjects.cases(release, sites[page], people)
            return len(sites), list(zip(sites[page], carried, strict=True))
        people = self._narrowed(release, people, excerpt)
        samples = {_sample_of(*each) for each in self._entries_named(release, people, excerpt)} - {None}
        found = []
        for site, cases in zip(sites, self._subjects.cases(release, sites, people), strict=True):
            mine = [case for case in cases if samples <= {case.biosample}]
            if mine:
                found.append((site, mine))
        return len(found), found[page]

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

        def count() -> int:
            return sum(self._seen(dataset, place, limit=0).total for place in places_of(question))

        return await self._scans.run(count)

    async def fewest_behind(self, dataset: HeldDataset, question: VariantQuestion) -> int:
        """The smallest number that a record of the one allele of the question would tell, up to `FREE_FROM`.

        0 where none is told of it.
        """

        def read() -> int:
            return dataset.records.fewest_behind(self._seen(dataset, question, limit=1).rows)

        return await self._scans.run(read)

    def _seen(self, dataset: HeldDataset, question: VariantQuestion, *, limit: int) -> DatasetHits:
        floors = {dataset.release.number: dataset.policy.k_alleles}
        (hits,) = self._variants.search(question, [dataset.release], floors, skip=0, limit=limit, evenly=True)
        return hits

    def entries_held(self, dataset: HeldDataset, entry_type: EntryType) -> int:
        """Entries of a type in the whole dataset, counted once per release."""
        key = dataset.release.number, entry_type
        if key not in self._entries:
            everybody = np.packbits(np.ones(dataset.account.individuals, dtype=np.uint8))
            if len(self._entries) >= _COUNTS_KNOWN:
                self._entries.clear()
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
        return [
            site for place in places_of(question) for site in self._variants.locate(place, dataset.release)
        ]


def _sample_of(kind: EntryType, entry: Document) -> object:
    """The biosample that an entry is, or comes from; None for a person."""
    return entry.get("id") if kind is EntryType.BIOSAMPLE else entry.get("biosampleId")
