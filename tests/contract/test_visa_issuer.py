"""A visa issuer over a database: what it signs it remembers, and writes down, before anybody gets it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine
from starlette.types import Scope

from opengdi.identity.clearinghouse.keys import KeyBook, OwnKeys
from opengdi.identity.clearinghouse.model import Issuer, Pair, Policy, Trust
from opengdi.identity.clearinghouse.service import Clearinghouse
from opengdi.identity.issuer.api import issuer_routes
from opengdi.identity.issuer.model import BASE_PATH, IssuerProfile
from opengdi.identity.issuer.service import Signers, VisaIssuer
from opengdi.identity.issuer.store import KEPT, IssuedVisas
from opengdi.identity.model import Grant, Standing
from opengdi.identity.ports import NothingRevoked
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Invalid, Unavailable
from opengdi.kernel.http.edge import Edge, Limits
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.keys import Algorithm, KeyFolder, RotatingKeys, Rotation, SigningKey
from opengdi.kernel.principal import Duty, Principal, Role
from opengdi.standards.passport import BONA_FIDE, Claims, TokenKind, VisaType, write_passport

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
BROKER = Pair("https://hub.example.org/oidc", "https://hub.example.org/oidc/jwks")
ISS = "https://node.example.org"
BROKER_KEY = SigningKey.generate()


class Permits:
    """`Grants` by hand."""

    def __init__(self) -> None:
        self.held: list[Grant] = []

    def current(self, subject: str, now: datetime) -> Sequence[Grant]:
        return [grant for grant in self.held if now < grant.until]

    def add(self, dataset: str, subject: str = "person", **changes: Any) -> None:
        base = {
            "version": "1",
            "permit": "GDIP-ABCDEFGH22",
            "source": "https://dac.example.org",
            "asserted": NOW - timedelta(days=9),
            "until": NOW + timedelta(days=9),
        }
        self.held.append(Grant(subject, dataset, **{**base, **changes}))


class People:
    """`Standings` by hand."""

    def __init__(self) -> None:
        self.known: dict[str, Standing] = {}

    def standing(self, subject: str) -> Standing | None:
        return self.known.get(subject)


class Chain:
    """`AuditLog` that can break."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, Sequence[str]]] = []
        self.broken = False

    def append(self, action: str, *, actor: str, objects: Sequence[str] = (), **_: object) -> int:
        if self.broken:
            raise Unavailable("the disk is full")
        self.lines.append((action, actor, objects))
        return len(self.lines)


class Office:
    """An issuer and whoever it needs."""

    def __init__(self, engine: Engine, folder: KeyFolder, algorithm: Algorithm = "ES256") -> None:
        self.clock = FixedClock(NOW)
        self.permits, self.people, self.chain = Permits(), People(), Chain()
        self.issued = IssuedVisas(engine)
        self.keys = RotatingKeys(folder, "visas", self.clock, algorithm=algorithm, rotation=Rotation())
        ids = count()
        self.issuer = VisaIssuer(
            Signers(IssuerProfile(ISS, timedelta(minutes=30)), self.keys),
            self.issued,
            self.clock,
            self.chain,
            grants=self.permits,
            standings=self.people,
            new_id=lambda: f"id-{next(ids)}",
        )

    async def proof(self, visas: Sequence[str], subject: str = "person") -> Any:
        pair = Pair(ISS, self.issuer.profile.jku)
        trust = Trust((BROKER,), (Issuer(pair, frozenset(VisaType), ("*",), subjects_of=BROKER.iss),))
        keys = KeyBook({BROKER: OwnKeys(lambda: [BROKER_KEY.public]), pair: OwnKeys(self.keys.published)})
        house = Clearinghouse(trust, keys, NothingRevoked(), self.clock, Policy())
        now = self.clock.now()
        claims = write_passport(Claims(BROKER.iss, subject, now, now + timedelta(hours=1)), visas)
        return await house.proof(BROKER_KEY.sign(json.dumps(claims).encode(), purpose=TokenKind.PASSPORT))


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path / "keys", data_dir=tmp_path / "data")


@pytest.fixture
def office(engine: Engine, folder: KeyFolder) -> Office:
    return Office(engine, folder)


async def test_what_the_issuer_signs_the_clearinghouse_believes(office: Office) -> None:
    office.permits.add("GDI-EE-TU-1")
    office.permits.add("GDI-EE-TU-2", subject="somebody-else")
    visas = office.issuer.issue("person", "hub")
    proof = await office.proof(visas)
    assert [visa.dataset for visa in proof.visas] == ["GDI-EE-TU-1"]
    assert (await office.proof(visas, "somebody-else")).visas == ()


async def test_registered_access_comes_from_the_register_of_people(office: Office) -> None:
    terms = ((BONA_FIDE, NOW - timedelta(days=3)),)
    office.people.known["person"] = Standing(
        "person", "GDIO-A", "member@uni.example.org", NOW - timedelta(days=3), terms, None, True
    )
    proof = await office.proof(office.issuer.issue("person", "hub"))
    assert proof.bona_fide
    assert not (await office.proof(office.issuer.issue("stranger", "hub"), "stranger")).bona_fide


