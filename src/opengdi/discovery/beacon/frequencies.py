"""Alleles and their frequencies in populations: what the aggregated Beacon answers about g_variants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from operator import truediv

from opengdi.discovery.beacon.few_carriers import FewCarriers
from opengdi.discovery.beacon.model import Findings, HeldDataset, Outcome, Refusal
from opengdi.discovery.beacon.rules import (
    Restriction,
    is_quick,
    names_one_allele,
    note_of,
    question_of_id,
    question_unit,
    refuse_filters,
    refuse_without_contig,
    watched_place,
    with_assembly,
)
from opengdi.discovery.beacon.scans import ScanThreads
from opengdi.discovery.model import DatasetHits, Floors, ShelvedRelease
from opengdi.discovery.ports import VariantStore
from opengdi.kernel.disclosure.anomaly import RARE
from opengdi.kernel.disclosure.counts import publish_items
from opengdi.kernel.disclosure.ledger import BudgetLedger, Charge
from opengdi.kernel.disclosure.losses import FREE_FROM
from opengdi.kernel.disclosure.watch import Watch
from opengdi.kernel.principal import Principal, Tier
from opengdi.standards.beacon.questions import BeaconRequest, Include, Page, QuestionKind, VariantQuestion
from opengdi.standards.coordinates import Assembly

BUDGET_SPENT = "the query budget of this dataset is used up"
TOO_SMALL = "the dataset has too few individuals for public frequencies"

_Told = tuple[HeldDataset, DatasetHits]
_Admissions = dict[tuple[Assembly | None, bool], "_Admission"]

_EVERYTHING = VariantQuestion(QuestionKind.EVERYTHING)


class Frequencies:
    """Answers about alleles, charged to the caller's budget before they are told."""

    def __init__(self, store: VariantStore, ledger: BudgetLedger, watch: Watch, scans: ScanThreads) -> None:
        self._store = store
        self._ledger = ledger
        self._few = FewCarriers(ledger)
        self._watch = watch
        self._scans = scans
        self._admissions: tuple[Sequence[HeldDataset], _Admissions] = ((), {})

    async def find(
        self,
        request: BeaconRequest,
        restriction: Restriction,
        asked: Sequence[HeldDataset],
        *,
        asker: Principal,
        page: Page,
        with_records: bool,
    ) -> Findings:
        """Findings in the datasets asked; `with_records` builds the records of the page.

        Raises Invalid for a question that cannot be answered as asked.
        """
        refuse_filters(request)
        question, assumed = with_assembly(_question(request, restriction), asked)
        refuse_without_contig(question)
        admitted = self._admitted(asked, question.assembly, is_public=asker.tier is Tier.PUBLIC)
        if admitted.floored is not None and not names_one_allele(question):
            admitted = admitted.floored
        datasets, refusals = admitted.datasets, list(admitted.refusals)
        shown = page if with_records and request.include in (Include.ALL, Include.HIT) else None
        hits = await self._search(question, admitted, shown, evenly=admitted.floored is not None)
        unit = question_unit(question)
        paid = await self._ledger.charge(asker, _charges(unit, datasets, hits))
        if admitted.floored is not None:
            answers = await self._if_few(question, admitted, hits, paid, asker=asker, shown=shown)
            datasets, hits = [dataset for dataset, _ in answers], [found for _, found in answers]
        if (place := watched_place(question, unit)) >= 0:
            self._watch.notice(asker, place, _frequency(hits))
        told = list(zip(datasets, hits, strict=True))
        if not all(paid):
            unpaid = compress(datasets, [not is_paid for is_paid in paid])
            refusals += [Refusal(each.id, BUDGET_SPENT) for each in unpaid]
            told = list(compress(told, paid))
        outcomes = await self._outcomes(told, with_records=with_records)
        more = any(found.total > (page.skip + 1) * page.limit for _, found in told)
        return Findings(outcomes, refusals, note_of(assumed), more=more)

    async def _outcomes(self, told: Sequence[_Told], *, with_records: bool) -> list[Outcome]:
        """What is told of each dataset; many records are built by a thread."""
        if sum([len(found.rows) for _, found in told]) <= _QUICK_ROWS:
            return _outcomes(told, with_records=with_records)
        return await self._scans.run(partial(_outcomes, told, with_records=with_records))

    async def _if_few(
        self,
        question: VariantQuestion,
        admitted: _Admission,
        hits: Sequence[DatasetHits],
        paid: Sequence[bool],
        *,
        asker: Principal,
        shown: Page | None,
    ) -> list[_Told]:
        """Each dataset with its hits, or under higher floors where the caller may not be told of few carriers.

        Both are read of every dataset, whatever is found: what is not told takes as long as what is not there.
        """
        assert admitted.floored is not None
        without = await self._search(question, admitted.floored, shown, evenly=True)
        found = await self._search(question, admitted, _FIRST, evenly=True)
        carriers = [
            _fewest_behind(dataset, each) if is_paid else FREE_FROM
            for dataset, each, is_paid in zip(admitted.datasets, found, paid, strict=True)
        ]
        told = await self._few.are_told(asker, admitted.datasets, carriers, question_unit(question))
        whole = zip(admitted.datasets, hits, strict=True)
        floored = zip(admitted.floored.datasets, without, strict=True)
        return [one if is_told else other for one, other, is_told in zip(whole, floored, told, strict=True)]

    async def _search(
        self, question: VariantQuestion, admitted: _Admission, shown: Page | None, *, evenly: bool
    ) -> list[DatasetHits]:
        """What the datasets hold, with the rows of a page; None: numbers alone."""
        skip, limit = (0, 0) if shown is None else (shown.skip * shown.limit, shown.limit)
        search = partial(
            self._store.search,
            question,
            admitted.releases,
            admitted.floors,
            skip=skip,
            limit=limit,
            evenly=evenly,
        )
        return search() if is_quick(question) else await self._scans.run(search)

    def _admitted(
        self, asked: Sequence[HeldDataset], assembly: Assembly | None, *, is_public: bool
    ) -> _Admission:
        """Who may answer: found out once for all callers of a kind, as long as the same datasets are asked."""
        if asked is not self._admissions[0]:
            self._admissions = (asked, {})
        known = self._admissions[1]
        admitted = known.get((assembly, is_public))
        if admitted is None:
            admitted = known[assembly, is_public] = _admission(asked, assembly, is_public=is_public)
        return admitted


