"""One answer out of many; sans-IO. What each member said is kept apart, dataset by dataset, and nothing is invented.

A dataset id appears once, whoever serves it, under the strictest floor any of them sets (deployed portals fail on
the second). The order of the members in the registry decides where nothing else does, never the order of arrival.

Spec: Beacon v2.2.0, beaconResultsets.json, beaconCollectionsResponse.json; `beaconId` on result sets and
`info.members` are extensions that deployed networks and portals read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from opengdi.federation.floors import FloorBook, floors_of, under_floors
from opengdi.federation.model import Answer, Json, Member, MemberState, Outcome, ResultSet
from opengdi.federation.pooling import pooled_frequencies
from opengdi.kernel.disclosure.counts import Precision, PublishedCount, total
from opengdi.standards.beacon.questions import BeaconRequest, EntryType, Granularity, Include


@dataclass(frozen=True, slots=True)
class Merged:
    """What the members said together; total is None where nobody gave a number."""

    granularity: Granularity
    exists: bool
    total: PublishedCount | None
    result_sets: tuple[Json, ...]
    collections: tuple[Json, ...]
    schemas: tuple[Json, ...]
    handovers: tuple[Json, ...]
    info: Json


@dataclass(frozen=True, slots=True)
class _Served:
    """A result set and the Beacon that gave it."""

    member: Member
    found: ResultSet


def merge(request: BeaconRequest, outcomes: Sequence[Outcome], book: FloorBook) -> Merged:
    """The members' answers as one. `outcomes` in the order of the registry, one per member asked."""
    answers = [(outcome.member, outcome.answer) for outcome in outcomes if outcome.answer is not None]
    served = list(merged_sets(request, answers, book))
    collections = _merged_collections(answers)
    listed = [item for item in served if _is_listed(item.found, request.include)]
    return Merged(
        granularity=min((answer.granularity for _, answer in answers), default=_asked(request)),
        exists=any(item.found.exists for item in served) or bool(collections),
        total=_total(request, served, collections),
        result_sets=tuple(_published(item) for item in listed),
        collections=_page_of(collections, request),
        schemas=_union(schema for _, answer in answers for schema in answer.schemas),
        handovers=_union(handover for _, answer in answers for handover in answer.handovers),
        info=_info(request, outcomes, listed),
    )


def merged_sets(
    request: BeaconRequest, answers: Iterable[tuple[Member, Answer]], book: FloorBook
) -> Iterator[_Served]:
    """One result set per dataset id in order of first appearance, cut to the page and under the strictest floor."""
    by_id: dict[str, list[_Served]] = {}
    for member, answer in answers:
        for found in answer.result_sets or _whole_beacon(member, answer):
            if request.datasets is None or found.id in request.datasets:
                by_id.setdefault(found.id, []).append(_Served(member, found))
    for dataset, served in by_id.items():
        kept = max(served, key=lambda item: _strictness(item.found))
        floors = book.floors(dataset)
        for item in served:
            floors = floors.strictest(floors_of(item.found.document))
        found = under_floors(kept.found, floors, request.entry_type)
        yield _Served(kept.member, _cut(_naming(found, served, kept), request))


def _strictness(found: ResultSet) -> tuple[int, int]:
    floors = floors_of(found.document)
    return floors.alleles, floors.individuals


def _whole_beacon(member: Member, answer: Answer) -> list[ResultSet]:
    """An answer that tells no datasets apart, as a result set of the whole Beacon; `dataset` would be a claim."""
    if answer.collections is not None or not (answer.exists or answer.total is not None):
        return []
    document: Json = {"id": member.service, "setType": "beacon", "exists": answer.exists}
    if answer.total is not None:
        document["resultsCount"] = answer.total
    document |= {
        name: answer.summary[name] for name in ("countPrecision", "countAdjustedTo") if name in answer.summary
    }
    return [ResultSet(member.service, answer.exists, answer.total, document)]


def _naming(found: ResultSet, served: Sequence[_Served], kept: _Served) -> ResultSet:
    """The result set with the other Beacons that serve the same dataset in `info.alsoServedBy`."""
    others = [item.member.service for item in served if item is not kept]
    if not others:
        return found
    info = found.document.get("info")
    extended = (info if isinstance(info, dict) else {}) | {"alsoServedBy": others}
    return replace(found, document=found.document | {"info": extended})


