"""A node's issuer and clearinghouse, wired by settings: a hub that asks gets visas that the node believes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from opengdi.apps.beacons import peer_gate
from opengdi.apps.hub import build_hub
from opengdi.apps.hub import open_state as open_hub_state
from opengdi.apps.identity import home_of
from opengdi.apps.node import NodeState, open_state
from opengdi.apps.process import assemble
from opengdi.apps.settings import Settings
from opengdi.apps.visas import linked_issuers, open_clearinghouse, open_visas, visas_part
from opengdi.identity.broker.sources import IssuerTrust, NodeSource
from opengdi.identity.clearinghouse.keys import FetchedKeys, GivenKeys, OwnKeys
from opengdi.identity.clearinghouse.model import Pair
from opengdi.identity.model import Grant
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import NotAuthenticated
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.peers import ANSWER_HEADER, REQUEST_HEADER, PeerRequest, PeerSigner, check_answer
from opengdi.kernel.principal import Duty, Principal, Role
from opengdi.standards.faults import Unverified
from opengdi.standards.passport import Claims, TokenKind, write_passport

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
HUB_KEY, BROKER_KEY = SigningKey.generate(), SigningKey.generate()
BROKER = Pair("https://hub.example.org/oidc", "https://hub.example.org/oidc/jwks")
TARGET = "/visas/v1/permissions/person"


class OneGrant:
    """`Grants` of one person."""

    def current(self, subject: str, now: datetime) -> Sequence[Grant]:
        decided, until = now - timedelta(days=1), now + timedelta(days=1)
        return [Grant("person", "GDI-EE-TU-1", "1", "GDIP-A", "https://dac.example.org", decided, until)]


def settings_of(folder: Path, **identity: Any) -> Settings:
    return Settings.model_validate(
        {
            "node": {"id": "eu.ee", "data_dir": folder / "data", "keys_dir": folder / "keys"},
            "hub": {"data_dir": folder / "hub-data", "keys_dir": folder / "hub-keys"},
            "public": {"external_url": "https://node.example.org"},
            "federation": {
                "hubs": [
                    {
                        "id": "eu.hub",
                        "url": "https://hub.example.org",
                        "public_keys": [json.dumps(HUB_KEY.public.as_jwk())],
                    }
                ]
            },
            "identity": {
                "visas": {"brokers": ["eu.hub"]},
                "brokers": [
                    {
                        "issuer": BROKER.iss,
                        "jwks": BROKER.jku,
                        "keys": [json.dumps(BROKER_KEY.public.as_jwk())],
                    }
                ],
                **identity,
            },
        }
    )


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def state(tmp_path: Path, clock: FixedClock) -> Iterator[NodeState]:
    with open_state(settings_of(tmp_path), clock) as opened:
        yield opened


def asker(state: NodeState, hub: str = "eu.hub", key: SigningKey = HUB_KEY) -> str:
    signer = PeerSigner(hub, key, state.clock, lambda: "token-1")
    return signer.token("eu.ee", Principal(hub), PeerRequest("GET", TARGET, b""))


async def asked(
    state: NodeState, path: str, headers: dict[str, str] | None = None, **more: Any
) -> httpx.Response:
    part = visas_part(open_visas(state, grants=OneGrant()), state.settings, gate=peer_gate(state), **more)
    app = assemble("node", state.settings, state.clock, [part]).public
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="https://node.example.org"
    ) as client:
        return await client.get(path, headers=headers)


async def test_a_hub_that_signs_its_question_gets_visas_that_the_node_believes(state: NodeState) -> None:
    token = asker(state)
    answer = await asked(state, TARGET, {REQUEST_HEADER: token})
    assert answer.status_code == 200
    key = state.keys.signing_key("node").public
    check_answer(answer.headers[ANSWER_HEADER], token, answer.content, node="eu.ee", keys=[key])
    home = home_of(state.settings)
    house = open_clearinghouse(
        state.settings, state.clock, own_id="eu.ee", visas=open_visas(state), home=home
    )
    claims = Claims(
        BROKER.iss, "person", NOW, NOW + timedelta(minutes=10), audience=("https://node.example.org",)
    )
    told = write_passport(claims, answer.json()["ga4gh_passport_v1"])
    passport = BROKER_KEY.sign(json.dumps(told).encode(), purpose=TokenKind.PASSPORT)
    assert [visa.dataset for visa in (await house.proof(passport)).visas] == ["GDI-EE-TU-1"]


async def test_a_hub_that_settings_do_not_call_a_broker_gets_none(tmp_path: Path, clock: FixedClock) -> None:
    with open_state(settings_of(tmp_path, visas={"brokers": ["eu.other"]}), clock) as state:
        assert (await asked(state, TARGET, {REQUEST_HEADER: asker(state)})).status_code == 403


async def test_a_signature_of_somebody_else_makes_nobody_a_hub(state: NodeState) -> None:
    token = asker(state, key=SigningKey.generate())
    assert (await asked(state, TARGET, {REQUEST_HEADER: token})).status_code == 401


async def test_a_program_with_the_duty_of_a_broker_gets_them_too(state: NodeState) -> None:
    program = Principal("program:broker", duties=frozenset({Duty(Role.BROKER)}), logged_in=True)
    assert (await asked(state, TARGET, identify=lambda _: program)).status_code == 200
    idle = replace(program, duties=frozenset())
    assert (await asked(state, TARGET, identify=lambda _: idle)).status_code == 403


async def test_keys_are_at_the_address_that_visas_name(state: NodeState) -> None:
    visas = open_visas(state)
    assert visas.pair == ("https://node.example.org", "https://node.example.org/visas/v1/jwks")
    answer = await asked(state, "/visas/v1/jwks")
    assert [key["kid"] for key in answer.json()["keys"]] == [key.key_id for key in visas.keys.published()]


async def test_a_hub_serves_its_keys_too(tmp_path: Path, clock: FixedClock) -> None:
    with open_hub_state(settings_of(tmp_path), clock) as state:
        process = build_hub(state)
        transport = httpx.ASGITransport(process.public)
        async with httpx.AsyncClient(transport=transport, base_url="https://hub.example.org") as client:
            assert (await client.get("/visas/v1/jwks")).json()["keys"]
            assert (await client.get(TARGET)).status_code == 401
        process.close()


async def test_a_passport_for_another_node_is_refused_by_its_audience(state: NodeState) -> None:
    house = open_clearinghouse(state.settings, state.clock, own_id="eu.ee")
    claims = Claims(
        BROKER.iss, "person", NOW, NOW + timedelta(minutes=10), audience=("https://other.example.org",)
    )
    passport = BROKER_KEY.sign(json.dumps(write_passport(claims, [])).encode(), purpose=TokenKind.PASSPORT)
    with pytest.raises(NotAuthenticated, match="not for this service"):
        await house.proof(passport)


async def test_a_hub_believes_its_own_broker_without_any_setting(tmp_path: Path, clock: FixedClock) -> None:
    settings = settings_of(tmp_path, brokers=[])
    claims = Claims(BROKER.iss, "person", NOW, NOW + timedelta(minutes=10))
    passport = BROKER_KEY.sign(json.dumps(write_passport(claims, [])).encode(), purpose=TokenKind.PASSPORT)
    own = {BROKER: GivenKeys([json.dumps(BROKER_KEY.public.as_jwk())])}
    assert (
        await open_clearinghouse(settings, clock, own_id="eu.hub", brokers=own).proof(passport)
    ).subject == "person"
    with pytest.raises(NotAuthenticated):
        await open_clearinghouse(settings, clock, own_id="eu.hub").proof(passport)


async def test_keys_of_a_broker_that_settings_give_are_used_though_a_hub_names_it_too(
    tmp_path: Path, clock: FixedClock
) -> None:
    settings, fetched = settings_of(tmp_path), FetchedKeys("http://127.0.0.1:1/nobody", clock)
    house = open_clearinghouse(settings, clock, own_id="eu.ee", brokers={BROKER: fetched})
    told = write_passport(Claims(BROKER.iss, "person", NOW, NOW + timedelta(minutes=10)), [])
    passport = BROKER_KEY.sign(json.dumps(told).encode(), purpose=TokenKind.PASSPORT)
    assert (await house.proof(passport)).subject == "person"


def test_whose_people_visas_are_about(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    assert home_of(settings) == BROKER.iss
    assert home_of(settings, "https://own.example.org/oidc") == "https://own.example.org/oidc"
    assert home_of(settings_of(tmp_path, brokers=[])) == ""
    assert (
        home_of(settings_of(tmp_path, visas={"subjects_of": "https://b.example.org"}))
        == "https://b.example.org"
    )


BODY = {
    "name": "ee-dac",
    "source": "https://dac.example.org",
    "datasets": ["GDI-EE-TU-*"],
    "algorithm": "RS256",
}


async def proved(state: NodeState, visas: Sequence[str]) -> list[tuple[str, str]]:
    """Dataset and issuer of what the visas open at the node."""
    house = open_clearinghouse(
        state.settings, state.clock, own_id="eu.ee", visas=open_visas(state), home=BROKER.iss
    )
    told = write_passport(Claims(BROKER.iss, "person", NOW, NOW + timedelta(minutes=10)), visas)
    passport = BROKER_KEY.sign(json.dumps(told).encode(), purpose=TokenKind.PASSPORT)
    return [(visa.dataset, visa.issuer) for visa in (await house.proof(passport)).visas]


async def test_a_deciding_body_may_sign_for_itself_and_then_nobody_else_grants_its_data(
    tmp_path: Path, clock: FixedClock
) -> None:
    with open_state(settings_of(tmp_path), clock) as state:
        of_the_node = open_visas(state, grants=OneGrant()).issuer.issue("person", "test")
        assert await proved(state, of_the_node) == [("GDI-EE-TU-1", "https://node.example.org")]
    with open_state(settings_of(tmp_path, visas={"brokers": ["eu.hub"], "bodies": [BODY]}), clock) as state:
        of_the_body = open_visas(state, grants=OneGrant()).issuer.issue("person", "test")
        name = "https://node.example.org/visas/v1/bodies/ee-dac"
        assert await proved(state, of_the_body) == [("GDI-EE-TU-1", name)]
        assert await proved(state, of_the_node) == [("", "https://node.example.org")]
        keys = (await asked(state, "/visas/v1/bodies/ee-dac/jwks")).json()["keys"]
        assert [key["alg"] for key in keys] == ["RS256"]
        assert (await asked(state, "/visas/v1/bodies/other/jwks")).status_code == 404


async def test_what_a_hub_says_of_people_is_believed_by_its_nodes_and_it_opens_no_data(
    tmp_path: Path, clock: FixedClock
) -> None:
    with open_state(settings_of(tmp_path), clock) as state:
        house = open_clearinghouse(state.settings, clock, own_id="eu.ee", home=BROKER.iss)
        hub = house._trust.issuer("https://hub.example.org", "https://hub.example.org/visas/v1/jwks")
        assert hub is not None
        assert hub.subjects_of == BROKER.iss
        assert "ControlledAccessGrants" not in hub.types
        assert not house._trust.is_authority(hub, "GDI-EE-TU-1")


def test_people_of_a_hub_are_linked_at_the_nodes_whose_visas_it_collects(tmp_path: Path) -> None:
    nodes = [
        {"id": "eu.ee", "url": "https://ee.example.org"},
        {
            "id": "eu.fi",
            "url": "https://fi.example.org",
            "issuer": "https://visas.fi.example.org",
            "bodies": ["fi-dac"],
        },
    ]
    settings = settings_of(tmp_path, broker={"nodes": nodes})
    assert linked_issuers(settings, BROKER.iss) == (
        BROKER.iss,
        "https://ee.example.org",
        "https://visas.fi.example.org",
        "https://visas.fi.example.org/visas/v1/bodies/fi-dac",
    )


async def test_the_broker_takes_visas_of_a_body_that_it_knows_at_the_node(
    tmp_path: Path, clock: FixedClock
) -> None:
    with open_state(settings_of(tmp_path, visas={"bodies": [BODY]}), clock) as state:
        visas = open_visas(state, grants=OneGrant())
        (token,) = visas.issuer.issue("person", "test")
        (body,) = visas.bodies
        own = IssuerTrust(*visas.pair, OwnKeys(visas.keys.published), clock)
        known = {
            body.profile.iss: IssuerTrust(
                body.profile.iss, body.profile.jku, OwnKeys(body.keys.published), clock
            )
        }
        signer = PeerSigner("eu.hub", HUB_KEY, clock, lambda: "token-1")
        async with httpx.AsyncClient() as client:
            node = NodeSource("eu.ee", visas.pair.iss, own, tuple, signer, client)
            with pytest.raises(Unverified):
                await node.check(token, "person")
            await replace(node, bodies=known).check(token, "person")
            with pytest.raises(Unverified, match="somebody else"):
                await replace(node, bodies=known).check(token, "other")


ISSUER = {"iss": "https://i.example.org/", "jku": "https://i.example.org/jwks"}


@pytest.mark.parametrize(
    ("identity", "reason"),
    [
        ({"visas": {"lifetime_s": 3601}}, "less than or equal to 3600"),
        ({"visas": {"lifetime_s": 899}}, "greater than or equal to 900"),
        ({"visas": {"bodies": [BODY, BODY]}}, "two bodies have the same name"),
        ({"visas": {"bodies": [{**BODY, "name": "../x"}]}}, "should match pattern"),
        ({"visas": {"bodies": [{**BODY, "datasets": ["*"]}]}}, "datasets must be ids"),
        ({"visas": {"bodies": [{**BODY, "datasets": []}]}}, "at least 1 item"),
        ({"visas": {"algorithm": "HS256"}}, "'ES256' or 'RS256'"),
        ({"visas": {"key_days": 1, "announce_days": 1}}, "announce_days must be less"),
        (
            {"passports": {"issuers": [{**ISSUER, "jku": "http://i.example.org/jwks"}]}},
            "must be an https address",
        ),
        ({"passports": {"issuers": [{**ISSUER, "jku": "file:///etc/passwd"}]}}, "must be an https address"),
        (
            {"passports": {"issuers": [{**ISSUER, "jku": "https://u:p@i.example.org/"}]}},
            "must be an https address",
        ),
        ({"passports": {"issuers": [{**ISSUER, "iss": "i.example.org"}]}}, "must be an absolute URL"),
        ({"passports": {"issuers": [{**ISSUER, "datasets": ["*"]}]}}, "datasets must be ids"),
        ({"passports": {"issuers": [{**ISSUER, "datasets": ["GDI-*-1"]}]}}, "datasets must be ids"),
        ({"passports": {"issuers": [{**ISSUER, "types": ["Custom"]}]}}, "AffiliationAndRole"),
        ({"passports": {"issuers": [ISSUER, ISSUER]}}, "is named twice"),
        ({"passports": {"brokers": [ISSUER, ISSUER]}}, "is named twice"),
        ({"passports": {"bona_fide_by": ["nobody"]}}, "'so'"),
    ],
)
def test_settings_that_would_believe_too_much_are_refused(
    tmp_path: Path, identity: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        settings_of(tmp_path, **identity)


def test_an_issuer_keeps_the_slash_that_its_tokens_have(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, passports={"issuers": [{**ISSUER, "jku": "http://127.0.0.1:9/jwks"}]})
    assert settings.identity.passports.issuers[0].iss == "https://i.example.org/"
