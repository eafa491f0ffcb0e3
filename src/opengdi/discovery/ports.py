"""What the Beacons need from the stores behind them. Every adapter passes `tests/contract`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from opengdi.discovery.model import (
    Bitmap,
    Case,
    Cohort,
    DatasetHits,
    FilteringTerm,
    Floors,
    ShelvedRelease,
    SiteRecord,
    SiteRef,
)
from opengdi.standards.beacon.questions import EntryType, Filter, VariantQuestion


class VariantStore(Protocol):
    """Alleles and their frequencies in all published releases, by one index."""

    def search(
        self,
        question: VariantQuestion,
        releases: Sequence[ShelvedRelease],
        floors: Floors,
        *,
        skip: int,
        limit: int,
        evenly: bool = False,
    ) -> list[DatasetHits]:
        """One `DatasetHits` per release asked, in the order asked; alleles the floor hides are not among them.

        skip and limit count alleles, per release; limit 0 only counts. evenly: a release that has nothing of one allele
        takes as long as one that has it, seen or hidden.
        Raises Invalid for a question that cannot be answered as asked (unknown gene, span over the cap,
        no contig for a range, amino-acid change without annotation).
        """
        ...

    def locate(self, question: VariantQuestion, release: ShelvedRelease) -> list[SiteRef]:
        """Every allele that matches, whatever the floor: for counting carriers, never for an answer by itself."""
        ...

    def sites(self, question: VariantQuestion, release: ShelvedRelease) -> list[SiteRecord]:
        """The same alleles as `locate` with the counts that the release's own floors let be seen, in genome order.

        For those who may have the genotypes. Raises Invalid like `search`.
        """
        ...


class SubjectStore(Protocol):
    """People, their samples, runs and analyses; phenotypes as bitmaps."""

    def matching(
        self,
        release: ShelvedRelease,
        filters: Sequence[Filter],
        carriers_of: Sequence[SiteRef] | None,
    ) -> Bitmap:
        """Individuals of the release who satisfy all filters and carry at least one of the alleles.

        `carriers_of` None asks nothing about variants; an empty sequence matches nobody.
        Raises Invalid for a filter that no release of this node can apply (unknown id, wrong operator or value).
        """
        ...

    def count(self, release: ShelvedRelease, entry_type: EntryType, individuals: Bitmap) -> int:
        """Number of entries of the type that belong to the individuals (individuals: the number of bits set)."""
        ...

    def documents(
        self, release: ShelvedRelease, entry_type: EntryType, individuals: Bitmap, *, skip: int, limit: int
    ) -> Sequence[Mapping[str, object]]:
        """Documents of the entries that belong to the individuals, in the order of their storage.

        For individuals, biosamples, runs and analyses. skip and limit count entries.
        """
        ...

    def individuals_behind(
        self, release: ShelvedRelease, entry_type: EntryType, entry_id: str
    ) -> Bitmap | None:
        """The individuals behind one entry; None if the release has no such entry."""
        ...

    def cases(
        self, release: ShelvedRelease, sites: Sequence[SiteRecord], individuals: Bitmap
    ) -> list[list[Case]]:
        """For each allele its carriers among the individuals, in the order of the genotypes.

        For those who may have the genotypes. Raises Unavailable if they cannot be read.
        """
        ...

    def cohorts(self, release: ShelvedRelease) -> Sequence[Cohort]:
        """Cohorts that the release defines, in the order of their ids."""
        ...

    def terms(self, releases: Sequence[ShelvedRelease], floors: Floors) -> Sequence[FilteringTerm]:
        """Filtering terms of the releases in the order of their ids, each id once with its scopes merged.

        Left out: what fewer individuals of every release have than its floor on people (`floors`, by release number).
        """
        ...