_QUICK_ROWS = 100
_FIRST = Page(0, 1)


def _question(request: BeaconRequest, restriction: Restriction) -> VariantQuestion:
    if restriction.variant is not None:
        return question_of_id(restriction.variant)
    return request.variant or _EVERYTHING


@dataclass(frozen=True, slots=True)
class _Admission:
    """Datasets that may answer, with what a search needs of them, and those that refuse whatever they hold.

    floored: the same under floors that hide answers with few carriers; None where all floors do.
    """

    datasets: Sequence[HeldDataset]
    releases: Sequence[ShelvedRelease]
    floors: Floors
    refusals: Sequence[Refusal]
    floored: _Admission | None = None


def _admission(asked: Sequence[HeldDataset], assembly: Assembly | None, *, is_public: bool) -> _Admission:
    """Of the datasets of an assembly, or of all."""
    admitted: list[HeldDataset] = []
    refusals: list[Refusal] = []
    for each in asked:
        if assembly not in (None, each.assembly):
            continue
        if is_public and each.account.individuals < each.policy.min_cohort_public_af:
            refusals.append(Refusal(each.id, TOO_SMALL))
        else:
            admitted.append(each)
    if all(each.floored is None for each in admitted):
        return _admitting(admitted, refusals)
    floored = _admitting([each.floored or each for each in admitted], refusals)
    return replace(_admitting(admitted, refusals), floored=floored)


def _admitting(datasets: Sequence[HeldDataset], refusals: Sequence[Refusal]) -> _Admission:
    floors = {each.release.number: each.policy.k_alleles for each in datasets}
    return _Admission(datasets, [each.release for each in datasets], floors, refusals)


def _fewest_behind(dataset: HeldDataset, found: DatasetHits) -> int:
    """How few carriers are behind the first row; enough where the dataset hides few by its own floors."""
    if dataset.floored is None:
        return FREE_FROM
    return dataset.records.fewest_behind(found.rows)


def _charges(unit: int, asked: Sequence[HeldDataset], hits: Sequence[DatasetHits]) -> list[Charge]:
    """What each dataset is about to tell: the alleles on the page, or else the question itself.

    A miss costs as much as a hit, so the budget shows nothing about the data.
    """
    question = (unit,)
    return [(dataset.account, found.units or question) for dataset, found in zip(asked, hits, strict=True)]


def _frequency(hits: Sequence[DatasetHits]) -> float:
    """How often an allele was told to be: the highest frequency, or the first that is not rare."""
    highest = 0.0
    for found in hits:
        highest = max(highest, _frequency_in(found))
        if highest >= RARE:
            break
    return highest


def _frequency_in(found: DatasetHits) -> float:
    """Highest frequency told in a release; 0 if nothing is seen, 1 if it is seen and no record tells how often."""
    if not found.rows:
        return float(found.total > 0)
    counts, populations = found.rows[0].counts, len(found.release.manifest.populations)
    numbers = counts[populations : 2 * populations]
    if min(numbers) <= 0:  # nobody was called in some population, or it is hidden
        numbers = [max(number, 1) for number in numbers]
    highest: float = max(map(truediv, counts[:populations], numbers))
    return highest


def _outcomes(told: Sequence[_Told], *, with_records: bool) -> list[Outcome]:
    among_others = len(told) > 1
    return [
        Outcome(
            dataset.id,
            publish_items(found.total),
            dataset.records.page(found.rows, among_others=among_others) if with_records else None,
            dataset.told_info,
            dataset.handovers,
        )
        for dataset, found in told
    ]
