"""Cases of the bodies that decide here: loaded, decided on, recorded, signed and told to the hub in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from opengdi.access.cases import arrivals, timers
from opengdi.access.cases.acts import read_act
from opengdi.access.cases.consequences import decide, decided
from opengdi.access.cases.model import NO_NOTE, Act, Actor, Case, Command, Note, Offer, RulingWish, Silence
from opengdi.access.cases.offers import read_change, read_hand_over, read_message, read_offer
from opengdi.access.cases.ports import Automatic, HearsWord, Matching, People, Tells
from opengdi.access.cases.store import due_cases, keep_timer
from opengdi.access.cases.story import STORY, clock_of, fold_new, hub_actor, is_nobody, offers_in
from opengdi.access.cases.telling import tell_hub
from opengdi.access.cases.workflow import WORKFLOW_ROLES, Rule, Workflows
from opengdi.access.decision import Decision, Ruling, decision_digest, sign_decision
from opengdi.access.each import do_each
from opengdi.access.ledger import Ledger, Listing
from opengdi.access.model import Event, NewEvent
from opengdi.access.texts import Texts, Written, reassign_texts
from opengdi.kernel.errors import Invalid, NotFound
from opengdi.kernel.feed import Notice
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.principal import Principal, Role

Take = Callable[[Case, datetime], Sequence[NewEvent]]
"""What is to be recorded of a case."""

_SILENT: Final = {
    Silence.DENY: "Nobody decided within the time that the body has; by its rules silence refuses.",
    Silence.ESCALATE: "Nobody decided, not even after a reminder to those above; silence refuses then.",
    Silence.APPROVE: "Nobody objected within the time that the body has; by its rules silence lets pass what "
    "was carried before, and refuses all else.",
}


_WORDS: Final = frozenset({"decided", "vetoed", "veto-lifted", "withdrawn"})
"""Events after which a case says something else of its datasets."""


@dataclass(frozen=True, slots=True)
class Body:
    """A body that decides here."""

    id: str
    name: str
    url: str
    rule: Rule
    key: SigningKey


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What cases find around them. node: this node or hub. pseudonym: of a subject, for decisions. new_id: of texts.

    hears_word: lives by what cases say; None: nobody does here.
    """

    node: str
    people: People
    tell: Tells
    pseudonym: Callable[[str], str]
    new_id: Callable[[], str]
    match: Matching | None = None
    automatic: Automatic | None = None
    hears_word: HearsWord | None = None


