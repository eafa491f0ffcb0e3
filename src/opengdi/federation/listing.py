"""Datasets and cohorts of all members as one list; sans-IO."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from opengdi.federation.answers import granularity_of
from opengdi.federation.model import Answer, Json, Member
from opengdi.kernel.disclosure.counts import PublishedCount
from opengdi.standards.beacon.questions import BeaconRequest, EntryType, Granularity


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
    """One page of the merged list: collections are paged over the whole network."""
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
