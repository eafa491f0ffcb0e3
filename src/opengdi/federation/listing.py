"""Datasets and cohorts of all members as one list; sans-IO."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from opengdi.federation.answers import granularity_of
from opengdi.federation.floors import FloorBook, floors_of
from opengdi.federation.model import Answer, Json, Member, Outcome
from opengdi.kernel.disclosure.counts import PublishedCount
from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.standards.beacon.questions import BeaconRequest, EntryType, Granularity


def selects(request: BeaconRequest) -> bool:
    """True if it is asked which datasets hold what is looked for, and not merely which there are."""
    looks_for = request.filters or request.variant or request.parent
    return request.entry_type is EntryType.DATASET and bool(looks_for)


def under_book(
    request: BeaconRequest, outcome: Outcome, book: FloorBook, missing: Collection[str]
) -> Outcome:
    """The outcome with those datasets alone that a member under the strictest floor names, or would if it were asked.

    Nor is anything told of datasets that one of the Beacons `missing` serves: it may be the stricter one.
    """
    answer = outcome.answer
    if answer is None or not answer.collections or not selects(request):
        return outcome
    named = tuple(each for each in answer.collections if _may_be_named(each, book, missing))
    return replace(outcome, answer=replace(answer, collections=named, exists=bool(named), total=len(named)))


def _may_be_named(document: Json, book: FloorBook, missing: Collection[str]) -> bool:
    dataset, stated = str(document["id"]), floors_of(DatasetInfo.parse(document.get("info")))
    strictest = book.floors(dataset)
    is_strictest = stated.alleles >= strictest.alleles and stated.individuals >= strictest.individuals
    return is_strictest and not book.servers(dataset) & set(missing)


def merged_collections(request: BeaconRequest, answers: Iterable[tuple[Member, Answer]]) -> list[Json]:
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


def page_of(collections: Sequence[Json], request: BeaconRequest) -> tuple[Json, ...]:
    """One page of the merged list: collections are paged over the whole network.

    Members are asked by name for datasets that hold what is looked for, whatever the asker asked for.
    """
    if selects(request) and granularity_of(request) is not Granularity.RECORD:
        return ()
    limit = request.page.limit or len(collections)
    first = request.page.skip * limit
    return tuple(collections[first : first + limit])


def collections_total(
    request: BeaconRequest, answers: Sequence[tuple[Member, Answer]], collections: Sequence[Json]
) -> PublishedCount | None:
    """Datasets or cohorts in the network: each id once where they are listed, else as the members count them."""
    if granularity_of(request) is Granularity.BOOLEAN:
        return None
    number = len(collections) or sum(answer.total or 0 for _, answer in answers)
    return PublishedCount(number, exists=number > 0, precision="exact", adjusted_to=None)
