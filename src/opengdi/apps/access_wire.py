"""The wire between hubs and nodes: what a hub tells reaches each node in order, what a node tells reaches its hubs.

Parts add what they listen to (`on`) while they are put together; `part()` is asked last. At the hub, the hub itself
hears what it tells its own bodies, and tells itself what they decide, in the same transaction.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
from starlette.types import ASGIApp

from opengdi.apps.hub_questions import NODE_KEY, HubQuestions
from opengdi.apps.process import Part
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.courier import HttpCourier
from opengdi.kernel.errors import Invalid
from opengdi.kernel.feed import (
    EVERYBODY,
    FEED_PATH,
    LONGEST_WAIT_S,
    Feed,
    FeedFollower,
    Notice,
    feed_route,
    read_notices,
)
from opengdi.kernel.feed import Handle as NoticeHandle
from opengdi.kernel.health import Condition, Finding, Probe
from opengdi.kernel.http.edge import Limits
from opengdi.kernel.http.peer_gate import PeerGate
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.keys import PublicKey
from opengdi.kernel.outbox import Outbox, Sender
from opengdi.kernel.peers import (
    AnswerSigner,
    PeerVerifier,
)
from opengdi.kernel.reception import EVENTS_PATH, ReceivedEvent, Reception
from opengdi.kernel.reception import Handle as EventHandle

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from opengdi.apps.hub import HubState
    from opengdi.apps.node import NodeState
    from opengdi.apps.settings import TrustedHubSettings
    from opengdi.federation.model import Member
    from opengdi.kernel.audit.ports import AuditLog

logger = logging.getLogger(__name__)

HUB_KEY: Final = "hub"
SLACK_S: Final = 10.0
"""How much longer than the hub may wait an answer of the feed may take."""

EVENT_S: Final = 10.0
"""Longest time for the hub to take one event."""

LONGEST_FEED_BYTES: Final = 64 * 1_048_576

HubNoticeHandle = Callable[["Connection", Notice, str], None]
"""Takes a notice, and the id of the hub that told it."""


class Tells(Protocol):
    """Tells the hub `to` of an event, if the transaction of the connection is committed."""

    def __call__(
        self, connection: Connection, kind: str, subject: str, data: Mapping[str, Any], *, to: str
    ) -> None: ...


@dataclass(slots=True)
class NodeWire:
    """What this node hears of its hubs, and tells them. outbox: write with `to=<hub id>`."""

    state: NodeState
    outbox: Outbox
    _notices: dict[str, list[HubNoticeHandle]] = field(default_factory=dict)
    _after: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def on(self, kind: str, handle: NoticeHandle) -> None:
        """Listen to a kind of notice, whichever hub it is from."""
        self.on_from(kind, lambda connection, notice, _hub: handle(connection, notice))

    def on_from(self, kind: str, handle: HubNoticeHandle) -> None:
        """Listen to a kind of notice, and to who tells it."""
        self._notices.setdefault(kind, []).append(handle)

    def after(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do this each time when something new was heard."""
        self._after.append(work)

    def tell(
        self, connection: Connection, kind: str, subject: str, data: Mapping[str, Any], *, to: str
    ) -> None:
        """Tell the hub `to`."""
        self.outbox.write(connection, kind, subject, data, to=to)

    def part(self) -> Part:
        """What follows each hub's feed and empties the outbox for it."""
        lines = [_Line(self, hub) for hub in self.state.settings.federation.hubs if hub.public_keys]
        return Part(
            probes=(_feed_probe(lines), _events_probe(lines)) if lines else (),
            background=[work for line in lines for work in (line.follow, line.sender.run)],
            close=partial(_close_lines, lines),
        )

    def handlers_for(self, hub: str) -> dict[str, list[NoticeHandle]]:
        """What is done with notices of that hub, by kind."""
        return {
            kind: [partial(_heard_from, handle, hub) for handle in handles]
            for kind, handles in self._notices.items()
        }

    async def then(self) -> None:
        """All that is to be done after something was heard."""
        for work in self._after:
            await work()


