"""What a hub forgets of applications: those of a person who asked, and those that have been over for long enough.

The events stay, and add up to the same as before: they hold ids. decision 0019
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import Connection, exists, select

from opengdi.access.applications.model import OPEN, OVER, Application, State
from opengdi.access.applications.offers import words_of
from opengdi.access.applications.service import Applications
from opengdi.access.applications.story import APPLICATIONS
from opengdi.access.kinds import APPLICATION_MESSAGE, CASE_APPEALED, CASE_ERASED
from opengdi.access.ledger import access_events, access_heads
from opengdi.access.model import NewEvent
from opengdi.access.texts import access_texts, forget_texts
from opengdi.kernel.database import reading
from opengdi.kernel.errors import Conflict
from opengdi.kernel.feed import Feed

INSTEAD: Final[Mapping[str, Mapping[str, str]]] = {
    kind: {"text": "[erased]"} for kind in (APPLICATION_MESSAGE, CASE_APPEALED)
}
"""Kinds of notices that a case must hear although their words are erased, and what they say then.

A body that waits for an answer, or is to decide again, must not wait for ever on the next applicant.
"""

REASON: Final = "erased"
"""Why an application ended whose applicant is forgotten."""

LEFT: Final = "left"
"""Why an application ended that nobody has touched for as long as what is over is kept."""

_ENDS: Final[Mapping[State, str]] = {
    State.DRAFT: "deleted",
    State.PENDING: "withdrawn",
    **dict.fromkeys(OPEN, "withdrawn"),
    State.APPROVED: "revoked",
    State.PARTLY_APPROVED: "revoked",
    State.REJECTED: "closed",
}
"""How an application ends that nobody answers for any more. All others have ended."""

_LEFT: Final = frozenset({State.DRAFT, State.PENDING, State.RETURNED, State.REJECTED})
"""States that nothing but people ends: after long enough without any of them, nobody comes back to it."""

_NO_LIFE: Final = frozenset({"case-changed", "case-delayed"})
"""Events that come of time alone: bodies tell again and again that they still wait."""


def applications_of(applications: Applications, subject: str) -> Iterator[Application]:
    """All applications that somebody has or had to do with."""
    after: str | None = None
    while True:
        page = applications.around.ledger.list(APPLICATIONS, concerning=[subject], after=after)
        yield from (applications.state(line.id) for line in page.lines)
        after = page.after
        if after is None:
            return


def forget_person(
    connection: Connection, applications: Applications, subject: str, actor: str, *, feed: Feed
) -> list[Application]:
    """End and empty a person's own applications, and take them out of those of others; their own.

    Their bodies hear of the end as of any other, and then that the case is to be emptied; a permit ends with its
    application. What was told of the person, or of their own applications, and is not heard yet, nobody will hear.
    """
    feed.erase(connection, subject, instead=INSTEAD)
    own = []
    for state in list(applications_of(applications, subject)):
        if state.applicant == subject:
            applications.record(connection, state.id, partial(_ended, REASON), actor=actor)
            forget_texts(connection, APPLICATIONS.stream(state.id))
            feed.erase(connection, words_of(state.id))
            for at in state.cases:
                erased = {"case": at.opened.case, "applicant": subject}
                feed.write(connection, at.opened.node, CASE_ERASED, erased)
            own.append(state)
        elif subject in state.member_subjects | _invited(state):
            applications.record(connection, state.id, partial(_left, subject), actor=actor)
    return own


def _ended(reason: str, state: Application, _now: datetime) -> Sequence[NewEvent]:
    end = _ENDS.get(state.state)
    redacted = [
        NewEvent("attachment-redacted", {"attachment": file.id, "text": ""})
        for file in state.attachments
        if not file.redacted
    ]
    return [*redacted, *([NewEvent(end, {"reason": reason})] if end else [])]


def _left(subject: str, state: Application, _now: datetime) -> Sequence[NewEvent]:
    gone = [NewEvent("member-removed", {"subject": subject})] if subject in state.member_subjects else []
    called = [one.id for one in state.invitations if one.subject == subject]
    return [*gone, *(NewEvent("member-uninvited", {"invitation": id_}) for id_ in called)]


def _invited(state: Application) -> frozenset[str]:
    return frozenset(one.subject for one in state.invitations if one.subject)


def over_since(applications: Applications, before: datetime) -> dict[str, int]:
    """Applications that ended, or were left, before a moment and still have texts, and how many events each has.

    The longest over comes first.
    """
    heads, texts, events = access_heads.c, access_texts.c, access_events.c
    since = select(events.number).where(
        events.stream == heads.stream, events.at >= before, events.kind.not_in(sorted(_NO_LIFE))
    )
    query = (
        select(heads.stream, heads.events)
        .where(heads.story == APPLICATIONS.name, heads.state.in_(sorted(OVER | _LEFT)))
        .where(heads.created_at < before, ~exists(since))
        .where(exists(select(texts.id).where(texts.stream == heads.stream)))
        .order_by(heads.changed_at)
    )
    with reading(applications.around.ledger.engine) as connection:
        return {row.stream.partition(":")[2]: row.events for row in connection.execute(query)}


def forget_over(
    connection: Connection, applications: Applications, id_: str, events: int, *, actor: str, feed: Feed
) -> None:
    """End and empty an application that has been over, or left, for long enough, here and where its cases were decided.

    events: how many it had then. Raises Conflict if something has happened to it since.
    """

    def ended(current: Application, now: datetime) -> Sequence[NewEvent]:
        if current.events != events:
            raise Conflict(f"application {id_} is not left any more")
        return _ended(LEFT, current, now)

    state = applications.record(connection, id_, ended, actor=actor)
    forget_texts(connection, APPLICATIONS.stream(id_))
    feed.erase(connection, words_of(id_))
    for at in state.cases:
        feed.write(connection, at.opened.node, CASE_ERASED, {"case": at.opened.case})