class CaseService:
    """The cases of this node, or of the hub's own bodies. Methods block shortly: call them from a thread."""

    def __init__(
        self,
        ledger: Ledger,
        bodies: Mapping[str, Body],
        workflows: Workflows,
        around: Surroundings,
    ) -> None:
        self._ledger = ledger
        self._texts = Texts(ledger.engine)
        self._bodies = bodies
        self._workflows = workflows
        self._around = around

    @property
    def bodies(self) -> Mapping[str, Body]:
        """The bodies that decide here."""
        return self._bodies

    # What people ask --------------------------------------------------------------------------------------------------

    def listing(
        self, asker: Principal, *, states: Collection[str] = (), after: str | None = None, most: int = 100
    ) -> Listing:
        """Cases of the bodies whose member the asker is now, newest change first."""
        concerning = {duty.of for duty in asker.duties if duty.role in WORKFLOW_ROLES}
        return self._ledger.list(STORY, concerning=concerning - {""}, states=states, after=after, most=most)

    def open(self, asker: Principal, id_: str) -> tuple[Case, Actor, list[Event]]:
        """A case with all that happened. Raises NotFound if the asker is nobody in it, or takes part in what is asked.

        Who asks for the data does not read what a body, of which they are one, says of it among itself.
        """
        events = self._ledger.events(STORY, id_)
        case = STORY.fold(events)
        if asker.subject in case.application.people:
            raise NotFound(f"{asker.subject} takes part in the application of {case.id}")
        return case, self._admitted(asker, case), events

    def texts(self, ids: Collection[str]) -> dict[str, str]:
        """What was written, by id; the erased are empty."""
        return self._texts.of(ids)

    def act(
        self, asker: Principal, id_: str, command: Command, body: bytes, *, dry_run: bool = False
    ) -> Case:
        """The case after a command; dry_run: as it would be, and nothing happens.

        Raises NotFound, NotPermitted, Conflict, Invalid.
        """
        case = self._ledger.state(STORY, id_)
        actor = self._admitted(asker, case)
        act, named = read_act(command, body, self._around.new_id)
        act = replace(act, members={subject: self._may_review(case, subject) for subject in named})
        if dry_run:
            decide(case, act, actor, self._ledger.now())
            return case
        return self._change(
            id_, lambda state, now: decide(state, act, actor, now), actor.subject, notes_of(act)
        )

    def _admitted(self, asker: Principal, case: Case) -> Actor:
        """Raises NotFound without a role in the body now, also for who acted on the case when they had one."""
        roles = frozenset(
            duty.role for duty in asker.duties if duty.of == case.body and duty.role in WORKFLOW_ROLES
        )
        if not roles:
            raise NotFound(f"{asker.subject} is nobody in {case.id}")
        return Actor(asker.subject, roles, self._around.people.organisations(asker.subject, case.hub))

    def _may_review(self, case: Case, subject: str) -> frozenset[Role]:
        organisations = self._around.people.organisations(subject, case.hub)
        if case.is_conflicted(subject, organisations):
            raise Invalid(f"members: {subject!r} has a conflict of interest in this case")
        duties = self._around.people.duties(subject)
        return frozenset(duty.role for duty in duties if duty.of == case.body and duty.role in WORKFLOW_ROLES)

    # What hubs tell ---------------------------------------------------------------------------------------------------

    def take_offer(self, connection: Connection, notice: Notice, hub: str) -> None:
        """`case.offered`. Raises Invalid."""
        offer = read_offer(notice.body)
        if offer.hub != hub:
            raise Invalid(f"case {offer.case} is offered by {hub} in the name of {offer.hub}")
        if not offer.case.startswith(f"{offer.application.id}.{offer.body}"):
            raise Invalid(f"case {offer.case!r} must begin with the application's id and the body's")
        body = self._bodies.get(offer.body)
        if body is None:
            raise Invalid(f"case {offer.case}: no body {offer.body!r} decides here")
        workflow = body.rule.apply(self._workflows[offer.application.purpose, offer.kind])
        note = Note(self._around.new_id(), offer.text)
        notes = [note]

        def take(case: Case, now: datetime) -> Sequence[NewEvent]:
            events = self._matched(arrivals.opened(case, offer, workflow, note, now), offer)
            if not events:
                return ()
            case = fold_new(case, events, hub_actor(hub), now)
            return [*events, *self._by_machine(case, offer, notes, now)]

        self._arrive(connection, offer.case, take, hub, notes, offer.application.applicant)

    def take_change(self, connection: Connection, notice: Notice, hub: str) -> None:
        """`application.changed`. Raises Invalid."""
        case = self._known(notice, hub)
        before = msgspec.json.decode(self._texts.of([case.offer])[case.offer] or "{}")
        offer = read_change(notice.body, before)
        note = Note(self._around.new_id(), offer.text)

        def take(case: Case, now: datetime) -> Sequence[NewEvent]:
            return self._matched(arrivals.changed(case, offer, note, now), offer)

        self._arrive(connection, case.id, take, hub, [note], offer.application.applicant)

    def take_hand_over(self, connection: Connection, notice: Notice, hub: str) -> None:
        """`application.handed-over`: what was asked for is somebody else's now. Raises Invalid."""
        case = self._known(notice, hub)
        subject, organisation = read_hand_over(notice.body)

        def take(case: Case, _now: datetime) -> Sequence[NewEvent]:
            return arrivals.handed_over(case, subject, organisation)

        self._arrive(connection, case.id, take, hub)
        reassign_texts(connection, offers_in(self._ledger.events_within(connection, STORY, case.id)), subject)

    def take_message(self, connection: Connection, notice: Notice, hub: str) -> None:
        """`application.message`: `kind` says whether it is `answered`, `appealed`, or a remark. Raises Invalid."""
        case = self._known(notice, hub)
        _, text, kind = read_message(notice.body, notice.kind)
        note = self._note(text)

        def take(case: Case, now: datetime) -> Sequence[NewEvent]:
            if kind == "appealed":
                return arrivals.appealed_or_told(case, note, now, notice.written_at)
            return arrivals.told(case, note, now, answers=kind in {"answer", "answered"})

        self._arrive(connection, case.id, take, hub, [note], case.application.applicant)

    def take_appeal(self, connection: Connection, notice: Notice, hub: str) -> None:
        """`case.appealed`. Raises Invalid."""
        case = self._known(notice, hub)
        note = self._note(read_message(notice.body, notice.kind)[1])
        self._arrive(
            connection,
            case.id,
            lambda case, now: arrivals.appealed(case, note, now, notice.written_at),
            hub,
            [note],
            case.application.applicant,
        )

    def take_withdrawal(self, connection: Connection, notice: Notice, hub: str) -> None:
        """`case.withdrawn`. Raises Invalid."""
        case = self._known(notice, hub)
        self._arrive(connection, case.id, lambda case, _now: arrivals.withdrawn(case), hub)

    def _known(self, notice: Notice, hub: str) -> Case:
        id_ = read_message(notice.body, notice.kind)[0]
        try:
            case = self._ledger.state(STORY, id_)
        except NotFound as error:
            raise Invalid(f"{notice.kind}: {error}") from error
        if case.hub != hub:
            raise Invalid(f"{notice.kind}: case {id_} is {case.hub}'s, not {hub}'s")
        return case

    def _note(self, text: str) -> Note:
        return Note(self._around.new_id(), text) if text.strip() else NO_NOTE

    def _matched(self, events: Sequence[NewEvent], offer: Offer) -> Sequence[NewEvent]:
        """The first event says what the use conditions say, so that it is known on what the body decided."""
        if self._around.match is None or not events:
            return events
        application = msgspec.json.decode(offer.text)["application"]
        found = {
            each.dataset: dict(match)
            for each in offer.datasets
            if (match := self._around.match(application, each.dataset, each.version)) is not None
        }
        first, *others = events
        return [NewEvent(first.kind, {**first.data, "match": found}), *others]

    def _by_machine(self, case: Case, offer: Offer, notes: list[Note], now: datetime) -> Sequence[NewEvent]:
        """The decision, where no people are needed for it. notes: its reasons are put there."""
        automatic = self._around.automatic
        if automatic is None:
            return ()
        rulings = automatic(msgspec.json.decode(offer.text), case.application.until, now)
        if not rulings or {each.dataset for each in rulings} != case.names:
            return ()
        reasons = [Note(self._around.new_id(), each.reasons) for each in rulings]
        notes += reasons
        wishes = [
            RulingWish(each.dataset, each.granted, reason, until=each.until, regions=each.regions)
            for each, reason in zip(rulings, reasons, strict=True)
        ]
        return [decided(case, wishes, automatic=True)]

    def _arrive(
        self,
        connection: Connection,
        id_: str,
        take: Take,
        hub: str,
        notes: Sequence[Note] = (),
        about: str = "",
    ) -> None:
        record = _Recording(self, take, hub_actor(hub), notes, about)
        self._ledger.change_within(
            connection,
            STORY,
            id_,
            record.decide,
            actor=record.actor,
            texts=record.texts,
            follow=record.follow,
        )

    # What time brings -------------------------------------------------------------------------------------------------

    def due(self) -> int:
        """Do what has become due by now, once each; to how many cases. Raises Unavailable as `do_each` does."""
        found = due_cases(self._ledger.engine, self._ledger.now())
        return do_each("what is due of a case", found, lambda id_: self._pass_time(id_, found[id_]))

    def _pass_time(self, id_: str, body: str) -> int:
        silence = self._bodies[body].rule.silence if body in self._bodies else Silence.DENY
        note = Note(self._around.new_id(), _SILENT[silence])
        self._change(id_, lambda case, now: timers.due(case, now, note), clock_of(body), [note])
        return 1

    # Recording --------------------------------------------------------------------------------------------------------

    def _change(self, id_: str, take: Take, actor: str, notes: Sequence[Note]) -> Case:
        record = _Recording(self, take, actor, notes, actor)
        return self._ledger.change(
            STORY, id_, record.decide, actor=actor, texts=record.texts, follow=record.follow
        )

    def follow(
        self, connection: Connection, case: Case, events: Sequence[Event], said: Mapping[str, str]
    ) -> None:
        """Write what follows from new events."""
        keep_timer(connection, case)
        tell_hub(self._around.tell, connection, case, events, said)
        if self._around.hears_word and any(event.kind in _WORDS for event in events):
            people = case.application.people | (case.decided.people if case.decided else frozenset())
            self._around.hears_word(connection, people)

    def signed(
        self, event: NewEvent, case: Case, actor: str, now: datetime, said: dict[str, str]
    ) -> NewEvent:
        """The decision, signed with the body's key; the signed one is a text, the event holds its digest."""
        body = self._bodies.get(case.body)
        if body is None:
            raise Invalid(f"{case.id}: body {case.body!r} does not decide here any more")
        decision = Decision(
            body=case.body,
            node=self._around.node,
            case=case.id,
            application=case.application.id,
            digest=case.application.digest,
            at=now,
            rulings=tuple(_ruling(each, said) for each in event.data["datasets"]),
            by="" if is_nobody(actor) else self._around.pseudonym(actor),
            kind=case.kind,
            tacit=event.data["tacit"],
            appeal=event.data["appeal"],
            automatic=event.data["automatic"],
        )
        jws, id_ = sign_decision(decision, body.key), self._around.new_id()
        said[id_] = jws
        return NewEvent(event.kind, {**event.data, "jws": id_, "digest": decision_digest(jws)})


