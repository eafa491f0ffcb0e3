"""Every route of a node and of a hub, asked by every kind of caller: whoever may pass does, and nobody else.

The table is `tests/doors_table.py`. A route that is served and does not stand in it fails here.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import tomllib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Message
from tests.archive_kit import STORED, upload
from tests.doors_table import DATASET, FILE, HUB, NETWORK, NODE, Door

from opengdi.apps import hub, node
from opengdi.apps.archive import open_records
from opengdi.apps.doors import duty_book, machine_keys, machine_secret
from opengdi.apps.process import Process
from opengdi.apps.settings import Settings
from opengdi.identity.machines.rules import token_of
from opengdi.kernel.audit.chain import Event
from opengdi.kernel.audit.segments import Follower, writers_in
from opengdi.kernel.audit.tally import Tally
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.ids import dataset_id
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.peers import REQUEST_HEADER, PeerRequest, PeerSigner
from opengdi.kernel.principal import Duty, Principal, Role, Tier
from opengdi.testing.identity import Signatory, program

SIGNATORY = Signatory("https://hub.example.org/oidc")
HUB_KEY = SigningKey.generate()
CLOCK = SystemClock()
DECISIONS = frozenset({"door.pass", "door.refuse", "credential.refuse"})
NOT_HOLDING = "somebody with a token that does not hold"
OF = {Role.PROVIDER: "lab"}
"""What the roles are held for; the others for the whole service."""


@dataclass(frozen=True)
class Caller:
    """Somebody with a credential. headers: by method, target and body."""

    name: str
    headers: Callable[[str, str, bytes], Mapping[str, str]]
    known: bool = True
    registered: bool = False
    visa: bool = False
    roles: frozenset[str] = frozenset()
    peer: bool = False
    barred: bool = False

    def passes(self, door: Door) -> bool:
        """True if the table lets this caller pass."""
        if self.barred:
            return False
        if door.passes in {"known", "registered", "visa"}:
            return bool(getattr(self, door.passes))
        if door.passes == "s3":
            return Role.PROVIDER in self.roles
        if door.passes == "s3-visa":
            return self.visa
        return bool(self.roles & set(door.passes.split("|")))


@dataclass
class Place:
    """A node or hub in memory, and those who call it."""

    process: Process
    table: tuple[Door, ...]
    chain: Path
    file: str = ""
    callers: list[Caller] = field(default_factory=list)

    def __post_init__(self) -> None:
        transport = httpx.ASGITransport(self.process.public, client=("192.0.2.1", 1))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080")
        (self._tally,) = [
            owner
            for each in self.process.closers
            if isinstance(owner := getattr(each, "__self__", None), Tally)
        ]
        (writer,) = writers_in(self.chain)
        self._written = Follower(writer)

    def decisions(self) -> list[Event]:
        """Lines of the audit chain about decisions at doors since the last look."""
        self._tally.write()
        return [event for event in self._written.new_events() if event.action in DECISIONS]

    async def ask(self, caller: Caller, door: Door) -> int:
        """Status of the answer."""
        target, body = door.asked.replace(FILE, self.file), b"{}" if door.method == "POST" else b""
        headers = {"content-type": "application/json", **caller.headers(door.method, target, body)}
        try:
            answer = await self.client.request(door.method, target, content=body, headers=headers)
        except ConnectionAbortedError:  # the file has no body here: it was opened, which is all that is asked
            return 200
        return answer.status_code

    async def ask_by_socket(self, caller: Caller, door: Door) -> int:
        """Status of what is told over a WebSocket to the question `{}`: in the frame with the error, else 200."""
        path = door.asked.replace(FILE, self.file)
        shown = {"host": "127.0.0.1:8080", **caller.headers("GET", path, b"{}")}
        incoming = asyncio.Queue[Message]()
        incoming.put_nowait({"type": "websocket.connect"})
        incoming.put_nowait({"type": "websocket.receive", "text": "{}"})
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "websocket", "scheme": "ws", "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in shown.items()],
            "client": ("192.0.2.1", 1), "root_path": "",
        }  # fmt: skip
        await self.process.public(scope, incoming.get, send)
        frames = [json.loads(each["text"]) for each in sent if each["type"] == "websocket.send"]
        codes = [frame["error"]["errorCode"] for frame in frames if "error" in frame]
        assert (sent[-1]["code"] == 1000) is (not codes)
        return int(codes[0]) if codes else 200


def bearer(token: str) -> Callable[[str, str, bytes], Mapping[str, str]]:
    return lambda *_asked: {"authorization": f"Bearer {token}"}


def people_and_programs(state: Any, of_broker: str = "") -> Iterator[Caller]:
    """Nobody, people with passports, people in each role, and programs with keys.

    of_broker: what stands before the subject of somebody whose broker is not the one of this service.
    """
    yield Caller("anonymous", lambda *_asked: {}, known=False)
    yield Caller(NOT_HOLDING, bearer("x.y.z"), known=False)
    yield Caller("logged in", bearer(SIGNATORY.passport("somebody")))
    registered = SIGNATORY.passport("researcher", bona_fide=True)
    yield Caller("registered", bearer(registered), registered=True)
    yield Caller("with a visa", bearer(SIGNATORY.passport("ada", DATASET)), registered=True, visa=True)
    other = SIGNATORY.passport("eve", "GDI-EE-OTHER-1", bona_fide=True)
    yield Caller("with a visa for another dataset", bearer(other), registered=True)
    for role in Role:
        duty_book(state).give(f"{of_broker}who-is-{role}", Duty(role, OF.get(role, "")), "operator:test")
        yield Caller(role, bearer(SIGNATORY.passport(f"who-is-{role}")), roles=frozenset({role}))
    for duty in ("provider:lab", "broker", "operator", "auditor"):
        name = f"key-of-{duty.partition(':')[0]}"
        yield Caller(
            name, bearer(key_for(state, name, duty)), roles=frozenset({Role(duty.partition(":")[0])})
        )
    portal = key_for(state, "portal", registered=True)
    yield Caller("program for registered people", bearer(portal), registered=True)
    elsewhere = key_for(state, "elsewhere", "provider:lab", "broker", registered=True, paths=("/nowhere",))
    yield Caller("program whose key is for another path", bearer(elsewhere), barred=True)


def key_for(state: Any, name: str, *duties: str, **terms: Any) -> str:
    key = machine_keys(state).new(program(name, *duties, **terms), "operator:test")
    return token_of(machine_secret(state), key.id)


def behind_a_hub(tier: Tier) -> Callable[[str, str, bytes], Mapping[str, str]]:
    numbers = itertools.count()
    signer = PeerSigner("eu.hub", HUB_KEY, CLOCK, lambda: f"{tier}-{next(numbers)}")

    def headers(method: str, target: str, body: bytes) -> Mapping[str, str]:
        asked = PeerRequest(method, target, body)
        return {REQUEST_HEADER: signer.token("ee.node", Principal("ab12", tier), asked)}

    return headers


def trusting(folder: Path, role: str, more: dict[str, Any]) -> Settings:
    """Settings that believe the signatory, with logging in for development, so that its routes are there."""
    trusted = tomllib.loads(SIGNATORY.trust())["identity"]
    home = {"data_dir": folder / "data", "keys_dir": folder / "keys", "environment": "test"}
    identity = {**trusted, "development": {"enabled": True}, "broker": {"enabled": role == "hub"}}
    return Settings.model_validate({role: {**home, **more.pop(role)}, "identity": identity, **more})


@pytest.fixture
def a_node(tmp_path: Path) -> Iterator[Place]:
    hubs = [{"id": "eu.hub", "url": "https://hub.example.org", "public_keys": [_text(HUB_KEY)]}]
    settings = trusting(
        tmp_path, "node", {"node": {"id": "ee.node", "country": "EE"}, "federation": {"hubs": hubs}}
    )
    with node.open_state(settings, CLOCK) as state:
        place = Place(
            node.build_node(state), NODE, chain_of(state), a_file(state), list(people_and_programs(state))
        )
        place.callers += [
            Caller("somebody behind a hub", behind_a_hub(Tier.PUBLIC), known=False, peer=True),
            Caller(
                "a registered person behind a hub",
                behind_a_hub(Tier.REGISTERED),
                known=False,
                registered=True,
                peer=True,
            ),
        ]
        yield place
        place.process.close()


@pytest.fixture
def a_hub(tmp_path: Path) -> Iterator[Place]:
    told = {"hub": {"id": "eu.hub", "registry_file": tmp_path / "registry.jws"}}
    settings = trusting(tmp_path, "hub", {**told, "public": {"external_url": "http://127.0.0.1:8080"}})
    with hub.open_state(settings, CLOCK) as state:
        place = Place(
            hub.build_hub(state),
            HUB,
            chain_of(state),
            callers=list(people_and_programs(state, f"{SIGNATORY.iss}#")),
        )
        yield place
        place.process.close()


def chain_of(state: Any) -> Path:
    """Where the audit chains of a node or hub are."""
    return Path(state.data_dir) / "audit"


def a_file(state: node.NodeState) -> str:
    """A file that is ready, in a released dataset."""
    records = open_records(state)
    file = records.registry.receive(upload(), submit=True)
    records.registry.deposit(file.id, STORED, header=b"h", chunk_hashes=b"", actor="node:archive")
    records.mapping.map(dataset_id(DATASET, ""), [file.id], "operator:test")
    records.mapping.release(DATASET, "operator:test")
    return file.id


def _text(key: SigningKey) -> str:
    return json.dumps(key.public.as_jwk())


@pytest.fixture(params=["a_node", "a_hub"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


def test_every_route_stands_in_the_table(place: Place) -> None:
    told = {(door.method, door.path) for door in place.table}
    assert sorted(set(place.process.routes) - told) == [], "add them to tests/doors_table.py"


def test_every_line_of_the_table_is_a_route(place: Place) -> None:
    told = {(door.method, door.path) for door in place.table}
    assert sorted(told - set(place.process.routes) - _only_elsewhere(place)) == []


def _only_elsewhere(place: Place) -> set[tuple[str, str]]:
    """Lines about Beacons are shared by Beacons that do not all have every path."""
    of_beacons = ("/beacon", "/api")
    return {(door.method, door.path) for door in place.table if door.path.startswith(of_beacons)}


async def test_whoever_may_pass_does_and_nobody_else_and_each_decision_is_in_the_audit_chain(
    place: Place,
) -> None:
    wrong = defaultdict(list)
    place.decisions()
    for door in place.table:
        if (door.method, door.path) not in place.process.routes or door.passes == "own":
            continue
        for caller in place.callers:
            status = await place.ask(caller, door)
            expected = _expected(door, caller)
            if status == 500 or _outcome(status) not in expected:
                wrong[f"{door.method} {door.path}"].append(f"{caller.name}: {status} instead of {expected}")
            lines, line = place.decisions(), _line(door, caller, status)
            if [each.action for each in lines] != line:
                wrong[f"{door.method} {door.path}"].append(f"{caller.name}: {lines} instead of {line}")
            if any(not each.objects or not each.objects[0].startswith("route:") for each in lines):
                wrong[f"{door.method} {door.path}"].append(f"{caller.name}: {lines} name no route")
    told = [f"{door}: {who}" for door, found in wrong.items() for who in found]
    assert told == [], "\n".join(told)


async def test_over_a_websocket_the_same_people_pass_as_at_a_request(a_hub: Place) -> None:
    wrong = []
    a_hub.decisions()
    doors = [door for door in a_hub.table if door.path.startswith(NETWORK) and door.method == "GET"]
    assert doors
    for door in doors:
        for caller in a_hub.callers:
            status = await a_hub.ask_by_socket(caller, door)
            lines = [each.action for each in a_hub.decisions()]
            expected = _expected(door, caller)
            if status == 500 or _outcome(status) not in expected or lines != _line(door, caller, status):
                wrong.append(f"{door.path}: {caller.name}: {status}, {lines} instead of {expected}")
    assert wrong == [], "\n".join(wrong)


def _line(door: Door, caller: Caller, status: int) -> list[str]:
    """What the audit chain says of it: nothing where everybody is served and nobody known asked."""
    if caller.name == NOT_HOLDING or caller.barred:
        return ["credential.refuse"]
    if status in {401, 403}:
        return ["door.refuse"]
    signed = caller.peer and door.path.startswith(("/beacon", "/api", "/visas"))
    return ["door.pass"] if caller.known or signed else []


def _expected(door: Door, caller: Caller) -> Collection[str]:  # noqa: PLR0911  one for each word of the table
    """How the table has it."""
    if door.passes == "nobody":
        return {"403"}
    if door.passes == "address":  # htsget does not look at credentials there, downloads do
        return {"401" if caller.name == NOT_HOLDING and "/download/" in door.path else "403"}
    if door.passes == "peer":
        return {"401"}
    if door.passes == "open":
        return {"401" if caller.name == NOT_HOLDING else "403" if caller.barred else "passes"}
    if caller.passes(door) or door.passes == "anybody":
        return {"passes"}
    is_known = caller.known or (
        caller.peer and door.path.startswith("/visas")
    )  # hubs come as themselves there
    if door.passes == "concerned" and caller.known:
        return {"403", "passes"}
    return {"403" if is_known or door.passes.startswith("s3") else "401"}


def _outcome(status: int) -> str:
    return str(status) if status in {401, 403} else "passes"
