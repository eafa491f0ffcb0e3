"""A hub's desk of applications over a real database, with people of its own and nodes that answer."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection, Engine
from starlette.types import Scope

from opengdi.access.applications.api import Desk, application_routes
from opengdi.access.applications.attachments import AttachmentStore, no_scan
from opengdi.access.applications.catalogue import Catalogue
from opengdi.access.applications.checks import Terms
from opengdi.access.applications.costs import PriceList
from opengdi.access.applications.deletions import Deletions
from opengdi.access.applications.offers import Offers
from opengdi.access.applications.reports import Reports
from opengdi.access.applications.service import Applications, Around
from opengdi.access.applications.view import Views
from opengdi.access.decision import Decision, Ruling, sign_decision
from opengdi.access.forms.library import FormLibrary, builtin_forms
from opengdi.access.ledger import Ledger
from opengdi.access.ports import OfferedDataset, Standing
from opengdi.access.texts import Texts
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.feed import Feed
from opengdi.kernel.http.edge import Edge, Limits
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.keys import Secret, SigningKey
from opengdi.kernel.principal import Duty, Principal, Role, Tier
from opengdi.kernel.reception import ReceivedEvent
from opengdi.kernel.release import DatasetType
from opengdi.kernel.storage.directory import DirectoryStorage

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
UNTIL = "2028-12-31"
TERMS = Terms("use-1", "Terms of use", "https://hub.example.org/terms/1")

RESEARCHER, COLLEAGUE, PARTNER = "researcher", "colleague", "partner"
OFFICIAL, COORDINATOR, STRANGER, NEWCOMER = "official", "coordinator", "stranger", "newcomer"

EE = OfferedDataset("GDI-EE-A-1", "1.0", "ee.node", "ee.dac", "Estonian cohort")
FI = OfferedDataset("GDI-FI-A-1", "1.0", "fi.node", "fi.dac", "Finnish cohort")
FI2 = OfferedDataset("GDI-FI-B-1", "2.0", "fi.node", "fi.dac", "Finnish panel")
EU = OfferedDataset("GDI-EU-A-1", "1.0", "fi.node", "fi.dac", "Cancer cohort", DatasetType.COHORT)
OUTSIDE = OfferedDataset(
    "GDI-SE-X-1",
    "1.0",
    "se.node",
    "se.hdab",
    "Elsewhere",
    DatasetType.EXTERNALLY_GOVERNED,
    url="https://hdab.example.se/apply",
)
OFFERED = (EE, FI, FI2, EU, OUTSIDE)
PDF = b"%PDF-1.7 synthetic"


class People:
    """Standings by table. Those at `uni` have an official; the partner is elsewhere."""

    def __init__(self) -> None:
        self.by_subject = {
            subject: Standing(subject, "uni", True, False, (), frozenset({OFFICIAL}))
            for subject in (RESEARCHER, COLLEAGUE, OFFICIAL)
        }
        self.by_subject[PARTNER] = Standing(PARTNER, "institute", True, False, (), frozenset({"other"}))

    def of(self, subject: str) -> Standing:
        return self.by_subject.get(subject, Standing(subject, lacking=("No organisation assigned you.",)))


class Audit:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def append(self, action: str, **_: object) -> int:
        self.lines.append(action)
        return len(self.lines)


@dataclass
class Kit:
    """notices: what nodes were told, as (node, kind, body)."""

    engine: Engine
    folder: Path
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    people: People = field(default_factory=People)
    audit: Audit = field(default_factory=Audit)
    notices: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)
    keys: dict[str, SigningKey] = field(default_factory=dict)
    scan: Any = no_scan
    count: Any = None

    def __post_init__(self) -> None:
        numbers = count(1)
        texts, forms = Texts(self.engine), FormLibrary(self.engine, builtin_forms())

        def tell(
            connection: Connection, node: str, kind: str, body: Mapping[str, Any], *, about: str = ""
        ) -> None:
            assert about != OFFICIAL
            self.notices.append((node, kind, body))
            self.feed.write(connection, node, kind, body, about=about)

        self.feed = Feed(self.engine, self.clock)
        self.catalogue = Catalogue(self.engine, self.clock, OFFERED)
        around = Around(
            ledger=Ledger(self.engine, self.clock, self.audit),
            clock=self.clock,
            texts=texts,
            forms=forms,
            standings=self.people,
            datasets=self.catalogue,
            new_name=lambda: f"GDIA-{_letters(next(numbers))}",
            new_id=lambda: f"{next(numbers):032x}",
            code_of=lambda invitation: f"code-of-{invitation}",
            hub="hub",
            central_body="eu.dac",
            terms=(TERMS,),
            followers=(Offers("hub", texts, forms, tell).follow,),
        )
        self.applications = Applications(around)
        self.store = AttachmentStore(
            DirectoryStorage(self.folder / "attachments"),
            Secret(bytes(32)),
            Deletions(self.engine, self.clock),
            limit_bytes=100_000,
            scan=self.scan,
            new_id=around.new_id,
        )
        self.reports = Reports(self.applications, self.keys_of, around.new_id)
        prices = {
            "fi.node": PriceList("fi.node", application=10_000, dataset=5_000, month=100, egress_gib=10)
        }
        desk = Desk(
            self.applications, Views(texts, forms), self.store, self.identify, None, prices, self.count
        )
        routing = Routing(application_routes(desk))
        self.app = Edge(routing, clock=self.clock, limits=Limits(200_000))
        self.texts = texts

    def identify(self, scope: Scope) -> Principal:
        """Whoever the header says: the gate that proves it is tested elsewhere."""
        who = dict(scope["headers"]).get(b"x-who", b"").decode()
        if not who:
            return Principal("anonymous:1")
        duties = {COORDINATOR: frozenset({Duty(Role.COORDINATOR)}), "member": frozenset({DAC})}
        return Principal(who, Tier.REGISTERED, duties=duties.get(who, frozenset()), logged_in=True)

    def keys_of(self, body: str) -> list[Any]:
        return [self.keys[body].public] if body in self.keys else []

    def client(self, who: str = "") -> Client:
        return Client(self, who)

    def decision(
        self, case: str, body: str, node: str, digest: str, granted: Mapping[OfferedDataset, bool]
    ) -> str:
        """A decision, signed by the body."""
        key = self.keys.setdefault(body, SigningKey.generate())
        rulings = tuple(
            Ruling(one.dataset, one.version, yes, until=NOW + timedelta(days=300) if yes else None)
            for one, yes in granted.items()
        )
        id_ = case.partition(".")[0]
        return sign_decision(
            Decision(body, node, case, id_, digest, self.clock.now(), rulings, "someone"), key
        )

    def event(self, event: str, node: str, /, **data: Any) -> None:
        """What a node tells the hub."""
        handle = self.reports.handlers()[event]
        with self.engine.begin() as connection:
            handle(connection, ReceivedEvent(node, "1", event, "", data))

    def decided(self, case: str, node: str, digest: str, granted: Mapping[OfferedDataset, bool]) -> None:
        body = next(iter(granted)).body if "eu.dac" not in case else "eu.dac"
        jws = self.decision(case, body, node, digest, granted)
        self.event("eu.gdi.case.decided", node, case=case, decision=jws)


DAC = Duty(Role.DAC_MEMBER, "eu.dac")


@dataclass
class Client:
    """Somebody who asks over HTTP."""

    kit: Kit
    who: str

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"x-who": self.who} if self.who else {}
        transport = httpx.ASGITransport(app=self.kit.app, client=("192.0.2.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="https://hub", headers=headers) as client:
            return await client.request(method, f"/access/v1{path}", **more)

    async def get(self, path: str, **more: Any) -> dict[str, Any]:
        answer = await self.ask("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def create(self, *datasets: OfferedDataset, **body: Any) -> str:
        wanted = [{"dataset": one.dataset} for one in datasets]
        answer = await self.ask("POST", "/applications", json={"datasets": wanted, **body})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    async def do(self, id_: str, command: str, **body: Any) -> dict[str, Any]:
        answer = await self.try_to(id_, command, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def try_to(self, id_: str, command: str, **body: Any) -> httpx.Response:
        return await self.ask("POST", f"/applications/{id_}/commands/{command}", json=body)

    async def attach(self, id_: str, name: str = "a.pdf", content: bytes = PDF) -> httpx.Response:
        return await self.ask("POST", f"/applications/{id_}/attachments", files={"file": (name, content)})

    async def complete(self, *datasets: OfferedDataset) -> str:
        """A draft that could be submitted."""
        id_ = await self.create(*datasets, title="Rare variants")
        one = (await self.attach(id_)).json()["attachment"]
        answers = full_answers(one)
        await self.do(id_, "save-draft", answers=answers, until=UNTIL, environment="spe.example.org")
        await self.do(id_, "accept-terms", terms=[TERMS.id])
        return id_

    async def submitted(self, *datasets: OfferedDataset) -> str:
        """An application that was confirmed."""
        id_ = await self.complete(*datasets)
        await self.do(id_, "submit")
        await self.kit.client(OFFICIAL).do(id_, "confirm")
        return id_


def full_answers(attachment: str) -> list[dict[str, Any]]:
    common, research = "gdi.1-common", "gdi.2-research"
    said: Sequence[tuple[str, str, Any]] = (
        (common, "summary", "We compare rare variants. " * 10),
        (common, "methods", "Burden tests per gene. " * 20),
        (common, "algorithms", ["statistics"]),
        (common, "variables", [{"variable": "22:1-50818468", "rationale": "genes of interest"}]),
        (common, "identifiability", "anonymised"),
        (common, "legal-basis", "public-interest"),
        (common, "security", "No download."),
        (common, "contact", "one@example.org"),
        (research, "ethics", "approved"),
        (research, "ethics-document", attachment),
        (research, "ethics-reference", "Committee A, 12/2026"),
        (research, "plan-document", attachment),
        (research, "peer-review", "by-funder"),
        (research, "commercial", "none"),
    )
    return [{"form": form, "field": name, "value": value} for form, name, value in said]


def _letters(number: int) -> str:
    return base64.b32encode(number.to_bytes(6, "big")).decode()[:10]
