"""The table of notices, the place up to which the ledger was read, and what people do not want to be told.

Methods block shortly: call them from a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Engine,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from opengdi.access.ledger import access_events
from opengdi.access.notices.model import (
    FIRST_REST_S,
    GIVE_UP_S,
    LONGEST_REST_S,
    PERSON,
    Notice,
    Source,
    State,
)
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import aware, metadata, reading
from opengdi.kernel.errors import Conflict, NotFound

notices: Final = Table(
    "notices",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("rule", String(60), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("stream", String(120), nullable=False),
    Column("number", Integer, nullable=False),
    Column("recipient", String(220), nullable=False),
    Column("state", String(20), nullable=False),
    Column("written_at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=True),
    Column("ended_at", DateTime(timezone=True), nullable=True),
    Column("attempts", Integer, nullable=False),
    Column("trouble", Text, nullable=False),
    UniqueConstraint("position", "rule", "recipient", name="uq_notices_position"),
    Index("ix_notices_state", "state", "due_at"),
    Index("ix_notices_recipient", "recipient", "written_at"),
)

notices_read: Final = Table(
    "notices_read",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
)
"""One row: the position up to which events were looked at."""

notices_declined: Final = Table(
    "notices_declined",
    metadata,
    Column("subject", String(200), primary_key=True),
    Column("rule", String(60), primary_key=True),
)

notices_erased: Final = Table(
    "notices_erased",
    metadata,
    Column("which", String(220), primary_key=True),
    Column("position", BigInteger, nullable=False),
)
"""Recipients and streams of who was erased, and the position up to which nothing is told to or of them.