def _heard_from(handle: HubNoticeHandle, hub: str, connection: Connection, notice: Notice) -> None:
    handle(connection, notice, hub)


def open_node_wire(state: NodeState) -> NodeWire:
    """A wire that nobody listens to yet."""
    outbox = Outbox(
        state.engine, state.clock, source=state.settings.node.id, new_id=lambda: secrets.token_hex(16)
    )
    return NodeWire(state, outbox)


class _Line:
    """One hub: its feed, and the events for it."""

    def __init__(self, wire: NodeWire, hub: TrustedHubSettings) -> None:
        state, node = wire.state, wire.state.settings.node.id
        key = state.keys.signing_key(NODE_KEY)
        self.hub, self.outbox = hub.id, wire.outbox
        self.asks = HttpFeed(HubQuestions.of(state, hub, timeout_s=LONGEST_WAIT_S + SLACK_S))
        self.follower = FeedFollower(
            state.engine,
            hub.id,
            self.asks,
            wire.handlers_for(hub.id),
            refused=partial(_refuse_notice, state.audit, hub.id),
            then=wire.then,
        )
        self.courier = HttpCourier(
            f"{hub.url}{EVENTS_PATH}", key, state.clock, sender=node, receiver=hub.id, timeout_s=EVENT_S
        )
        self.sender = Sender(wire.outbox, self.courier, to=hub.id)

    async def follow(self) -> None:
        try:
            await self.follower.run()
        finally:
            await self.asks.aclose()


def _refuse_notice(audit: AuditLog, hub: str, notice: Notice, reason: str) -> None:
    logger.warning("notice %d (%s) of %s is refused: %s", notice.number, notice.kind, hub, reason)
    audit.append(
        "feed.refuse",
        actor=f"hub:{hub}",
        outcome=Outcome.REFUSED,
        objects=(f"notice:{notice.number}", f"kind:{notice.kind}"),
    )


class HttpFeed:
    """Asks a hub for notices, in the node's name; the hub's signature under the answer is checked."""

    def __init__(self, asks: HubQuestions) -> None:
        self._asks = asks

    async def __call__(self, after: int, wait_s: float) -> Sequence[Notice]:
        """Raises Unavailable if the hub does not answer, or the answer is not signed by it."""
        path = f"{FEED_PATH}?after={after}&wait={int(wait_s)}"
        return read_notices(await self._asks.get(path, most_bytes=LONGEST_FEED_BYTES))

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._asks.aclose()


def _close_lines(lines: Sequence[_Line]) -> None:
    for line in lines:
        line.courier.close()


def _feed_probe(lines: Sequence[_Line]) -> Probe:
    def look() -> Finding:
        silent = [f"{line.hub}: {line.follower.trouble}" for line in lines if line.follower.trouble]
        if silent:
            return Finding(Condition.DEGRADED, "; ".join(silent))
        heard = ", ".join(f"{line.hub} up to {line.follower.position()}" for line in lines)
        return Finding(detail=heard)

    return Probe("hub-feed", look, needed=False)


def _events_probe(lines: Sequence[_Line]) -> Probe:
    def look() -> Finding:
        backlogs = [(line, line.outbox.backlog(to=line.hub)) for line in lines]
        detail = ", ".join(f"{backlog.waiting} wait for {line.hub}" for line, backlog in backlogs)
        trouble = "; ".join(
            line.sender.trouble or backlog.trouble
            for line, backlog in backlogs
            if line.sender.trouble or backlog.trouble
        )
        return Finding(Condition.DEGRADED, f"{detail}: {trouble}") if trouble else Finding(detail=detail)

    return Probe("hub-events", look, needed=False)


class HubFeed(Feed):
    """The hub's feed; what it tells itself, or everybody, it hears within the same transaction."""

    def __init__(self, state: HubState, notices: Mapping[str, Sequence[HubNoticeHandle]]) -> None:
        super().__init__(state.engine, state.clock)
        self._time = state.clock
        self._me = state.settings.hub.id
        self._notices = notices

    def write(
        self, connection: Connection, audience: str, kind: str, body: Mapping[str, Any], *, about: str = ""
    ) -> None:
        if audience != self._me:
            super().write(connection, audience, kind, body, about=about)
        if audience in {self._me, EVERYBODY}:
            notice = Notice(0, kind, self._time.now(), msgspec.json.decode(msgspec.json.encode(body)))
            for handle in self._notices.get(kind, ()):
                handle(connection, notice, self._me)