@dataclass(slots=True)
class _Recording:
    """One act on its way into the ledger: decided again if somebody was faster, and then signed anew.

    notes: what was written, about whom `about` says; `take` may add to it.
    """

    service: CaseService
    take: Take
    actor: str
    notes: Sequence[Note]
    about: str
    said: dict[str, str] = field(default_factory=dict)
    texts: list[Written] = field(default_factory=list)

    def decide(self, case: Case, now: datetime) -> Sequence[NewEvent]:
        """The events, decisions among them signed; what they refer to is in `texts` then."""
        taken, events = self.take(case, now), list[NewEvent]()
        self.said.clear()
        self.said.update((note.id, note.body) for note in self.notes if note)
        for event in taken:
            signed = event.kind == "decided"
            events.append(self.service.signed(event, case, self.actor, now, self.said) if signed else event)
            case = fold_new(case, [event], self.actor, now)
        kept = self.said.items() if events else ()
        self.texts[:] = [Written(id_, self.about, body) for id_, body in kept]
        return events

    def follow(self, connection: Connection, case: Case, events: Sequence[Event]) -> None:
        """Into the same transaction."""
        self.service.follow(connection, case, events, self.said)


def _ruling(told: Mapping[str, Any], said: Mapping[str, str]) -> Ruling:
    return Ruling(
        told["dataset"],
        told["version"],
        told["granted"],
        said.get(told["reasons"], ""),
        tuple(said.get(each, "") for each in told["conditions"]),
        datetime.fromisoformat(told["until"]) if told["until"] else None,
        tuple(told["regions"]),
    )


def notes_of(act: Act) -> list[Note]:
    """All that somebody wrote in a command."""
    rulings = [note for wish in act.rulings for note in (wish.reasons, *wish.conditions)]
    return [note for note in (act.text, *act.reasons.values(), *rulings) if note]
