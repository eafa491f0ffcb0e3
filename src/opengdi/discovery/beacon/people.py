"""Counts of people and of what belongs to them: what the subject-level Beacon answers.

A count passes three controls before it is told: the budget (one unit per distinct question and dataset), the
differencing guard, and the two-sided floor with rounding. Records are never told here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from opengdi.discovery.beacon.frequencies import BUDGET_SPENT
from opengdi.discovery.beacon.model import Findings, HeldDataset, Outcome, Refusal
from opengdi.discovery.beacon.rules import Restriction, digest_unit, question_of_id, with_assembly
from opengdi.discovery.beacon.scans import ScanThreads
from opengdi.discovery.model import Bitmap, SiteRef
from opengdi.discovery.ports import SubjectStore, VariantStore
from opengdi.kernel.disclosure.counts import PublishedCount, publish_items, publish_people
from opengdi.kernel.disclosure.guard import DifferencingGuard
from opengdi.kernel.disclosure.ledger import BudgetLedger
from opengdi.kernel.errors import Invalid
from opengdi.kernel.principal import Principal
from opengdi.kernel.release import FileRole
from opengdi.standards.beacon.questions import (
    BeaconRequest,
    EntryType,
    Filter,
    QuestionKind,
    VariantQuestion,
)
from opengdi.standards.coordinates import CONTIGS, Assembly

NO_GENOTYPES = "the dataset holds no genotypes of individuals"
NO_SUBJECTS = "the dataset holds no phenotypes of individuals"
_MOST_ALLELES = 100
"""Alleles of one question whose carriers are each counted among selected people; more are a question too wide."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Whom a question is about: carriers of an allele, who satisfy all filters, in all of the cohorts."""

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


