"""One Beacon: load, decide, answer.

Every answer passes here: the granularity in force, which datasets are asked, the disclosure controls (inside
`frequencies` and `people`), the shape, and a line in the audit chain before anything is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from msgspec import structs

from opengdi.discovery.beacon.cohorts import CohortLists
from opengdi.discovery.beacon.collections import Collections
from opengdi.discovery.beacon.frequencies import BUDGET_SPENT, Frequencies
from opengdi.discovery.beacon.holdings import Holdings
from opengdi.discovery.beacon.model import (
    BeaconIdentity,
    BeaconProfile,
    Findings,
    Outcome,
    Paging,
)
from opengdi.discovery.beacon.people import People
from opengdi.discovery.beacon.rules import (
    datasets_asked,
    granularity_of,
    page_of,
    restriction_of,
)
from opengdi.discovery.beacon.virtual import VirtualData
from opengdi.kernel.audit.chain import Outcome as AuditOutcome
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.disclosure.counts import total
from opengdi.kernel.doors import registered
from opengdi.kernel.errors import OverBudget
from opengdi.kernel.logging import current_request_id
from opengdi.kernel.principal import Principal, Tier
from opengdi.standards.beacon.answer import (
    Document,
    collections_answer,
    data_meta,
    is_listed,
    result_set,
    results_answer,
    summary,
    with_pages,
)
from opengdi.standards.beacon.entry_types import ENTRY_TYPES
from opengdi.standards.beacon.negotiation import refuse_other_schemas
from opengdi.standards.beacon.questions import BeaconRequest, EntryType, Granularity, Include, Page


@dataclass(frozen=True, slots=True)
class Terms:
    """In what form one request is answered."""

    requested: Granularity
    returned: Granularity
    page: Page


class Beacon:
    """One of the two Beacons of a node."""

    def __init__(
        self,
        identity: BeaconIdentity,
        profile: BeaconProfile,
        holdings: Holdings,
        *,
        frequencies: Frequencies,
        people: People,
        cohorts: CohortLists,
        audit: AuditLog,
        paging: Paging | None = None,
    ) -> None:
        self.identity = identity
        self.profile = profile
        self._holdings = holdings
        self._frequencies = frequencies
        self._people = people
        self._cohorts = cohorts
        self._collections = Collections(cohorts)
        self._audit = audit
        self._paging = paging or Paging()
        self._virtual = VirtualData(needs_contig=not self._is_about_people)

    def terms_of(self, request: BeaconRequest) -> Terms:
        """The form of the answer, also for the `meta` of an error."""
        requested, returned = granularity_of(request, self.profile)
        return Terms(requested, returned, page_of(request, self._paging))

    def meta(self, request: BeaconRequest) -> Document:
        """`meta` of the answer to a request."""
        terms = self.terms_of(request)
        return data_meta(self.identity.id, request, terms.requested, terms.returned, terms.page)

    def admit(self, asker: Principal) -> None:
        """Raises NotAuthenticated, NotPermitted for a caller who has proved less than this Beacon asks for."""
        if self.profile.tier >= Tier.REGISTERED and not self._tells(asker):
            registered(asker)

    @property
    def _is_about_people(self) -> bool:
        return self.profile.granularity is not Granularity.RECORD

    def _tells(self, asker: Principal) -> bool:
        """True if a dataset tells this caller anything, whatever else they are."""
        return any(self._people.level(asker, each).most is not None for each in self._holdings.current())

    def _most_told(self, asker: Principal, entry_type: EntryType) -> Granularity:
        """The most that any dataset tells this caller; collections are named to those who may count people in them."""
        levels = (self._people.level(asker, each).most for each in self._holdings.current())
        most = max((most for most in levels if most is not None), default=self.profile.granularity)
        is_named = ENTRY_TYPES[entry_type].is_collection and most is Granularity.COUNT
        return Granularity.RECORD if is_named else most

    async def answer(self, request: BeaconRequest, asker: Principal) -> Document:
        """The whole answer document, ready to be encoded.

        Raises NotAuthenticated, Invalid, Malformed for records by a schema that there is not, or OverBudget when every
        dataset that could answer refuses.
        """
        self.admit(asker)
        refuse_other_schemas(request.entry_type, request.requested_schemas)
        terms = self.terms_of(request)
        if self._is_about_people and not request.test_mode:
            terms = replace(terms, returned=min(terms.requested, self._most_told(asker, request.entry_type)))
        findings = await self._find(request, terms, asker)
        self._write_down(findings, asker)
        if asker.visas:
            findings = await self._with_files(findings, asker)
        return self._document(request, terms, findings)

    async def _with_files(self, findings: Findings, asker: Principal) -> Findings:
        """The findings, with where its files are beside each dataset of which a visa opens all to the caller."""
        held = {each.id: self._people.visas_for(asker, each) for each in self._holdings.current()}
        outcomes = list(findings.outcomes)
        for place, outcome in enumerate(outcomes):
            if visas := held.get(outcome.dataset):
                more = await self._holdings.files_handovers(outcome.dataset, visas)
                outcomes[place] = structs.replace(outcome, handovers=(*outcome.handovers, *more))
        return replace(findings, outcomes=outcomes)

    def _write_down(self, findings: Findings, asker: Principal) -> None:
        """A line in the audit chain, before anything is told. Raises OverBudget if no dataset may answer."""
        spent = [each.dataset for each in findings.refusals if each.reason == BUDGET_SPENT]
        is_refused = bool(spent) and not findings.outcomes and len(spent) == len(findings.refusals)
        self._audit.append(
            "beacon.query",
            actor=asker.subject,
            outcome=AuditOutcome.REFUSED if is_refused else AuditOutcome.DONE,
            objects=spent if is_refused else [each.dataset for each in findings.outcomes if each.dataset],
            request=current_request_id.get(),
        )
        if is_refused:
            raise OverBudget(
                f"every dataset refuses {asker.subject}", public=f"Every dataset refuses: {BUDGET_SPENT}."
            )

    async def _find(self, request: BeaconRequest, terms: Terms, asker: Principal) -> Findings:
        if request.test_mode:
            return self._virtual.find(request, terms.page, with_records=terms.returned is Granularity.RECORD)
        restriction = restriction_of(request)
        asked = await self._cohorts.within(
            datasets_asked(self._holdings.current(), request, restriction), restriction.cohorts
        )
        if self._is_about_people:
            return await self._people.find(
                request, restriction, asked, asker=asker, page=terms.page, wanted=terms.requested
            )
        find = partial(self._frequencies.find, request, restriction, asked, asker=asker, page=terms.page)
        if not ENTRY_TYPES[request.entry_type].is_collection:
            return await find(with_records=terms.returned is Granularity.RECORD)
        if request.variant is None and restriction.variant is None:
            return await self._collections.find(request, restriction, asked, terms.page)
        seen = await find(with_records=False)
        hits = {outcome.dataset for outcome in seen.outcomes if outcome.count.exists}
        held = [dataset for dataset in asked if dataset.id in hits]
        found = await self._collections.find(request, restriction, held, terms.page)
        return replace(found, refusals=seen.refusals, notes=seen.notes)

    def _document(self, request: BeaconRequest, terms: Terms, findings: Findings) -> Document:
        meta = data_meta(self.identity.id, request, terms.requested, terms.returned, terms.page)
        with_pages(meta, terms.page, more=findings.more)
        told = summary(total(outcome.count for outcome in findings.outcomes), terms.returned)
        info = dict(findings.notes)
        if findings.refusals:
            info["refusedDatasets"] = [
                {"id": each.dataset, "reason": each.reason} for each in findings.refusals
            ]
        if ENTRY_TYPES[request.entry_type].is_collection:
            collected = _collected(request, findings)
            return collections_answer(meta, told, collected, handovers=self.identity.handovers, info=info)
        listed = _listed(request, terms, findings.outcomes)
        return results_answer(meta, told, listed, handovers=self.identity.handovers, info=info)


def _listed(request: BeaconRequest, terms: Terms, outcomes: Sequence[Outcome]) -> list[Document]:
    listed = {hit: is_listed(request.include, hit=hit) for hit in (False, True)}
    return [
        result_set(
            outcome.dataset,
            outcome.count,
            terms.returned if outcome.granularity is None else min(terms.returned, outcome.granularity),
            results=[] if outcome.results is None else outcome.results,
            handovers=outcome.handovers,
            info=outcome.info,
        )
        for outcome in outcomes
        if listed[outcome.count.exists]
    ]


def _collected(request: BeaconRequest, findings: Findings) -> list[object]:
    if request.include is Include.NONE or request.include is Include.MISS:
        return []
    return [record for outcome in findings.outcomes for record in outcome.results or ()]
