"""A hub and a node as they are wired, but for the wire: from an application to a grant for visas, and to its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.applications_kit import (
    COLLEAGUE,
    EE,
    NOW,
    OFFICIAL,
    RESEARCHER,
    STRANGER,
    TERMS,
    UNTIL,
    Client,
    People,
    full_answers,
)

from opengdi.access.applications.erasing import forget_person
from opengdi.access.cases.consequences import decided
from opengdi.access.cases.model import RulingWish
from opengdi.access.cases.story import STORY as CASES
from opengdi.access.model import NewEvent
from opengdi.access.organisations.model import Organisation, Person
from opengdi.access.permits.document import open_permit, sign_permit
from opengdi.apps.access_wire import open_hub_wire, open_node_wire
from opengdi.apps.applications import applications_at_hub
from opengdi.apps.automatic import open_automatic
from opengdi.apps.broker import open_node_revocations
from opengdi.apps.cases import open_cases
from opengdi.apps.doors import callers_of
from opengdi.apps.entitlements import open_node_permits
from opengdi.apps.hub import HubState
from opengdi.apps.hub import open_state as open_hub_state
from opengdi.apps.matching import open_matching
from opengdi.apps.node import NodeState
from opengdi.apps.node import open_state as open_node_state
from opengdi.apps.permits import HubPermits, open_hub_permits
from opengdi.apps.process import Part
from opengdi.apps.rems import RemsWire
from opengdi.apps.settings import Settings
from opengdi.identity.model import CheckedVisa, Grant
from opengdi.identity.revocations.rules import HEARD_WITHIN
from opengdi.identity.revocations.service import Revocations
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.feed import Notice
from opengdi.kernel.http.callers import CALLER
from opengdi.kernel.http.edge import Edge, Limits
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.principal import Duty, Principal, Role, Tier
from opengdi.kernel.reception import ReceivedEvent
from opengdi.standards.coordinates import Interval

HUB, NODE, BODY = "eu.hub", "ee.node", "ee.dac"
HOLDER, MINDER, OTHERS_HOLDER = "s-holder", "s-minder", "s-others-holder"
DUTIES = {
    HOLDER: Duty(Role.DATA_HOLDER, BODY),
    OTHERS_HOLDER: Duty(Role.DATA_HOLDER, "ee.other"),
    MINDER: Duty(Role.COORDINATOR),
}
OFFER = {
    "dataset": EE.dataset,
    "version": EE.version,
    "node": NODE,
    "body": BODY,
    "duo": ["HMB", "PUB", {"code": "DUO:0000025", "months": 6}],
}


class Standings(People):
    """People of the applications' kit, and their one organisation."""

    def person(self, subject: str) -> Person:
        return replace(Person(), subject=subject, organisation=self.of(subject).organisation)

    def organisation(self, id_: str) -> Organisation:
        return replace(Organisation(), id=id_, name="University One", country="EE")

    def officials(self, _organisation: str) -> frozenset[str]:
        return frozenset({OFFICIAL})


async def no_key(_token: str, _method: str, _path: str) -> None:
    """No program has a key here."""


class Side:
    """Routes of a hub or node, for whoever the header names: the gate that proves it is tested elsewhere."""

    def __init__(self, routes: Any) -> None:
        self.app: ASGIApp = self._named(Edge(Routing(routes), clock=FixedClock(NOW), limits=Limits(200_000)))

    @staticmethod
    def _named(app: ASGIApp) -> ASGIApp:
        async def named(scope: Scope, receive: Receive, send: Send) -> None:
            if who := dict(scope["headers"]).get(b"x-who", b"").decode():
                duties = frozenset({DUTIES[who]} if who in DUTIES else ())
                scope[CALLER] = Principal(who, Tier.REGISTERED, duties=duties, logged_in=True)
            await app(scope, receive, send)

        return named

    def client(self, who: str = "") -> Client:
        return Client(self, who)  # type: ignore[arg-type]  # it asks for the app alone


