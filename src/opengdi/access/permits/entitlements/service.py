"""The node's entitlements: follow what the hub tells, check all of it, and hold what people may use now.

Methods block; call them in a thread. Whatever is heard changes entitlements in the transaction in which it is heard.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any, Final, Protocol, TypeAlias

from sqlalchemy import Connection, Engine, text

from opengdi.access.decision import Decision, open_decision
from opengdi.access.each import do_each
from opengdi.access.permits.document import PermitDocument, SignedPermit, open_permit
from opengdi.access.permits.entitlements import store
from opengdi.access.permits.entitlements.model import (
    CaseWord,
    Demands,
    Entitlement,
    HeardStanding,
    HeldPermit,
    Only,
    OwnRevocation,
)
from opengdi.access.permits.entitlements.overview import Seen, lacking_of
from opengdi.access.permits.entitlements.rules import Change, desired, difference, includes
from opengdi.access.permits.ports import BodyKeys, TakesBack
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import reading
from opengdi.kernel.errors import Invalid, NotFound
from opengdi.kernel.feed import Notice
from opengdi.kernel.keys import PublicKey
from opengdi.standards.faults import Malformed, Unverified

logger = logging.getLogger(__name__)

EVENT_ENDED: Final = "eu.gdi.entitlement.ended"
"""Kind of the event that tells the hub what this node took back."""

_RECONCILING: Final = 0x6764695F656E74
"""Advisory lock of PostgreSQL: entitlements are worked out by one at a time."""


_TIME: Final = "time"
"""Why something is as it should be now, and was not before."""

_MOST_READ: Final = 5000
"""Permits whose signatures are not checked again and again."""

_Opened: TypeAlias = tuple[PermitDocument, tuple[Decision, ...]]


class HubKeys(Protocol):
    """Knows the keys of hubs that this node trusts."""

    def __call__(self, hub: str) -> Collection[PublicKey]: ...


class CaseWords(Protocol):
    """Knows what the cases of this node on an application say now, also by what this very transaction wrote."""

    def __call__(self, connection: Connection, application: str) -> Collection[CaseWord]: ...


class BodyNamed(Protocol):
    """Knows which body this node names for a release."""

    def __call__(self, dataset: str, version: str) -> str:
        """Empty: none, and so nothing is granted."""
        ...


class Tells(Protocol):
    """Tells a hub of an event, in the transaction of the connection."""

    def __call__(
        self, connection: Connection, kind: str, subject: str, data: Mapping[str, Any], *, to: str
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Means:
    """What the service works with. body_keys: of this node's own bodies only."""

    engine: Engine
    clock: Clock
    audit: AuditLog
    hub_keys: HubKeys
    body_keys: BodyKeys
    case_words: CaseWords
    body_named: BodyNamed
    demands: Demands
    tells: Tells
    takes_back: TakesBack


