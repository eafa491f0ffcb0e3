"""Alleles and their frequencies in populations: what the aggregated Beacon answers about g_variants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from operator import truediv

from opengdi.discovery.beacon.model import Findings, HeldDataset, Outcome, Refusal
from opengdi.discovery.beacon.rules import (
    Restriction,
    is_quick,
    question_of_id,
    question_unit,
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
from opengdi.kernel.disclosure.watch import Watch
from opengdi.kernel.errors import Invalid
from opengdi.kernel.principal import Principal, Tier
from opengdi.standards.beacon.questions import BeaconRequest, Include, Page, QuestionKind, VariantQuestion
from opengdi.standards.coordinates import Assembly

BUDGET_SPENT = "the query budget of this dataset is used up"
TOO_SMALL = "the dataset has too few individuals for public frequencies"

_Admissions = dict[tuple[Assembly | None, bool], "_Admission"]

_EVERYTHING = VariantQuestion(QuestionKind.EVERYTHING)


class Frequencies:
    """Answers about alleles, charged to the caller's budget before they are told."""

    def __init__(self, store: VariantStore, ledger: BudgetLedger, watch: Watch, scans: ScanThreads) -> None:
        self._store = store
        self._ledger = ledger
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
        if request.filters:
            raise Invalid("filters select individuals; ask them at the subject-level Beacon of this node")
        question = _question(request, restriction)
        question, assumed = with_assembly(question, asked)
        refuse_without_contig(question)
        admitted = self._admitted(asked, question.assembly, is_public=asker.tier is Tier.PUBLIC)
        open_to_asker, refusals = admitted.datasets, list(admitted.refusals)
        with_rows = with_records and request.include in (Include.ALL, Include.HIT)
        hits = await self._search(question, admitted, page, with_rows=with_rows)
        unit = question_unit(question)
        paid = await self._ledger.charge(asker, _charges(unit, open_to_asker, hits))
        if (place := watched_place(question, unit)) >= 0:
            self._watch.notice(asker, place, _frequency(hits))
        told = list(zip(open_to_asker, hits, strict=True))
        if not all(paid):
            refusals += [
                Refusal(each.id, BUDGET_SPENT) for each, ok in zip(open_to_asker, paid, strict=True) if not ok
            ]
            told = list(compress(told, paid))
        if sum([len(found.rows) for _, found in told]) <= _QUICK_ROWS:
            outcomes = _outcomes(told, with_records=with_records)
        else:
            outcomes = await self._scans.run(partial(_outcomes, told, with_records=with_records))
        return Findings(
            outcomes,
            refusals,
            {"assumedAssemblyId": assumed.name} if assumed else {},
            more=any(found.total > (page.skip + 1) * page.limit for _, found in told),
        )

    async def _search(
        self, question: VariantQuestion, admitted: _Admission, page: Page, *, with_rows: bool
    ) -> list[DatasetHits]:
        skip, limit = (page.skip * page.limit, page.limit) if with_rows else (0, 0)
        search = partial(
            self._store.search, question, admitted.releases, admitted.floors, skip=skip, limit=limit
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


def _question(request: BeaconRequest, restriction: Restriction) -> VariantQuestion:
    if restriction.variant is not None:
        return question_of_id(restriction.variant)
    return request.variant or _EVERYTHING


@dataclass(frozen=True, slots=True)
class _Admission:
    """Datasets that may answer, with what a search needs of them, and those that refuse whatever they hold."""

    datasets: Sequence[HeldDataset]
    releases: Sequence[ShelvedRelease]
    floors: Floors
    refusals: Sequence[Refusal]


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
    floors = {each.release.number: each.policy.k_alleles for each in admitted}
    return _Admission(admitted, [each.release for each in admitted], floors, refusals)


def _charges(unit: int, asked: Sequence[HeldDataset], hits: Sequence[DatasetHits]) -> list[Charge]:
    """What each dataset is about to tell: the alleles on the page, or else the question itself.

    A miss costs as much as a hit, so the budget shows nothing about the data.
    """
    question = (unit,)
    return [(dataset.account, found.keys or question) for dataset, found in zip(asked, hits, strict=True)]


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


def _outcomes(told: Sequence[tuple[HeldDataset, DatasetHits]], *, with_records: bool) -> list[Outcome]:
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
