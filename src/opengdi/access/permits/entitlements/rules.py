"""Who is entitled to what: desired from permits, decisions, standings and what was taken back. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from opengdi.access.decision import Ruling
from opengdi.access.permits.entitlements.model import (
    Demands,
    Entitlement,
    HeardStanding,
    HeldPermit,
    OwnRevocation,
)
from opengdi.access.permits.grants import CENTRAL, common_regions, latest
from opengdi.access.permits.model import State


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be written. ended: with the reason."""

    granted: tuple[Entitlement, ...]
    ended: tuple[tuple[Entitlement, str], ...]


def desired(
    permits: Iterable[HeldPermit],
    standings: Mapping[str, HeardStanding],
    revoked: Collection[OwnRevocation],
    demands: Demands,
    now: datetime,
) -> frozenset[Entitlement]:
    """Every entitlement that should be there now."""
    return frozenset(
        entitlement
        for permit in permits
        if permit.document.state is State.ACTIVE and permit.document.until > now
        for entitlement in _of_permit(permit, standings, demands, now)
        if not any(_covers(each, entitlement) for each in revoked)
    )


def _of_permit(
    permit: HeldPermit, standings: Mapping[str, HeardStanding], demands: Demands, now: datetime
) -> Iterator[Entitlement]:
    document = permit.document
    for person in document.people:
        standing = standings.get(person.subject)
        if standing is None or lacking(standing, person.organisation, demands, now):
            continue
        for each in document.datasets:
            if each.node != demands.node or each.body not in demands.sources:
                continue
            if permit.named.get((each.dataset, each.version)) != each.body:
                continue
            rulings = own_rulings(permit, person.subject, each.body, each.dataset, each.version)
            if rulings is None:
                continue
            ends = [each.until, document.until, *(said.until for _, said in rulings if said.until)]
            until = min([*ends, standing.until] if standing.until else ends)
            regions = common_regions([each.regions, *(said.regions for _, said in rulings)])
            if until > now and regions is not None:
                yield Entitlement(
                    document.permit,
                    person.subject,
                    each.dataset,
                    each.version,
                    demands.sources[each.body],
                    max(at for at, _ in rulings),
                    document.issued,
                    until,
                    regions,
                )


def own_rulings(
    permit: HeldPermit, subject: str, body: str, dataset: str, version: str
) -> tuple[tuple[datetime, Ruling], ...] | None:
    """What the body named for a dataset ruled about it, by its own key; None unless it granted, and refused nothing.

    What was granted counts for those alone whom the case names in which it was: which decisions a permit rests on is
    the hub's word. Of several applications (the permit was made longer) the one decided last counts.
    """
    bases = {(basis.application, basis.digest) for basis in permit.document.bases}
    by_basis: dict[tuple[str, str], list[tuple[datetime, Ruling]]] = {}
    of_others: set[tuple[str, str]] = set()
    for decision in latest(each for each in permit.own if each.body == body and each.kind != CENTRAL):
        basis = (decision.application, decision.digest)
        names_them = subject in permit.people.get((decision.case, decision.digest), ())
        for ruling in decision.rulings:
            if basis in bases and (ruling.dataset, ruling.version) == (dataset, version):
                by_basis.setdefault(basis, []).append((decision.at, ruling))
                if ruling.granted and not names_them:
                    of_others.add(basis)
    count = [
        said
        for basis, said in by_basis.items()
        if basis not in of_others or not all(ruling.granted for _, ruling in said)
    ]
    said = max(count, key=lambda each: max(at for at, _ in each), default=[])
    return tuple(said) if said and all(ruling.granted for _, ruling in said) else None


def lacking(standing: HeardStanding, organisation: str, demands: Demands, now: datetime) -> tuple[str, ...]:
    """All that keeps somebody from using data now; empty: nothing. Source: E-20, E-22."""
    found = {
        "standing": not standing.good,
        "organisation": not organisation or standing.organisation != organisation,
        "training": standing.until is not None and standing.until <= now,
        "terms": any(not _accepted(terms, standing.terms) for terms in demands.terms),
    }
    return tuple(name for name, is_lacking in found.items() if is_lacking)


def _accepted(wanted: str, accepted: Collection[str]) -> bool:
    """True if the document, or a version of it (`<document>/<version>`), was accepted."""
    return any(each == wanted or each.startswith(f"{wanted}/") for each in accepted)


def _covers(revocation: OwnRevocation, entitlement: Entitlement) -> bool:
    return (
        revocation.permit == entitlement.permit
        and revocation.dataset in {"", entitlement.dataset}
        and revocation.subject in {"", entitlement.subject}
    )


def difference(held: Collection[Entitlement], wanted: Collection[Entitlement], reason: str) -> Change:
    """What is to be granted and ended so that `held` becomes `wanted`; in order."""
    have, want = frozenset(held), frozenset(wanted)
    return Change(tuple(sorted(want - have)), tuple((each, reason) for each in sorted(have - want)))