class Entitlements:
    """Entitlements of one node."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._read: dict[str, _Opened] = {}

    # -- what is heard

    def hear_permit(self, connection: Connection, notice: Notice, hub: str) -> None:
        """`permit.issued`, `permit.changed`. Raises Invalid for a permit that this hub did not sign.

        An older version than is held changes nothing, and one that ended never comes back.
        """
        jws = notice.body.get("permit")
        if not isinstance(jws, str):
            raise Invalid("permit must be the signed permit")
        try:
            signed = open_permit(jws, self._means.hub_keys(hub), hub=hub)
        except (Unverified, Malformed) as error:
            raise Invalid(f"a permit of hub {hub} does not hold: {error}") from error
        document = signed.document
        known = store.kept_permit(connection, document.permit)
        if known is not None and (known.ended or known.hub != hub or known.version >= document.version):
            return
        kept = store.KeptPermit(document.permit, hub, document.version, document.state.value, signed.jws)
        store.keep_permit(connection, kept, document.subjects, self._means.clock.now())
        self.reconcile(connection, f"permit {document.state.value}", Only(permit=document.permit))

    def hear_end(self, connection: Connection, notice: Notice, hub: str) -> None:
        """`permit.ended`: at once and for ever, also if this permit was never heard of before."""
        permit = notice.body.get("permit")
        if not isinstance(permit, str) or not 0 < len(permit) <= 40:
            raise Invalid("permit must be the number of a permit")
        known = store.kept_permit(connection, permit)
        if known is not None and known.hub != hub:
            raise Invalid(f"permit {permit} is of hub {known.hub}, not of {hub}")
        version, jws = (known.version, known.jws) if known else (0, "")
        ended = store.KeptPermit(permit, hub, version, store.ENDED, jws)
        store.keep_permit(connection, ended, (), self._means.clock.now())
        self.reconcile(connection, f"permit {notice.body.get('reason', 'ended')}"[:60], Only(permit=permit))

    def hear_standing(self, connection: Connection, notice: Notice, hub: str) -> None:
        """`person.standing`: what this hub says of somebody, for its own permits. Raises Invalid, naming the member."""
        standing = read_standing(notice.body)
        store.keep_standing(connection, hub, standing, self._means.clock.now())
        self.reconcile(connection, "standing", Only(subject=standing.subject))

    def hear_own_case(self, connection: Connection, people: Collection[str]) -> None:
        """A body of this node decided, vetoed, or is asked no longer: at once, whatever the hub makes of it."""
        for subject in sorted(people):
            self._end_here(connection, "decided anew here", Only(subject=subject))

    # -- what follows

    def reconcile(self, connection: Connection, reason: str, only: Only) -> int:
        """Make entitlements what they should be now; how many changed. only: the others stay as they are."""
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _RECONCILING})
        change, now = self._change(connection, reason, only), self._means.clock.now()
        for ended, why in change.ended:
            store.end(connection, ended, why, now)
            self._note("entitlement.end", ended)
        store.grant(connection, change.granted)
        for granted in change.granted:
            self._note("entitlement.grant", granted)
        return change.size

    def reconcile_now(self) -> int:
        """The same of all permits, for the timer: each is looked at first, and written where something differs.

        Raises Unavailable as `do_each` does.
        """
        with reading(self._means.engine) as connection:
            permits = store.permits_in_use(connection)
        return do_each("what a permit opens", permits, self._reconcile_permit)

    def _reconcile_permit(self, permit: str) -> int:
        only = Only(permit=permit)
        with reading(self._means.engine) as connection:
            if not self._change(connection, _TIME, only).size:
                return 0
        with self._means.engine.begin() as connection:
            return self.reconcile(connection, _TIME, only)

    def _change(self, connection: Connection, reason: str, only: Only) -> Change:
        """What is to be written so that entitlements are what they should be now."""
        permits = self._held(connection, only)
        wanted = desired(
            permits,
            store.standings(connection, only),  # of one person only: nobody else is entitled by it
            store.revocations(connection, [each.document for each in permits]),
            self._means.demands,
            self._means.clock.now(),
        )
        return difference(store.open_entitlements(connection, only), wanted, reason)

    def _held(self, connection: Connection, only: Only) -> list[HeldPermit]:
        found = (self._read_permit(connection, kept) for kept in store.open_permits(connection, only))
        return [each for each in found if each is not None]

    def _read_permit(self, connection: Connection, kept: store.KeptPermit) -> HeldPermit | None:
        opened = self._opened(kept) if kept.jws else None
        if opened is None:
            return None
        document, own = opened
        applications = sorted({each.application for each in own})
        words = [word for id_ in applications for word in self._means.case_words(connection, id_)]
        named = {
            (each.dataset, each.version): self._means.body_named(each.dataset, each.version)
            for each in document.datasets
            if each.node == self._means.demands.node
        }
        return HeldPermit(document, own, tuple(words), named)

    def _opened(self, kept: store.KeptPermit) -> _Opened | None:
        """A permit with the decisions that this node's own bodies signed; None if it does not hold any more."""
        known = self._read.get(kept.jws)
        if known is None:
            try:
                signed = open_permit(kept.jws, self._means.hub_keys(kept.hub), hub=kept.hub)
            except (Unverified, Malformed) as error:
                logger.warning("permit %s of hub %s does not hold any more: %s", kept.permit, kept.hub, error)
                return None
            known = (signed.document, tuple(self._own_decisions(signed)))
            if len(self._read) >= _MOST_READ:
                self._read.clear()
            self._read[kept.jws] = known
        return known

    def _own_decisions(self, signed: SignedPermit) -> Sequence[Decision]:
        """Decisions of this node's own bodies, for this node; any that does not hold is as if it were not there."""
        found = []
        for each in signed.document.decisions:
            if each.body not in self._means.demands.sources:
                continue
            try:
                decision = open_decision(each.jws, self._means.body_keys(each.body), body=each.body)
            except (Unverified, Malformed) as error:
                logger.warning("permit %s: a decision does not hold: %s", signed.document.permit, error)
                continue
            if decision.node == self._means.demands.node:
                found.append(decision)
        return found

    def _note(self, action: str, entitlement: Entitlement) -> None:
        self._means.audit.append(
            action,
            actor=entitlement.subject,
            objects=(
                f"permit:{entitlement.permit}",
                f"dataset:{entitlement.dataset}",
                f"version:{entitlement.version}",
            ),
        )

    # -- what this node takes back

    def revoke(
        self,
        permit: str,
        *,
        by: str,
        datasets: Sequence[str] = (),
        people: Sequence[str] = (),
        reason: str = "",
    ) -> int:
        """Take back, at once, what a permit opens at this node; how many entitlements ended.

        datasets, people: only these; empty: all. The hub tells every other node. Raises NotFound for a permit that
        this node does not hold.
        """
        means = self._means
        with means.engine.begin() as connection:
            kept = store.kept_permit(connection, permit)
            if kept is None:
                raise NotFound(f"permit {permit} is not held here")
            now, applications = means.clock.now(), self._applications_of(kept)
            fresh = 0
            for dataset, subject in product(datasets or ("",), people or ("",)):
                revocation = OwnRevocation(permit, dataset, subject, now, applications)
                fresh += store.keep_revocation(connection, revocation, by=by, reason=reason, now=now)
            gone = self._end_here(connection, "revoked here", Only(permit=permit))
            if fresh:
                body = {
                    "permit": permit,
                    "datasets": list(datasets),
                    "people": list(people),
                    "at": now.isoformat(),
                    "reason": reason,
                }
                means.tells(connection, EVENT_ENDED, permit, body, to=kept.hub)
        return len(gone)

    def _applications_of(self, kept: store.KeptPermit) -> frozenset[str]:
        opened = self._opened(kept) if kept.jws else None
        return frozenset(basis.application for basis in opened[0].bases) if opened else frozenset()

    def _end_here(self, connection: Connection, reason: str, only: Only) -> list[Entitlement]:
        """What is no longer as it should be ends, and visas for it are refused at this node's doors at once.

        Also where less of it stays: a visa for what it was would open that for as long as the visa lives.
        """
        before = store.open_entitlements(connection, only)
        self.reconcile(connection, reason, only)
        after = store.open_entitlements(connection, only)
        gone = [each for each in before if not any(includes(one, each) for one in after)]
        for each in gone:
            self._means.takes_back(
                connection,
                "dataset-subject",
                permit=each.permit,
                subject=each.subject,
                dataset=each.dataset,
                node=self._means.demands.node,
            )
        return gone

    # -- reading

    def current(self, subject: str, now: datetime) -> list[Entitlement]:
        """What somebody may use now."""
        with reading(self._means.engine) as connection:
            found = store.open_entitlements(connection, Only(subject=subject))
        return [each for each in found if each.start <= now < each.until]

    def of_permit(self, permit: str) -> list[store.Listed]:
        """All entitlements that a permit led to here."""
        return store.listed(self._means.engine, permit=permit)

    def of_person(self, subject: str) -> list[store.Listed]:
        """All entitlements that somebody has or had here."""
        return store.listed(self._means.engine, subject=subject)

    def overview(self, after: str = "", most: int = 100, *, only: str = "") -> tuple[list[Seen], str]:
        """Permits as this node holds them, by their numbers, also those that ended; `only` one if it is named.

        And the number after which there may be more; empty: there are none.
        """
        means, found = self._means, []
        with reading(means.engine) as connection:
            standings = store.standings(connection, Only(permit=only))
            page = store.permits_after(connection, after, most, only)
            for kept in page:
                permit = self._read_permit(connection, kept)
                if permit is None:
                    continue
                now = means.clock.now()
                revoked = store.revocations(connection, [permit.document])
                lacking = {} if kept.ended else lacking_of(permit, standings, revoked, means.demands, now)
                opens = store.open_entitlements(connection, Only(permit=kept.permit))
                found.append(Seen(permit.document, kept.ended, lacking, opens))
        return found, page[-1].permit if len(page) == most else ""

    def bodies_of(self, permit: str, datasets: Sequence[str] = ()) -> frozenset[str]:
        """Bodies of this node whose data a permit names. datasets: only of these; empty: of all.

        Raises NotFound for a permit that is not held here.
        """
        with reading(self._means.engine) as connection:
            kept = store.kept_permit(connection, permit)
        if kept is None or not kept.jws:
            raise NotFound(f"permit {permit} is not held here")
        opened = self._opened(kept)
        named = opened[0].datasets if opened else ()
        return frozenset(
            each.body
            for each in named
            if each.node == self._means.demands.node and (not datasets or each.dataset in datasets)
        )


def read_standing(body: Mapping[str, Any]) -> HeardStanding:
    """A standing as the hub tells it. Raises Invalid, naming the member."""
    subject, organisation, good = body.get("subject"), body.get("organisation"), body.get("inGoodStanding")
    if not isinstance(subject, str) or not 0 < len(subject) <= 200:
        raise Invalid("subject must be the id of a person")
    if not isinstance(organisation, str) or len(organisation) > 60:
        raise Invalid("organisation must be the id of an organisation")
    if not isinstance(good, bool):
        raise Invalid("inGoodStanding must be true or false")
    terms = body.get("terms", ())
    if not isinstance(terms, list | tuple):
        raise Invalid("terms must be a list")
    return HeardStanding(subject, organisation, frozenset(map(_term, terms)), _until(body.get("until")), good)


def _term(told: object) -> str:
    found = told.get("url") if isinstance(told, Mapping) else told
    if not isinstance(found, str):
        raise Invalid("terms must name the url of each")
    return found


def _until(told: object) -> datetime | None:
    if told is None:
        return None
    try:
        found = datetime.fromisoformat(str(told))
    except ValueError as error:
        raise Invalid("until must be a time, or null") from error
    if found.tzinfo is None:
        raise Invalid("until must have a time zone")
    return found
