"""A hub's onboarding over a database of its own, asked over HTTP within the process."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection, Engine
from starlette.types import Scope

from opengdi.access.ledger import Ledger
from opengdi.access.organisations.api import DOCUMENTS, SIGNATURES, organisation_routes
from opengdi.access.organisations.evidence import SignedEvidence
from opengdi.access.organisations.ports import ExternalSignatures
from opengdi.access.organisations.providers import Providers, provider_routes
from opengdi.access.organisations.service import Ids, Onboarding
from opengdi.access.organisations.standings import Standings
from opengdi.apps.migrations import migrate
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.database import open_engine
from opengdi.kernel.feed import Feed
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.principal import Duty, Principal, Role, Tier

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
HUB = "https://hub.example.org"

OPERATOR = "operator"
DUTIES = {
    "operator": frozenset({Duty(Role.ONBOARDING_OPERATOR)}),
    "operator-two": frozenset({Duty(Role.ONBOARDING_OPERATOR)}),
    "auditor": frozenset({Duty(Role.AUDITOR)}),
    "ncp": frozenset({Duty(Role.NATIONAL_COORDINATION_POINT)}),
    "depositor": frozenset({Duty(Role.PROVIDER, "ut")}),
}


def by_header(scope: Scope) -> Principal:
    """Who says in a header who they are: the gate before the APIs is not what is tried here."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            subject = bytes(value).decode().removeprefix("Bearer ")
            return Principal(
                subject, Tier.REGISTERED, duties=DUTIES.get(subject, frozenset()), logged_in=True
            )
    return Principal("anonymous:0")


@dataclass
class Lines:
    """Audit lines, kept in memory."""

    written: list[tuple[str, str, Outcome]] = field(default_factory=list)

    def append(self, action: str, *, actor: str, outcome: Outcome = Outcome.DONE, **_: object) -> int:
        self.written.append((action, actor, outcome))
        return len(self.written)


@dataclass
class Hub:
    """The onboarding of a hub, and how to ask it."""

    engine: Engine
    clock: FixedClock
    feed: Feed
    onboarding: Onboarding
    standings: Standings
    key: SigningKey
    audit: Lines
    app: Edge

    async def ask(
        self, method: str, path: str, who: str | None, body: object = None, **more: Any
    ) -> httpx.Response:
        """An answer of the API; body: JSON, or bytes as they are."""
        sent = {"content": body} if isinstance(body, bytes) else {} if body is None else {"json": body}
        headers = {**({"authorization": f"Bearer {who}"} if who else {}), **more.pop("headers", {})}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=HUB) as client:
            return await client.request(method, path, headers=headers, **sent, **more)

    def do(self, method: str, path: str, who: str | None, body: object = None, **more: Any) -> httpx.Response:
        """The same for those who do not wait."""
        return asyncio.run(self.ask(method, path, who, body, **more))

    def told(self, method: str, path: str, who: str | None, body: object = None, **more: Any) -> Any:
        """The JSON of an answer that must be a success."""
        answer = self.do(method, path, who, body, **more)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def command(self, path: str, name: str, who: str, /, **members: Any) -> Any:
        """The answer to a command that must succeed. Members are camelCase already."""
        return self.told("POST", f"{path}/commands/{name}", who, members)

    def notices(self, kind: str = "person.standing") -> list[Any]:
        """What nodes were told."""
        return [notice.body for notice in self.feed.since(0, "any", 10_000) if notice.kind == kind]


