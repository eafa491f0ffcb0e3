"""What a node forgets of a person who asked: their applications, as its bodies have them. Signed decisions stay.

decision 0019
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, delete, select

from opengdi.access.cases.model import OPEN, Case
from opengdi.access.cases.story import STORY, offers_in
from opengdi.access.ledger import Ledger
from opengdi.access.model import Event
from opengdi.access.texts import access_texts
from opengdi.kernel.errors import Invalid
from opengdi.kernel.feed import Notice

_PREFIX = STORY.stream("")


def forget_cases(connection: Connection, ledger: Ledger, subject: str, hub: str) -> list[str]:
    """Erase what was written in the cases of a hub that a person is the applicant of; the ids of those cases."""
    theirs = []
    for case, _ in _cases_with_texts(connection, ledger, subject, hub):
        if case.application.applicant == subject:
            _forget(connection, ledger, case)
            theirs.append(case.id)
    return theirs


def forget_words(connection: Connection, ledger: Ledger, subject: str, hub: str) -> None:
    """Erase what a person wrote to the bodies here, in the cases of a hub that they ever took part in.

    What is asked for stays: it is the application's, and whoever is its applicant goes on with it. What they wrote as
    a member of a body here is the body's record, and stays too.
    """
    texts = access_texts.c
    for case, events in _cases_with_texts(connection, ledger, subject, hub):
        if subject in _ever_in(events):
            written = (texts.stream == STORY.stream(case.id)) & (texts.about == subject)
            connection.execute(delete(access_texts).where(written, texts.id.not_in(offers_in(events))))


def take_erased(connection: Connection, ledger: Ledger, notice: Notice, hub: str) -> str:
    """`case.erased`: the id of the case. Raises Invalid for one that is another hub's, or for no reason to erase it."""
    id_ = str(notice.body.get("case", ""))
    case = _case(connection, ledger, STORY.stream(id_))
    if case.hub != hub:
        raise Invalid(f"{notice.kind}: case {id_[:120]!r} is not of {hub}")
    if case.state in OPEN and case.application.applicant != notice.body.get("applicant"):
        raise Invalid(
            f"{notice.kind}: case {id_} is in state {case.state}; only what is over is forgotten, "
            "or what the person asks for who is forgotten"
        )
    _forget(connection, ledger, case)
    return id_


def _cases_with_texts(
    connection: Connection, ledger: Ledger, subject: str, hub: str
) -> Iterator[tuple[Case, Sequence[Event]]]:
    """The cases of a hub in which something is a person's, with what happened in them."""
    texts = access_texts.c
    theirs = select(texts.stream).where(texts.about == subject, texts.stream.startswith(_PREFIX)).distinct()
    for stream in sorted(connection.scalars(theirs)):
        events = ledger.events_within(connection, STORY, stream.removeprefix(_PREFIX))
        case = STORY.fold(events)
        if case.hub == hub:
            yield case, events


def _ever_in(events: Sequence[Event]) -> frozenset[str]:
    """Who took part in an application, in this version of it or before."""
    case, found = STORY.blank, frozenset[str]()
    for event in events:
        case = STORY.evolve(case, event)
        found |= case.application.people
    return found


def _case(connection: Connection, ledger: Ledger, stream: str) -> Case:
    return STORY.fold(ledger.events_within(connection, STORY, stream.removeprefix(_PREFIX)))


def _forget(connection: Connection, ledger: Ledger, case: Case) -> None:
    """All texts of a case but the signed decisions."""
    texts = access_texts.c
    kept = sorted(_signed(connection, ledger, case))
    stream = STORY.stream(case.id)
    connection.execute(delete(access_texts).where(texts.stream == stream, texts.id.not_in(kept)))


def _signed(connection: Connection, ledger: Ledger, case: Case) -> Iterable[str]:
    events = ledger.events_within(connection, STORY, case.id)
    return (str(event.data["jws"]) for event in events if event.kind == "decided" and "jws" in event.data)
