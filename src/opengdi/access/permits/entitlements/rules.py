"""Who is entitled to what: desired from permits, decisions, standings and what was taken back. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from opengdi.access.decision import Ruling
from opengdi.access.permits.document import PermitDocument
from opengdi.access.permits.entitlements.model import (
    CaseWord,
    Demands,
    Entitlement,
    HeardStanding,
    HeldPermit,
    OwnRevocation,
    Release,
)
from opengdi.access.permits.grants import CENTRAL, common_regions, lies_within
from opengdi.access.permits.model import State


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be written. ended: with the reason."""

    granted: tuple[Entitlement, ...]
    ended: tuple[tuple[Entitlement, str], ...]

    @property
    def size(self) -> int:
        """How many entitlements change."""
        return len(self.granted) + len(self.ended)


def desired(
    permits: Iterable[HeldPermit],
    standings: Mapping[tuple[str, str], HeardStanding],
    revoked: Collection[OwnRevocation],
    demands: Demands,
    now: datetime,
) -> frozenset[Entitlement]:
    """Every entitlement that should be there now. standings: by hub and subject; a hub speaks for its own permits."""
    return frozenset(
        entitlement
        for permit in permits
        if permit.document.state is State.ACTIVE and permit.document.until > now
        for entitlement in _of_permit(permit, standings, demands, now)
        if not any(_covers(each, permit.document, entitlement) for each in revoked)
    )


def _of_permit(
    permit: HeldPermit, standings: Mapping[tuple[str, str], HeardStanding], demands: Demands, now: datetime
) -> Iterator[Entitlement]:
    document = permit.document
    for person in document.people:
        standing = standings.get((document.iss, person.subject))
        if standing is None or lacking(standing, person.organisation, demands, now):
            continue
        for each in document.datasets:
            if each.node != demands.node or each.body not in demands.sources:
                continue
            if permit.named.get((each.dataset, each.version)) != each.body:
                continue
            rulings = own_rulings(permit, person.subject, each.body, (each.dataset, each.version))
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
    permit: HeldPermit, subject: str, body: str, release: Release
) -> tuple[tuple[datetime, Ruling], ...] | None:
    """What the body named for a release says of it now, and said when; None unless it grants, and refuses nothing.

    The decisions in a permit only tell what it rests on: which of them it holds is the hub's word, and may be an old
    one. What counts is the last word of this node's own cases, for those alone whom the case names. Of several
    applications that grant it (the permit was made longer) the one decided last counts.
    """
    rests_on = _cases_in(permit, body, release)
    by_application: dict[str, list[CaseWord]] = {}
    for word in permit.words:
        ours = (word.hub, word.body) == (permit.document.iss, body) and word.kind != CENTRAL
        if ours and release in word.about:
            by_application.setdefault(word.application, []).append(word)
    found = [
        tuple((word.at, word.rulings[release]) for word in last if word.at)
        for words in by_application.values()
        if (last := _last_words(words, release))
        and all(
            _grants(word, release) and (word.application, word.case) in rests_on and subject in word.people
            for word in last
        )
    ]
    return max(found, key=lambda said: max(at for at, _ in said), default=None)


def _cases_in(permit: HeldPermit, body: str, release: Release) -> frozenset[tuple[str, str]]:
    """Cases on a release, with their application, of which the permit holds a decision."""
    bases = {(basis.application, basis.digest) for basis in permit.document.bases}
    return frozenset(
        (decision.application, decision.case)
        for decision in permit.own
        if decision.body == body
        and (decision.application, decision.digest) in bases
        and any((ruling.dataset, ruling.version) == release for ruling in decision.rulings)
    )


def _last_words(words: Iterable[CaseWord], release: Release) -> list[CaseWord]:
    """For each kind of case the one decided last, also if it was withdrawn; none while a veto stands in any."""
    last: dict[str, CaseWord] = {}
    for word in sorted(words, key=_decided_at):
        if release[0] in word.vetoed and not word.withdrawn:
            return []
        if word.at is not None and release in word.rulings:
            last[word.kind] = word
    return list(last.values())


def _decided_at(word: CaseWord) -> tuple[float, str]:
    return (word.at.timestamp() if word.at else 0.0, word.case)


def _grants(word: CaseWord, release: Release) -> bool:
    return not word.withdrawn and word.rulings[release].granted


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


def _covers(revocation: OwnRevocation, document: PermitDocument, entitlement: Entitlement) -> bool:
    whose = (entitlement.dataset, entitlement.subject)
    return takes_back(revocation, document, *whose, asserted=entitlement.asserted)


def takes_back(
    revocation: OwnRevocation, document: PermitDocument, dataset: str, subject: str, *, asserted: datetime
) -> bool:
    """True if this keeps from somebody what was granted of a dataset at the time `asserted`."""
    return (
        (revocation.permit == document.permit or _is_of_old(revocation, document, asserted))
        and revocation.dataset in {"", dataset}
        and revocation.subject in {"", subject}
    )


def _is_of_old(revocation: OwnRevocation, document: PermitDocument, asserted: datetime) -> bool:
    """True for a permit of another number over what had been decided when it was taken back."""
    same = any(basis.application in revocation.applications for basis in document.bases)
    return same and revocation.at is not None and asserted <= revocation.at


def difference(held: Collection[Entitlement], wanted: Collection[Entitlement], reason: str) -> Change:
    """What is to be granted and ended so that `held` becomes `wanted`; in order."""
    have, want = frozenset(held), frozenset(wanted)
    return Change(tuple(sorted(want - have)), tuple((each, reason) for each in sorted(have - want)))


def includes(more: Entitlement, less: Entitlement) -> bool:
    """True if all that `less` opens is open by `more`: the same release, no fewer regions, for as long."""
    return (
        (more.permit, more.subject, more.dataset, more.version)
        == (less.permit, less.subject, less.dataset, less.version)
        and lies_within(less.regions, more.regions)
        and more.until >= less.until
    )
