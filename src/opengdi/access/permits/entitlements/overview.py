"""A held permit for those who answer for the data: what is open to each person, and what each still lacks. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from opengdi.access.permits.document import PermitDocument
from opengdi.access.permits.entitlements.model import (
    Demands,
    Entitlement,
    HeardStanding,
    HeldPermit,
    OwnRevocation,
)
from opengdi.access.permits.entitlements.rules import lacking, own_rulings


@dataclass(frozen=True, slots=True)
class Seen:
    """A permit as it stands here. lacking: by subject, in the words of `rules.lacking`, and `unknown`, `decision`,
    `revoked`; of one that has ended nobody is asked. opens: what holds now.
    """

    document: PermitDocument
    ended: bool
    lacking: Mapping[str, Sequence[str]]
    opens: Sequence[Entitlement]


def lacking_of(
    permit: HeldPermit,
    standings: Mapping[str, HeardStanding],
    revoked: Collection[OwnRevocation],
    demands: Demands,
    now: datetime,
) -> dict[str, tuple[str, ...]]:
    """By subject, all that keeps data of this node from each person of a permit."""
    taken = [each for each in revoked if each.permit == permit.document.permit]
    return {
        person.subject: (
            *_of_person(standings.get(person.subject), person.organisation, demands, now),
            *_of_data(permit, person.subject, taken, demands),
        )
        for person in permit.document.people
    }


def _of_person(
    standing: HeardStanding | None, organisation: str, demands: Demands, now: datetime
) -> tuple[str, ...]:
    return ("unknown",) if standing is None else lacking(standing, organisation, demands, now)


def _of_data(
    permit: HeldPermit, subject: str, taken: Collection[OwnRevocation], demands: Demands
) -> Iterator[str]:
    """Said only of somebody to whom no dataset of this node is open for that reason."""
    own = [each for each in permit.document.datasets if each.node == demands.node]
    granted = [
        each
        for each in own
        if permit.named.get((each.dataset, each.version)) == each.body
        and own_rulings(permit, subject, each.body, each.dataset, each.version)
    ]
    if not granted:
        yield "decision"
    elif all(any(_takes(back, each.dataset, subject) for back in taken) for each in granted):
        yield "revoked"


def _takes(back: OwnRevocation, dataset: str, subject: str) -> bool:
    return back.dataset in {"", dataset} and back.subject in {"", subject}
