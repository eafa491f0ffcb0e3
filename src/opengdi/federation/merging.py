"""One answer out of many; sans-IO. What each member said is kept apart, dataset by dataset, and nothing is invented.

A dataset id appears once, whoever serves it, under the strictest floor any of them sets (deployed portals fail on
the second). Records of people are told only where every member that answered about the dataset told some.
The order of the members in the registry decides where nothing else does, never the order of arrival.

Spec: Beacon v2.2.0, beaconResultsets.json, beaconCollectionsResponse.json; `beaconId` on result sets and
`info.members` are extensions that deployed networks and portals read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from opengdi.federation.floors import FloorBook, floors_of, under_floors
from opengdi.federation.model import (
    COLLECTIONS,
    SUBJECT_LEVEL,
    Answer,
    Json,
    Member,
    MemberState,
    Outcome,
    ResultSet,
)
from opengdi.federation.pooling import pooled_frequencies
from opengdi.federation.reading import bounds_of
from opengdi.kernel.disclosure.counts import Precision, PublishedCount
from opengdi.kernel.disclosure.counts import total as total_of
from opengdi.standards.beacon.answer import is_listed
from opengdi.standards.beacon.dataset_info import DatasetInfo
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


@dataclass(frozen=True, slots=True)
class Served:
    """A result set and the Beacon that gave it. refused: the asker's budget for the dataset is used up."""

    member: Member
    found: ResultSet
    refused: bool = False


def answers_of(outcomes: Iterable[Outcome]) -> list[tuple[Member, Answer]]:
    """The members that answered, with their answers."""
    return [(outcome.member, outcome.answer) for outcome in outcomes if outcome.answer is not None]


def assemble(request: BeaconRequest, outcomes: Sequence[Outcome], served: Sequence[Served]) -> Merged:
    """The members' answers as one.

    outcomes: one per member, in the order of the registry. served: what `serve` made of them and the budget left.
    """
    answers = answers_of(outcomes)
    collections = _merged_collections(request, answers)
    is_collection = request.entry_type in COLLECTIONS and not served
    total = _collections_total(request, answers, collections) if is_collection else _total(request, served)
    listed = [item for item in served if is_listed(request.include, hit=item.found.exists)]
    return Merged(
        granularity=_told(request, answers, listed),
        exists=any(answer.exists for _, answer in answers)
        if is_collection
        else any(s.found.exists for s in served),
        total=_said_of(total, outcomes),
        result_sets=tuple(published(request, item) for item in listed),
        collections=_page_of(collections, request),
        schemas=_union(schema for _, answer in answers for schema in answer.schemas),
        handovers=_union(handover for _, answer in answers for handover in answer.handovers),
        info=_info(request, outcomes, served, listed),
        more=_goes_on(request, len(collections), 0)
        or any(_goes_on(request, item.found.count or 0, len(item.found.results)) for item in listed),
    )


def serve(
    request: BeaconRequest, answers: Iterable[tuple[Member, Answer]], book: FloorBook
) -> Iterator[Served]:
    """One result set per dataset id in order of first appearance, cut to the page and under the strictest floor."""
    by_id: dict[str, list[Served]] = {}
    for member, answer in answers:
        for found in answer.result_sets or _whole_beacon(request, member, answer):
            if request.datasets is None or found.id in request.datasets:
                by_id.setdefault(found.id, []).append(Served(member, found))
    contents: dict[str, str] = {}
    for dataset, served in by_id.items():
        kept = max(served, key=lambda item: _strictness(request, item.found))
        floors = book.floors(dataset)
        for item in served:
            floors = floors.strictest(floors_of(item.found.dataset))
        found = under_floors(kept.found, floors, request.entry_type)
        same = contents.setdefault(found.dataset.digest or dataset, dataset)
        booked = replace(found, dataset=_smallest_budget(found.dataset, served))
        yield Served(kept.member, _cut(_naming(booked, served, kept, same), request))


def settled(request: BeaconRequest, outcome: Outcome, book: FloorBook, asked: frozenset[str]) -> list[Served]:
    """The result sets of one outcome that no other answer can change: no other Beacon asked serves the dataset."""
    others = asked - {outcome.member.service}
    return [
        item
        for item in serve(request, answers_of([outcome]), book)
        if not book.servers(item.found.id) & others
    ]


def capped(answer: Answer, most: Granularity) -> Answer:
    """The answer without records where none were asked for, whatever its member sent."""
    if most is Granularity.RECORD:
        return answer
    sets = tuple(
        replace(found, document=found.document | {"results": []}) if found.results else found
        for found in answer.result_sets
    )
    return replace(answer, granularity=min(answer.granularity, most), result_sets=sets)


def _strictness(request: BeaconRequest, found: ResultSet) -> tuple[bool, int, int]:
    """A member that keeps people's records back from this asker is stricter than one that tells them."""
    floors = floors_of(found.dataset)
    keeps_back = (
        request.entry_type in SUBJECT_LEVEL and _asked(request) is Granularity.RECORD and not found.results
    )
    return keeps_back, floors.alleles, floors.individuals


def _whole_beacon(request: BeaconRequest, member: Member, answer: Answer) -> list[ResultSet]:
    """An answer that tells no datasets apart, as a result set of the whole Beacon; `dataset` would be a claim."""
    if request.entry_type in COLLECTIONS or not (answer.exists or answer.total is not None):
        return []
    document: Json = {"id": member.service, "setType": "beacon", "exists": answer.exists}
    if answer.total is not None:
        document["resultsCount"] = answer.total
    document |= {
        name: answer.summary[name] for name in ("countPrecision", "countAdjustedTo") if name in answer.summary
    }
    return [ResultSet(member.service, answer.exists, answer.total, document)]