Each stays until events were looked at up to there.
"""

_MOST_PRUNED: Final = 500
"""Notices that are forgotten in one transaction."""

LONGEST_NOTED: Final = 254
"""Characters of an address of e-mail. Spec: RFC 5321 section 4.5.3.1.3, without the angle brackets."""

letters_to_delete: Final = Table(
    "letters_to_delete", metadata, Column("which", String(LONGEST_NOTED), primary_key=True)
)
"""Ids and addresses of letters whose files are to be deleted; each stays until they are."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """A notice that follows from an event."""

    id: str
    rule: str
    source: Source
    recipient: str


def forget_person(
    connection: Connection, subject: str, own: Collection[str] = (), before: int = 0
) -> Sequence[str]:
    """Forget what somebody was told or was to be, and did not want to be, and what others were of them; ids of notices.

    Of what has happened up to now nothing is told to or of them later, either. own: streams of what was theirs alone,
    of which nobody is told any more what happened up to the position `before`.
    """
    connection.execute(
        update(notices_read).values(position=notices_read.c.position)
    )  # `write` comes before or after
    marks = {f"{PERSON}{subject}": newest(connection), **dict.fromkeys(own, before)}
    connection.execute(delete(notices_erased).where(notices_erased.c.which.in_(marks)))
    rows = [{"which": which, "position": position} for which, position in marks.items()]
    connection.execute(insert(notices_erased), rows)
    gone = notices.c.recipient.in_(marks) | notices.c.stream.in_(marks)
    found = connection.scalars(select(notices.c.id).where(gone)).all()
    connection.execute(delete(notices).where(gone))
    connection.execute(delete(notices_declined).where(notices_declined.c.subject == subject))
    return found


def newest(connection: Connection) -> int:
    """Position of the last event."""
    return connection.scalar(select(func.max(access_events.c.position))) or 0


def note_letters(connection: Connection, which: Collection[str]) -> None:
    """The files of letters with these ids, or to these addresses, are to be deleted."""
    column = letters_to_delete.c.which
    kept = {
        each for each in which if len(each) <= LONGEST_NOTED
    }  # nothing longer was ever a letter's address
    fresh = kept - set(connection.scalars(select(column)))
    if fresh:
        connection.execute(insert(letters_to_delete), [{"which": each} for each in sorted(fresh)])


def delete_letters(engine: Engine, forget: Callable[[Collection[str]], None]) -> None:
    """Have those files deleted that are to be. Raises what `forget` does: then they stay noted."""
    column = letters_to_delete.c.which
    with reading(engine) as connection:
        which = connection.scalars(select(column)).all()
    if which:
        forget(which)
        with engine.begin() as connection:
            for each in which:
                connection.execute(delete(letters_to_delete).where(column == each))


class NoticeBook:
    """All notices of one node or hub."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    # -- reading the ledger

    def read_up_to(self) -> int:
        """Position up to which events were looked at. What happened before notices were first looked for is past."""
        query = select(notices_read.c.position)
        with reading(self._engine) as connection:
            found: int | None = connection.scalar(query)
        return self._begin() if found is None else found

    def _begin(self) -> int:
        try:
            with self._engine.begin() as connection:
                position = newest(connection)
                connection.execute(insert(notices_read), {"one": 1, "position": position})
                return position
        except IntegrityError:  # another process began meanwhile
            return self.read_up_to()

    def write(self, fresh: Iterable[Fresh], before: int, after: int) -> bool:
        """Keep what follows from the events in (before, after], but for what is to or of somebody who was erased.

        False, if another process did it meanwhile.
        """
        now, columns = self._clock.now(), notices_read.c
        with self._engine.begin() as connection:
            moved = connection.execute(
                update(notices_read).where(columns.position == before).values(position=after)
            )
            if moved.rowcount != 1:
                return False
            rows = [_row(each, now) for each in _but_of_erased(connection, fresh)]
            if rows:
                connection.execute(insert(notices), rows)
            connection.execute(delete(notices_erased).where(notices_erased.c.position <= after))
        return True

    # -- sending

    def due(self, most: int) -> list[Notice]:
        """What is to be sent now, in the order of events."""
        columns = notices.c
        query = (
            select(notices)
            .where(columns.state == State.WAITING, columns.due_at <= self._clock.now())
            .order_by(columns.position, columns.id)
            .limit(most)
        )
        return self._select(query)

    def is_waiting(self, id_: str) -> bool:
        """Whether it is to be sent still: nobody has erased who it is for or about."""
        waits = (notices.c.id == id_) & (notices.c.state == State.WAITING)
        return bool(self._select(select(notices).where(waits)))

    def end(self, id_: str, state: State, trouble: str = "") -> None:
        """It was sent, cannot be, or need not be."""
        values = {"state": state, "trouble": trouble, "ended_at": self._clock.now(), "due_at": None}
        self._update(id_, values)

    def rest(self, notice: Notice, trouble: str) -> None:
        """It was not taken now: it is tried again after twice the time, and given up after some days."""
        now = self._clock.now()
        if now - notice.written >= timedelta(seconds=GIVE_UP_S):
            return self.end(notice.id, State.UNSENT, f"given up: {trouble}")
        rest_s = min(LONGEST_REST_S, FIRST_REST_S * 2.0 ** min(notice.attempts, 30))
        due = now + timedelta(seconds=rest_s)
        return self._update(notice.id, {"attempts": notice.attempts + 1, "trouble": trouble, "due_at": due})

    def retry(self, id_: str) -> Notice:
        """Send it again, from now for as long as a new one. Raises NotFound, Conflict if it waits already."""
        notice = self.find(id_)
        if notice.state is State.WAITING and notice.attempts == 0:
            raise Conflict(f"notice {id_} waits to be sent already")
        now = self._clock.now()
        values = {"state": State.WAITING, "due_at": now, "written_at": now, "attempts": 0, "ended_at": None}
        self._update(id_, {**values, "trouble": ""})
        return self.find(id_)

    def _update(self, id_: str, values: dict[str, Any]) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(notices).where(notices.c.id == id_).values(**values))

    def prune(self, before: datetime) -> int:
        """Forget what was sent before a moment, and note its letters to be deleted; how many.

        What was not sent stays.
        """
        columns, found = notices.c, 0
        query = select(columns.id).where(columns.state == State.SENT, columns.ended_at < before)
        while True:
            with self._engine.begin() as connection:
                ids = connection.scalars(query.limit(_MOST_PRUNED)).all()
                note_letters(connection, ids)
                connection.execute(delete(notices).where(columns.id.in_(ids)))
            found += len(ids)
            if len(ids) < _MOST_PRUNED:
                return found

    # -- looking

    def find(self, id_: str) -> Notice:
        """Raises NotFound."""
        found = self._select(select(notices).where(notices.c.id == id_))
        if not found:
            raise NotFound(f"there is no notice {id_}")
        return found[0]

    def lines(self, *, states: Collection[State] = (), recipient: str = "", most: int = 100) -> list[Notice]:
        """Notices, the newest first. states: empty means any."""
        columns = notices.c
        query = select(notices)
        if states:
            query = query.where(columns.state.in_(sorted(states)))
        if recipient:
            query = query.where(columns.recipient == recipient)
        return self._select(query.order_by(columns.written_at.desc(), columns.id).limit(most))

    def counts(self) -> dict[State, int]:
        """How many there are in each state."""
        query = select(notices.c.state, func.count()).group_by(notices.c.state)
        with reading(self._engine) as connection:
            found = {row[0]: row[1] for row in connection.execute(query)}
        return {state: found.get(state.value, 0) for state in State}

    def _select(self, query: Any) -> list[Notice]:
        with reading(self._engine) as connection:
            return [_notice(row) for row in connection.execute(query)]

    # -- what people do not want

    def declined(self, subject: str) -> frozenset[str]:
        """Rules of which somebody does not want to hear."""
        columns = notices_declined.c
        with reading(self._engine) as connection:
            found = connection.scalars(select(columns.rule).where(columns.subject == subject))
            return frozenset(found)

    def decline(self, subject: str, rules: Sequence[str]) -> None:
        """These, and no others, somebody does not want."""
        columns = notices_declined.c
        with self._engine.begin() as connection:
            connection.execute(delete(notices_declined).where(columns.subject == subject))
            if rules:
                rows = [{"subject": subject, "rule": rule} for rule in sorted(set(rules))]
                connection.execute(insert(notices_declined), rows)


def _but_of_erased(connection: Connection, fresh: Iterable[Fresh]) -> Iterator[Fresh]:
    marks = {row.which: row.position for row in connection.execute(select(notices_erased))}
    for each in fresh:
        if each.source.position > max(marks.get(each.recipient, 0), marks.get(each.source.stream, 0)):
            yield each


def _row(fresh: Fresh, now: datetime) -> dict[str, Any]:
    return {
        "id": fresh.id,
        "rule": fresh.rule,
        "position": fresh.source.position,
        "stream": fresh.source.stream,
        "number": fresh.source.number,
        "recipient": fresh.recipient,
        "state": State.WAITING,
        "written_at": now,
        "due_at": now,
        "ended_at": None,
        "attempts": 0,
        "trouble": "",
    }


def _notice(row: Row[Any]) -> Notice:
    return Notice(
        row.id,
        row.rule,
        Source(row.position, row.stream, row.number),
        row.recipient,
        State(row.state),
        aware(row.written_at),
        row.attempts,
        aware(row.due_at) if row.due_at else None,
        aware(row.ended_at) if row.ended_at else None,
        row.trouble,
    )