@contextmanager
def a_hub(location: Path | str, *, external: ExternalSignatures | None = None) -> Iterator[Hub]:
    engine, clock = open_engine(location), FixedClock(NOW)
    migrate(engine)
    lines, feed, numbers = Lines(), Feed(engine, clock), count(1)
    ledger = Ledger(engine, clock, lines)

    def lost(connection: Connection, subject: str) -> None:
        feed.write(connection, "*", "revocation", {"kind": "subject", "subject": subject})

    standings = Standings(ledger, clock, feed, f"{HUB}{DOCUMENTS}", lost)
    key = SigningKey.generate()
    ids = Ids(
        lambda: f"GDIO-{next(numbers):010d}",
        lambda: f"id{next(numbers)}",
        lambda invitation: f"code-of-{invitation:0>12}",
    )
    onboarding = Onboarding(
        ledger,
        clock,
        standings,
        SignedEvidence("org.example.hub", key),
        ids,
        external=external,
        callback_url=f"{HUB}{SIGNATURES}/call",
    )
    providers = Providers(ledger, clock, lambda: f"id{next(numbers)}")
    routes = [
        *organisation_routes(onboarding, by_header),
        *provider_routes(providers, by_header),
    ]
    app = Edge(Routing(routes, {}), clock=clock)
    try:
        yield Hub(engine, clock, feed, onboarding, standings, key, lines, app)
    finally:
        engine.dispose()


ORGANISATIONS = "/access/v1/organisations"
PEOPLE = "/access/v1/people"

REGISTRATION: dict[str, Any] = {
    "name": "University of Somewhere",
    "country": "EE",
    "domain": "example.org",
    "ror": "https://ror.org/03z77qz90",
    "notForProfit": True,
    "legalRepresentative": {"name": "Rector", "email": "rector@example.org"},
    "registrant": {"name": "Grants Office", "email": "grants@example.org"},
}

CHECKS = [
    {"kind": kind, "passed": True, "evidence": f"looked at {kind}", "on": "2026-11-30"}
    for kind in ("legal-existence", "signing-authority", "not-for-profit", "ror")
]

DOCUMENTS_OF_A_HUB = {
    "terms": "terms-of-service",
    "jca": "joint-controllership",
    "user-terms": "user-terms",
    "healthcare": "healthcare-contract",
}


def publish(hub: Hub, id_: str, kind: str, text: str = "Version one.", **members: Any) -> Any:
    """A document, as the operator publishes it."""
    content = base64.b64encode(text.encode()).decode()
    return hub.told(
        "POST", DOCUMENTS, OPERATOR, {"id": id_, "kind": kind, "title": id_, "content": content, **members}
    )


def publish_all(hub: Hub) -> None:
    for id_, kind in DOCUMENTS_OF_A_HUB.items():
        publish(hub, id_, kind)


def sign(hub: Hub, path: str, who: str, document: str, number: int = 1) -> Any:
    """A click on a document, with the digest of what was shown."""
    versions = hub.told("GET", f"{DOCUMENTS}/{document}", who)["versions"]
    return hub.command(
        path, "sign", who, document=document, version=number, sha256=versions[number - 1]["sha256"]
    )


def active_organisation(hub: Hub, official: str = "official") -> str:
    """The id of an organisation that has gone the whole way. The one who registers signs for it."""
    id_: str = hub.told("POST", ORGANISATIONS, official, REGISTRATION)["id"]
    path = f"{ORGANISATIONS}/{id_}"
    hub.command(path, "vet", OPERATOR, checks=CHECKS)
    sign(hub, path, official, "terms")
    sign(hub, path, official, "jca")
    hub.command(path, "activate", OPERATOR)
    return id_


def active_person(
    hub: Hub, organisation: str, subject: str = "researcher", official: str = "official"
) -> str:
    """The address of a person who has gone the whole way."""
    named = {"organisation": organisation, "subject": subject, "role": "faculty"}
    contact = {"name": "Researcher One", "email": "one@example.org"}
    hub.told("POST", PEOPLE, official, named | contact)
    path = f"{PEOPLE}/{subject}"
    hub.command(
        path,
        "vet",
        OPERATOR,
        credentials="publications",
        trainingUntil="2027-11-30",
        affiliationUntil="2027-06-30",
    )
    sign(hub, path, subject, "user-terms")
    return path