async def test_rs256_by_setting(engine: Engine, folder: KeyFolder) -> None:
    office = Office(engine, folder, "RS256")
    office.permits.add("GDI-EE-TU-1")
    assert [visa.dataset for visa in (await office.proof(office.issuer.issue("person", "hub"))).visas]
    assert office.issuer.key_set()["keys"][0]["alg"] == "RS256"


def test_each_issue_is_in_the_audit_chain_by_ids_and_never_by_token(office: Office) -> None:
    office.permits.add("GDI-EE-TU-1")
    (token,) = office.issuer.issue("person", "hub")
    ((action, actor, objects),) = office.chain.lines
    assert (action, actor) == ("visa.issue", "hub")
    assert objects == ("person:person", "visa:GDIP-ABCDEFGH22.id-0")
    assert token not in repr(office.chain.lines)


def test_nothing_is_given_out_that_was_not_written_down(office: Office) -> None:
    office.permits.add("GDI-EE-TU-1")
    office.chain.broken = True
    with pytest.raises(Unavailable):
        office.issuer.issue("person", "hub")


def test_living_visas_can_be_named_by_permit_dataset_and_person(office: Office) -> None:
    office.permits.add("GDI-EE-TU-1")
    office.permits.add("GDI-EE-TU-2", permit="GDIP-OTHER")
    office.issuer.issue("person", "hub")
    (one,) = office.issued.living(NOW, permit="GDIP-OTHER")
    assert (one.jti, one.subject, one.dataset, one.until) == (
        "GDIP-OTHER.id-1",
        "person",
        "GDI-EE-TU-2",
        NOW + timedelta(minutes=30),
    )
    assert [each.jti for each in office.issued.living(NOW, dataset="GDI-EE-TU-1")] == ["GDIP-ABCDEFGH22.id-0"]
    assert len(office.issued.living(NOW, subject="person")) == 2
    assert office.issued.living(NOW, subject="person", permit="GDIP-NONE") == []
    assert office.issued.living(NOW + timedelta(minutes=30)) == []


def test_ids_are_forgotten_a_day_after_the_end(office: Office) -> None:
    office.permits.add("GDI-EE-TU-1")
    office.issuer.issue("person", "hub")
    office.clock.advance(KEPT.total_seconds() + 1801)
    office.issuer.issue("person", "hub")
    assert [each.jti for each in office.issued.living(NOW - timedelta(days=9))] == ["GDIP-ABCDEFGH22.id-1"]


def test_a_permit_that_ended_gives_no_visa_any_more(office: Office) -> None:
    office.permits.add("GDI-EE-TU-1", until=NOW + timedelta(hours=1))
    assert len(office.issuer.issue("person", "hub")) == 1
    office.clock.advance(3600)
    assert office.issuer.issue("person", "hub") == []


def test_a_body_without_an_address_is_named(office: Office) -> None:
    office.permits.add("GDI-EE-TU-1", source="ee.dac")
    with pytest.raises(Invalid, match=r"GDI-EE-TU-1.*source 'ee\.dac'"):
        office.issuer.issue("person", "hub")


async def asked(office: Office, path: str, *duties: Duty, method: str = "GET") -> httpx.Response:
    def identify(_: Scope) -> Principal:
        return Principal("hub", duties=frozenset(duties), logged_in=bool(duties))

    app = Edge(
        Routing(issuer_routes(office.issuer, identify, BASE_PATH)), clock=office.clock, limits=Limits(1000, 5)
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node") as client:
        return await client.request(method, path)


async def test_the_broker_gets_visas_that_nobody_may_keep(office: Office) -> None:
    office.permits.add("GDI-EE-TU-1", subject="a/b@c")
    answer = await asked(office, "/visas/v1/permissions/a%2Fb@c", Duty(Role.BROKER))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache, no-store"
    assert [each.count(".") for each in answer.json()["ga4gh_passport_v1"]] == [2]


async def test_somebody_unknown_has_no_visas_and_that_is_all_one_learns(office: Office) -> None:
    answer = await asked(office, "/visas/v1/permissions/nobody", Duty(Role.BROKER))
    assert answer.json() == {"ga4gh_passport_v1": []}


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.BROKER])
async def test_no_other_role_gets_visas_of_people(office: Office, role: Role) -> None:
    answer = await asked(office, "/visas/v1/permissions/person", Duty(role))
    assert answer.status_code == 403
    assert office.chain.lines == []


async def test_nobody_in_particular_is_asked_who_they_are(office: Office) -> None:
    assert (await asked(office, "/visas/v1/permissions/person")).status_code == 401


@pytest.mark.parametrize("user", ["x" * 256, "a%00b"])
async def test_what_is_no_user_is_refused(office: Office, user: str) -> None:
    answer = await asked(office, f"/visas/v1/permissions/{user}", Duty(Role.BROKER))
    assert answer.status_code == 400


async def test_keys_are_for_everybody(office: Office) -> None:
    answer = await asked(office, "/visas/v1/jwks")
    assert answer.headers["content-type"] == "application/json"
    (key,) = answer.json()["keys"]
    assert key["kid"] == office.keys.signing().key_id
    assert "d" not in key
    assert (await asked(office, "/visas/v1/jwks", method="POST")).status_code == 405
