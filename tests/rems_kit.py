"""A hub's REMS-shaped interface in process, and a client that calls it as the services of the field do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Engine
from tests.applications_kit import Kit

from opengdi.access.rems.api import Counter, rems_routes
from opengdi.access.rems.callers import Callers
from opengdi.access.rems.catalogue import Workshop
from opengdi.access.rems.faults import BASE, rems_error_shape
from opengdi.access.rems.people import People
from opengdi.access.rems.push import EntitlementTarget, EventTarget, Pushes
from opengdi.access.rems.service import Defaults, Rems
from opengdi.access.rems.shapes import Shapes
from opengdi.access.rems.things import Things
from opengdi.access.rems.visas import SignedVisas
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.errors import NotAuthenticated
from opengdi.kernel.http.edge import Edge, Limits
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.keys import KeyFolder, RotatingKeys, Rotation
from opengdi.kernel.outbox import Outbox
from opengdi.kernel.principal import Duty, Principal, Role, Tier

HUB = "https://hub.example.org/"
AMS, SYNC, REPORTER = "program:ams", "program:sync", "program:reporter"
PROGRAMS = {
    "key-of-ams": Principal(AMS, Tier.REGISTERED, logged_in=True),
    "key-of-sync": Principal(SYNC, Tier.REGISTERED, duties=frozenset({Duty(Role.OPERATOR)}), logged_in=True),
    "key-of-reporter": Principal(
        REPORTER, Tier.REGISTERED, duties=frozenset({Duty(Role.AUDITOR)}), logged_in=True
    ),
}


async def keys(token: str, _method: str, _path: str) -> Principal | None:
    """The program of a key."""
    if token == "taken-back":
        raise NotAuthenticated("this key was taken back")
    return PROGRAMS.get(token)


@dataclass
class Lines:
    """Audit lines with who, what and about whom."""

    written: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)

    def append(
        self, action: str, *, actor: str, outcome: Outcome = Outcome.DONE, objects: Any = (), **_: object
    ) -> int:
        self.written.append((action, actor, tuple(objects)))
        return len(self.written)


@dataclass
class RemsHub:
    """The interface over a kit of applications."""

    kit: Kit
    app: Edge
    rems: Rems
    pushes: Pushes
    things: Things
    visas: SignedVisas
    lines: Lines

    def client(self, key: str = "key-of-ams", user: str = "") -> RemsClient:
        return RemsClient(self, key, user)


@dataclass
class RemsClient:
    """A service with its key, for somebody."""

    hub: RemsHub
    key: str
    user: str

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"x-rems-api-key": self.key} if self.key else {}
        headers |= {"x-rems-user-id": self.user} if self.user else {}
        headers |= more.pop("headers", {})
        transport = httpx.ASGITransport(app=self.hub.app, client=("192.0.2.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url=HUB, headers=headers) as client:
            return await client.request(method, f"/api{path}", **more)

    async def get(self, path: str, **parameters: Any) -> Any:
        answer = await self.ask("GET", path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any) -> Any:
        answer = await self.ask("POST", path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def done(self, path: str, body: Any) -> Any:
        told = await self.post(path, body)
        assert told["success"] is True, told
        return told


def a_rems_hub(
    engine: Engine,
    folder: Path,
    *,
    events: tuple[EventTarget, ...] = (),
    entitlements: tuple[EntitlementTarget, ...] = (),
) -> RemsHub:
    kit, lines, numbers = Kit(engine, folder), Lines(), count(1)
    around = kit.applications.around
    things = Things(engine)
    people = People(engine, things, lambda: f"user{next(numbers)}")
    shapes = Shapes(around, things, people)
    rems = Rems(kit.applications, things, people, shapes, Defaults(365, "spe.example.org"))
    folder_of_keys = KeyFolder(folder / "keys", data_dir=folder / "data")
    rotating = RotatingKeys(folder_of_keys, "rems", kit.clock, algorithm="RS256", rotation=Rotation())
    visas = SignedVisas(rotating, HUB, kit.clock, lines, lambda: f"jti{next(numbers)}", timedelta(minutes=30))
    bots = frozenset({"rems-bot"})
    callers = Callers(kit.identify, keys, lines, frozenset({AMS}), bots)
    counter = Counter(rems, Workshop(things, shapes), callers, kit.store, visas)
    outbox = Outbox(engine, kit.clock, source="hub", new_id=lambda: f"told{next(numbers)}")
    pushes = Pushes(outbox, shapes, events, entitlements)
    object.__setattr__(around, "followers", (*around.followers, pushes.follow))
    app = Edge(
        Routing(rems_routes(counter), {}),
        clock=kit.clock,
        limits=Limits(200_000),
        shapes={BASE: rems_error_shape},
    )
    return RemsHub(kit, app, rems, pushes, things, visas, lines)


@dataclass
class Listener:
    """A service that is told of events and entitlements. statuses: what it answers next, then 200."""

    url: str = ""
    heard: list[tuple[str, str, Any]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    headers: list[str | None] = field(default_factory=list)


@contextmanager
def a_listener() -> Iterator[Listener]:
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status = listener.statuses.pop(0) if listener.statuses else 200
            listener.heard.append((self.command, self.path, body))
            listener.headers.append(self.headers["authorization"])
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def do_PUT(self) -> None:
            self._take()

        def do_POST(self) -> None:
            self._take()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield listener
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
