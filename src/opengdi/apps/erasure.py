"""Forgetting people: a hub does at once, each node when it hears of it, and says so. decision 0019"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, select

from opengdi.access.applications import erasing as applications
from opengdi.access.applications.story import APPLICATIONS
from opengdi.access.cases import erasing as cases
from opengdi.access.each import do_each
from opengdi.access.kinds import CASE_ERASED
from opengdi.access.ledger import Ledger
from opengdi.access.model import TIME
from opengdi.access.notices import store as notices
from opengdi.access.permits.entitlements.store import forget_reasons
from opengdi.access.texts import access_texts, addresses_in, erase_contacts, erase_texts
from opengdi.apps.doors import duty_book
from opengdi.apps.notices import delete_letters
from opengdi.apps.process import Part
from opengdi.apps.ticking import Ticking
from opengdi.delivery.download.recipients import forget_key
from opengdi.identity.broker.api import BASE as BROKER
from opengdi.identity.broker.store import broker_grants
from opengdi.identity.login.people import People
from opengdi.identity.login.tables import people, people_details
from opengdi.identity.revocations.model import Kind
from opengdi.kernel.database import reading, settle
from opengdi.kernel.erasure import DONE, NOTICE, Erasure, Erasures
from opengdi.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from opengdi.kernel.feed import EVERYBODY, Notice
from opengdi.kernel.reception import ReceivedEvent

if TYPE_CHECKING:
    from opengdi.access.organisations.service import Onboarding
    from opengdi.apps.access_wire import HubWire, NodeWire
    from opengdi.apps.applications import ApplicationDesk
    from opengdi.apps.hub import HubState
    from opengdi.apps.identity import OpenIdentity
    from opengdi.apps.node import NodeState
    from opengdi.apps.service_state import ServiceState

logger = logging.getLogger(__name__)

LOOK_S: Final = 3600.0
"""Seconds between two looks for what has been over for long enough."""

CASES: Final = "case:"
"""Beginning of the streams in which people write as members of a body: that is the body's record."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What an erasure came to. applications: those that were the person's own; cases: theirs that were decided here.

    emptied: nothing of it is left in the log of the database, in the folder of letters, or of their attachments.
    """

    subject: str
    erasure: str = ""
    applications: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    emptied: bool = True


def _addresses(connection: Connection, subject: str) -> frozenset[str]:
    """By which addresses somebody is known here."""
    mail = select(people_details.c.email).where(people_details.c.subject == subject)
    return (addresses_in(connection, subject) | set(connection.scalars(mail))) - {""}


def _issuer(connection: Connection, subject: str) -> str | None:
    """Whose people somebody is who has logged in here; None: they never have."""
    return connection.scalar(select(people.c.issuer).where(people.c.subject == subject))


def _forget_told(
    connection: Connection,
    subject: str,
    addresses: Collection[str],
    own: Collection[str] = (),
    before: int = 0,
) -> None:
    """Notices to and of somebody; the letters that were made of them are noted for `delete_letters`.

    own, before: streams of their applications, and the position of the last event before these were ended.
    """
    ids = notices.forget_person(connection, subject, own, before)
    notices.note_letters(connection, {*ids, *(address.lower() for address in addresses)})


def _emptied(state: ServiceState) -> bool:
    """Delete the letters and empty the log of the database; False if either is to be done again."""
    try:
        delete_letters(state)
    except Unavailable as error:
        logger.warning("letters of who was erased: %s", error)
        settle(state.engine)
        return False
    return settle(state.engine)


# -- a node


@dataclass(slots=True)
class NodeErasing:
    """What a node forgets: when a hub says so of its own people and cases, or when the node's operator does."""

    state: NodeState
    wire: NodeWire
    _unsettled: bool = field(default=True)

    def listen(self) -> None:
        """Hear of erasures. To be called last, so that whoever else listens to them has done its part."""
        self.wire.on_from(NOTICE, self.hear)
        self.wire.on_from(CASE_ERASED, self._hear_over)
        self.wire.after(self._settle)

    def hear(self, connection: Connection, notice: Notice, hub: str) -> None:
        """`person.erased`: carried out, and said so, in one transaction. Raises Invalid."""
        subject, erasure = (notice.body.get(name) for name in ("subject", "erasure"))
        if not (isinstance(subject, str) and subject and isinstance(erasure, str)):
            raise Invalid(f"{NOTICE}: subject and erasure must be texts")
        self._forget_words(connection, subject, [hub])
        if _issuer(connection, subject) in {None, *self._brokers(hub)}:  # a hub speaks of its own people only
            self._forget_person(connection, subject, f"hub:{hub}")
        self.wire.tell(connection, DONE, subject, {"erasure": erasure}, to=hub)
        self._unsettled = True

    def erase(self, subject: str, by: str) -> Forgotten:
        """Forget a person here, whichever hub they are of, and end their roles."""
        hubs = [hub.id for hub in self.state.settings.federation.hubs]
        with self.state.engine.begin() as connection:
            found = self._forget_cases(connection, subject, hubs)
            self._forget_words(connection, subject, hubs)
            self._forget_person(connection, subject, by)
            duty_book(self.state).end_all_of(connection, subject, by)
        return Forgotten(subject, cases=tuple(found), emptied=_emptied(self.state))

    def _brokers(self, hub: str) -> Sequence[str]:
        return [f"{each.url}{BROKER}" for each in self.state.settings.federation.hubs if each.id == hub]

    def _ledger(self) -> Ledger:
        return Ledger(self.state.engine, self.state.clock, self.state.audit)

    def _forget_cases(self, connection: Connection, subject: str, hubs: Sequence[str]) -> list[str]:
        ledger = self._ledger()
        theirs = [case for hub in hubs for case in cases.forget_cases(connection, ledger, subject, hub)]
        self.wire.outbox.drop(connection, theirs)
        return theirs

    def _forget_words(self, connection: Connection, subject: str, hubs: Sequence[str]) -> None:
        for hub in hubs:
            cases.forget_words(connection, self._ledger(), subject, hub)

    def _forget_person(self, connection: Connection, subject: str, by: str) -> None:
        addresses = _addresses(connection, subject)
        People.forget(connection, subject)
        _forget_told(connection, subject, addresses)
        duty_book(self.state).forget_addresses(connection, subject, addresses, by)
        erase_contacts(connection, addresses)
        forget_reasons(connection, subject)
        forget_key(connection, subject)
        self.state.audit.append("person.erase", actor=by, objects=(f"subject:{subject}",))

    def _hear_over(self, connection: Connection, notice: Notice, hub: str) -> None:
        case = cases.take_erased(connection, self._ledger(), notice, hub)
        self.wire.outbox.drop(connection, [case])
        self._unsettled = True

    async def _settle(self) -> None:
        if self._unsettled:  # else tried again when the next is heard; no notice waits for it
            self._unsettled = not await asyncio.to_thread(_emptied, self.state)


