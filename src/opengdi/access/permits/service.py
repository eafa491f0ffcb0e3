"""The hub's permits: issued from decisions, changed by commands and by time, told to nodes in the same transaction.

Methods block; call them in a thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine

from opengdi.access.decision import Decision, open_decision
from opengdi.access.each import do_each
from opengdi.access.ledger import Ledger, Listing
from opengdi.access.model import TIME, Event, NewEvent
from opengdi.access.permits.document import SignedPermit, document_of, open_permit, sign_permit
from opengdi.access.permits.duties import duties_of, limited
from opengdi.access.permits.evolution import STORY
from opengdi.access.permits.grants import granted, lies_within
from opengdi.access.permits.model import Approved, Basis, Command, Found, Permit, Permitted, Role, State
from opengdi.access.permits.ports import BodyKeys, DataUse, Heard, Officials, TakesBack
from opengdi.access.permits.rules import Act, Terms, decide, decide_grant, due, hand_over, next_due, opened
from opengdi.access.permits.store import PermitStore, keep_permit, permit_of_application
from opengdi.access.texts import Texts, Written
from opengdi.kernel.clock import Clock
from opengdi.kernel.doors import known
from opengdi.kernel.errors import Conflict, Invalid, NotFound
from opengdi.kernel.feed import Feed
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.principal import Duty as RoleHeld
from opengdi.kernel.principal import Principal
from opengdi.kernel.principal import Role as ServiceRole
from opengdi.standards.faults import Malformed, Unverified

logger = logging.getLogger(__name__)

ISSUED, CHANGED, ENDED, EXPIRING = "permit.issued", "permit.changed", "permit.ended", "permit.expiring"
"""Kinds of notices to nodes."""


_LONGEST_TEXT: Final = 5000

_READERS: Final = frozenset({ServiceRole.COORDINATOR, ServiceRole.AUDITOR, ServiceRole.OPERATOR})
_WHOLE, _USE = "permit", "dataset-subject"
"""Kinds of what is taken back."""

_STOPPING: Final = frozenset({"suspended", "slept", "expired", "closed-out", "revoked"})


@dataclass(frozen=True, slots=True)
class Means:
    """What the service works with. new_id: a fresh `GDIP-…`, and a fresh id of a text, by prefix."""

    hub: str
    ledger: Ledger
    clock: Clock
    feed: Feed
    key: SigningKey
    body_keys: BodyKeys
    data_use: DataUse
    takes_back: TakesBack
    new_id: Callable[[str], str]
    officials: Officials
    terms: Terms = field(default_factory=Terms)
    heard: Sequence[Heard] = ()


class Permits:
    """All permits of one hub."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._store = PermitStore(means.ledger.engine)
        self._texts_kept = Texts(means.ledger.engine)

    # -- issuing

    def settle(self, connection: Connection, approved: Approved) -> str:
        """Number of the permit that an application's decisions led to; empty if nothing was granted.

        To be called, in the transaction that closes the last case, and again when a decision is given anew.
        Raises Invalid if a decision's signature does not hold, or it is not about this application.
        """
        means, now = self._means, self._means.clock.now()
        decisions = [self._checked(approved, each.body, each.jws) for each in approved.decisions]
        found = granted(approved.datasets, decisions, approved.until)
        if not found:
            return ""
        statements = {
            each.key: statement for each in found if (statement := means.data_use(each.dataset, each.version))
        }
        bases = tuple(sorted({(each.application, each.digest) for each in decisions}))
        number = approved.extends or permit_of_application(connection, approved.application)
        start = self._start(number) or now
        kept = tuple(limited(each, statements.get(each.key), start) for each in found)
        grants = Found(
            kept, duties_of(kept, statements, means.terms), tuple(Basis(*basis) for basis in bases)
        )
        state = self._change(
            connection,
            number or means.new_id("GDIP"),
            lambda permit, at: decide_grant(permit, approved, grants, means.terms, at),
            actor=approved.applicant.subject,
        )
        return state.id

    def _start(self, number: str) -> datetime | None:
        """When a permit was issued: from then on conditions of use count their months, however long it is made."""
        try:
            return self._means.ledger.state(STORY, number).issued if number else None
        except NotFound:
            return None

    def holding(self, connection: Connection, application: str) -> str:
        """Number of the permit of an application if it has not ended; empty otherwise."""
        number = permit_of_application(connection, application)
        if not number or self._means.ledger.state(STORY, number).state is State.ENDED:
            return ""
        return number

    def _checked(self, approved: Approved, body: str, jws: str) -> Decision:
        try:
            decision = open_decision(jws, self._means.body_keys(body), body=body)
        except (Unverified, Malformed) as error:
            raise Invalid(f"the decision of body {body!r} does not hold: {error}") from error
        digests = approved.digests | {approved.digest}
        if decision.application != approved.application or decision.digest not in digests:
            raise Invalid(f"the decision of body {body!r} is about another application, or version of it")
        return decision

    # -- reading

    def opens(self, id_: str) -> Mapping[tuple[str, str], datetime]:
        """Until when a permit opens all of a dataset to somebody, by subject and dataset; nothing, if it is unknown."""
        try:
            return opened(self._means.ledger.state(STORY, id_), self._means.clock.now()) if id_ else {}
        except NotFound:
            return {}

    def opens_within(self, connection: Connection, id_: str) -> Mapping[tuple[str, str], datetime]:
        """The same, also by what this very transaction wrote."""
        permit = STORY.fold(self._means.ledger.events_within(connection, STORY, id_))
        return opened(permit, self._means.clock.now())

    def opened_before(self, connection: Connection, permit: Permit, events: Sequence[Event]) -> Permit:
        """A permit as it was before these events of the transaction."""
        past = self._means.ledger.events_within(connection, STORY, permit.id)
        return STORY.fold([event for event in past if event.number < events[0].number])

    def open(self, id_: str, asker: Principal) -> tuple[Permit, frozenset[Role]]:
        """A permit and what the asker is in it. Raises NotFound if there is none, or the asker may not know of it."""
        subject = known(asker)
        permit = self._means.ledger.state(STORY, id_)
        roles = self.roles(permit, asker)
        if roles == {Role.EVERYONE_ELSE} and not any(asker.holds(role) for role in _READERS):
            raise NotFound(f"permit {id_} is not for {subject}")
        return permit, roles

    def roles(self, permit: Permit, asker: Principal) -> frozenset[Role]:
        """What somebody is in a permit. Who uses the data is only that: nobody acts in office on what is their own."""
        subject = asker.subject
        if subject == permit.holder.subject:
            return frozenset({Role.HOLDER})
        if subject in permit.subjects:
            return frozenset({Role.MEMBER})
        found = set()
        if RoleHeld(ServiceRole.COORDINATOR) in asker.duties:
            found.add(Role.COORDINATOR)
        if permit.holder.organisation and subject in self._means.officials(permit.holder.organisation):
            found.add(Role.SIGNING_OFFICIAL)
        return frozenset(found or {Role.EVERYONE_ELSE})

    def events(self, id_: str) -> list[Event]:
        """What happened to a permit."""
        return self._means.ledger.events(STORY, id_)

    def mine(self, asker: Principal, after: str | None = None, most: int = 100) -> Listing:
        """Permits that concern the asker; all of them, for those who mind or audit them."""
        subject = known(asker)
        everything = any(asker.holds(role) for role in _READERS)
        concerning = None if everything else [subject]
        return titled(
            self._means.ledger.list(STORY, concerning=concerning, after=after, most=most),
            self._means.ledger.engine,
        )

    def register(self, after: str | None = None, most: int = 100) -> Listing:
        """All permits, as the public may see them: the summaries name no person."""
        return titled(self._means.ledger.list(STORY, after=after, most=most), self._means.ledger.engine)

    def title(self, permit: Permit) -> str:
        """What the applicant called it; empty where that was erased."""
        return self._texts_kept.of([permit.title])[permit.title] if permit.title else ""

    def signed(self, id_: str) -> SignedPermit:
        """The newest signed object. Raises NotFound."""
        kept = self._store.signed(id_)
        if kept is None:
            raise NotFound(f"there is no permit {id_}")
        return open_permit(kept.jws, [self._means.key.public])

    # -- changing

    def command(
        self, id_: str, asker: Principal, command: Command, data: Mapping[str, Any], *, dry_run: bool = False
    ) -> Permit:
        """The permit after a command. Raises NotFound, NotPermitted, Conflict, Invalid."""
        permit, roles = self.open(id_, asker)
        texts, told = self._texts(asker.subject, data)
        act = Act(command, asker.subject, roles, told)
        if dry_run:
            decide(permit, act, self._means.terms, self._means.clock.now())
            return permit
        return self._change(
            None,
            id_,
            lambda state, now: decide(state, act, self._means.terms, now),
            actor=asker.subject,
            texts=texts,
        )

    def by_application(
        self, connection: Connection, id_: str, command: Command, data: Mapping[str, Any], *, actor: str
    ) -> None:
        """What was done to an application holds for its permit too, as far as it still means anything."""
        act = Act(command, actor, frozenset({Role.HOLDER}), data)
        try:
            self._change(
                connection,
                id_,
                lambda state, now: decide(state, act, self._means.terms, now),
                actor=actor,
            )
        except (Conflict, Invalid) as error:
            logger.info("permit %s stays as it is: %s", id_, error)

    def handed_over(self, connection: Connection, id_: str, to: str, *, actor: str) -> None:
        """The application that a permit came of has another applicant."""
        self._change(connection, id_, lambda permit, _now: hand_over(permit, to), actor=actor)

    def refused(self, connection: Connection, id_: str, application: str, *, actor: str) -> None:
        """Bodies decided anew and refuse all of an application: the permit that it led to ends, no other one."""
        act = Act(Command.REVOKE, actor, frozenset({Role.COORDINATOR}))

        def decided(state: Permit, now: datetime) -> Sequence[NewEvent]:
            ours = state.application == application and state.state is not State.ENDED
            return decide(state, act, self._means.terms, now) if ours else ()

        self._change(connection, id_, decided, actor=actor)

    def ended_by_node(self, connection: Connection, node: str, id_: str, data: Mapping[str, Any]) -> None:
        """A node took back what it holds: at once, for everybody. What has ended already stays ended.

        Raises Invalid if there is no such permit, or it names nothing of this node.
        """
        told = {name: data[name] for name in ("people", "datasets") if name in data}
        act = Act(Command.REVOKE, f"node:{node}", frozenset({Role.NODE}), told, node)
        try:
            permit = self._means.ledger.state(STORY, id_)
            if node not in permit.nodes:
                raise Invalid(f"permit {id_} names nothing of node {node}")
            self._change(
                connection,
                id_,
                lambda state, now: decide(state, act, self._means.terms, now),
                actor=act.subject,
            )
        except NotFound as error:
            raise Invalid(f"there is no permit {id_}") from error
        except Conflict:
            return

    def _texts(self, subject: str, data: Mapping[str, Any]) -> tuple[tuple[Written, ...], dict[str, Any]]:
        """What people wrote goes into the erasable table; events get its id."""
        text = text_in(data)
        if not text:
            return (), {name: value for name, value in data.items() if name != "text"}
        id_ = self._means.new_id("text")
        return (Written(id_, subject, text),), {**data, "text": id_}

    # -- time

    def pass_time(self) -> int:
        """Do what time brings; to how many permits something happened. Raises Unavailable as `do_each` does."""

        def pass_time_of(id_: str) -> int:
            self._change(None, id_, lambda state, now: due(state, self._means.terms, now), actor=TIME)
            return 1

        return do_each("what time brings to a permit", self._store.due(self._means.clock.now()), pass_time_of)

    # -- what follows

    def _change(
        self,
        connection: Connection | None,
        id_: str,
        decision: Callable[[Permit, datetime], Sequence[NewEvent]],
        *,
        actor: str,
        texts: Sequence[Written] = (),
    ) -> Permit:
        """Record what was decided, with all that follows; in a transaction of its own if none is given."""
        earlier: list[Permit] = []

        def decided(permit: Permit, now: datetime) -> Sequence[NewEvent]:
            earlier[:] = [permit]
            return decision(permit, now)

        def follow(within: Connection, permit: Permit, events: Sequence[Event]) -> None:
            self._follow(within, earlier[0], permit, events)

        ledger = self._means.ledger
        if connection is None:
            return ledger.change(STORY, id_, decided, actor=actor, texts=texts, follow=follow)
        return ledger.change_within(connection, STORY, id_, decided, actor=actor, texts=texts, follow=follow)

    def _follow(
        self, connection: Connection, before: Permit, permit: Permit, events: Sequence[Event]
    ) -> None:
        means = self._means
        signed = sign_permit(document_of(permit, means.hub), means.key)
        keep_permit(
            connection,
            permit.id,
            permit.application,
            permit.version,
            signed.jws,
            next_due(permit, means.terms),
        )
        if permit.version != before.version:
            self._tell(connection, permit, events[0].kind, signed)
        for event in events:
            self._take_back(connection, permit, event)
            if event.kind == "expiry-announced":
                self._announce(connection, permit, int(event.data["days"]))
        for subject, dataset, node in sorted(_lost(before, permit)):
            means.takes_back(connection, _USE, permit=permit.id, subject=subject, dataset=dataset, node=node)
        for heard in means.heard:
            heard(connection, permit, events)

    def _tell(self, connection: Connection, permit: Permit, first: str, signed: SignedPermit) -> None:
        kind, body = ISSUED if first == "issued" else CHANGED, {"permit": signed.jws}
        if permit.state is State.ENDED and permit.ended is not None:
            kind = ENDED
            body = {"permit": permit.id, "at": permit.ended.isoformat(), "reason": permit.ended_by}
        for node in sorted(permit.nodes):
            self._means.feed.write(connection, node, kind, body)

    def _announce(self, connection: Connection, permit: Permit, days: int) -> None:
        until = permit.until.isoformat() if permit.until else ""
        for node in sorted(permit.nodes):
            body = {"permit": permit.id, "days": days, "until": until}
            self._means.feed.write(connection, node, EXPIRING, body)

    def _take_back(self, connection: Connection, permit: Permit, event: Event) -> None:
        """Visas that are about hold no longer, at once."""
        back = self._means.takes_back
        if event.kind in _STOPPING:
            back(connection, _WHOLE, permit=permit.id)
        elif event.kind == "use-ended":
            node = str(event.data["node"])
            for subject in event.data["people"] or sorted(permit.subjects):
                for dataset in sorted({each[0] for each in event.data["datasets"]}):
                    back(connection, _USE, permit=permit.id, subject=subject, dataset=dataset, node=node)


