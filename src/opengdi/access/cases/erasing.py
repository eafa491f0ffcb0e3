"""What a node forgets of a person who asked: their applications, as its bodies have them. Signed decisions stay.

decision 0019
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, select

from opengdi.access.cases.model import OPEN, Case
from opengdi.access.cases.story import STORY
from opengdi.access.ledger import Ledger
from opengdi.access.texts import access_texts
from opengdi.kernel.errors import Invalid
from opengdi.kernel.feed import Notice

ERASED = "case.erased"
"""Kind of the notice by which a hub says that an application was over long enough: {case}."""

_PREFIX = STORY.stream("")


def forget_person(connection: Connection, ledger: Ledger, subject: str, hub: str) -> list[str]:
    """Erase what was written in the cases of a hub that a person is the applicant of, and what they wrote in others.

    What they wrote as a member of a body here is the body's record, and stays. The ids of the cases that were theirs.
    """
    texts = access_texts.c
    with_texts = (
        select(texts.stream).where(texts.about == subject, texts.stream.startswith(_PREFIX)).distinct()
    )
    theirs = []
    for stream in sorted(connection.scalars(with_texts)):
        case = _case(connection, ledger, stream)
        if case.hub != hub:
            continue
        if case.application.applicant == subject:
            _forget(connection, ledger, case)
            theirs.append(case.id)
        elif subject in case.application.people:
            connection.execute(delete(access_texts).where(texts.stream == stream, texts.about == subject))
    return theirs


def take_erased(connection: Connection, ledger: Ledger, notice: Notice, hub: str) -> None:
    """`case.erased`. Raises Invalid for a case that is not over, or another hub's."""
    id_ = str(notice.body.get("case", ""))
    case = _case(connection, ledger, STORY.stream(id_))
    if case.hub != hub:
        raise Invalid(f"{notice.kind}: case {id_[:120]!r} is not of {hub}")
    if case.state in OPEN:
        raise Invalid(f"{notice.kind}: case {id_} is in state {case.state}; only what is over is forgotten")
    _forget(connection, ledger, case)


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
