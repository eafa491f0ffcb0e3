"""The feed: what a hub has to tell its nodes, in order, kept until it was heard; a hub pushes nothing into a node.

A node holds a question open (long poll), so that it hears within a second. Whoever asks proves it by the signed header
of `kernel.peers`, and the answer is signed by the hub; both are the work of `PeerGate` and `check_answer`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Engine,
    Index,
    Integer,
    String,
    Table,
    Text,
    delete,
    exists,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import DataError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opengdi.kernel.clock import Clock
from opengdi.kernel.database import aware, metadata, reading
from opengdi.kernel.errors import GdiError, Invalid, NotAuthenticated
from opengdi.kernel.http.callers import PEER
from opengdi.kernel.principal import Principal

logger = logging.getLogger(__name__)

FEED_PATH: Final = "/feed/v1"
EVERYBODY: Final = "*"
"""Audience of what every node is told."""

LONGEST_WAIT_S: Final = 20.0
LOOK_S: Final = 0.5
"""Time between two looks for what another process of the hub wrote."""

MOST: Final = 200
MOST_BYTES: Final = 8 * 1_048_576
"""Characters of notices in one answer: applicants write long ones, and nobody's must keep a node from the next."""

FOR_NEWCOMERS: Final = timedelta(days=1)
"""How long what everybody is told is kept at least, so that a node that comes hears of what visas may still rest on."""

ABSENT: Final = timedelta(days=30)
"""Whoever has not asked for so long is not waited for with what everybody is told; what is for them alone waits."""

FIRST_REST_S: Final = 0.5
LONGEST_REST_S: Final = 60.0

_SEEN_EVERY: Final = timedelta(minutes=10)
"""How exactly it is remembered when a node asked last: a write for every question would be too dear."""

_WRITING: Final = 0x6764695F6664
"""Advisory lock of PostgreSQL: notices get their number in the order in which they are committed."""

