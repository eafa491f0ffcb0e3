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
from opengdi.access.permits.entitlements.rules import lacking, own_rulings, takes_back


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
    standings: Mapping[tuple[str, str], HeardStanding],
    revoked: Collection[OwnRevocation],
    demands: Demands,
    now: datetime,
) -> dict[str, tuple[str, ...]]:
    """By subject, all that keeps data of this node from each person of a permit. standings: by hub and subject."""
    hub = permit.document.iss
    return {
        person.subject: (
            *_of_person(standings.get((hub, person.subject)), person.organisation, demands, now),
            *_of_data(permit, person.subject, revoked, demands),
        )
        for person in permit.document.people
    }


def _of_person(
    standing: HeardStanding | None, organisation: str, demands: Demands, now: datetime
) -> tuple[str, ...]:
    return ("unknown",) if standing is None else lacking(standing, organisation, demands, now)


def _of_data(
    permit: HeldPermit, subject: str, revoked: Collection[OwnRevocation], demands: Demands
) -> Iterator[str]:
    """Said only of somebody to whom no dataset of this node is open for that reason."""
    granted = dict(_granted(permit, subject, demands))
    if not granted:
        yield "decision"
    elif all(
        any(takes_back(each, permit.document, dataset, subject, asserted=at) for each in revoked)
        for dataset, at in granted.items()
    ):
        yield "revoked"


def _granted(permit: HeldPermit, subject: str, demands: Demands) -> Iterator[tuple[str, datetime]]:
    """Datasets of this node that somebody was granted, and when."""
    for each in permit.document.datasets:
        release = (each.dataset, each.version)
        if each.node == demands.node and permit.named.get(release) == each.body:
            rulings = own_rulings(permit, subject, each.body, release)
            if rulings is not None:
                yield each.dataset, max(at for at, _ in rulings)