class MemberKeys(Mapping[str, Collection[PublicKey]]):
    """The keys of every member by its id, of the registry in force at each look."""

    def __init__(self, members: Callable[[], Sequence[Member]]) -> None:
        self._members = members

    def __getitem__(self, node: str) -> Collection[PublicKey]:
        keys = {
            member.key.key_id: member.key for member in self._members() if member.id == node and member.key
        }
        if not keys:
            raise KeyError(node)
        return tuple(keys.values())

    def __iter__(self) -> Iterator[str]:
        return iter({member.id: None for member in self._members() if member.key})

    def __len__(self) -> int:
        return len(set(self))


@dataclass(slots=True)
class HubWire:
    """What this hub tells its nodes (`feed.write`), and hears of them (`on_event`).

    member_keys: the keys of the members, as the registry in force says.
    """

    state: HubState
    member_keys: MemberKeys
    feed: HubFeed
    _notices: dict[str, list[HubNoticeHandle]]
    _events: dict[str, EventHandle] = field(default_factory=dict)

    def on(self, kind: str, handle: NoticeHandle) -> None:
        """Listen to what the hub tells itself or everybody."""
        self.on_from(kind, lambda connection, notice, _hub: handle(connection, notice))

    def on_from(self, kind: str, handle: HubNoticeHandle) -> None:
        """The same, for whoever wants to know the hub."""
        self._notices.setdefault(kind, []).append(handle)

    def on_event(self, kind: str, handle: EventHandle) -> None:
        """Take a kind of event of nodes, and of the hub's own bodies. One part takes each kind."""
        if kind in self._events:
            raise ValueError(f"events of type {kind} are taken already")
        self._events[kind] = handle

    def tell(
        self, connection: Connection, kind: str, subject: str, data: Mapping[str, Any], *, to: str
    ) -> None:
        """Tell this hub itself, as a node would. Raises Invalid as the handler does."""
        if to != self.state.settings.hub.id:
            raise Invalid(f"hub {to!r} is another one; this is {self.state.settings.hub.id!r}")
        handle = self._events.get(kind)
        if handle is not None:
            told = msgspec.json.decode(msgspec.json.encode(data))
            handle(connection, ReceivedEvent(to, secrets.token_hex(16), kind, subject, told))

    def gate(self) -> Callable[[ASGIApp], ASGIApp]:
        """What puts a `PeerGate` around what only members may ask."""
        state, id_ = self.state, self.state.settings.hub.id
        signer = AnswerSigner(id_, state.keys.signing_key(HUB_KEY), state.clock)
        verifier = PeerVerifier(self.member_keys, id_, state.clock)

        def refused(_reason: str) -> None:
            state.audit.append("peer.refuse", actor="anonymous", outcome=Outcome.REFUSED)

        return lambda app: PeerGate(app, verifier, signer, refused)

    def part(self) -> Part:
        """The feed behind signed questions, and the reception of events."""
        state = self.state
        reception = Reception(
            state.engine,
            state.clock,
            state.settings.hub.id,
            lambda sender: self.member_keys.get(sender, ()),
            self._events,
        )
        limits = state.settings.limits
        return Part(
            routes=(reception.route(),),
            mounts={FEED_PATH: self.gate()(Routing((feed_route(self.feed),)))},
            limits={FEED_PATH: Limits(limits.body_bytes, max(limits.request_s, LONGEST_WAIT_S + SLACK_S))},
            ending=self.feed.end,
        )


def open_hub_wire(state: HubState, members: Callable[[], Sequence[Member]]) -> HubWire:
    """A wire that nobody listens to yet. members: all Beacons of the registry in force."""
    notices: dict[str, list[HubNoticeHandle]] = {}
    return HubWire(state, MemberKeys(members), HubFeed(state, notices), notices)