def _smallest_budget(kept: DatasetInfo, served: Sequence[Served]) -> DatasetInfo:
    """What the hub books by: of several members the least that any says of people and of budget for each of them."""
    told = [item.found.dataset for item in served]
    return replace(
        kept,
        individuals=min((info.individuals for info in told if info.individuals), default=0),
        af_budget_factor=min(info.af_budget_factor for info in told),
    )


def _naming(found: ResultSet, served: Sequence[Served], kept: Served, same: str) -> ResultSet:
    """The result set with the other Beacons that serve the same dataset in `info.alsoServedBy`.

    same: the first dataset in the answer with this content, for `info.sameContentAs` if it is another one.
    """
    others = [item.member.service for item in served if item is not kept]
    more: Json = {"alsoServedBy": others} if others else {}
    if same != found.id:
        more["sameContentAs"] = same
    if not more:
        return found
    info = found.document.get("info")
    extended = (info if isinstance(info, dict) else {}) | more
    return replace(found, document=found.document | {"info": extended})


def _cut(found: ResultSet, request: BeaconRequest) -> ResultSet:
    """At most one page of results, whatever the member sent."""
    limit = request.page.limit
    if limit == 0 or len(found.results) <= limit:
        return found
    return replace(found, document=found.document | {"results": found.results[:limit]})


def published(request: BeaconRequest, item: Served) -> Json:
    """The result set as the hub gives it out: never more than was asked for, whatever the member sent."""
    hidden = _HIDDEN_FIELDS[_asked(request)]
    document = {name: value for name, value in item.found.document.items() if name not in hidden}
    return document | {"beaconId": item.member.service}


def _merged_collections(request: BeaconRequest, answers: Iterable[tuple[Member, Answer]]) -> list[Json]:
    """Datasets or cohorts of all members, naming the Beacon that serves each.

    A dataset's id is the same everywhere, a cohort's only where it was given: of each Beacon the first of each id.
    """
    are_cohorts = request.entry_type is EntryType.COHORT
    collections: dict[tuple[str, str], Json] = {}
    for member, answer in answers:
        for document in answer.collections or ():
            key = (member.service if are_cohorts else "", str(document["id"]))
            collections.setdefault(key, document | {"beaconId": member.service})
    return list(collections.values())


def _page_of(collections: Sequence[Json], request: BeaconRequest) -> tuple[Json, ...]:
    """One page of the merged list: collections are paged over the whole network."""
    limit = request.page.limit or len(collections)
    first = request.page.skip * limit
    return tuple(collections[first : first + limit])


def _goes_on(request: BeaconRequest, number: int, shown: int) -> bool:
    """True if entries follow those of the page: of a list that is paged here, or of a set that a member pages.

    number: entries in all. shown: those of the set on this page. A member's own page stands for limit 0.
    """
    if request.entry_type not in COLLECTIONS and not (shown and _asked(request) is Granularity.RECORD):
        return False
    size = request.page.limit or shown
    return bool(size) and (request.page.skip + 1) * size < number


def _told(
    request: BeaconRequest, answers: Sequence[tuple[Member, Answer]], listed: Sequence[Served]
) -> Granularity:
    """What the whole answer is: the most that is in it about people, as nodes say it; else the least of any member."""
    asked = _asked(request)
    is_of_people = request.entry_type in SUBJECT_LEVEL
    if is_of_people and asked is Granularity.RECORD and any(item.found.results for item in listed):
        return Granularity.RECORD
    told = min((answer.granularity for _, answer in answers), default=asked)
    return min(told, Granularity.COUNT) if is_of_people else told


def _asked(request: BeaconRequest) -> Granularity:
    return Granularity.BOOLEAN if request.granularity is None else request.granularity


def _collections_total(
    request: BeaconRequest, answers: Sequence[tuple[Member, Answer]], collections: Sequence[Json]
) -> PublishedCount | None:
    """Datasets or cohorts in the network: each id once where they are listed, else as the members count them."""
    if _asked(request) is Granularity.BOOLEAN:
        return None
    number = len(collections) or sum(answer.total or 0 for _, answer in answers)
    return PublishedCount(number, exists=number > 0, precision="exact", adjusted_to=None)


def _total(request: BeaconRequest, served: Sequence[Served]) -> PublishedCount | None:
    """The sum of the published numbers, once for each content; None if none was asked for or there is none to sum."""
    if _asked(request) is Granularity.BOOLEAN:
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
    if request.entry_type is not EntryType.GENOMIC_VARIANT or _asked(request) is not Granularity.RECORD:
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


def is_suppressed(answer: Answer) -> bool:
    """True if the member says that it holds a number back. It says so for none and for too few alike."""
    sets = [found.document for found in answer.result_sets] or [answer.summary]
    bounds = (bound for document in sets for bound in bounds_of(document)[:1])
    return not answer.exists and any(str(bound).startswith("<") for bound in bounds)


def state_of(answer: Answer) -> MemberState:
    """`suppressed` where the member held numbers back and nothing else is left, else `ok`."""
    return MemberState.SUPPRESSED if is_suppressed(answer) else MemberState.OK