def _cut(found: ResultSet, request: BeaconRequest) -> ResultSet:
    """At most one page of results, whatever the member sent."""
    limit = request.page.limit
    if limit == 0 or len(found.results) <= limit:
        return found
    return replace(found, document=found.document | {"results": found.results[:limit]})


def _is_listed(found: ResultSet, include: Include) -> bool:
    match include:
        case Include.ALL:
            return True
        case Include.HIT:
            return found.exists
        case Include.MISS:
            return not found.exists
        case Include.NONE:
            return False


def _published(item: _Served) -> Json:
    return item.found.document | {"beaconId": item.member.service}


def _merged_collections(answers: Iterable[tuple[Member, Answer]]) -> list[Json]:
    """Datasets or cohorts of all members, the first of each id, naming the Beacon that serves it."""
    collections: dict[str, Json] = {}
    for member, answer in answers:
        for document in answer.collections or ():
            collections.setdefault(str(document["id"]), document | {"beaconId": member.service})
    return list(collections.values())


def _page_of(collections: Sequence[Json], request: BeaconRequest) -> tuple[Json, ...]:
    """One page of the merged list: collections are paged over the whole network."""
    limit = request.page.limit or len(collections)
    first = request.page.skip * limit
    return tuple(collections[first : first + limit])


def _asked(request: BeaconRequest) -> Granularity:
    return Granularity.BOOLEAN if request.granularity is None else request.granularity


def _total(
    request: BeaconRequest, served: Sequence[_Served], collections: Sequence[Json]
) -> PublishedCount | None:
    """The sum of the published numbers; None for a boolean question or where there is none to sum."""
    if _asked(request) is Granularity.BOOLEAN:
        return None
    if collections:
        return PublishedCount(len(collections), exists=True, precision="exact", adjusted_to=None)
    counts = [_published_count(item.found) for item in served if item.found.count is not None]
    if not counts:
        return None if any(item.found.exists for item in served) else total([])
    if any(count.precision == "imprecise" and count.adjusted_to is None for count in counts):
        number = sum(count.number for count in counts)
        return PublishedCount(number, any(count.exists for count in counts), "imprecise", None)
    return total(counts)


def _published_count(found: ResultSet) -> PublishedCount:
    """The number of one result set with what is said about it; old Beacons say nothing, which means imprecise."""
    stated = found.document.get("countPrecision")
    precision: Precision = "exact" if stated == "exact" else "rounded" if stated == "rounded" else "imprecise"
    adjusted = found.document.get("countAdjustedTo")
    bounds = tuple(_bound(item) for item in adjusted) if isinstance(adjusted, list) and adjusted else None
    return PublishedCount(found.count or 0, found.exists, precision, bounds)


def _bound(item: object) -> int | str:
    text = str(item)
    return int(text) if text.isdecimal() else text


def _union(documents: Iterable[Json]) -> tuple[Json, ...]:
    kept: list[Json] = []
    for document in documents:
        if document not in kept:
            kept.append(document)
    return tuple(kept)


def _info(request: BeaconRequest, outcomes: Sequence[Outcome], listed: Sequence[_Served]) -> Json:
    answered = sum(outcome.answer is not None for outcome in outcomes)
    info: Json = {
        "members": [member_document(outcome) for outcome in outcomes],
        "membersAsked": len(outcomes),
        "membersAnswered": answered,
        "complete": answered == len(outcomes),
    }
    if request.entry_type is EntryType.GENOMIC_VARIANT:
        assembly = request.variant.assembly if request.variant else None
        pooled = pooled_frequencies((item.found for item in listed), assembly)
        if pooled:
            info["pooledFrequencies"] = pooled
    return info


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
    if outcome.reason:
        document["reason"] = outcome.reason
    if answer is not None:
        document["returnedGranularity"] = answer.granularity.name.lower()
        document["datasets"] = [found.id for found in answer.result_sets]
    return document


def is_suppressed(answer: Answer) -> bool:
    """True if the member says that it holds a number back. It says so for none and for too few alike."""
    sets = [found.document for found in answer.result_sets] or [answer.summary]
    bounds = [document.get("countAdjustedTo") for document in sets]
    return not answer.exists and any(
        isinstance(bound, list) and str(bound[:1]).startswith("['<") for bound in bounds
    )


def state_of(answer: Answer) -> MemberState:
    """`suppressed` where the member held numbers back and nothing else is left, else `ok`."""
    return MemberState.SUPPRESSED if is_suppressed(answer) else MemberState.OK
