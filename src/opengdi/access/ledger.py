"""The ledger of access: streams of events, what they add up to, and lists of where each stands.

One act is one transaction: read the events, decide, append, renew the head, write the audit line, and whatever follows
(an event of the outbox, a notice of the feed). Methods block shortly: call them from a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

import msgspec
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
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from opengdi.access.model import Event, Head, NewEvent
from opengdi.access.texts import Written, keep_texts
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.clock import Clock
from opengdi.kernel.database import aware, metadata, reading
from opengdi.kernel.errors import Conflict, Invalid, NotAuthenticated, NotFound, NotPermitted

S = TypeVar("S")

_TRIES: Final = 5
"""How often an act that another one forestalled is decided again."""

_LONGEST_PLACE: Final = 200

_TURN: Final = 0x6764695F6163
"""Advisory lock of PostgreSQL: whoever acts takes their turn first, before any other lock.

An act on an application changes its permit, the end of a permit its application, a case both. With a lock for each
stream they waited for each other; with one turn they cannot, and positions are in the order of commits.
"""

access_events: Final = Table(
    "access_events",
    metadata,
    Column("position", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("stream", String(120), nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String(60), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("form", Integer, nullable=False),
    Column("data", Text, nullable=False),
    UniqueConstraint("stream", "number", name="uq_access_events_stream"),
    sqlite_autoincrement=True,
)

access_heads: Final = Table(
    "access_heads",
    metadata,
    Column("stream", String(120), primary_key=True),
    Column("story", String(30), nullable=False),
    Column("state", String(40), nullable=False),
    Column("events", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("summary", Text, nullable=False),
    Index("ix_access_heads_story", "story", "changed_at", "stream"),
)

access_concerned: Final = Table(
    "access_concerned",
    metadata,
    Column("who", String(200), primary_key=True),
    Column("stream", String(120), primary_key=True),
    Index("ix_access_concerned_stream", "stream"),
)


@dataclass(frozen=True, slots=True)
class Story(Generic[S]):
    """How one kind of stream is told. name: `application`, `case`, …, the first part of its streams' names.

    evolve never fails: it takes an event that it does not know as nothing. head: what lists say of a state.
    """

    name: str
    blank: S
    evolve: Callable[[S, Event], S]
    head: Callable[[S], Head]

    def fold(self, events: Iterable[Event]) -> S:
        """What the events add up to."""
        state = self.blank
        for event in events:
            state = self.evolve(state, event)
        return state

    def stream(self, id_: str) -> str:
        """Name of the stream of the thing with that id."""
        return f"{self.name}:{id_}"


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of a list."""

    id: str
    state: str
    events: int
    created: datetime
    changed: datetime
    summary: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listing:
    """Lines, newest change first. after: what to ask next with, if there are more."""

    lines: tuple[Listed, ...]
    after: str | None


def read_place(text: str) -> str:
    """The `after` of a page, as somebody gives it back. Raises Invalid."""
    time, _, stream = text.partition(" ")
    try:
        zone = datetime.fromisoformat(time).tzinfo
    except ValueError as error:
        raise Invalid("after must be the `next` of the page before") from error
    if zone is None or not (stream and stream.isprintable()) or len(text) > _LONGEST_PLACE:
        raise Invalid("after must be the `next` of the page before")
    return text


Follow = Callable[[Connection, S, Sequence[Event]], None]
"""Writes what follows from new events into the same transaction; what it raises undoes the act."""


def nothing_follows(_connection: Connection, _state: object, _events: Sequence[Event]) -> None:
    """For acts that nobody else needs to hear of."""