feed: Final = Table(
    "feed",
    metadata,
    Column("number", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("audience", String(200), nullable=False),
    Column("kind", String(60), nullable=False),
    Column("written_at", DateTime(timezone=True), nullable=False),
    Column("body", Text, nullable=False),
    Column("about", String(200), nullable=False, server_default=text("''")),
    Index("ix_feed_audience", "audience", "number"),
    Index("ix_feed_about", "about"),
    sqlite_autoincrement=True,
)

feed_readers: Final = Table(
    "feed_readers",
    metadata,
    Column("reader", String(200), primary_key=True),
    Column("heard", BigInteger, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False),
)
"""heard: number of the last notice that a node has taken, as it said when it asked last."""

feed_cursors: Final = Table(
    "feed_cursors",
    metadata,
    Column("source", String(200), primary_key=True),
    Column("number", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a hub tells. kind: such as `case.offered`; number: rises in the order of telling."""

    number: int
    kind: str
    written_at: datetime
    body: Mapping[str, Any]


class Feed:
    """The hub's side: notices as they are written and read."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self.is_ending = False

    def end(self) -> None:
        """Let questions that wait for news be answered now: the process ends."""
        self.is_ending = True

    def write(
        self, connection: Connection, audience: str, kind: str, body: Mapping[str, Any], *, about: str = ""
    ) -> None:
        """Tell a node (its id, or EVERYBODY) if the transaction of `connection` is committed.

        about: whom or what the body says something of, a person or an application; `erase` finds it by that.
        """
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITING})
        row = {"audience": audience, "kind": kind, "written_at": self._clock.now(), "about": about}
        connection.execute(insert(feed), {**row, "body": msgspec.json.encode(body).decode()})

    def since(self, after: int, audience: str, most: int = MOST) -> list[Notice]:
        """What a node has not heard yet: at most so many, and about `MOST_BYTES`; one in any case."""
        columns = feed.c
        theirs = (columns.number > after, columns.audience.in_((audience, EVERYBODY)))
        sizes = select(columns.number, func.length(columns.body)).where(*theirs)
        with reading(self._engine) as connection:
            last = _last(connection.execute(sizes.order_by(columns.number).limit(most)).all())
            if last is None:
                return []
            query = (
                select(columns.number, columns.kind, columns.written_at, columns.body)
                .where(*theirs, columns.number <= last)
                .order_by(columns.number)
            )
            return [
                Notice(row.number, row.kind, aware(row.written_at), msgspec.json.decode(row.body))
                for row in connection.execute(query)
            ]

    def heard(self, reader: str, number: int) -> None:
        """A node says what it has taken: what was for it alone up to there is not kept any longer."""
        columns, now = feed_readers.c, self._clock.now()
        values = {"heard": number, "asked_at": now}
        with reading(self._engine) as connection:
            known = connection.execute(select(feed_readers).where(columns.reader == reader)).one_or_none()
        if known is not None and known.heard == number and now - aware(known.asked_at) < _SEEN_EVERY:
            return
        theirs = (feed.c.audience == reader) & (feed.c.number <= number)
        with self._engine.begin() as connection:
            if not connection.execute(
                update(feed_readers).where(columns.reader == reader).values(**values)
            ).rowcount:
                connection.execute(insert(feed_readers), {"reader": reader, **values})
            connection.execute(delete(feed).where(theirs))

    def prune(self) -> int:
        """Forget what everybody was told and has heard; how many notices. Of each person the newest of a kind stays.

        So a node that comes later knows how people stand, and who is to be forgotten.
        """
        now, columns = self._clock.now(), feed.c
        later = feed.alias("later")
        newer = select(later.c.number).where(
            later.c.audience == EVERYBODY,
            later.c.kind == columns.kind,
            later.c.about == columns.about,
            later.c.number > columns.number,
        )
        with self._engine.begin() as connection:
            waited_for = select(func.min(feed_readers.c.heard)).where(feed_readers.c.asked_at > now - ABSENT)
            heard = connection.scalar(waited_for)
            old = (columns.audience == EVERYBODY) & (columns.written_at < now - FOR_NEWCOMERS)
            if heard is not None:
                old &= columns.number <= heard
            return connection.execute(
                delete(feed).where(old & ((columns.about == "") | exists(newer)))
            ).rowcount

    def erase(
        self, connection: Connection, about: str, *, instead: Mapping[str, Mapping[str, Any]] | None = None
    ) -> int:
        """Forget all that somebody was told of a person, heard or not; how many notices.

        instead: of kinds that must be heard in any case, what their fields say from now on; they are nobody's then.
        """
        columns, still = feed.c, instead or {}
        theirs = columns.about == about
        query = select(columns.number, columns.kind, columns.body).where(theirs, columns.kind.in_(still))
        for row in connection.execute(query).all():
            body = msgspec.json.encode({**msgspec.json.decode(row.body), **still[row.kind]}).decode()
            connection.execute(update(feed).where(columns.number == row.number).values(body=body, about=""))
        return connection.execute(delete(feed).where(theirs)).rowcount


def _last(sizes: Sequence[Any]) -> int | None:
    """The last number that fits into one answer; None: there is nothing."""
    last, total = None, 0
    for number, size in sizes:
        total += size
        if last is not None and total > MOST_BYTES:
            break
        last = int(number)
    return last


def feed_route(notices: Feed) -> Route:
    """`GET /feed/v1?after=N&wait=S`, for nodes behind a `PeerGate`; answers as soon as there is something."""

    async def ask(request: Request) -> Response:
        node = _asking_node(request)
        after, wait_s = _number(request, "after"), min(_number(request, "wait"), LONGEST_WAIT_S)
        looks = max(1, round(wait_s / LOOK_S))
        await asyncio.to_thread(notices.heard, node, after)
        found: list[Notice] = []
        for look in range(looks):
            found = await asyncio.to_thread(notices.since, after, node)
            if found or look == looks - 1 or notices.is_ending:
                break
            await asyncio.sleep(LOOK_S)
        return Response(_as_document(found), media_type="application/json")

    return Route(FEED_PATH, ask, methods=["GET"])


def _asking_node(request: Request) -> str:
    peer: Principal | None = request.scope.get(PEER)
    if peer is None or not peer.hub:
        raise NotAuthenticated("the feed is for nodes that sign their questions")
    return peer.hub  # a node that asks is the peer here, as a hub is at a node


def _number(request: Request, name: str) -> int:
    given = request.query_params.get(name, "0")
    if not given.isascii() or not given.isdigit() or len(given) > 18:
        raise Invalid(f"{name} is {given[:20]!r}; expected a number such as 0")
    return int(given)


def _as_document(notices: Sequence[Notice]) -> bytes:
    rows = [
        {"number": each.number, "kind": each.kind, "time": each.written_at.isoformat(), "body": each.body}
        for each in notices
    ]
    return msgspec.json.encode({"notices": rows})


def read_notices(document: bytes) -> list[Notice]:
    """Notices as `feed_route` answers them. Raises Invalid."""
    try:
        rows = msgspec.json.decode(document)["notices"]
        return [
            Notice(int(row["number"]), str(row["kind"]), datetime.fromisoformat(row["time"]), row["body"])
            for row in rows
        ]
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        raise Invalid(f"the feed's answer cannot be read: {type(error).__name__}") from error


Handle = Callable[[Connection, Notice], None]
"""Takes a notice within the transaction that moves the cursor; the same notice may come again after a crash."""


class AsksHub(Protocol):
    """Asks the hub for what is new; raises GdiError if nobody answers or the answer does not hold."""

    async def __call__(self, after: int, wait_s: float) -> Sequence[Notice]: ...


class FeedFollower:
    """The node's side: follows one hub's feed from where it stopped.

    handlers: by kind of notice, several for one kind in turn; a kind that nobody handles is passed over. A notice
    that a handler calls Invalid, or that no database keeps, is reported and passed over, so that what comes behind it
    is heard; any other failure is tried again.
    trouble: why nothing is heard; empty: all is well.
    """

    def __init__(
        self,
        engine: Engine,
        source: str,
        ask: AsksHub,
        handlers: Mapping[str, Sequence[Handle]],
        *,
        refused: Callable[[Notice, str], None],
        then: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._engine = engine
        self._source = source
        self._ask = ask
        self._handlers = handlers
        self._refused = refused
        self._then = then
        self.trouble = ""

    async def run(self) -> None:
        """Follow for as long as the process serves."""
        failures = 0
        while True:
            try:
                await self.turn(LONGEST_WAIT_S)
                failures, self.trouble = 0, ""
            except Exception as error:  # noqa: BLE001  whatever it is, the hub is asked again
                failures += 1
                self.trouble = str(error) if isinstance(error, GdiError) else type(error).__name__
                logger.warning("the feed of %s cannot be followed: %s", self._source, self.trouble)
                await asyncio.sleep(min(LONGEST_REST_S, FIRST_REST_S * 2.0 ** min(failures - 1, 10)))

    async def turn(self, wait_s: float = 0.0) -> int:
        """Ask once and take what came; how many notices."""
        after = await asyncio.to_thread(self.position)
        notices = await self._ask(after, wait_s)
        for notice in notices:
            await asyncio.to_thread(self._take, notice)
        if notices and self._then is not None:
            await self._then()
        return len(notices)

    def position(self) -> int:
        """Number of the last notice that was taken."""
        with reading(self._engine) as connection:
            query = select(feed_cursors.c.number).where(feed_cursors.c.source == self._source)
            return connection.scalar(query) or 0

    def _take(self, notice: Notice) -> None:
        try:
            with self._engine.begin() as connection:
                for handle in self._handlers.get(notice.kind, ()):
                    handle(connection, notice)
                self._move(connection, notice.number)
        except (Invalid, DataError) as error:
            # What the database said holds values of the notice: only its kind is told.
            self._refused(
                notice, str(error) if isinstance(error, Invalid) else "the database does not keep it"
            )
            with self._engine.begin() as connection:
                self._move(connection, notice.number)

    def _move(self, connection: Connection, number: int) -> None:
        columns = feed_cursors.c
        moved = update(feed_cursors).where(columns.source == self._source).values(number=number)
        if connection.execute(moved).rowcount == 0:
            connection.execute(insert(feed_cursors), {"source": self._source, "number": number})
