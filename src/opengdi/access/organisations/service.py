"""Acts on organisations, people, documents: who asks as what, the decision, what follows. Methods block."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection

from opengdi.access.each import do_each
from opengdi.access.ledger import Ledger, Listing
from opengdi.access.model import TIME, Event, NewEvent
from opengdi.access.organisations import commands as c
from opengdi.access.organisations import document, organisation, person, store
from opengdi.access.organisations.document import DOCUMENT_STORY
from opengdi.access.organisations.facts import day
from opengdi.access.organisations.means import Means, code_digest
from opengdi.access.organisations.model import (
    Asking,
    Capacity,
    Document,
    Organisation,
    OrganisationState,
    Person,
    PersonState,
    Signed,
    Version,
)
from opengdi.access.organisations.organisation import ORGANISATION_STORY
from opengdi.access.organisations.person import PERSON_STORY
from opengdi.access.organisations.ports import (
    Attestor,
    ExternalSignatures,
    Outcome,
    Presence,
    SignatureWish,
)
from opengdi.access.organisations.standings import Standings
from opengdi.access.texts import Texts, Written
from opengdi.kernel.clock import Clock
from opengdi.kernel.doors import known, on_duty
from opengdi.kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from opengdi.kernel.principal import Principal, Role

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Ids:
    """Makes ids, fresh each time and not to be guessed. code: of an invitation, by its id."""

    organisation: Callable[[], str]
    other: Callable[[], str]
    code: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Done:
    """What an act came to. code: of an invitation, told this once; url: where an external signature is given."""

    state: Organisation
    code: str = ""
    url: str = ""


@dataclass(slots=True)
class _Attempt:
    """What one decision leaves behind besides events; begun anew when it is decided again."""

    texts: list[Written] = field(default_factory=list)
    code: str = ""


class Onboarding:
    """Organisations and people of a hub."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        standings: Standings,
        attestor: Attestor,
        ids: Ids,
        *,
        external: ExternalSignatures | None = None,
        callback_url: str = "",
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._attestor = attestor
        self._ids = ids
        self._external = external
        self._callback_url = callback_url
        self.standings = standings
        self.texts = Texts(ledger.engine)

    # --- organisations ---------------------------------------------------------------------------------------------

    def register(self, asker: Principal, command: c.Register, *, dry_run: bool = False) -> Done:
        """A new organisation. Raises NotAuthenticated, Invalid."""
        subject, id_ = known(asker), self._ids.organisation()
        attempt = _Attempt()
        means = self._means(attempt)

        def decide(_state: Organisation, now: datetime) -> Sequence[NewEvent]:
            _begin(attempt)
            return organisation.registered(command, subject, id_, means, now)

        if dry_run:
            decide(Organisation(), self._clock.now())
            return Done(Organisation())
        state = self._ledger.change(
            ORGANISATION_STORY, id_, decide, actor=subject, texts=attempt.texts, follow=self._follow
        )
        return Done(state, attempt.code)

    def act(
        self,
        asker: Principal,
        id_: str,
        name: str,
        command: c.Command,
        presence: Presence,
        *,
        dry_run: bool = False,
    ) -> Done:
        """A command to an organisation. Raises as decisions do, and Unavailable."""
        subject, attempt = known(asker), _Attempt()
        means = self._means(attempt, presence)

        def decide(state: Organisation, now: datetime) -> Sequence[NewEvent]:
            _begin(attempt)
            if not state.id:
                raise NotFound(f"there is no organisation {id_}")
            capacities = capacities_in(asker, state)
            if isinstance(command, c.Join):
                capacities |= {Capacity.INVITED}
            return organisation.decide(state, name, command, subject, capacities, means, now)

        if dry_run or isinstance(command, c.AskSignature):
            decide(self.organisation(id_), self._clock.now())
        if dry_run:
            return Done(self.organisation(id_))
        if isinstance(command, c.AskSignature):
            return self._ask_signature(subject, id_, command)
        state = self._ledger.change(
            ORGANISATION_STORY, id_, decide, actor=subject, texts=attempt.texts, follow=self._follow
        )
        return Done(state, attempt.code)

    def organisation(self, id_: str) -> Organisation:
        """Raises NotFound."""
        return self._ledger.state(ORGANISATION_STORY, id_)

    def organisations(
        self, asker: Principal, states: Sequence[str] = (), after: str | None = None, most: int = 100
    ) -> Listing:
        """What the one who asks may see: all of them for those on duty, else those that are active or their own."""
        subject = known(asker)
        if sees_all(asker):
            return self._ledger.list(ORGANISATION_STORY, states=states, after=after, most=most)
        if list(states) == [OrganisationState.ACTIVE]:
            return self._ledger.list(ORGANISATION_STORY, states=states, after=after, most=most)
        return self._ledger.list(
            ORGANISATION_STORY, concerning=[subject], states=states, after=after, most=most
        )

    def accept(self, asker: Principal, command: c.Join, *, official: bool) -> str:
        """The id of the organisation that an invitation's code brings somebody to. Raises NotFound."""
        subject = known(asker)
        found = self._ledger.list(
            ORGANISATION_STORY, concerning=[f"invitation:{code_digest(command.code)}"]
        ).lines
        if len(found) != 1:
            raise NotFound("no invitation has this code", public="This invitation does not hold.")
        id_ = found[0].id
        if official:
            office = c.AcceptOffice(code=command.code)
            self.act(asker, id_, "accept-office", office, Presence(subject, None, "", ""))
        else:
            self._join(subject, id_, command)
        return id_

    def _join(self, subject: str, id_: str, command: c.Join) -> None:
        state, now = self.organisation(id_), self._clock.now()
        invitation = organisation.find_invitation(state, command.code, now, official=False)
        told = self.texts.of([invitation.contact])[invitation.contact]
        name, _, email = told.removesuffix(">").rpartition(" <")
        assign = c.Assign(
            organisation=id_,
            subject=subject,
            name=command.name or name or subject,
            email=command.email or email or "unknown@example.org",
            role=invitation.role,
        )
        ended = [NewEvent("invitation-ended", {"invitation": invitation.id, "by": subject})]

        def end(connection: Connection, joined: Person, events: Sequence[Event]) -> None:
            def use_up(current: Organisation, at: datetime) -> Sequence[NewEvent]:
                organisation.find_invitation(current, command.code, at, official=False)
                return ended

            self._ledger.change_within(connection, ORGANISATION_STORY, id_, use_up, actor=subject)
            self._follow_person(connection, joined, events)

        self._assign(assign, invitation.by, frozenset({Capacity.INVITED}), actor=subject, follow=end)
        self.texts.erase(f"invitation:{invitation.id}")

    # --- external signatures ---------------------------------------------------------------------------------------

    def _ask_signature(self, subject: str, id_: str, command: c.AskSignature) -> Done:
        if self._external is None:
            raise Conflict(
                "no external signatures here", public="This hub has no external signature service; use sign."
            )
        found, version = self._means(_Attempt()).version(command.document, command.version)
        wish = SignatureWish(
            reference=id_,
            title=found.title,
            sha256=version.sha256,
            media_type=version.media_type,
            document_url=self.standings.url(f"{found.id}/{version.number}/content"),
            signer=f"{command.name} <{command.email}>",
            callback_url=self._callback_url,
        )
        started = self._external.start(wish)
        asking = Asking(started.id, found.id, version.number, version.sha256, subject)
        state = self._ledger.change(
            ORGANISATION_STORY, id_, lambda _state, _now: organisation.asked(asking), actor=subject
        )
        return Done(state, url=started.url)

    def answered(self, body: bytes, signature: str) -> bool:
        """An external service calls; it is asked what became of the signature. True, if something was recorded.

        Raises NotAuthenticated if it is not the service that calls, Invalid if other bytes were signed.
        """
        if self._external is None:
            raise NotFound("there is no external signature service")
        id_ = self._external.check_call(body, signature)
        found = self._ledger.list(ORGANISATION_STORY, concerning=[f"signing:{id_}"]).lines
        if not found:
            return False
        outcome = self._external.outcome(id_)
        if outcome.pending:
            return False
        means = self._means(_Attempt())

        def decide(state: Organisation, now: datetime) -> Sequence[NewEvent]:
            signed = self._collected(state, id_, outcome, means)
            return organisation.collected(state, id_, signed, means, now)

        self._ledger.change(
            ORGANISATION_STORY, found[0].id, decide, actor="service:signatures", follow=self._follow
        )
        return True

    def _collected(self, state: Organisation, id_: str, outcome: Outcome, means: Means) -> Signed | None:
        asking = next((each for each in state.askings if each.id == id_), None)
        if asking is None or outcome.signed_at is None:
            return None
        if outcome.sha256 != asking.sha256:
            raise Invalid(f"signature {id_} is of other bytes than {asking.document} {asking.version}")
        document_, version = means.version(asking.document, asking.version)
        evidence = self._attestor.collected(document_, version, state.id, asking.by, outcome)
        return Signed(
            asking.document,
            asking.version,
            asking.sha256,
            asking.by,
            outcome.signed_at,
            "external",
            evidence,
        )

    # --- people ----------------------------------------------------------------------------------------------------

    def assign(self, asker: Principal, command: c.Assign, *, dry_run: bool = False) -> Person:
        """The signing official names somebody. Raises NotPermitted, Conflict, NotFound."""
        subject = known(asker)
        state = self.organisation(command.organisation)
        capacities = capacities_in(asker, state) & {Capacity.OFFICIAL}
        if dry_run:
            means = self._means(_Attempt())
            person.assigned(
                self.standings.person(command.subject), command, subject, capacities, state, means
            )
            return self.standings.person(command.subject)
        return self._assign(command, subject, capacities, actor=subject, follow=self._follow_person)

    def _assign(
        self,
        command: c.Assign,
        by: str,
        capacities: frozenset[Capacity],
        *,
        actor: str,
        follow: Callable[[Connection, Person, Sequence[Event]], None],
    ) -> Person:
        attempt = _Attempt()
        means = self._means(attempt)

        def decide(state: Person, _now: datetime) -> Sequence[NewEvent]:
            _begin(attempt)
            party = self.organisation(command.organisation)
            return person.assigned(state, command, by, capacities, party, means)

        return self._ledger.change(
            PERSON_STORY, command.subject, decide, actor=actor, texts=attempt.texts, follow=follow
        )

    def act_on_person(
        self,
        asker: Principal,
        subject: str,
        name: str,
        command: c.Command,
        presence: Presence,
        *,
        dry_run: bool = False,
    ) -> Person:
        """A command to a person. Raises as decisions do."""
        actor, attempt = known(asker), _Attempt()
        means = self._means(attempt, presence)

        def decide(state: Person, now: datetime) -> Sequence[NewEvent]:
            _begin(attempt)
            capacities = self.capacities_over(asker, state)
            if not state.subject or not capacities:
                raise NotFound(f"there is no person {subject} that {actor} may see")
            return person.decide(state, name, command, actor, capacities, means, now)

        if dry_run:
            state = self.standings.person(subject)
            decide(state, self._clock.now())
            return state
        return self._ledger.change(
            PERSON_STORY, subject, decide, actor=actor, texts=attempt.texts, follow=self._follow_person
        )

    def forget_person(self, connection: Connection, subject: str, actor: str) -> None:
        """Nobody acts for an organisation as this person any more; what says who they are is erased by the caller.

        An organisation may be left without anybody who signs for it. What was vouched for holds as long as it did;
        operators hear of it, and name another.
        """
        for party in self._ledger.states_within(connection, ORGANISATION_STORY, subject):
            self._ledger.change_within(
                connection,
                ORGANISATION_STORY,
                party.id,
                partial(organisation.forgotten, subject),
                actor=actor,
            )

        def decide(state: Person, _now: datetime) -> Sequence[NewEvent]:
            over = state.state in {PersonState.UNKNOWN, PersonState.REVOKED}
            return [] if over else [NewEvent("revoked", {"reason": ""})]

        self._ledger.change_within(
            connection, PERSON_STORY, subject, decide, actor=actor, follow=self._follow_person
        )

    def announce(self) -> int:
        """Announce what ends soon for people, once each; to how many. Raises Unavailable as `do_each` does."""
        return do_each("what ends soon for somebody", self._to_be_announced(), self._announce)

    def _to_be_announced(self) -> Iterator[str]:
        """Subjects of people for whom something ends soon, whether it was announced or not."""
        after: str | None = None
        while True:
            page = self._ledger.list(PERSON_STORY, after=after, most=_PAGE)
            yield from (line.id for line in page.lines if self._ends_soon(line.summary))
            after = page.after
            if after is None:
                return

    def _ends_soon(self, summary: Mapping[str, Any]) -> bool:
        today = self._clock.now().date()
        ends = (day(summary["trainedUntil"]), day(summary["affiliatedUntil"]))
        return any(person.ends_soon(until, today) is not None for until in ends)

    def _announce(self, subject: str) -> bool:
        if not person.ending(self.standings.person(subject), self._clock.now()):
            return False
        self._ledger.change(PERSON_STORY, subject, person.ending, actor=TIME)
        return True

    def person(self, asker: Principal, subject: str) -> Person:
        """Raises NotFound, also if the one who asks may not see them."""
        known(asker)
        state = self.standings.person(subject)
        if not state.subject or not (self.capacities_over(asker, state) or sees_all(asker)):
            raise NotFound(f"there is no person {subject} that {asker.subject} may see")
        return state

    def people(
        self, asker: Principal, organisation_id: str, after: str | None = None, most: int = 100
    ) -> Listing:
        """The people of an organisation, or all, for those who may see them. Raises NotPermitted."""
        if not organisation_id:
            on_duty(asker, Role.ONBOARDING_OPERATOR, Role.AUDITOR)
        elif not sees_all(asker):
            capacities = capacities_in(asker, self.organisation(organisation_id))
            if Capacity.OFFICIAL not in capacities:
                known(asker)
                raise NotPermitted(f"{asker.subject} may not see people of {organisation_id}")
        concerning = [organisation_id] if organisation_id else None
        return self._ledger.list(PERSON_STORY, concerning=concerning, after=after, most=most)

    def capacities_over(self, asker: Principal, state: Person) -> frozenset[Capacity]:
        """As what somebody acts on a person."""
        found = set()
        if asker.holds(Role.ONBOARDING_OPERATOR):
            found.add(Capacity.OPERATOR)
        if state.organisation and Capacity.OFFICIAL in capacities_in(
            asker, self.standings.organisation(state.organisation)
        ):
            found.add(Capacity.OFFICIAL)
        if state.subject and asker.subject == state.subject:
            found.add(Capacity.SELF)
        return frozenset(found)

    # --- documents -------------------------------------------------------------------------------------------------

    def publish(self, asker: Principal, command: c.Publish, *, dry_run: bool = False) -> Document:
        """A version of a document. Raises NotPermitted, Invalid, Conflict."""
        on_duty(asker, Role.ONBOARDING_OPERATOR)
        sha256 = hashlib.sha256(command.content).hexdigest()

        def keep(connection: Connection, _state: Document, _events: Sequence[Event]) -> None:
            store.keep_content(connection, sha256, command.content)

        def decide(state: Document, now: datetime) -> Sequence[NewEvent]:
            return document.published(state, command, sha256, now)

        if dry_run:
            state = next((each for each in self.standings.documents() if each.id == command.id), Document())
            decide(state, self._clock.now())
            return state
        found = self._ledger.change(DOCUMENT_STORY, command.id, decide, actor=asker.subject, follow=keep)
        self.standings.renew()
        return found

    def retire(self, asker: Principal, id_: str) -> Document:
        """Nobody needs to sign a document any more. Raises NotPermitted, NotFound."""
        on_duty(asker, Role.ONBOARDING_OPERATOR)
        self._ledger.state(DOCUMENT_STORY, id_)
        found = self._ledger.change(
            DOCUMENT_STORY, id_, lambda state, _now: document.retired(state), actor=asker.subject
        )
        self.standings.renew()
        return found

    def version(self, id_: str, number: int) -> tuple[Document, Version]:
        """Raises NotFound."""
        state = self._ledger.state(DOCUMENT_STORY, id_)
        version = state.version(number)
        if version is None:
            raise NotFound(f"there is no version {number} of {id_}")
        return state, version

    def content(self, version: Version) -> bytes:
        """The bytes of a version."""
        return store.content_of(self._ledger.engine, version.sha256)

    # --- what all of it needs --------------------------------------------------------------------------------------

    def _means(self, attempt: _Attempt, presence: Presence | None = None) -> Means:
        def keep(about: str, body: str) -> str:
            written = Written(self._ids.other(), about, body)
            attempt.texts.append(written)
            return written.id

        def code(invitation: str) -> str:
            attempt.code = self._ids.code(invitation)
            return attempt.code

        def attest(document_: Document, version: Version, party: str, now: datetime) -> str:
            if presence is None:
                raise NotPermitted("nobody is there who could sign")
            return self._attestor.click(document_, version, party, presence, now)

        return Means(self.standings.documents(), keep, self._ids.other, code, attest)

    def _follow(self, connection: Connection, state: Organisation, events: Sequence[Event]) -> None:
        """An organisation's change reaches its people."""
        people = map(self.standings.person, list(self.standings.subjects(state.id)))
        self.standings.tell(connection, people, state, events[-1].at)

    def _follow_person(self, connection: Connection, state: Person, events: Sequence[Event]) -> None:
        party = self.standings.organisation(state.organisation)
        self.standings.tell(connection, [state], party, events[-1].at)

    def contacts(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Texts of contacts, checks and reasons; what was erased is empty."""
        return self.texts.of([each for each in ids if each])


def capacities_in(asker: Principal, state: Organisation) -> frozenset[Capacity]:
    """As what somebody acts on an organisation."""
    found = set()
    if asker.holds(Role.ONBOARDING_OPERATOR):
        found.add(Capacity.OPERATOR)
    if asker.subject in state.officials or Role.SIGNING_OFFICIAL in {
        duty.role for duty in asker.duties if duty.of == state.id
    }:
        found.add(Capacity.OFFICIAL)
    if state.registrant and asker.subject == state.registrant:
        found.add(Capacity.REGISTRANT)
    return frozenset(found)


def sees_all(asker: Principal) -> bool:
    """True for those whose duty is to look after all organisations."""
    return asker.holds(Role.ONBOARDING_OPERATOR) or asker.holds(Role.AUDITOR)


def _begin(attempt: _Attempt) -> None:
    attempt.texts.clear()
    attempt.code = ""
