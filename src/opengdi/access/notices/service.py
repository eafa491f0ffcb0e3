"""Notices derived from the ledger, and sent. Methods block: call them from a thread.

Derived: events are read in their order; what follows from them is kept together with how far they were read, so that
nothing is lost or written twice, wherever the process is killed. Sent: at least once; a letter that comes twice has
the same Message-ID.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from opengdi.access.applications.story import APPLICATIONS
from opengdi.access.cases.story import STORY as CASES
from opengdi.access.ledger import Ledger, Story
from opengdi.access.model import Event
from opengdi.access.notices.facts import NONE, facts_of, organisation_of
from opengdi.access.notices.model import INVITATION, MAILBOX, PERSON, Notice, Rule, Source, State
from opengdi.access.notices.ports import Codes, Directory
from opengdi.access.notices.rules import APPLICATION, PERMIT, RULES, recipients, rules_for
from opengdi.access.notices.store import Fresh, NoticeBook
from opengdi.access.notices.wording import Wording
from opengdi.access.organisations.document import DOCUMENT_STORY
from opengdi.access.organisations.organisation import ORGANISATION_STORY
from opengdi.access.organisations.person import PERSON_STORY
from opengdi.access.permits.evolution import STORY as PERMITS
from opengdi.access.texts import Texts
from opengdi.kernel.errors import GdiError, Invalid, NotFound, Unavailable
from opengdi.kernel.mail import Deferred, Letter, Post

logger = logging.getLogger(__name__)

MANY: Final = 200
"""Events looked at, and letters sent, at one turn."""

IN_VAIN: Final = 3
"""After so many letters in a row that nobody took, the others wait for the next turn."""

_UNREADABLE: Final = (LookupError, TypeError, ValueError, AttributeError, msgspec.MsgspecError)

_STORIES: Final[Mapping[str, Story[Any]]] = {
    story.name: story
    for story in (APPLICATIONS, CASES, PERMITS, ORGANISATION_STORY, PERSON_STORY, DOCUMENT_STORY)
}


@dataclass(frozen=True, slots=True)
class Means:
    """What notices work with. link: address of a page, by story, thing, and invitation with its code (or empty).

    sender, sender_name: who writes. url: of this service.
    """

    ledger: Ledger
    book: NoticeBook
    directory: Directory
    codes: Codes
    wording: Wording
    post: Post
    new_id: Callable[[], str]
    link: Callable[[str, str, str, str], str]
    url: Callable[[], str]
    sender: str
    sender_name: str


@dataclass(slots=True)
class Notices:
    """The notices of one node or hub. trouble: why none can be sent now; empty: they can."""

    means: Means
    trouble: str = ""
    _texts: Texts = field(init=False)

    def __post_init__(self) -> None:
        self._texts = Texts(self.means.ledger.engine)

    # -- from events

    def derive(self, most: int = MANY) -> int:
        """Write down what follows from the next events; how many were looked at."""
        before = self.means.book.read_up_to()
        events = self.means.ledger.feed(before, most)
        if events:
            fresh = [notice for event in events for notice in self._following(event)]
            self.means.book.write(fresh, before, events[-1].position)
        return len(events)

    def _following(self, event: Event) -> Iterator[Fresh]:
        story = event.stream.partition(":")[0]
        rules = rules_for(story, event.kind)
        if not rules:
            return
        source = Source(event.position, event.stream, event.number)
        for rule in rules:
            for who in sorted(self._recipients(rule, event)):
                if not self._declined(rule, who):
                    yield Fresh(self.means.new_id(), rule.name, source, who)

    def _recipients(self, rule: Rule, event: Event) -> frozenset[str]:
        try:
            return recipients(rule, self._as_then(event), event, self.means.directory)
        except _UNREADABLE:  # an event of a form that this version does not know holds up no other
            logger.exception("nobody is told of event %d of %s", event.number, event.stream)
            return frozenset()

    def _declined(self, rule: Rule, recipient: str) -> bool:
        if rule.duty or not recipient.startswith(PERSON):
            return False
        return rule.name in self.means.book.declined(recipient.removeprefix(PERSON))

    def _as_then(self, event: Event) -> Any:
        """What the event made of its thing, whatever happened since."""
        story = _STORIES[event.stream.partition(":")[0]]
        past = self.means.ledger.events(story, event.stream.partition(":")[2])
        return story.fold(past[: event.number])

    # -- to people

    def send(self, most: int = MANY) -> int:
        """Send what is due; how many were taken. Ends early, if several in a row met nobody who takes letters.

        `trouble` says why, as long as nothing was taken since. While nobody takes letters, all wait. A letter by which
        the server fails, where it takes the next one, is given up in the end, and holds up no other.
        """
        sent, trouble = 0, ""
        in_vain: list[tuple[Notice, str]] = []
        for notice in self.means.book.due(most):
            try:
                sent += self._send(notice)
            except Deferred as error:
                self.means.book.rest(notice, str(error))
            except Unavailable as error:
                trouble = str(error)
                in_vain.append((notice, trouble))
                if len(in_vain) == IN_VAIN:
                    break
                continue
            for each, why in in_vain:  # it was theirs
                self.means.book.rest(each, why)
            in_vain, trouble = [], ""
        self.trouble = trouble
        return sent

    def _send(self, notice: Notice) -> bool:
        """True, if it was taken. Whatever ends a notice otherwise is kept with it."""
        book = self.means.book
        try:
            letter = self._letter(notice)
            if letter is None:
                book.end(notice.id, State.DROPPED, "the invitation holds no longer")
                return False
            if not book.is_waiting(notice.id):  # who it is for or about was erased meanwhile
                return False
            self.means.post.deliver(letter)
        except (Invalid, NotFound, *_UNREADABLE) as error:
            why = str(error) if isinstance(error, GdiError) else type(error).__name__
            book.end(notice.id, State.UNSENT, why)
            logger.warning("notice %s cannot be sent: %s", notice.id, why)
            return False
        book.end(notice.id, State.SENT)
        return True

    def _letter(self, notice: Notice) -> Letter | None:
        """The letter, by what is known now; None, if nobody needs it any more. Raises Invalid, NotFound."""
        rule, means = RULES.get(notice.rule), self.means
        if rule is None:
            raise Invalid(f"this version knows no notices {notice.rule!r}")
        event = self._event(notice.source)
        state = self._as_then(event)
        invitation = notice.recipient.removeprefix(INVITATION)
        if invitation == notice.recipient:
            address, invitation, code = self._address(notice.recipient), "", ""
        else:
            address = self._invited(rule.story, notice.source.thing, invitation)
            code = self._code(rule.story, invitation)
        if not address:
            return None
        told = facts_of(rule.story, state, event)
        facts = {
            **told,
            "service": means.sender_name,
            "url": means.url(),
            "link": means.link(rule.story, _page_about(rule.story, told, notice.source), invitation, code),
            "code": code,
            "organisation": means.directory.organisation(organisation_of(rule.story, state)) or NONE,
        }
        subject, text = means.wording.letter(rule, facts)
        return Letter(notice.id, address, subject, text, notice.written, means.sender, means.sender_name)

    def _event(self, source: Source) -> Event:
        """Raises NotFound."""
        found = self.means.ledger.feed(source.position - 1, 1)
        if not found or (found[0].stream, found[0].number) != (source.stream, source.number):
            raise NotFound(f"there is no event {source.number} of {source.stream}")
        return found[0]

    def _address(self, recipient: str) -> str:
        """Raises NotFound, if nobody knows it."""
        directory = self.means.directory
        if recipient.startswith(MAILBOX):
            found = directory.mailbox(recipient.removeprefix(MAILBOX))
        else:
            found = directory.address(recipient.removeprefix(PERSON))
        if not found:
            raise NotFound("no e-mail address is known: it comes with the next login")
        return found

    def _invited(self, story: str, thing: str, invitation: str) -> str:
        """Address of somebody whose invitation still holds; empty, if it was used, taken back, or is over."""
        now = self.means.ledger.now()
        if story == APPLICATION:
            application = self.means.ledger.state(APPLICATIONS, thing)
            told = self._text(
                each.person for each in application.invitations if _holds(each, invitation, now)
            )
            return str(msgspec.json.decode(told)["email"]) if told else ""
        invitations = self.means.ledger.state(ORGANISATION_STORY, thing).invitations.values()
        return address_in(self._text(each.contact for each in invitations if _holds(each, invitation, now)))

    def _text(self, ids: Iterator[str]) -> str:
        id_ = next(ids, "")
        return self._texts.of([id_])[id_] if id_ else ""

    def _code(self, story: str, invitation: str) -> str:
        codes = self.means.codes
        of = codes.of_application if story == APPLICATION else codes.of_organisation
        return of(invitation)


class _Invitation(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def until(self) -> datetime: ...


def _holds(invitation: _Invitation, id_: str, now: datetime) -> bool:
    return invitation.id == id_ and now < invitation.until


def _page_about(story: str, told: Mapping[str, str], source: Source) -> str:
    """What the page is about where a letter leads: a permit stands with its application."""
    return told["application"] if story == PERMIT else source.thing


def address_in(contact: str) -> str:
    """The address in a text of a contact, `Name <address>`; empty, if it was erased."""
    return contact.removesuffix(">").rpartition(" <")[2]