class Federation:
    """Both sides, and what goes between them by hand."""

    def __init__(self, hub: HubState, node: NodeState, clock: FixedClock) -> None:
        self.clock, self.node_state, self.standings = clock, node, Standings()
        self.hub_wire, self.node_wire = open_hub_wire(hub, list), open_node_wire(node)
        self.permits = open_hub_permits(hub, self.hub_wire, self.standings)  # type: ignore[arg-type]
        self.rems = RemsWire(hub)
        self.permits.on(self.rems.attach(self.permits.permits))
        desk = applications_at_hub(
            hub,
            callers_of(hub).identify,
            self.hub_wire,
            self.standings,
            matcher=self.permits.precheck,
            followers=(self.permits.follow, self.rems.follow),
        )
        self.permits.attach(desk.applications, desk.catalogue)
        self.applications = desk.applications
        rems = self.rems.part(desk, callers_of(hub).identify, no_key)
        self.hub = Side([*desk.part().routes, *self.permits.part.routes, *rems.routes])
        self.node_permits = open_node_permits(node, self.node_wire)
        self.cases = open_cases(
            node,
            self.node_wire,
            NODE,
            match=open_matching(node),
            automatic=open_automatic(node.settings),
            hears_word=self.node_permits.entitlements.hear_own_case,
        )
        self.revocations: Revocations = open_node_revocations(node, self.node_wire)
        self.node = Side(self.node_permits.part.routes)
        self._heard = 0
        for subject in (RESEARCHER, COLLEAGUE):
            self.stand(subject)

    def stand(self, subject: str, **more: Any) -> None:
        body: dict[str, Any] = {
            "subject": subject,
            "organisation": "uni",
            "terms": [{"url": f"{TERMS.url}/1", "at": NOW.isoformat()}],
            "until": None,
            "inGoodStanding": True,
            **more,
        }
        with self.permits.permits._means.ledger.engine.begin() as connection:
            self.hub_wire.feed.write(connection, NODE, "person.standing", body)

    def deliver(self) -> list[str]:
        """What the hub told the node since; kinds."""
        notices = self.hub_wire.feed.since(self._heard, NODE)
        for notice in notices:
            self._heard = notice.number
            with self.node_state.engine.begin() as connection:
                for handle in self.node_wire.handlers_for(HUB).get(notice.kind, ()):
                    handle(connection, notice)
        return [notice.kind for notice in notices]

    def hear(self, kind: str, body: dict[str, Any]) -> None:
        """What a hub tells the node that it should not."""
        with self.node_state.engine.begin() as connection:
            for handle in self.node_wire.handlers_for(HUB)[kind]:
                handle(connection, Notice(0, kind, self.clock.now(), body))

    def event(self, kind: str, subject: str, **data: Any) -> None:
        """What the node tells the hub."""
        with self.permits.permits._means.ledger.engine.begin() as connection:
            self.hub_wire._events[kind](connection, ReceivedEvent(NODE, "1", kind, subject, data))

    def send(self) -> list[str]:
        """What lies in the node's outbox, to the hub; kinds. Cases tell where they stand, too: passed over."""
        courier = Courier(self)
        self.node_wire.outbox.send_due(courier, to=HUB)
        return courier.sent

    def decide(self, id_: str, *, granted: bool = True, told: bool = True, **more: Any) -> str:
        """The body decides, and signs that; the hub hears of it if it is told. The signed decision."""
        ends = {"until": NOW.replace(year=2028)} if granted else {}
        wish = RulingWish(EE.dataset, granted, **ends | more)
        case = f"{id_}.{BODY}"
        done = self.cases._change(case, lambda known, _now: [decided(known, [wish])], f"body:{BODY}", [])
        assert done.decided is not None
        if told:
            self.send()
        return self.cases.texts([done.decided.jws])[done.decided.jws]

    def grants(self, subject: str = RESEARCHER) -> list[Grant]:
        return list(self.node_permits.grants.current(subject, self.clock.now()))

    async def confirmed(self, *members: str, duo: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """An application that waits for its cases, and how it is told."""
        researcher = self.hub.client(RESEARCHER)
        id_ = await researcher.create(EE, title="Rare variants")
        for member in members:
            told = await researcher.do(id_, "invite-member", subject=member)
            await self.hub.client(member).do(id_, "accept-invitation", invitation=told["invitation"])
            await self.hub.client(member).do(id_, "accept-terms", terms=[TERMS.id])
        file = (await researcher.attach(id_)).json()["attachment"]
        await researcher.do(
            id_, "save-draft", answers=full_answers(file), until=UNTIL, environment="spe", duo=duo
        )
        await researcher.do(id_, "accept-terms", terms=[TERMS.id])
        await researcher.do(id_, "submit")
        return id_, await self.hub.client(OFFICIAL).do(id_, "confirm")

    async def granted(self, *members: str, **more: Any) -> tuple[str, str]:
        """An application that was granted, and its permit."""
        researcher = self.hub.client(RESEARCHER)
        id_, _ = await self.confirmed(*members, duo={"topics": ["health"]})
        self.deliver()
        self.decide(id_, **more)
        assert "permit.issued" in self.deliver()
        return id_, (await researcher.get(f"/applications/{id_}"))["permit"]


class Courier:
    """Takes what a node took back to the hub at once; what cases tell is not waited for."""

    def __init__(self, federation: Federation) -> None:
        self._federation = federation
        self.sent: list[str] = []

    def deliver(self, _event_id: str, body: bytes) -> None:
        told = json.loads(body)
        self.sent.append(told["type"])
        if told["type"] in {"eu.gdi.entitlement.ended", "eu.gdi.case.decided"}:
            self._federation.event(told["type"], told["subject"], **told["data"])

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def automatic() -> tuple[str, ...]:
    """Datasets that a machine may grant."""
    return ()


@pytest.fixture
def database() -> dict[str, str]:
    """Where the hub keeps its state; empty: in a file."""
    return {}


@pytest.fixture
def federation(tmp_path: Path, automatic: tuple[str, ...], database: dict[str, str]) -> Iterator[Federation]:
    clock = FixedClock(NOW)
    folders = {name: tmp_path / name for name in ("hub", "hub-keys", "node", "node-keys")}
    node = {"id": NODE, "data_dir": folders["node"], "keys_dir": folders["node-keys"]}
    body = {"id": BODY, "url": "https://ee.example.org/dac"}
    hub = {"id": HUB, "data_dir": folders["hub"], "keys_dir": folders["hub-keys"]}
    with open_node_state(Settings.model_validate({"node": node}), clock) as state:
        body_key = json.dumps(state.keys.signing_key(f"body-{BODY}").public.as_jwk())
    requests = {
        "datasets": [OFFER],
        "bodies": [body | {"node": NODE, "public_keys": [body_key]}],
        "applications": {"terms": [{"id": TERMS.id, "title": TERMS.title, "url": TERMS.url}]},
        "rems": {
            "enabled": True,
            "visas": True,
            "entitlements": [{"name": "sync", "add": "http://sync/add", "remove": "http://sync/remove"}],
        },
    }
    settings = Settings.model_validate({"hub": hub, "requests": requests, "database": database})
    with open_hub_state(settings, clock) as hub_state:
        hub_key = json.dumps(hub_state.keys.signing_key("hub").public.as_jwk())
        permits = {"terms": [TERMS.url], "automatic": automatic, "automatic_days": 1000}
        told = {
            "node": node,
            "requests": {"bodies": [body], "datasets": [OFFER], "permits": permits},
            "federation": {"hubs": [{"id": HUB, "url": "https://hub.example.org", "public_keys": [hub_key]}]},
        }
        with open_node_state(Settings.model_validate(told), clock) as node_state:
            yield Federation(hub_state, node_state, clock)


async def test_what_a_body_granted_is_what_the_visa_issuer_may_sign(federation: Federation):
    _, permit = await federation.granted(COLLEAGUE, regions=("22:1001-2000",))
    for subject in (RESEARCHER, COLLEAGUE):
        [grant] = federation.grants(subject)
        assert (grant.dataset, grant.permit, grant.source) == (
            EE.dataset,
            permit,
            "https://ee.example.org/dac",
        )
        assert grant.asserted == NOW
        assert grant.regions == (Interval("22", 1000, 2000),)
        assert (grant.until - NOW).days == 182  # DUO TS: six months
    assert federation.grants(STRANGER) == []


async def test_the_body_sees_what_the_conditions_of_use_say(federation: Federation):
    id_, _ = await federation.granted()
    opened = federation.cases._ledger.events(CASES, f"{id_}.{BODY}")[0]
    assert opened.data["match"][EE.dataset]["verdict"] == "approve"


async def test_the_holder_ends_it_at_the_node_and_the_hub_tells_everybody(federation: Federation):
    id_, permit = await federation.granted()
    path = f"/permits/{permit}/commands/revoke"
    assert (await federation.node.client(RESEARCHER).ask("POST", path)).status_code == 403
    assert (await federation.node.client().ask("POST", path)).status_code == 401
    assert (await federation.node.client(HOLDER).ask("POST", f"{path}?dry-run=true")).json()["ended"] == 0
    assert len(federation.grants()) == 1
    answer = await federation.node.client(HOLDER).ask("POST", path, json={"text": "Breach"})
    assert answer.json() == {"permit": permit, "ended": 1}
    assert federation.grants() == []
    assert len(federation.revocations._ended) == 1  # at its own doors before anybody else knows
    assert "eu.gdi.entitlement.ended" in federation.send()
    assert {"permit.ended", "revocation"} <= set(federation.deliver())
    told = await federation.hub.client(RESEARCHER).get(f"/applications/{id_}")
    assert told["state"] == "revoked"


async def test_who_answers_for_the_data_sees_the_permits_that_open_them(federation: Federation):
    _, permit = await federation.granted(COLLEAGUE)
    holder = federation.node.client(HOLDER)
    [listed] = (await holder.get("/permits"))["items"]
    assert listed == await holder.get(f"/permits/{permit}")
    assert (listed["id"], listed["state"], listed["hub"]) == (permit, "active", HUB)
    assert [each["dataset"] for each in listed["datasets"]] == [EE.dataset]
    assert listed["permitted"] == ["revoke"]
    assert [(each["subject"], each["lacking"]) for each in listed["people"]] == [
        (RESEARCHER, []),
        (COLLEAGUE, []),
    ]
    assert [each["dataset"] for each in listed["people"][0]["opens"]] == [EE.dataset]


async def test_what_is_missing_for_each_person_is_said_where_the_data_are(federation: Federation):
    _, permit = await federation.granted(COLLEAGUE)
    holder = federation.node.client(HOLDER)
    federation.stand(COLLEAGUE, terms=[], inGoodStanding=False)
    federation.deliver()
    await holder.ask("POST", f"/permits/{permit}/commands/revoke", json={"people": [RESEARCHER]})
    people = {each["subject"]: each for each in (await holder.get(f"/permits/{permit}"))["people"]}
    assert people[COLLEAGUE]["lacking"] == ["standing", "terms"]
    assert people[RESEARCHER]["lacking"] == ["revoked"]
    assert [each["opens"] for each in people.values()] == [[], []]


async def test_a_permit_that_ended_is_still_shown_and_opens_nothing(federation: Federation):
    _, permit = await federation.granted()
    await federation.hub.client(MINDER).ask("POST", f"/permits/{permit}/commands/revoke", json={})
    federation.deliver()
    told = await federation.node.client(HOLDER).get(f"/permits/{permit}")
    assert (told["state"], told["permitted"], told["people"][0]["opens"]) == ("ended", [], [])


@pytest.mark.parametrize("path", ["/permits", "/permits/GDIP-0000000000"])
async def test_permits_of_a_node_are_nobody_else_s_business(federation: Federation, path: str):
    _, permit = await federation.granted()
    path = path.replace("GDIP-0000000000", permit)
    assert (await federation.node.client().ask("GET", path)).status_code == 401
    for stranger in (RESEARCHER, MINDER):
        assert (await federation.node.client(stranger).ask("GET", path)).status_code == 403
    elsewhere = await federation.node.client(OTHERS_HOLDER).ask("GET", path)
    assert elsewhere.json().get("items", []) == []
    assert elsewhere.status_code == (200 if path == "/permits" else 404)


async def test_of_a_permit_each_holder_sees_what_they_answer_for_and_no_more(federation: Federation):
    _, permit = await federation.granted()
    key = federation.permits.permits._means.key
    jws = (await federation.hub.client(RESEARCHER).ask("GET", f"/permits/{permit}/jws")).text
    kept = open_permit(jws, [key.public], hub=HUB).document
    [own] = kept.datasets
    others = msgspec.structs.replace(own, dataset="GDID-others", body="ee.other", conditions=("Theirs",))
    both = msgspec.structs.replace(kept, version=kept.version + 1, datasets=(own, others))
    federation.hear("permit.changed", {"permit": sign_permit(both, key).jws})
    for who, theirs, opened in ((HOLDER, EE.dataset, [EE.dataset]), (OTHERS_HOLDER, "GDID-others", [])):
        client = federation.node.client(who)
        told = await client.get(f"/permits/{permit}")
        assert [each["dataset"] for each in told["datasets"]] == [theirs]
        assert [each["dataset"] for each in told["people"][0]["opens"]] == opened
        assert (await client.get("/permits"))["items"] == [told]
        listed = (await client.get(f"/permits/{permit}/entitlements"))["items"]
        assert [each["dataset"] for each in listed] == opened


async def test_a_long_list_of_permits_comes_in_pages(federation: Federation):
    permits = sorted([(await federation.granted())[1] for _ in range(3)])
    holder = federation.node.client(HOLDER)
    first = await holder.get("/permits?pageSize=2")
    rest = await holder.get(f"/permits?pageSize=2&after={first['next']}")
    assert [each["id"] for each in (*first["items"], *rest["items"])] == permits
    assert "next" not in rest


async def test_a_permit_is_read_checked_printed_and_ended_at_the_hub(federation: Federation):
    _, permit = await federation.granted()
    researcher, minder = federation.hub.client(RESEARCHER), federation.hub.client(MINDER)
    told = await researcher.get(f"/permits/{permit}")
    assert told["state"] == "active"
    assert {"amend", "extend", "sleep", "attest", "close-out"} <= set(told["permitted"])
    assert [duty["id"] for duty in told["duties"]] == ["publish", "results"]
    assert "revoke" in (await minder.get(f"/permits/{permit}"))["permitted"]
    assert (await federation.hub.client(STRANGER).ask("GET", f"/permits/{permit}")).status_code == 404
    assert (await federation.hub.client().ask("GET", f"/permits/{permit}")).status_code == 401
    jws = (await researcher.ask("GET", f"/permits/{permit}/jws")).text
    signed = open_permit(jws, [federation.permits.permits._means.key.public], hub=HUB)
    assert signed.document.duo == {"topics": ["health"]}
    pdf = await researcher.ask("GET", f"/permits/{permit}/pdf")
    assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    dry = await minder.ask("POST", f"/permits/{permit}/commands/revoke?dry-run=true")
    assert (dry.status_code, dry.json()["state"]) == (200, "active")
    assert (await researcher.ask("POST", f"/permits/{permit}/commands/revoke")).status_code == 403
    assert (await minder.ask("POST", f"/permits/{permit}/commands/burn")).status_code == 404
    ended = await minder.ask("POST", f"/permits/{permit}/commands/revoke", json={"text": "Breach"})
    assert ended.json()["endedBy"] == "revoked"
    assert (await minder.ask("POST", f"/permits/{permit}/commands/suspend")).status_code == 409
    federation.deliver()
    assert federation.grants() == []


async def test_what_the_applicant_does_to_the_application_holds_for_the_permit(federation: Federation):
    id_, permit = await federation.granted(COLLEAGUE)
    researcher = federation.hub.client(RESEARCHER)
    await researcher.do(id_, "remove-member", subject=COLLEAGUE)
    federation.deliver()
    assert federation.grants(COLLEAGUE) == []
    assert len(federation.grants()) == 1
    await researcher.do(id_, "close-out", reason="completed")
    assert "permit.ended" in federation.deliver()
    assert federation.grants() == []
    assert (await researcher.get(f"/permits/{permit}"))["endedFor"] == "completed"


async def test_a_permit_ends_when_its_body_decides_anew_and_refuses_all(federation: Federation):
    id_, permit = await federation.granted()
    federation.clock.advance(60)
    federation.decide(id_, granted=False)
    told = await federation.hub.client(RESEARCHER).get(f"/permits/{permit}")
    assert (told["state"], told["endedBy"]) == ("ended", "revoked")
    assert {"permit.ended", "revocation"} <= set(federation.deliver())
    assert federation.grants() == []


async def test_a_node_lives_by_its_own_last_word_whatever_the_hub_makes_of_it(federation: Federation):
    id_, permit = await federation.granted(COLLEAGUE)
    old = (await federation.hub.client(RESEARCHER).ask("GET", f"/permits/{permit}/jws")).text
    federation.clock.advance(60)
    federation.decide(id_, granted=False, told=False)
    assert federation.grants() == federation.grants(COLLEAGUE) == []
    assert len(federation.revocations._ended) == 2  # visas that are about are refused at its own doors
    key = federation.permits.permits._means.key
    kept = open_permit(old, [key.public], hub=HUB).document
    for document in (
        msgspec.structs.replace(kept, version=kept.version + 1),
        msgspec.structs.replace(kept, permit="GDIP-ANOTHER000"),
    ):
        federation.hear("permit.changed", {"permit": sign_permit(document, key).jws})
    federation.node_permits.entitlements.reconcile_now()
    assert federation.grants() == federation.grants(COLLEAGUE) == []


@pytest.mark.parametrize(
    "said",
    [{"regions": ("22:1001-2000",)}, {"until": NOW.replace(year=2026, month=12)}],
    ids=["where", "when"],
)
async def test_visas_for_more_than_the_body_now_gives_are_refused_at_once(
    federation: Federation, said: dict[str, Any]
):
    id_, _ = await federation.granted(regions=("22:1001-3000",))
    federation.clock.advance(60)
    federation.decide(id_, told=False, **{"regions": ("22:1001-3000",), **said})
    [grant] = federation.grants()
    wide = CheckedVisa("", "", "", "", NOW, "", "", RESEARCHER, NOW, dataset=EE.dataset, issued=NOW)
    assert federation.revocations.revoked(wide)
    later = federation.clock.now() + HEARD_WITHIN + timedelta(seconds=1)
    assert not federation.revocations.revoked(replace(wide, asserted=grant.asserted, issued=later))


async def test_visas_go_on_where_the_body_says_the_same_again_or_more(federation: Federation):
    id_, _ = await federation.granted(regions=("22:1001-2000",))
    federation.clock.advance(60)
    for regions in (("22:1001-2000",), ("22:501-3000",), ()):
        federation.decide(id_, told=False, regions=regions)
        assert len(federation.revocations._ended) == 0


async def test_the_hub_tells_everybody_where_a_permit_goes_on_with_less(federation: Federation):
    id_, _ = await federation.granted(regions=("22:1001-3000",))
    federation.clock.advance(60)
    federation.decide(id_, regions=("22:501-3000",))
    assert federation.deliver() == ["permit.changed"]
    federation.clock.advance(60)
    federation.decide(id_, regions=("22:501-2000",))
    assert sorted(federation.deliver()) == ["permit.changed", "revocation"]


async def test_a_veto_during_an_appeal_ends_what_was_granted_before(federation: Federation):
    id_, _ = await federation.granted()
    case = f"{id_}.{BODY}"
    veto = NewEvent("vetoed", {"datasets": [EE.dataset], "final": False, "text": ""})
    federation.cases._change(case, lambda *_: [veto], HOLDER, [])
    assert federation.grants() == []
    lifted = NewEvent("veto-lifted", {"datasets": [EE.dataset], "text": ""})
    federation.cases._change(case, lambda *_: [lifted], HOLDER, [])
    assert len(federation.grants()) == 1


async def test_a_case_that_the_hub_withdrew_opens_nothing_by_what_was_decided_on_it(federation: Federation):
    id_, _ = await federation.granted()
    federation.hear("case.withdrawn", {"case": f"{id_}.{BODY}", "reason": "datasets-changed"})
    assert federation.grants() == []


async def test_a_permit_goes_with_its_application_to_another_applicant(federation: Federation):
    id_, permit = await federation.granted(COLLEAGUE)
    minder, colleague = federation.hub.client(MINDER), federation.hub.client(COLLEAGUE)
    await minder.do(id_, "change-applicant", subject=COLLEAGUE)
    federation.deliver()
    assert (len(federation.grants()), len(federation.grants(COLLEAGUE))) == (0, 1)
    assert "extend" in (await colleague.get(f"/permits/{permit}"))["permitted"]
    federation.clock.advance(60)
    federation.decide(id_, regions=("22:1001-2000",))
    assert "permit.changed" in federation.deliver()
    [grant] = federation.grants(COLLEAGUE)
    assert grant.regions == (Interval("22", 1000, 2000),)
    told = await colleague.get(f"/permits/{permit}")
    assert [each["subject"] for each in told["people"]] == [COLLEAGUE]
    await colleague.do(id_, "attest")


async def test_the_permit_of_an_applicant_who_is_forgotten_ends_for_everybody(federation: Federation):
    _, permit = await federation.granted(COLLEAGUE)
    forget(federation, RESEARCHER)
    assert {"permit.ended", "revocation"} <= set(federation.deliver())
    assert (federation.grants(), federation.grants(COLLEAGUE)) == ([], [])
    told = await federation.hub.client(MINDER).get(f"/permits/{permit}")
    assert (told["state"], told["endedBy"]) == ("ended", "revoked")


async def test_a_member_who_is_forgotten_leaves_the_permit_and_it_goes_on(federation: Federation):
    _, permit = await federation.granted(COLLEAGUE)
    forget(federation, COLLEAGUE)
    federation.deliver()
    assert (len(federation.grants()), federation.grants(COLLEAGUE)) == (1, [])
    assert (await federation.hub.client(RESEARCHER).get(f"/permits/{permit}"))["state"] == "active"


def forget(federation: Federation, subject: str) -> None:
    ledger = federation.applications.around.ledger
    with ledger.engine.begin() as connection:
        forget_person(
            connection, federation.applications, subject, "operator:1", feed=federation.hub_wire.feed
        )


async def used(federation: Federation, subject: str = RESEARCHER) -> tuple[list[str], int]:
    """Datasets of somebody's entitlements as the field's services read them, and how many visas they get."""
    app = federation.hub.app
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://hub") as client:
        headers = {"x-who": subject}
        told = (await client.get("/api/entitlements", headers=headers)).json()
        visas = (await client.get(f"/api/permissions/{subject}", headers=headers)).json()
    return [each["resource"] for each in told], len(visas["ga4gh_passport_v1"])


class Told:
    """Takes what the field's services are told of entitlements."""

    def __init__(self, federation: Federation) -> None:
        self._federation, self._heard = federation, list[tuple[str, str]]()

    def deliver(self, _event_id: str, body: bytes) -> None:
        told = json.loads(body)
        self._heard.append((told["type"].rpartition(".")[2], told["subject"]))

    def close(self) -> None:
        """Nothing is held."""

    def since(self) -> set[tuple[str, str]]:
        """What they were told since they were asked last."""
        self._heard.clear()
        outbox = self._federation.rems._pushes.outbox  # type: ignore[union-attr]  # it is enabled
        outbox.send_due(self, to="rems-entitlements:sync")
        return set(self._heard)


async def test_services_of_the_field_see_what_a_permit_opens_and_no_more(federation: Federation):
    _, permit = await federation.granted(COLLEAGUE)
    minder, told = federation.hub.client(MINDER), Told(federation)
    assert await used(federation) == ([EE.dataset], 1)
    assert told.since() == {("added", RESEARCHER), ("added", COLLEAGUE)}
    await minder.ask("POST", f"/permits/{permit}/commands/suspend")
    assert await used(federation) == ([], 0)
    assert told.since() == {("removed", RESEARCHER), ("removed", COLLEAGUE)}
    await minder.ask("POST", f"/permits/{permit}/commands/resume")
    assert await used(federation) == ([EE.dataset], 1)
    assert told.since() == {("added", RESEARCHER), ("added", COLLEAGUE)}
    await minder.ask("POST", f"/permits/{permit}/commands/revoke", json={"people": [COLLEAGUE]})
    assert await used(federation, COLLEAGUE) == ([], 0)
    assert told.since() == {("removed", COLLEAGUE)}
    assert await used(federation) == ([EE.dataset], 1)


async def test_services_are_told_of_no_beginning_while_the_permit_opens_nothing(federation: Federation):
    _, permit = await federation.granted(COLLEAGUE)
    minder, told = federation.hub.client(MINDER), Told(federation)
    told.since()
    await minder.ask("POST", f"/permits/{permit}/commands/suspend")
    told.since()
    for good in (False, True):
        with federation.permits.permits._means.ledger.engine.begin() as connection:
            federation.rems.hear_standing(
                connection,
                Notice(0, "person.standing", NOW, {"subject": COLLEAGUE, "inGoodStanding": good}),
            )
    assert told.since() == {("removed", COLLEAGUE)}
    people = federation.standings.by_subject
    people[COLLEAGUE] = replace(people[COLLEAGUE], may_request=False)
    await minder.ask("POST", f"/permits/{permit}/commands/resume")
    assert told.since() == {("added", RESEARCHER)}  # who may not use data now is told of when they may


async def test_a_grant_of_regions_is_told_to_no_service(federation: Federation):
    await federation.granted(regions=("22:1001-2000",))
    assert Told(federation).since() == set()


async def test_a_grant_of_regions_is_no_visa_of_the_whole_dataset(federation: Federation):
    await federation.granted(regions=("22:1001-2000",))
    assert await used(federation) == ([], 0)


async def test_everybody_may_read_the_register_and_ask_what_they_would_get(federation: Federation):
    _, permit = await federation.granted()
    stranger = federation.hub.client()
    [line] = (await stranger.get("/register"))["items"]
    assert line["title"] == "Rare variants"
    assert (line["permit"], line["purpose"], line["organisation"]) == (permit, "research", "uni")
    assert RESEARCHER not in json.dumps(line)
    for duo, verdict in (
        ({"topics": ["health"]}, "approve"),
        ({"topics": ["ancestry"]}, "deny"),
        ({}, "needs-evidence"),
        ({"topics": ["health"], "sensitive": ["recontact"]}, "abstain"),
    ):
        answer = await stranger.ask("POST", "/match", json={"duo": duo})
        [found] = answer.json()["items"]
        assert (found["dataset"], found["verdict"]) == (EE.dataset, verdict)
        assert found["sources"][0]["version"] == "2021-02-23"
    assert found["duties"][0]["code"] == "DUO:0000019"


async def test_programs_that_know_odrl_read_the_conditions_of_use_as_an_offer(federation: Federation):
    stranger = federation.hub.client()
    answer = await stranger.ask("GET", f"/offers/{EE.dataset}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/ld+json")
    told = answer.json()
    assert (told["@type"], told["@context"]) == ("Offer", "http://www.w3.org/ns/odrl.jsonld")
    [permission] = told["permission"]
    assert permission["target"] == f"urn:gdi:dataset:{EE.dataset}"
    assert "DUO_0000006" in json.dumps(permission["constraint"])
    assert "distribute" in json.dumps(permission["duty"])
    assert (await stranger.ask("GET", "/offers/GDI-EE-NONE-1")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{",
        b'{"duo": 1}',
        b'{"goal": 1}',
        b'{"datasets": "x"}',
        b'{"purpose": "fun"}',
        b'{"duo": {"topics": 1}}',
    ],
)
async def test_a_question_that_cannot_be_read_is_refused(federation: Federation, body: bytes):
    answer: httpx.Response = await federation.hub.client().ask("POST", "/match", content=body)
    assert answer.status_code == 400
    assert answer.json()["detail"]


@pytest.mark.parametrize("automatic", [(EE.dataset,)])
async def test_what_the_holder_left_to_a_machine_is_granted_at_once(federation: Federation):
    id_, _ = await federation.confirmed(duo={"topics": ["health"]})
    federation.deliver()
    assert "eu.gdi.case.decided" in federation.send()
    assert "permit.issued" in federation.deliver()
    assert len(federation.grants()) == 1
    decided = federation.cases._ledger.state(CASES, f"{id_}.{BODY}").decided
    assert decided is not None
    assert not decided.tacit


@pytest.mark.parametrize(
    "automatic, duo",
    [((), {"topics": ["health"]}), ((EE.dataset,), {"topics": ["ancestry"]}), ((EE.dataset,), {})],
)
async def test_everything_else_waits_for_people(federation: Federation, duo: dict[str, Any]):
    id_, _ = await federation.confirmed(duo=duo)
    federation.deliver()
    assert "eu.gdi.case.decided" not in federation.send()
    assert federation.cases._ledger.state(CASES, f"{id_}.{BODY}").decided is None


async def test_more_time_is_given_by_the_same_bodies_to_the_same_permit(federation: Federation):
    id_, permit = await federation.granted()
    researcher = federation.hub.client(RESEARCHER)
    [before] = federation.grants()
    answer = await researcher.try_to(id_, "extend", until="2029-06-30")
    assert answer.status_code == 200, answer.text
    later = answer.json()["id"] if answer.json()["id"] != id_ else answer.json()["followedBy"][-1]["of"]
    file = (await researcher.attach(later)).json()["attachment"]
    await researcher.do(later, "save-draft", answers=full_answers(file))
    await researcher.do(later, "accept-terms", terms=[TERMS.id])
    await researcher.do(later, "submit")
    await federation.hub.client(OFFICIAL).do(later, "confirm")
    federation.deliver()
    federation.clock.advance(86_400)
    federation.decide(later)
    assert "permit.changed" in federation.deliver()
    assert (await researcher.get(f"/applications/{later}"))["permit"] == permit
    [grant] = federation.grants()
    assert (grant.permit, grant.until) == (permit, before.until)  # DUO TS counts from the permit's issue
    assert grant.asserted > before.asserted
    told = await researcher.get(f"/permits/{permit}")
    assert len(told["events"]) == 2


def test_permits_that_were_not_wired_say_so_and_find_nothing_silently(federation: Federation):
    alone = HubPermits(
        federation.permits.permits, federation.permits.precheck, Part(), _legal_basis="EHDS Art 68"
    )
    for use in (alone.all, partial(alone.find, "GDI-EE-A-1"), partial(alone.statement, "GDI-EE-A-1", "1.0")):
        with pytest.raises(RuntimeError, match="`attach` was not called"):
            use()
