"""htsget over an archive in memory: the app, callers, and a client that does what tickets say. For every suite."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from tests.unit.delivery.recorded import RecordedAudit

from opengdi.delivery.htsget.api import HtsgetApi, shape
from opengdi.delivery.htsget.rules import Policy
from opengdi.delivery.htsget.service import Room, Surroundings, put_together
from opengdi.delivery.ports import NO_REFERENCES, References, TakenBack, nothing_taken_back
from opengdi.delivery.streams import Streams
from opengdi.identity.model import Proof
from opengdi.kernel.clock import Clock, FixedClock
from opengdi.kernel.http.callers import Callers
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.keys import Secret
from opengdi.kernel.principal import Visa
from opengdi.standards.coordinates import Interval
from opengdi.standards.crypt4gh import PrivateKey, PublicKey
from opengdi.standards.htsget.request import Kind
from opengdi.standards.htsget.ticket import service_type
from opengdi.standards.service_info import Organisation, Service
from opengdi.testing.delivery import MemoryFiles
from opengdi.testing.identity import gated, proof

OTHERS_REGIONAL = ("rg1" * 8, "rg2" * 8)
BASE = "/htsget"
DATASET = "GDI-XX-TEST-1"
ADA, EVE, REGIONAL, FIRST = "ada" * 8, "eve" * 8, "reg" * 8, "one" * 8
READER = PrivateKey(bytes(range(32)))
ENCRYPTED = {"encryptionScheme": "c4gh"}
KEY = {"Htsget-Context-Public-Key": str(READER.public)}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@dataclass
class Delivering:
    """A node that serves htsget. regions: what the caller `REGIONAL` may have."""

    policy: Policy = field(default_factory=Policy)
    regions: tuple[Interval, ...] = (Interval("11", 5_015_000, 5_050_000),)
    clock: Clock = field(default_factory=FixedClock)
    audit: Any = field(default_factory=RecordedAudit)
    open_datasets: tuple[str, ...] = ()
    per_caller: int = 0
    files: Any = field(default_factory=MemoryFiles)
    taken_back: TakenBack = nothing_taken_back
    references: References = NO_REFERENCES

    def __post_init__(self) -> None:
        self.registered: dict[str, PublicKey] = {}
        callers = Callers(Secret(b"p" * 32), tuple(map(Visa, self.open_datasets)))
        api = HtsgetApi(self._parts(), callers.identify, base=BASE)
        routing = gated(Routing(mounts={BASE: api}), self._proofs())
        self.app = Edge(routing, clock=self.clock, shapes={BASE: shape})

    def _parts(self) -> Any:
        async def registered_key(subject: str) -> PublicKey | None:
            return self.registered.get(subject)

        streams = Streams(self.audit, self.per_caller)
        around = Surroundings(
            self.files,
            streams,
            Secret(b"s" * 32),
            self.clock,
            registered_key,
            self.taken_back,
            self.references,
        )
        organisation = Organisation("Example", "https://example.org")
        services = {
            kind: Service(f"org.example.{kind.datatype}", "htsget", service_type(), organisation, "1")
            for kind in Kind
        }
        return put_together(around, self.policy, services, room=Room(1 << 26))

    def _proofs(self) -> dict[str, Proof]:
        return {
            ADA: proof("ada", DATASET),
            EVE: proof("eve"),
            FIRST: proof("of the first version", Visa(DATASET, version="1")),
            **{
                token: proof(f"regional {number}".rstrip(" 0"), Visa(DATASET, self.regions))
                for number, token in enumerate((REGIONAL, *OTHERS_REGIONAL))
            },
        }

    def client(self, token: str | None = ADA) -> httpx.AsyncClient:
        """A client without sockets."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app, client=("192.0.2.1", 1)),
            base_url="https://node.example.org",
            headers=bearer(token) if token else {},
        )


@dataclass(frozen=True)
class Fetched:
    """A ticket and what its urls gave, in order."""

    ticket: Mapping[str, Any]
    blocks: tuple[bytes, ...]

    @property
    def data(self) -> bytes:
        return b"".join(self.blocks)


async def ask(
    client: httpx.AsyncClient,
    path: str,
    *,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    **query: Any,
) -> httpx.Response:
    """A ticket request: POST if there is a body."""
    if body is not None:
        return await client.post(f"{BASE}/{path}", json=body, headers=headers)
    return await client.get(f"{BASE}/{path}", params=query, headers=headers)


async def fetch(
    client: httpx.AsyncClient, path: str, *, headers: Mapping[str, str] | None = None, **asked: Any
) -> Fetched:
    """The ticket and its data, the latter without any credentials."""
    answer = await ask(client, path, headers=headers, **asked)
    assert answer.status_code == 200, answer.text
    ticket = json.loads(answer.content)["htsget"]
    return Fetched(ticket, tuple([await block(client, url) for url in ticket["urls"]]))


async def block(client: httpx.AsyncClient, url: Mapping[str, Any]) -> bytes:
    """What one url of a ticket gives."""
    if url["url"].startswith("data:"):
        assert url["url"].startswith("data:;base64,")
        return base64.b64decode(url["url"].removeprefix("data:;base64,"))
    request = httpx.Request("GET", url["url"], headers=url.get("headers", {}))
    answer = await client.send(request, auth=None)
    assert answer.status_code == 200, answer.text
    assert len(answer.content) == int(answer.headers["content-length"])
    return answer.content
