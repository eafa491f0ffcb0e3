"""One answer out of many; sans-IO. What each member said is kept apart, dataset by dataset, and nothing is invented.

A dataset id appears once, whoever serves it, under the strictest floor any of them sets (deployed portals fail on
the second). Records of people are told only where every member that answered about the dataset told some.
The order of the members in the registry decides where nothing else does, never the order of arrival.

Spec: Beacon v2.2.0, beaconResultsets.json, beaconCollectionsResponse.json; `beaconId` on result sets and
`info.members` are extensions that deployed networks and portals read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from opengdi.federation.answers import answers_of, granularity_of
from opengdi.federation.listing import collections_total, merged_collections, page_of
from opengdi.federation.model import COLLECTIONS, SUBJECT_LEVEL, Answer, Json, Member, Outcome, ResultSet
from opengdi.federation.pooling import pooled_frequencies
from opengdi.federation.reading import bounds_of
from opengdi.federation.serving import Served
from opengdi.kernel.disclosure.counts import Precision, PublishedCount
from opengdi.kernel.disclosure.counts import total as total_of
from opengdi.standards.beacon.answer import is_listed
from opengdi.standards.beacon.negotiation import with_former_names
from opengdi.standards.beacon.questions import BeaconRequest, EntryType, Granularity

_HIDDEN_FIELDS: Final = {
    Granularity.BOOLEAN: frozenset(
        {"results", "resultsHandovers", "resultsCount", "countPrecision", "countAdjustedTo"}
    ),
    Granularity.COUNT: frozenset({"results"}),
    Granularity.RECORD: frozenset[str](),
}


@dataclass(frozen=True, slots=True)
class Merged:
    """What the members said together; total is None where nobody gave a number. more: another page follows."""

    granularity: Granularity
    exists: bool
    total: PublishedCount | None
    result_sets: tuple[Json, ...]
    collections: tuple[Json, ...]
    schemas: tuple[Json, ...]
    handovers: tuple[Json, ...]
    info: Json
    more: bool


def assemble(request: BeaconRequest, outcomes: Sequence[Outcome], served: Sequence[Served]) -> Merged:
    """The members' answers as one.

    outcomes: one per member, in the order of the registry. served: what `serve` made of them and the budget left.
    """
    answers = answers_of(outcomes)
    collections = merged_collections(request, answers)
    is_collection = request.entry_type in COLLECTIONS and not served
    total = collections_total(request, answers, collections) if is_collection else _total(request, served)
    listed = [item for item in served if is_listed(request.include, hit=item.found.exists)]
    return Merged(
        granularity=_told(request, answers, listed),
        exists=any(answer.exists for _, answer in answers)
        if is_collection
        else any(s.found.exists for s in served),
        total=_said_of(total, outcomes),
        result_sets=tuple(published(request, item) for item in listed),
        collections=page_of(collections, request),
        schemas=_union(schema for _, answer in answers for schema in answer.schemas),
        handovers=_union(handover for _, answer in answers for handover in answer.handovers),
        info=_info(request, outcomes, served, listed),
        more=_goes_on(request, len(collections), 0)
        or any(_goes_on(request, item.found.count or 0, len(item.found.results)) for item in listed),
    )


def published(request: BeaconRequest, item: Served) -> Json:
    """The result set as the hub gives it out: never more than was asked for, whatever the member sent."""
    hidden = _HIDDEN_FIELDS[granularity_of(request)]
    document = {name: value for name, value in item.found.document.items() if name not in hidden}
    if document.get("results"):
        results = with_former_names(request.entry_type, request.api_version, item.found.results)
        document["results"] = list(results)
    return document | {"beaconId": item.member.service}


def _goes_on(request: BeaconRequest, number: int, shown: int) -> bool:
    """True if entries follow those of the page: of a list that is paged here, or of a set that a member pages.

    number: entries in all. shown: those of the set on this page. A member's own page stands for limit 0.
    """
    if request.entry_type not in COLLECTIONS and not (
        shown and granularity_of(request) is Granularity.RECORD
    ):
        return False
    size = request.page.limit or shown
    return bool(size) and (request.page.skip + 1) * size < number


def _told(
    request: BeaconRequest, answers: Sequence[tuple[Member, Answer]], listed: Sequence[Served]
) -> Granularity:
    """What the whole answer is: the most that is in it about people, as nodes say it; else the least of any member."""
    asked = granularity_of(request)
    is_of_people = request.entry_type in SUBJECT_LEVEL
    if is_of_people and asked is Granularity.RECORD and any(item.found.results for item in listed):
        return Granularity.RECORD
    told = min((asked, *(answer.granularity for _, answer in answers)))
    return min(told, Granularity.COUNT) if is_of_people else told


def _total(request: BeaconRequest, served: Sequence[Served]) -> PublishedCount | None:
    """The sum of the published numbers, once for each content; None if none was asked for or there is none to sum."""
    if granularity_of(request) is Granularity.BOOLEAN:
        return None
    by_content: dict[str, PublishedCount] = {}
    for item in served:
        if item.found.count is not None:
            content = item.found.dataset.digest or f"id:{item.found.id}"
            told = [_published_count(item.found), *filter(None, [by_content.get(content)])]
            by_content[content] = max(told, key=lambda count: count.number)
    counts = list(by_content.values())
    exists = any(item.found.exists for item in served)
    if not counts and exists:
        return None
    if any(count.precision == "imprecise" and count.adjusted_to is None for count in counts):
        return PublishedCount(sum(count.number for count in counts), exists, "imprecise", None)
    return total_of(counts)


def _said_of(total: PublishedCount | None, outcomes: Sequence[Outcome]) -> PublishedCount | None:
    """The sum is exact only if nobody who was asked is missing from it."""
    if total is None or all(outcome.answer is not None for outcome in outcomes):
        return total
    return replace(total, precision="imprecise", adjusted_to=None)


def _published_count(found: ResultSet) -> PublishedCount:
    """The number of one result set with what is said about it; old Beacons say nothing, which means imprecise."""
    stated = found.document.get("countPrecision")
    precision: Precision = "exact" if stated == "exact" else "rounded" if stated == "rounded" else "imprecise"
    return PublishedCount(found.count or 0, found.exists, precision, bounds_of(found.document) or None)


def _union(documents: Iterable[Json]) -> tuple[Json, ...]:
    kept: list[Json] = []
    for document in documents:
        if document not in kept:
            kept.append(document)
    return tuple(kept)


def _info(
    request: BeaconRequest, outcomes: Sequence[Outcome], served: Sequence[Served], listed: Sequence[Served]
) -> Json:
    answered = sum(outcome.answer is not None for outcome in outcomes)
    info: Json = {
        "members": [member_document(outcome) for outcome in outcomes],
        "membersAsked": len(outcomes),
        "membersAnswered": answered,
        "complete": answered == len(outcomes),
    }
    refused = [item.found.id for item in served if item.refused]
    if refused:
        info["budgetUsedUp"] = refused
    refused_by_members = _refusals(outcomes)
    if refused_by_members:
        info["refusedDatasets"] = refused_by_members
    pooled = _pooled(request, listed)
    if pooled:
        info["pooledFrequencies"] = pooled
    return info


def _refusals(outcomes: Sequence[Outcome]) -> list[Json]:
    """What members said of datasets that refused."""
    return [
        {"id": dataset, "reason": reason, "beaconId": member.service}
        for member, answer in answers_of(outcomes)
        for dataset, reason in answer.refusals.items()
    ]


def _pooled(request: BeaconRequest, listed: Sequence[Served]) -> list[Json]:
    if (
        request.entry_type is not EntryType.GENOMIC_VARIANT
        or granularity_of(request) is not Granularity.RECORD
    ):
        return []
    assembly = request.variant.assembly if request.variant else None
    return pooled_frequencies((item.found for item in listed), assembly)


def member_document(outcome: Outcome) -> Json:
    """One line of `info.members`."""
    member, answer = outcome.member, outcome.answer
    document: Json = {
        "id": member.id,
        "beaconId": member.service,
        "name": member.name,
        "country": member.country,
        "status": outcome.state.value,
        "latencyMs": outcome.latency_ms,
    }
    if outcome.age_ms is not None:
        document["ageMs"] = outcome.age_ms
    if outcome.reason:
        document["reason"] = outcome.reason
    if answer is not None:
        document["returnedGranularity"] = answer.granularity.name.lower()
        document["datasets"] = [found.id for found in answer.result_sets]
    return document
