"""The subject store: filters and carriers as bitmaps over Parquet and PGEN."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec
import numpy as np

from opengdi.discovery.model import (
    Bitmap,
    Case,
    Cohort,
    FilteringTerm,
    Floors,
    ShelvedRelease,
    SiteRecord,
    SiteRef,
)
from opengdi.discovery.subjects.bitmaps import ArrayCache, bitmap_of, everybody, flags_of, nobody, size
from opengdi.discovery.subjects.carriers import GenotypeReaders, carriers, cases
from opengdi.discovery.subjects.cohorts import collection_event
from opengdi.discovery.subjects.filters import Evaluation
from opengdi.discovery.subjects.opened import OpenedSubjects
from opengdi.discovery.subjects.resolution import (
    Leaf,
    as_custom,
    check_length,
    check_scope,
    check_value,
    is_of_the_model,
)
from opengdi.discovery.subjects.tables import OWNED, Rows
from opengdi.discovery.subjects.terms import listed_terms
from opengdi.kernel.errors import Invalid
from opengdi.standards.beacon.questions import AlphanumericFilter, AnyOf, EntryType, Filter, OntologyFilter
from opengdi.standards.ontology.graph import Ontology

CACHE_BYTES: Final = 256 << 20

Published = Callable[[], Sequence[ShelvedRelease]]


class BitmapSubjectStore:
    """People of all releases of a node; see `ports.SubjectStore`.

    published: the releases of the node, among which a filter must be known somewhere.
    floor: the node's own on people; a release's own is raised to it.
    """

    def __init__(
        self, published: Published, ontology: Ontology, *, floor: int = 1, cache_bytes: int = CACHE_BYTES
    ) -> None:
        self._published = published
        self._floor = floor
        self._ontology = ontology
        self._cache = ArrayCache(cache_bytes)
        self._readers = GenotypeReaders()
        self._subjects: dict[int, OpenedSubjects] = {}
        self._cohorts: dict[int, list[Cohort]] = {}
        self._lock = Lock()

    @property
    def cached_bytes(self) -> int:
        """Memory that cached bitmaps and numbers take now."""
        return self._cache.used_bytes

    def matching(
        self,
        release: ShelvedRelease,
        filters: Sequence[Filter],
        carriers_of: Sequence[SiteRef] | None,
    ) -> Bitmap:
        """Individuals who satisfy all filters and carry at least one of the alleles.

        Raises Invalid for a filter that no release of the node knows, or with a wrong operator, value or scope.
        """
        subjects = self._open(release)
        evaluation = Evaluation(
            subjects, self._ontology, self._cache, release.number, self._floor_of(release)
        )
        found = everybody(subjects.individuals)
        for each in filters:
            found &= self._satisfying(release, evaluation, each)
        if carriers_of is not None:
            found &= self._carriers(release, subjects, carriers_of)
        return found

    def _satisfying(self, release: ShelvedRelease, evaluation: Evaluation, asked: Filter) -> Bitmap:
        if isinstance(asked, AnyOf):
            found = nobody(evaluation.subjects.individuals)
            for each in asked.filters:
                found = found | self._satisfying(release, evaluation, each)
            return found
        self._check_known(release, asked)
        return evaluation.bitmap(asked)

    def _check_known(self, release: ShelvedRelease, asked: Leaf) -> None:
        """Raise Invalid unless the filter names something of the model, the hierarchy or the data of a release.

        What fewer people than the floor have is treated as what nobody has, so that the refusal tells nothing.
        """
        check_length(asked)
        check_scope(asked)
        if isinstance(asked, AlphanumericFilter):
            check_value(asked)
        if self._is_held_anywhere(release, asked):
            return
        if asked.scope is not None and self._is_held_anywhere(release, replace(asked, scope=None)):
            raise Invalid(
                f"filter {asked.id!r} has scope {asked.scope}, but is held by entries of another type"
            )
        if isinstance(asked, OntologyFilter):
            custom = as_custom(asked)
            known = self._ontology.knows(asked.id) or (custom is not None and is_of_the_model(custom))
        else:
            known = is_of_the_model(asked)
        if not known:
            raise Invalid(f"filter {asked.id!r} is not known to any dataset here; see /filtering_terms")

    def _is_held_anywhere(self, release: ShelvedRelease, asked: Leaf) -> bool:
        others = (other for other in self._published() if other.number != release.number)
        return any(self._is_held(one, asked) for one in chain((release,), others))

    def _is_held(self, release: ShelvedRelease, asked: Leaf) -> bool:
        """True if at least the floor's number of individuals of the release have what the filter names."""
        subjects = self._open(release)
        return subjects.has_at_least(self._floor_of(release), subjects.series_of(asked))

    def _floor_of(self, release: ShelvedRelease) -> int:
        return max(release.manifest.policy.k_individuals, self._floor, 1)

    def _carriers(
        self, release: ShelvedRelease, subjects: OpenedSubjects, alleles: Sequence[SiteRef]
    ) -> Bitmap:
        behind = subjects.individual_of_sample
        return carriers(self._readers, release, alleles, behind, subjects.individuals)

    def cases(
        self, release: ShelvedRelease, sites: Sequence[SiteRecord], individuals: Bitmap
    ) -> list[list[Case]]:
        """For each allele its carriers among the individuals. Raises Unavailable if genotypes cannot be read."""
        subjects = self._open(release)
        among = flags_of(individuals, subjects.individuals)
        return [cases(self._readers, release, site, subjects.people, among) for site in sites]

    def count(self, release: ShelvedRelease, entry_type: EntryType, individuals: Bitmap) -> int:
        """Number of entries of a type that belong to the individuals; alleles are counted by the variant store.

        Raises Invalid for genomic variants.
        """
        if entry_type is EntryType.INDIVIDUAL:
            return size(individuals)
        if entry_type in OWNED:
            subjects = self._open(release)
            return int(flags_of(individuals, subjects.individuals)[self._owners(release, entry_type)].sum())
        if entry_type is EntryType.DATASET:
            return int(size(individuals) > 0)
        if entry_type is EntryType.COHORT:
            return len(self._cohorts_with(release, individuals))
        raise Invalid(f"{entry_type} entries do not belong to individuals; ask for carriers")

    def cohorts(self, release: ShelvedRelease) -> Sequence[Cohort]:
        """Cohorts of a release by id; their documents hold one collection event with exact counts."""
        subjects = self._open(release)
        found = self._cohorts.get(release.number)
        if found is None:
            floor = self._floor_of(release)
            lines = sorted(subjects.cohorts, key=lambda line: str(line["id"]))
            found = self._cohorts[release.number] = [_cohort(subjects, line, floor) for line in lines]
        return found

    def terms(self, releases: Sequence[ShelvedRelease], floors: Floors) -> Sequence[FilteringTerm]:
        """Filtering terms of the releases by id; see `terms`."""
        return listed_terms(
            (self._open(release).catalogue, floors.get(release.number, self._floor_of(release)))
            for release in releases
        )

    def documents(
        self, release: ShelvedRelease, entry_type: EntryType, individuals: Bitmap, *, skip: int, limit: int
    ) -> list[dict[str, object]]:
        """Beacon documents of the entries that belong to the individuals, in storage order.

        skip and limit count entries. Raises Invalid for datasets and genomic variants, which others describe.
        """
        if entry_type is EntryType.COHORT:
            found = [dict(cohort.document) for cohort in self._cohorts_with(release, individuals)]
            return found[skip : skip + limit]
        if entry_type not in (EntryType.INDIVIDUAL, *OWNED):
            raise Invalid(f"{entry_type} has no documents among the subjects")
        subjects = self._open(release)
        flags = flags_of(individuals, subjects.individuals)
        rows = np.flatnonzero(flags[self._owners(release, entry_type)])[skip : skip + limit]
        texts = subjects.documents(entry_type, rows.tolist())
        return [msgspec.json.decode(text, type=dict[str, object]) for text in texts]

    def individuals_behind(
        self, release: ShelvedRelease, entry_type: EntryType, entry_id: str
    ) -> Bitmap | None:
        """The individuals behind one entry, None if the release has no entry of that type and id."""
        subjects = self._open(release)
        if entry_type is EntryType.DATASET:
            return everybody(subjects.individuals) if entry_id == release.manifest.dataset else None
        if entry_type is EntryType.COHORT:
            found = [cohort for cohort in self.cohorts(release) if cohort.id == entry_id]
            return _members(found[0], subjects) if found else None
        if entry_type not in (EntryType.INDIVIDUAL, *OWNED):
            return None
        row = subjects.row_of(entry_type, entry_id)
        if row < 0:
            return None
        return bitmap_of(self._owners(release, entry_type)[row : row + 1], subjects.individuals)

    def _cohorts_with(self, release: ShelvedRelease, individuals: Bitmap) -> list[Cohort]:
        return [
            cohort
            for cohort in self.cohorts(release)
            if size(individuals & _members(cohort, self._open(release)))
        ]

    def _owners(self, release: ShelvedRelease, kind: EntryType) -> Rows:
        subjects = self._open(release)
        found: tuple[Rows, ...] = self._cache.get((release.number, kind), lambda: (subjects.owners(kind),))
        return found[0]

    def _open(self, release: ShelvedRelease) -> OpenedSubjects:
        """The release's subjects, opened once; those of releases no longer published are let go."""
        found = self._subjects.get(release.number)
        if found is not None:
            return found
        with self._lock:
            found = self._subjects.get(release.number)
            if found is None:
                found = OpenedSubjects(Path(release.folder), self._ontology)
                held = {one.number for one in self._published()} | {release.number}
                kept = {number: one for number, one in self._subjects.items() if number in held}
                self._subjects = {**kept, release.number: found}
                self._cohorts = {number: one for number, one in self._cohorts.items() if number in held}
        return found


def _cohort(subjects: OpenedSubjects, line: dict[str, object], floor: int) -> Cohort:
    rows = line["members"]
    assert rows is None or isinstance(rows, list)
    members = None if rows is None else bitmap_of(np.array(rows, dtype=np.int32), subjects.individuals)
    document = msgspec.json.decode(str(line["document"]), type=dict[str, object])
    cohort = Cohort(str(line["id"]), document, members)
    document["collectionEvents"] = [collection_event(subjects, _members(cohort, subjects), floor)]
    return cohort


def _members(cohort: Cohort, subjects: OpenedSubjects) -> Bitmap:
    return everybody(subjects.individuals) if cohort.members is None else cohort.members