def text_in(data: Mapping[str, Any]) -> str:
    """What somebody wrote with a command. Raises Invalid."""
    text = data.get("text", "")
    if not isinstance(text, str) or len(text) > _LONGEST_TEXT:
        raise Invalid(f"text must be a text of at most {_LONGEST_TEXT} characters")
    return text


def titled(listing: Listing, engine: Engine) -> Listing:
    """Lines of a list with their titles, which they name by an id; empty where they were erased."""
    ids = [str(line.summary["title"]) for line in listing.lines if line.summary["title"]]
    texts = Texts(engine).of(ids) | {"": ""}
    lines = tuple(
        replace(line, summary={**line.summary, "title": texts[str(line.summary["title"])]})
        for line in listing.lines
    )
    return Listing(lines, listing.after)


def _lost(before: Permit, after: Permit) -> frozenset[tuple[str, str, str]]:
    """Who may use less of which dataset at which node, while the permit goes on; an end is taken back as a whole."""
    return frozenset(
        (subject, each.dataset, each.node)
        for each in before.datasets
        for subject in before.subjects
        if subject not in after.subjects or not any(_includes(more, each) for more in after.datasets)
    )


def _includes(more: Permitted, less: Permitted) -> bool:
    """True if the same release of the same node is open, in no fewer regions."""
    same = (more.dataset, more.version, more.node) == (less.dataset, less.version, less.node)
    return same and lies_within(less.regions, more.regions)
