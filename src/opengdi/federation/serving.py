"""One result set per dataset, whoever serves it, under the strictest floor that any member sets for it; sans-IO."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from opengdi.federation.answers import answers_of, granularity_of
from opengdi.federation.floors import FloorBook, floors_of, under_floors
from opengdi.federation.model import COLLECTIONS, SUBJECT_LEVEL, Answer, Json, Member, Outcome, ResultSet
from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.standards.beacon.questions import BeaconRequest, Granularity


@dataclass(frozen=True, slots=True)
class Served:
    """A result set and the Beacon that gave it. refused: the asker's budget for the dataset is used up."""

    member: Member
    found: ResultSet
    refused: bool = False


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
        kept = _strictest(request, served)
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


def _strictest(request: BeaconRequest, served: Sequence[Served]) -> Served:
    """The result set of the strictest member, the first one of several.

    Members that are as strict and hold the same content say the same, unless what the asker may learn of any one person
    is spent at one of them: then that one holds.
    """
    strictest = max(served, key=lambda item: _strictness(request, item.found))
    if not strictest.found.dataset.digest:
        return strictest
    as_strict = (
        item
        for item in served
        if item.found.dataset.digest == strictest.found.dataset.digest
        and _strictness(request, item.found) == _strictness(request, strictest.found)
    )
    return min(as_strict, key=lambda item: item.found.exists)


def _strictness(request: BeaconRequest, found: ResultSet) -> tuple[bool, int, int, float]:
    """A member that keeps people's records back from this asker is stricter than one that tells them."""
    floors = floors_of(found.dataset)
    keeps_back = (
        request.entry_type in SUBJECT_LEVEL
        and granularity_of(request) is Granularity.RECORD
        and not found.results
    )
    return keeps_back, floors.alleles, floors.individuals, -found.dataset.individual_budget


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
