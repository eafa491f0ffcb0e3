"""Counts of people and of what belongs to them: what the subject-level Beacon answers.

A count passes three controls before it is told: the budget (one unit per distinct question and dataset), the
differencing guard, and the two-sided floor with rounding. Records, and exact counts with them, are told to holders of a
visa for the dataset, who may have all of it anyway. Datasets and cohorts are told as everybody may read them: which of
them hold people selected is what a count of each would say, and costs as much.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from opengdi.discovery.beacon.few_carriers import NOBODY, FewCarriers
from opengdi.discovery.beacon.frequencies import BUDGET_SPENT
from opengdi.discovery.beacon.listing import names_collections, one_page, records_of
from opengdi.discovery.beacon.model import Findings, HeldDataset, Outcome, Refusal
from opengdi.discovery.beacon.people_rules import (
    able_to_answer,
    budget_units,
    datasets_with_records,
    named_entries,
    notes_of,
    price_unit,
    refuse_if_wide,
    selection_of,
    within_cohort,
)
from opengdi.discovery.beacon.rules import (
    Restriction,
    names_one_allele,
    question_unit,
    watched_place,
)
from opengdi.discovery.beacon.selection import Excerpt, Selection, Selector
from opengdi.discovery.beacon.telling import Level, as_boolean, level_of, visas_for
from opengdi.discovery.model import Bitmap, Cohort
from opengdi.kernel.clock import Clock
from opengdi.kernel.disclosure.counts import PublishedCount, publish_items, publish_people
from opengdi.kernel.disclosure.differencing import count_people
from opengdi.kernel.disclosure.guard import DifferencingGuard
from opengdi.kernel.disclosure.ledger import BudgetLedger
from opengdi.kernel.disclosure.losses import FREE_FROM
from opengdi.kernel.disclosure.watch import Watch
from opengdi.kernel.errors import OverBudget
from opengdi.kernel.http.decided import let_in
from opengdi.kernel.principal import Principal, Visa
from opengdi.standards.beacon.entry_types import ENTRY_TYPES
from opengdi.standards.beacon.negotiation import with_former_names
from opengdi.standards.beacon.questions import (
    BeaconRequest,
    EntryType,
    Granularity,
    Include,
    Page,
    QuestionKind,
    VariantQuestion,
)


class _OneAllele(NamedTuple):
    """Whether an allele is there: as it may be told of `carriers`, and as it is told otherwise."""

    seen: PublishedCount
    otherwise: PublishedCount
    carriers: int
    unit: int


_Found = PublishedCount | _OneAllele | Sequence["Bitmap | None"]
"""What one dataset has to tell: a number that may be told, an allele, or sets of people (None: everybody) yet to be
guarded."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was read of one dataset, before anything is paid.

    by_name: it is told which datasets or cohorts hold people selected, and not their number alone. cohorts: those of
    which it is told, in the order of the sets of people.
    """

    dataset: HeldDataset
    level: Level
    found: _Found
    by_name: bool
    cohorts: Sequence[Cohort] = ()


@dataclass(frozen=True, slots=True)
class _Told:
    """The number that may be told of one dataset, and whether each of the sets of people behind it is told to exist."""

    count: PublishedCount
    hits: Sequence[bool] = ()


class People:
    """Answers about individuals, biosamples, runs, analyses, cohorts, datasets and the alleles they carry."""

    def __init__(
        self,
        selector: Selector,
        ledger: BudgetLedger,
        guard: DifferencingGuard,
        watch: Watch,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._selector = selector
        self._ledger = ledger
        self._few = FewCarriers(ledger)
        self._guard = guard
        self._watch = watch

    def level(self, asker: Principal, dataset: HeldDataset) -> Level:
        """How much the dataset tells the caller of its people."""
        level = level_of(asker, dataset.release_id, dataset.policy, self._clock.now())
        if level.most is Granularity.RECORD:
            let_in(asker.subject, (dataset.id,))
        return level

    def visas_for(self, asker: Principal, dataset: HeldDataset) -> Sequence[Visa]:
        """The caller's visas that open all of the dataset; by asking this nothing is opened."""
        return visas_for(asker, dataset.release_id, self._clock.now())

    async def find(
        self,
        request: BeaconRequest,
        restriction: Restriction,
        asked: Sequence[HeldDataset],
        *,
        asker: Principal,
        page: Page,
        wanted: Granularity,
    ) -> Findings:
        """Findings in the datasets asked. Raises Invalid for a question that cannot be answered as asked."""
        selection, assumed = selection_of(request, restriction, asked)
        able, refusals = able_to_answer(asked, selection)
        levels = {each.id: self.level(asker, each) for each in able}
        refusals += [
            Refusal(each.id, levels[each.id].reason) for each in able if levels[each.id].most is None
        ]
        able = [each for each in able if levels[each.id].most is not None]
        opened = [] if wanted < Granularity.RECORD else datasets_with_records(able, levels, selection)
        counted = [each for each in able if each not in opened]
        readings = await asyncio.gather(
            *(
                self._read(each, levels[each.id], selection, wanted, one_person=restriction.one_person)
                for each in counted
            )
        )
        outcomes, unpaid = await self._numbers(readings, selection, asker)
        self._notice(asker, selection, outcomes)
        outcomes += [await self._records(each, selection, request, page) for each in opened]
        outcomes.sort(key=lambda outcome: outcome.dataset)
        if ENTRY_TYPES[request.entry_type].is_collection:
            outcomes, more = one_page(outcomes, page)
        else:
            shown = [outcome.count.number for outcome in outcomes if outcome.results]
            more = any((page.skip + 1) * page.limit < number for number in shown)
        notes = notes_of(assumed, counted, levels, request, wanted)
        return Findings(outcomes, [*refusals, *unpaid], notes, more=more)

    async def _numbers(
        self, readings: Sequence[_Reading], selection: Selection, asker: Principal
    ) -> tuple[list[Outcome], list[Refusal]]:
        """What may be told of each dataset once it is paid, and the refusals of those that the caller cannot pay."""
        charges = [(each.dataset.account, budget_units(selection, each.cohorts)) for each in readings]
        outcomes, unpaid = [], []
        for reading, is_paid in zip(readings, await self._ledger.charge(asker, charges), strict=True):
            told = await self._affordable(reading, selection, asker) if is_paid else None
            if told is None:
                unpaid.append(Refusal(reading.dataset.id, BUDGET_SPENT))
            else:
                outcomes.append(_outcome(reading, told, selection.entry_type))
        return outcomes, unpaid

    def _notice(self, asker: Principal, selection: Selection, told: Sequence[Outcome]) -> None:
        """Let the watch know who asks whether people have an allele; where some have, no frequency is told."""
        if selection.variant is None:
            return
        place = watched_place(selection.variant, question_unit(selection.variant))
        if place >= 0:
            self._watch.notice(asker, place, float(any(each.count.exists for each in told)))

    async def _records(
        self, dataset: HeldDataset, selection: Selection, request: BeaconRequest, page: Page
    ) -> Outcome:
        """The entries themselves, and how many there are, exactly."""
        excerpt = Excerpt(named_entries(request), page.skip * page.limit, page.limit)
        found: Sequence[object]
        if selection.entry_type is EntryType.GENOMIC_VARIANT:
            number, sites = await self._selector.cases(dataset, selection, excerpt)
            found = [dataset.records.build_with_cases(*each) for each in sites]
        else:
            number, documents = await self._selector.documents(dataset, selection, excerpt)
            found = with_former_names(selection.entry_type, request.api_version, documents)
        results = found if request.include in (Include.ALL, Include.HIT) else None
        count = publish_items(number)
        return Outcome(dataset.id, count, results, info=dataset.told_info, handovers=dataset.handovers)

    async def _read(
        self,
        dataset: HeldDataset,
        level: Level,
        selection: Selection,
        wanted: Granularity,
        *,
        one_person: bool,
    ) -> _Reading:
        """What one dataset has to tell, before anything is paid: a question that is refused costs nothing.

        Raises Invalid for a question that cannot be answered as asked.
        """
        by_name = names_collections(selection.entry_type, level, wanted)
        if one_person:
            return _Reading(dataset, level, _nobody(dataset), by_name)
        found = await self._found(dataset, selection)
        if not by_name or selection.entry_type is not EntryType.COHORT:
            return _Reading(dataset, level, found, by_name)
        return _Reading(dataset, level, found, by_name, await self._cohorts_asked(dataset, selection))

    async def _found(self, dataset: HeldDataset, selection: Selection) -> _Found:
        match selection.entry_type:
            case EntryType.GENOMIC_VARIANT:
                return await self._alleles(dataset, selection)
            case EntryType.COHORT:
                return [
                    await self._selector.individuals(dataset, within_cohort(selection, each))
                    for each in await self._cohorts_asked(dataset, selection)
                ]
            case EntryType.DATASET if selection.is_everybody:
                return publish_items(1)  # that it is there, everybody may read
            case _:
                is_everybody = selection.is_everybody
                return [None if is_everybody else await self._selector.individuals(dataset, selection)]

    async def _affordable(self, reading: _Reading, selection: Selection, asker: Principal) -> _Told | None:
        """What may be told of the number of entries; None where the caller was told of too many sets of people."""
        dataset, found = reading.dataset, reading.found
        if isinstance(found, PublishedCount):
            return _Told(found, (found.exists,))
        if isinstance(found, _OneAllele):
            is_told = await self._are_told(dataset, found.carriers, found.unit, asker)
            return _Told(found.seen if is_told else found.otherwise)
        try:
            told = [
                await self._tell(dataset, individuals, asker, selection, place)
                for place, individuals in enumerate(found)
            ]
        except OverBudget:
            return None
        hits = [each.exists for each in told]
        match selection.entry_type:
            case EntryType.INDIVIDUAL:
                return _Told(told[0], hits)
            case EntryType.GENOMIC_VARIANT | EntryType.COHORT | EntryType.DATASET:
                return _Told(publish_items(sum(hits)), hits)
            case _:
                return _Told(self._belongings(dataset, selection, told[0]), hits)

    async def _tell(
        self,
        dataset: HeldDataset,
        individuals: Bitmap | None,
        asker: Principal,
        selection: Selection,
        place: int,
    ) -> PublishedCount:
        """What may be told of the size of a set of people, one of those that a selection is about."""
        cohort = dataset.account.individuals
        if individuals is None:
            return publish_people(cohort, cohort, dataset.policy)
        if dataset.floored is not None and selection.variant is not None:
            size = count_people(individuals)
            carriers = min(size, cohort - size)
            if carriers < dataset.policy.k_individuals:
                carriers = NOBODY
            if not await self._are_told(dataset, carriers, price_unit(selection, place), asker):
                # Before the guard, which would remember what is not told.
                return publish_people(size, cohort, dataset.floored.policy)
        number = await self._guard.settle(asker, dataset.account, individuals)
        return publish_people(number, cohort, dataset.policy)

    async def _are_told(self, dataset: HeldDataset, carriers: int, unit: int, asker: Principal) -> bool:
        return all(await self._few.are_told(asker, [dataset], [carriers], unit))

    def _belongings(
        self, dataset: HeldDataset, selection: Selection, people: PublishedCount
    ) -> PublishedCount:
        """How many biosamples (runs, analyses) belong to that many people, by the dataset's average.

        Their exact number could differ between two sets of people whose sizes are told as one.
        """
        held = self._selector.entries_held(dataset, selection.entry_type)
        if not held:
            return publish_items(0)
        if not people.exists or held == dataset.account.individuals:
            return people
        number = round(people.number * held / dataset.account.individuals)
        return PublishedCount(number, exists=number > 0, precision="imprecise", adjusted_to=None)

    async def _cohorts_asked(self, dataset: HeldDataset, selection: Selection) -> list[Cohort]:
        """The dataset's cohorts that are asked for."""
        return [
            cohort
            for cohort in await self._selector.cohorts.of(dataset)
            if not selection.cohorts or cohort.id in selection.cohorts
        ]

    async def _alleles(self, dataset: HeldDataset, selection: Selection) -> _Found:
        """How many alleles are seen in the dataset; among selected people, who carries each."""
        question = selection.variant or VariantQuestion(QuestionKind.EVERYTHING, dataset.assembly)
        if not await self._selector.divides(dataset, selection):
            return await self._alleles_of_everybody(dataset, question)
        refuse_if_wide(question)
        return await self._selector.carriers_by_allele(dataset, selection)

    async def _alleles_of_everybody(self, dataset: HeldDataset, question: VariantQuestion) -> _Found:
        """How many alleles are seen in the dataset; of one allele, how many carriers are behind that as well."""
        floored = dataset.floored
        if floored is None:
            return publish_items(await self._selector.alleles_seen(dataset, question))
        otherwise = publish_items(await self._selector.alleles_seen(floored, question))
        if not names_one_allele(question):
            return otherwise
        seen = publish_items(await self._selector.alleles_seen(dataset, question))
        carriers = await self._selector.fewest_behind(dataset, question)
        if seen.exists and seen == otherwise:
            carriers = FREE_FROM
        return _OneAllele(seen, otherwise, carriers, question_unit(question))


def _outcome(reading: _Reading, told: _Told, entry_type: EntryType) -> Outcome:
    dataset = reading.dataset
    most = reading.level.most if reading.level.most is Granularity.BOOLEAN else None
    named = records_of(entry_type, dataset, reading.cohorts, told.hits) if reading.by_name else None
    return Outcome(
        dataset.id,
        told.count if most is None else as_boolean(told.count),
        named or None,
        info=dataset.told_info,
        handovers=dataset.handovers,
        granularity=most,
    )


def _nobody(dataset: HeldDataset) -> PublishedCount:
    """What is told about a named person, whether there is such a one or not."""
    return publish_people(0, dataset.account.individuals, dataset.policy)