class People:
    """Answers about individuals, biosamples, runs, analyses, cohorts, datasets and the alleles they carry."""

    def __init__(
        self,
        variants: VariantStore,
        subjects: SubjectStore,
        ledger: BudgetLedger,
        guard: DifferencingGuard,
        scans: ScanThreads,
    ) -> None:
        self._variants = variants
        self._subjects = subjects
        self._ledger = ledger
        self._guard = guard
        self._scans = scans
        self._entries: dict[tuple[int, EntryType], int] = {}

    async def find(
        self,
        request: BeaconRequest,
        restriction: Restriction,
        asked: Sequence[HeldDataset],
        *,
        asker: Principal,
    ) -> Findings:
        """Findings in the datasets asked. Raises Invalid for a question that cannot be answered as asked."""
        variant = request.variant
        if restriction.variant is not None:
            variant = question_of_id(restriction.variant)
        assumed: Assembly | None = None
        if variant is not None:
            variant, assumed = with_assembly(variant, asked)
            asked = [each for each in asked if each.assembly is variant.assembly]
        selection = Selection(request.entry_type, variant, request.filters, restriction.cohorts)
        able, refusals = _able(asked, selection)
        paid = await self._ledger.charge(asker, [(each.account, (selection.unit,)) for each in able])
        refusals += [Refusal(each.id, BUDGET_SPENT) for each, ok in zip(able, paid, strict=True) if not ok]
        answering = [each for each, ok in zip(able, paid, strict=True) if ok]
        if restriction.one_person:
            counts: Sequence[PublishedCount] = [
                publish_people(0, each.account.individuals, each.policy) for each in answering
            ]
        else:
            counts = await asyncio.gather(*(self._count(each, selection, asker) for each in answering))
        outcomes = [
            Outcome(each.id, count, info=each.info, handovers=each.handovers)
            for each, count in zip(answering, counts, strict=True)
        ]
        return Findings(outcomes, refusals, {"assumedAssemblyId": assumed.name} if assumed else {})

    async def _count(self, dataset: HeldDataset, selection: Selection, asker: Principal) -> PublishedCount:
        """What may be told of the number of entries in one dataset."""
        match selection.entry_type:
            case EntryType.GENOMIC_VARIANT:
                return await self._alleles(dataset, selection, asker)
            case EntryType.DATASET:
                told = await self._people(dataset, selection, asker)
                return publish_items(int(told.exists))
            case EntryType.COHORT:
                return await self._cohorts(dataset, selection, asker)
            case EntryType.INDIVIDUAL:
                return await self._people(dataset, selection, asker)
            case _:
                return self._belongings(
                    dataset, selection.entry_type, await self._people(dataset, selection, asker)
                )

    async def _people(self, dataset: HeldDataset, selection: Selection, asker: Principal) -> PublishedCount:
        if selection.is_everybody:
            return publish_people(dataset.account.individuals, dataset.account.individuals, dataset.policy)
        individuals = await self._scans.run(lambda: self._select(dataset, selection), quick=False)
        return await self._tell(dataset, individuals, asker)

    async def _tell(self, dataset: HeldDataset, individuals: Bitmap, asker: Principal) -> PublishedCount:
        number = await self._guard.settle(asker, dataset.account, individuals)
        return publish_people(number, dataset.account.individuals, dataset.policy)

    def _select(self, dataset: HeldDataset, selection: Selection) -> Bitmap:
        carriers = None if selection.variant is None else self._sites(dataset, selection.variant)
        return self._members(
            dataset, selection, self._subjects.matching(dataset.release, selection.filters, carriers)
        )

    def _members(self, dataset: HeldDataset, selection: Selection, individuals: Bitmap) -> Bitmap:
        """The individuals who are in every cohort of the selection."""
        for cohort in self._subjects.cohorts(dataset.release):
            if cohort.id in selection.cohorts and cohort.members is not None:
                individuals = np.bitwise_and(individuals, cohort.members)
        return individuals

    def _sites(self, dataset: HeldDataset, question: VariantQuestion) -> list[SiteRef]:
        """Alleles that match; a position without a contig is looked for on every one."""
        if question.contig is not None or question.gene is not None:
            return self._variants.locate(question, dataset.release)
        return [
            site
            for contig in CONTIGS
            for site in self._variants.locate(replace(question, contig=contig), dataset.release)
        ]

    def _belongings(
        self, dataset: HeldDataset, entry_type: EntryType, people: PublishedCount
    ) -> PublishedCount:
        """How many biosamples (runs, analyses) belong to that many people, by the dataset's average.

        Their exact number could differ between two sets of people whose sizes are told as one.
        """
        held = self._held(dataset, entry_type)
        if not held:
            return publish_items(0)
        if not people.exists or held == dataset.account.individuals:
            return people
        number = round(people.number * held / dataset.account.individuals)
        return PublishedCount(number, exists=number > 0, precision="imprecise", adjusted_to=None)

    def _held(self, dataset: HeldDataset, entry_type: EntryType) -> int:
        """Entries of a type in the whole dataset, counted once per release."""
        key = dataset.release.number, entry_type
        if key not in self._entries:
            everybody = np.packbits(np.ones(dataset.account.individuals, dtype=np.uint8))
            self._entries[key] = self._subjects.count(dataset.release, entry_type, everybody)
        return self._entries[key]

    async def _cohorts(self, dataset: HeldDataset, selection: Selection, asker: Principal) -> PublishedCount:
        found = 0
        for cohort in self._subjects.cohorts(dataset.release):
            if selection.cohorts and cohort.id not in selection.cohorts:
                continue
            told = await self._people(
                dataset, replace(selection, cohorts=selection.cohorts | {cohort.id}), asker
            )
            found += told.exists
        return publish_items(found)

    async def _alleles(self, dataset: HeldDataset, selection: Selection, asker: Principal) -> PublishedCount:
        """How many alleles are seen in the dataset, or among the selected people."""
        question = selection.variant or VariantQuestion(QuestionKind.EVERYTHING, dataset.assembly)
        if not selection.filters and not self._divides(dataset, selection):
            return await self._seen(dataset, question)
        if question.kind is QuestionKind.EVERYTHING:
            raise Invalid(
                "g_variants of selected individuals need a place: give referenceName and start, or geneId"
            )
        sites = await self._scans.run(lambda: self._sites(dataset, question), quick=False)
        if len(sites) > _MOST_ALLELES:
            raise Invalid(f"the question covers more than {_MOST_ALLELES} alleles; ask for a narrower place")
        found = 0
        for site in sites:
            read = partial(self._carriers, dataset, selection, site)
            carriers = await self._scans.run(read, quick=False)
            found += (await self._tell(dataset, carriers, asker)).exists
        return publish_items(found)

    def _divides(self, dataset: HeldDataset, selection: Selection) -> bool:
        """True if a cohort of the selection is less than the whole dataset."""
        cohorts = self._subjects.cohorts(dataset.release) if selection.cohorts else ()
        return any(cohort.id in selection.cohorts and cohort.members is not None for cohort in cohorts)

    async def _seen(self, dataset: HeldDataset, question: VariantQuestion) -> PublishedCount:
        floors = {dataset.release.number: dataset.policy.k_alleles}
        places = [question]
        if question.contig is None and question.gene is None and question.kind is not QuestionKind.EVERYTHING:
            places = [replace(question, contig=contig) for contig in CONTIGS]

        def count() -> int:
            hits = (
                self._variants.search(place, [dataset.release], floors, skip=0, limit=0) for place in places
            )
            return sum(each.total for found in hits for each in found)

        return publish_items(await self._scans.run(count, quick=False))

    def _carriers(self, dataset: HeldDataset, selection: Selection, site: SiteRef) -> Bitmap:
        return self._members(
            dataset, selection, self._subjects.matching(dataset.release, selection.filters, [site])
        )


def _able(asked: Sequence[HeldDataset], selection: Selection) -> tuple[list[HeldDataset], list[Refusal]]:
    """Datasets that hold what the question is about, and those that do not."""
    able, refusals = [], []
    for dataset in asked:
        lacking = _lacking(dataset, selection)
        if lacking is None:
            able.append(dataset)
        else:
            refusals.append(Refusal(dataset.id, lacking))
    return able, refusals


def _lacking(dataset: HeldDataset, selection: Selection) -> str | None:
    manifest = dataset.release.manifest
    needs_carriers = selection.variant is not None and selection.entry_type is not EntryType.GENOMIC_VARIANT
    if needs_carriers and not manifest.genotyped:
        return NO_GENOTYPES
    needs_subjects = bool(selection.filters or selection.cohorts)
    if needs_subjects and not any(file.role is FileRole.SUBJECTS for file in manifest.files):
        return NO_SUBJECTS
    return None