# -- the hub


@dataclass(frozen=True, slots=True)
class HubErasing:
    """What a hub forgets, and tells its nodes to. members: who is to carry it out."""

    state: HubState
    wire: HubWire
    onboarding: Onboarding
    desk: ApplicationDesk
    identity: OpenIdentity

    @property
    def erasures(self) -> Erasures:
        return Erasures(self.state.engine, self.state.clock)

    @property
    def members(self) -> Collection[str]:
        return tuple(self.wire.member_keys)

    def listen(self) -> None:
        """Hear who has carried it out, and what the hub tells of its own bodies' cases."""
        self.wire.on_event(DONE, self._done)
        self.wire.on_from(CASE_ERASED, self._hear_over)

    def erase(self, subject: str, by: str) -> Forgotten:
        """Forget a person: here at once, at the nodes when they hear of it. Raises NotFound for a stranger.

        Their applications end, with the permits that came of them; they leave those of others; their roles, sessions
        and tokens end. Doing it again is no error.
        """
        self._check_known(subject)
        with self.state.engine.begin() as connection:
            found = self._forget(connection, subject, by)
        emptied = _emptied(self.state)
        return replace(found, emptied=self._swept() and emptied)

    def _swept(self) -> bool:
        try:
            self.desk.desk.store.sweep()
        except Unavailable as error:
            logger.warning("attachments of who was erased: %s", error)
            return False
        return True

    def _check_known(self, subject: str) -> None:
        knows = (people.c.subject, access_texts.c.about, broker_grants.c.subject)
        with reading(self.state.engine) as connection:
            if not any(
                connection.execute(select(column).where(column == subject)).first() for column in knows
            ):
                raise NotFound(f"nobody is known here by the id {subject[:200]!r}")

    def _forget(self, connection: Connection, subject: str, by: str) -> Forgotten:
        state, hub = self.state, self.state.settings.hub.id
        ledger, addresses = Ledger(state.engine, state.clock, state.audit), _addresses(connection, subject)
        before = notices.newest(connection)
        own = applications.forget_person(connection, self.desk.applications, subject, by, feed=self.wire.feed)
        self.onboarding.forget_person(connection, subject, by)
        self.identity.revocations.write(connection, Kind.SUBJECT, subject=subject)  # ends sessions and tokens
        cases.forget_words(connection, ledger, subject, hub)
        People.forget(connection, subject)
        _forget_told(connection, subject, addresses, [APPLICATIONS.stream(each.id) for each in own], before)
        if self.identity.broker is not None:
            self.identity.broker.broker.grants.forget_person(connection, subject)
        book = duty_book(state)
        book.end_all_of(connection, subject, by)
        book.forget_addresses(connection, subject, addresses, by)
        erase_texts(connection, subject, but_of=CASES)
        erase_contacts(connection, addresses)
        asked = self.erasures.ask(connection, secrets.token_hex(16), subject, by)
        told = {"erasure": asked.id, "subject": subject}
        self.wire.feed.write(connection, EVERYBODY, NOTICE, told, about=subject)
        state.audit.append("person.erase", actor=by, objects=(f"subject:{subject}", f"erasure:{asked.id}"))
        theirs = [at.opened.case for each in own for at in each.cases if at.opened.node == hub]
        return Forgotten(subject, asked.id, tuple(each.id for each in own), tuple(theirs))

    def waiting(self, erasure: Erasure) -> list[str]:
        """Members that have not said that they carried it out."""
        return sorted(set(self.members) - set(erasure.done))

    def forget_over(self) -> int:
        """Empty applications that have been over for as long as the settings say; how many.

        Raises Unavailable as `do_each` does.
        """
        kept = timedelta(days=self.state.settings.requests.kept_days)
        found = applications.over_since(self.desk.applications, self.state.clock.now() - kept)
        try:
            return do_each("what is over", found, lambda id_: self._forget_application(id_, found[id_]))
        finally:
            if found:
                settle(self.state.engine)

    def _forget_application(self, id_: str, events: int) -> bool:
        """False if somebody has come back to it."""
        told, actor = self.desk.applications, TIME
        try:
            with self.state.engine.begin() as connection:
                applications.forget_over(connection, told, id_, events, actor=actor, feed=self.wire.feed)
        except Conflict:
            return False
        self.state.audit.append("application.erase", actor=actor, objects=(f"application:{id_}",))
        return True

    def part(self) -> Part:
        """What looks again and again for what has been over for long enough, and for notices that all have heard."""
        ticking = Ticking(
            "retention",
            LOOK_S,
            {
                "the feed": self.wire.feed.prune,
                "applications": self.forget_over,
                "attachments": self.desk.desk.store.sweep,
            },
        )
        return Part(probes=(ticking.probe(),), background=(ticking.run,))

    def _done(self, connection: Connection, event: ReceivedEvent) -> None:
        self.erasures.carried_out(connection, str(event.data.get("erasure", "")), event.sender)

    def _hear_over(self, connection: Connection, notice: Notice, hub: str) -> None:
        ledger = Ledger(self.state.engine, self.state.clock, self.state.audit)
        cases.take_erased(connection, ledger, notice, hub)