class Ledger:
    """All streams of one node or hub."""

    def __init__(self, engine: Engine, clock: Clock, audit: AuditLog) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit

    @property
    def engine(self) -> Engine:
        return self._engine

    def now(self) -> datetime:
        """The time by which events are dated."""
        return self._clock.now()

    def change(
        self,
        story: Story[S],
        id_: str,
        decide: Callable[[S, datetime], Sequence[NewEvent]],
        *,
        actor: str,
        texts: Sequence[Written] = (),
        follow: Follow[S] = nothing_follows,
    ) -> S:
        """The state after what `decide` wants recorded; a stream begins with its first event.

        decide: gets the state and the time; it may be asked again if somebody else was faster. No events: nothing
        happened. texts: what the events refer to. Whatever it raises is raised; a refusal is in the audit chain too.
        Raises Conflict if others are faster every time.
        """
        for _ in range(_TRIES):
            try:
                with self._engine.begin() as connection:
                    return self.change_within(
                        connection, story, id_, decide, actor=actor, texts=texts, follow=follow
                    )
            except IntegrityError:
                continue
            except (NotPermitted, NotAuthenticated):
                self._audit.append(
                    f"access.{story.name}.refuse",
                    actor=actor,
                    outcome=Outcome.REFUSED,
                    objects=(story.stream(id_),),
                )
                raise
        raise Conflict(f"{story.stream(id_)} is changed by too many at once", public="Please try again.")

    def change_within(
        self,
        connection: Connection,
        story: Story[S],
        id_: str,
        decide: Callable[[S, datetime], Sequence[NewEvent]],
        *,
        actor: str,
        texts: Sequence[Written] = (),
        follow: Follow[S] = nothing_follows,
    ) -> S:
        """`change` within a transaction of somebody else's, which is not tried again."""
        stream, now = story.stream(id_), self._clock.now()
        if connection.dialect.name == "postgresql":  # on SQLite whoever writes is alone anyway
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TURN})
        past = _read(connection, stream)
        before = story.fold(past)
        fresh = decide(before, now)
        if not fresh:
            return before
        events = [
            Event(stream, number, new.kind, now, actor, new.data)
            for number, new in enumerate(fresh, start=len(past) + 1)
        ]
        state = before
        for event in events:
            state = story.evolve(state, event)
        keep_texts(connection, stream, texts)
        _append(connection, events)
        _put_head(connection, story, stream, story.head(state), events)
        for event in events:
            self._audit.append(f"access.{story.name}.{event.kind}", actor=actor, objects=(stream,))
        follow(connection, state, events)
        return state

    def state(self, story: Story[S], id_: str) -> S:
        """What a stream adds up to. Raises NotFound if it never began."""
        return story.fold(self.events(story, id_))

    def events(self, story: Story[S], id_: str) -> list[Event]:
        """All events of a stream in order. Raises NotFound if it never began."""
        with reading(self._engine) as connection:
            found = _read(connection, story.stream(id_))
        if not found:
            raise NotFound(f"there is no {story.name} {id_}")
        return found

    def events_within(self, connection: Connection, story: Story[S], id_: str) -> list[Event]:
        """All events of a stream in order, also those of this very transaction; none if it never began."""
        return _read(connection, story.stream(id_))

    def states_within(self, connection: Connection, story: Story[S], concerning: str) -> list[S]:
        """What the streams of a story that concern somebody add up to, also by what this very transaction wrote."""
        heads, columns = access_heads.c, access_concerned.c
        query = (
            select(heads.stream)
            .join(access_concerned, columns.stream == heads.stream)
            .where(columns.who == concerning, heads.story == story.name)
            .order_by(heads.stream)
        )
        return [story.fold(_read(connection, stream)) for stream in list(connection.scalars(query))]

    def feed(self, after: int, most: int = 1000) -> list[Event]:
        """Events of all streams in order, those behind position `after`."""
        columns = access_events.c
        query = select(access_events).where(columns.position > after).order_by(columns.position).limit(most)
        with reading(self._engine) as connection:
            return [_event(row) for row in connection.execute(query)]

    def list(
        self,
        story: Story[S],
        *,
        concerning: Iterable[str] | None = None,
        states: Iterable[str] = (),
        after: str | None = None,
        most: int = 100,
    ) -> Listing:
        """Where the streams of a story stand, newest change first.

        concerning: only those that concern one of these subjects or bodies; None: all. states: empty means any.
        after: the `after` of the page before.
        """
        heads = access_heads.c
        query = select(access_heads).where(heads.story == story.name)
        if concerning is not None:
            mine = select(access_concerned.c.stream).where(
                access_concerned.c.who.in_(sorted(set(concerning)))
            )
            query = query.where(heads.stream.in_(mine))
        if wanted := sorted(set(states)):
            query = query.where(heads.state.in_(wanted))
        if after is not None:
            time, _, stream = after.partition(" ")
            changed = datetime.fromisoformat(time)
            query = query.where(
                or_(heads.changed_at < changed, and_(heads.changed_at == changed, heads.stream < stream))
            )
        query = query.order_by(heads.changed_at.desc(), heads.stream.desc()).limit(most + 1)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        lines = tuple(_listed(row) for row in rows[:most])
        more = len(rows) > most
        return Listing(lines, f"{lines[-1].changed.isoformat()} {rows[most - 1].stream}" if more else None)

    def counts(self, story: Story[S]) -> dict[str, int]:
        """How many streams of a story are in each state."""
        heads = access_heads.c
        query = select(heads.state, func.count()).where(heads.story == story.name).group_by(heads.state)
        with reading(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query)}


def _read(connection: Connection, stream: str) -> list[Event]:
    columns = access_events.c
    query = select(access_events).where(columns.stream == stream).order_by(columns.number)
    return [_event(row) for row in connection.execute(query)]


def _append(connection: Connection, events: Sequence[Event]) -> None:
    rows = [
        {
            "stream": event.stream,
            "number": event.number,
            "kind": event.kind,
            "at": event.at,
            "actor": event.actor,
            "form": event.form,
            "data": msgspec.json.encode(event.data).decode(),
        }
        for event in events
    ]
    connection.execute(insert(access_events), rows)


def _event(row: Row[Any]) -> Event:
    return Event(
        row.stream,
        row.number,
        row.kind,
        aware(row.at),
        row.actor,
        msgspec.json.decode(row.data),
        row.form,
        row.position,
    )


def _listed(row: Row[Any]) -> Listed:
    id_ = row.stream.partition(":")[2]
    summary = msgspec.json.decode(row.summary)
    return Listed(id_, row.state, row.events, aware(row.created_at), aware(row.changed_at), summary)


def _put_head(
    connection: Connection, story: Story[S], stream: str, head: Head, events: Sequence[Event]
) -> None:
    values = {
        "state": head.state,
        "events": events[-1].number,
        "changed_at": events[-1].at,
        "summary": msgspec.json.encode(head.summary).decode(),
    }
    if events[0].number == 1:
        first = {"stream": stream, "story": story.name, "created_at": events[0].at}
        connection.execute(insert(access_heads), {**first, **values})
    else:
        connection.execute(update(access_heads).where(access_heads.c.stream == stream).values(**values))
    _put_concerned(connection, stream, head.concerned)


def _put_concerned(connection: Connection, stream: str, concerned: frozenset[str]) -> None:
    columns = access_concerned.c
    known = set(connection.scalars(select(columns.who).where(columns.stream == stream)))
    if gone := known - concerned:
        connection.execute(
            delete(access_concerned).where(columns.stream == stream, columns.who.in_(sorted(gone)))
        )
    if fresh := sorted(concerned - known):
        connection.execute(insert(access_concerned), [{"who": who, "stream": stream} for who in fresh])
