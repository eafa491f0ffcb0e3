"""Who stands how now, and the telling of it: nodes hear of every change in the transaction that makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from opengdi.access.each import do_each
from opengdi.access.kinds import PERSON_STANDING
from opengdi.access.ledger import Ledger
from opengdi.access.organisations import store
from opengdi.access.organisations.document import DOCUMENT_STORY, of_summary
from opengdi.access.organisations.model import (
    Document,
    Organisation,
    OrganisationState,
    Person,
    PersonStanding,
    PersonState,
)
from opengdi.access.organisations.organisation import ORGANISATION_STORY
from opengdi.access.organisations.person import PERSON_STORY
from opengdi.access.organisations.rules import standing
from opengdi.access.ports import Standing
from opengdi.kernel.canonical import canonical_json
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import reading
from opengdi.kernel.errors import NotFound
from opengdi.kernel.feed import EVERYBODY, Feed

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Standings:
    """Reads standings and tells them. documents_url: where documents are found; lost: what follows from a lost one.

    lost: called in the transaction in which somebody is no longer in good standing.
    """

    ledger: Ledger
    clock: Clock
    feed: Feed
    documents_url: str
    lost: Callable[[Connection, str], None]

    def of(self, subject: str) -> Standing:
        """What applications need to know: whether somebody may ask, for whom, and who confirms it."""
        found, organisation = self._look(subject)
        return Standing(
            subject,
            found.organisation,
            found.in_good_standing,
            found.in_good_standing and not found.healthcare_faults,
            found.faults,
            organisation.officials,
        )

    def now(self, subject: str) -> PersonStanding:
        """What may be said of somebody now."""
        return self._look(subject)[0]

    def officials(self, organisation: str) -> frozenset[str]:
        """Subjects of those who sign for an organisation; of one that is unknown, none."""
        return self.organisation(organisation).officials

    def _look(self, subject: str) -> tuple[PersonStanding, Organisation]:
        person = self.person(subject)
        organisation = self.organisation(person.organisation)
        if not person.subject:
            return PersonStanding(subject), organisation
        return standing(person, organisation, self.documents(), self.clock.now()), organisation

    def person(self, subject: str) -> Person:
        """A person; the blank one if nobody knows them."""
        try:
            return self.ledger.state(PERSON_STORY, subject)
        except NotFound:
            return Person()

    def organisation(self, id_: str) -> Organisation:
        """An organisation; the blank one if nobody knows it."""
        try:
            return self.ledger.state(ORGANISATION_STORY, id_) if id_ else Organisation()
        except NotFound:
            return Organisation()

    def documents(self) -> tuple[Document, ...]:
        """All documents with their versions."""
        lines = self.ledger.list(DOCUMENT_STORY, most=1000).lines
        return tuple(sorted((of_summary(line.summary, line.state) for line in lines), key=lambda d: d.id))

    def subjects(self, organisation: str | None = None, *, but: PersonState | None = None) -> Iterator[str]:
        """Subjects of an organisation's people, or of all people. but: without those who stand so."""
        concerning = None if organisation is None else [organisation]
        states = [state for state in PersonState if state is not but]
        after: str | None = None
        while True:
            page = self.ledger.list(
                PERSON_STORY, concerning=concerning, states=states, after=after, most=_PAGE
            )
            yield from (line.id for line in page.lines)
            after = page.after
            if after is None:
                return

    def all_officials(self) -> frozenset[str]:
        """Those who sign for organisations, but for closed ones."""
        states = [state for state in OrganisationState if state is not OrganisationState.CLOSED]
        found = set[str]()
        after: str | None = None
        while True:
            page = self.ledger.list(ORGANISATION_STORY, states=states, after=after, most=_PAGE)
            found.update(*(self.officials(line.id) for line in page.lines))
            after = page.after
            if after is None:
                return frozenset(found)

    def tell(
        self, connection: Connection, people: Iterable[Person], organisation: Organisation, now: datetime
    ) -> int:
        """Tell nodes what changed for people of one organisation; how many were told of."""
        store.lock_standings(connection)
        documents = self.documents()
        return sum(
            self._tell_one(connection, standing(person, organisation, documents, now), now)
            for person in people
        )

    def renew(self) -> int:
        """Tell what changed by the passing of time, or by a new version of a document; how many were told of.

        Raises Unavailable as `do_each` does.
        """
        return do_each("how somebody stands", self.subjects(), self._renew)

    def _renew(self, subject: str) -> int:
        """Nothing is written of who stands as they were told to."""
        found = self.now(subject)
        with reading(self.ledger.engine) as connection:
            if self._spelled(found) == store.told_of(connection, subject):
                return 0
        with self.ledger.engine.begin() as connection:
            person, organisation = self.person(subject), self.organisation(found.organisation)
            return self.tell(connection, [person], organisation, self.clock.now())

    def _tell_one(self, connection: Connection, found: PersonStanding, now: datetime) -> int:
        body, spelled = self.notice(found), self._spelled(found)
        before = store.told_of(connection, found.subject)
        if spelled == before:
            return 0
        self.feed.write(connection, EVERYBODY, PERSON_STANDING, body, about=found.subject)
        if before and msgspec.json.decode(before)["inGoodStanding"] and not found.in_good_standing:
            self.lost(connection, found.subject)
        store.keep_told(connection, found.subject, found.organisation, spelled, now)
        return 1

    def _spelled(self, found: PersonStanding) -> str:
        return canonical_json(self.notice(found)).decode()

    def notice(self, found: PersonStanding) -> Mapping[str, Any]:
        """What nodes are told of somebody."""
        return {
            "subject": found.subject,
            "organisation": found.organisation,
            "terms": [{"url": self.url(name), "at": at.isoformat()} for name, at in found.terms],
            "until": found.until.isoformat() if found.until else None,
            "inGoodStanding": found.in_good_standing,
        }

    def url(self, name: str) -> str:
        """Address of a version of a document, `<document>/<version>`."""
        return f"{self.documents_url}/{name}"
