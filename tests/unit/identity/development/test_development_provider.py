"""The development provider: everybody may be anybody, and yet it speaks OpenID Connect as strictly as a real one."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from opengdi.identity.clearinghouse.keys import GivenKeys, KeyBook
from opengdi.identity.clearinghouse.model import Issuer, Pair, Policy, Trust
from opengdi.identity.clearinghouse.service import Clearinghouse
from opengdi.identity.development.api import development_routes
from opengdi.identity.development.people import PEOPLE
from opengdi.identity.development.provider import DevelopmentProvider
from opengdi.identity.ports import NothingRevoked
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.keys import Algorithm, PublicKey, Secret, SigningKey
from opengdi.standards.jws import read_compact
from opengdi.standards.passport import VisaType

BASE = "http://127.0.0.1:8080/dev-idp"
BACK = "http://127.0.0.1:9000/callback"
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASKED = {
    "response_type": "code",
    "client_id": "somebody",
    "redirect_uri": BACK,
    "scope": "openid ga4gh_passport_v1",
    "state": "s",
    "nonce": "n",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


def development_provider(clock: FixedClock, algorithm: Algorithm = "ES256") -> DevelopmentProvider:
    clients = {"known": Secret(b"a secret with 100%")}
    return DevelopmentProvider(lambda: BASE, SigningKey.generate(algorithm), clock, clients)


@pytest.fixture
async def http(clock: FixedClock) -> AsyncIterator[httpx.AsyncClient]:
    provider = development_provider(clock)
    app = Edge(Routing(development_routes(provider)), clock=clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=f"{BASE}/") as http:
        yield http


async def answer_to(http: httpx.AsyncClient, **changes: str) -> dict[str, str]:
    answer = await http.get("authorize", params={**ASKED, "login_hint": "researcher-one", **changes})
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(BACK)
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


async def redeem(http: httpx.AsyncClient, code: str, auth=None, **changes: str) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": BACK,
        "client_id": "somebody",
        "code_verifier": VERIFIER,
        **changes,
    }
    return await http.post("token", data=form, auth=auth)


def claims_of(token: str) -> dict[str, object]:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


async def test_a_code_gives_tokens_about_whom_the_hint_names(http):
    answer = await answer_to(http)
    assert (answer["state"], answer["iss"]) == ("s", BASE)
    tokens = (await redeem(http, answer["code"])).json()
    claims = claims_of(tokens["id_token"])
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (BASE, "somebody", "n")
    assert claims["sub"] == "researcher-one@dev-idp.example.org"
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    told = (await http.get("userinfo", headers=headers)).json()
    assert (told["sub"], told["email_verified"]) == (claims["sub"], True)
    kinds = [claims_of(visa)["ga4gh_visa_v1"]["type"] for visa in told["ga4gh_passport_v1"]]
    assert kinds == ["ResearcherStatus", "AcceptedTermsAndPolicies"]


@pytest.mark.parametrize(
    "hint", ["ee-dac-chair", "ee-dac-chair@ee.example.eu", "ee-dac-chair@dev-idp.example.org"]
)
async def test_a_hint_names_somebody_by_id_address_or_subject(http, hint):
    code = (await answer_to(http, login_hint="", username_hint=hint))["code"]
    assert (
        claims_of((await redeem(http, code)).json()["id_token"])["sub"] == "ee-dac-chair@dev-idp.example.org"
    )


async def test_everybody_can_be_chosen_on_the_page_and_nobody_slips_markup_into_it(http):
    answer = await http.get("authorize", params={**ASKED, "state": '"><script>'})
    assert answer.status_code == 200
    assert "<script>" not in answer.text
    assert all(person.name in answer.text for person in PEOPLE)
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_the_paths_of_the_mock_of_ls_aai_answer_too(http):
    params = {**ASKED, "login_hint": "operator"}
    assert (await http.get("auth/authorize", params=params)).status_code == 303
    assert (await http.get("jwk")).json() == (await http.get("jwks")).json()
    assert (await http.get(".well-known/openid-configuration")).json()["issuer"] == BASE


async def test_a_refusal_and_a_silent_question_are_answered_as_errors(http):
    assert (await answer_to(http, refuse="1"))["error"] == "access_denied"
    assert (await answer_to(http, login_hint="", prompt="none"))["error"] == "login_required"


@pytest.mark.parametrize(
    "wrong",
    [
        {"redirect_uri": "https://evil.example.org/"},
        {"redirect_uri": "http://127.0.0.1:80@evil.example.org/"},
        {"redirect_uri": "http://[::1"},
        {"redirect_uri": ""},
        {"response_type": "token"},
        {"client_id": ""},
        {"code_challenge": ""},
        {"code_challenge_method": "plain"},
    ],
)
async def test_a_request_that_is_not_in_order_sends_nobody_anywhere(http, wrong):
    answer = await http.get("authorize", params={**ASKED, "login_hint": "operator", **wrong})
    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_a_code_works_once(http):
    code = (await answer_to(http))["code"]
    assert (await redeem(http, code)).status_code == 200
    again = await redeem(http, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 50},
        {"code_verifier": ""},
        {"client_id": "another"},
        {"redirect_uri": "http://127.0.0.1:9000/other"},
        {"code": "guessed"},
    ],
)
async def test_a_code_is_good_only_for_who_asked_for_it(http, changes):
    code = (await answer_to(http))["code"]
    answer = await redeem(http, **{"code": code, **changes})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_a_code_ends_after_a_minute_and_a_token_after_an_hour(http, clock):
    code = (await answer_to(http))["code"]
    clock.advance(60)
    assert (await redeem(http, code)).status_code == 400
    tokens = (await redeem(http, (await answer_to(http))["code"])).json()
    clock.advance(3600)
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    assert (await http.get("userinfo", headers=headers)).status_code == 401


async def test_a_client_with_a_secret_must_show_it_and_may_do_without_pkce(http):
    plain = {"client_id": "known", "code_challenge": "", "code_challenge_method": ""}
    code = (await answer_to(http, **plain))["code"]
    refused = await redeem(http, code, client_id="known", client_secret="wrong")
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    basic = ("known", "a+secret+with+100%25")
    assert (await redeem(http, code, auth=basic, code_verifier="")).status_code == 200


@pytest.mark.parametrize("shown", ["Basic", "Basic !!!", "Basic /w==", "Bearer x"])
async def test_credentials_that_cannot_be_read_are_refused_as_the_standard_says(http, shown):
    code = (await answer_to(http))["code"]
    form = {"grant_type": "authorization_code", "code": code}
    answer = await http.post("token", data=form, headers={"authorization": shown})
    assert answer.status_code in {400, 401}
    assert answer.json()["error"] in {"invalid_client", "invalid_grant"}


async def test_the_id_token_is_no_access_token(http):
    tokens = (await redeem(http, (await answer_to(http))["code"])).json()
    for shown in (f"Bearer {tokens['id_token']}", "Bearer x.y.z", "Basic x", ""):
        assert (await http.get("userinfo", headers={"authorization": shown})).status_code == 401


async def test_the_end_of_a_session_leads_nowhere_else(http):
    assert (await http.get("end")).status_code == 200
    back = await http.get("end", params={"post_logout_redirect_uri": "http://127.0.0.1:9000/", "state": "x"})
    assert back.headers["location"] == "http://127.0.0.1:9000/?state=x"
    away = await http.get("end", params={"post_logout_redirect_uri": "https://evil.example.org/"})
    assert away.status_code == 400


def test_there_is_somebody_for_each_role_and_nobody_twice():
    ids = [person.id for person in PEOPLE]
    assert len(set(ids)) == len(ids)
    for country in ("ee", "nl", "pt"):
        for role in ("dac-member", "dac-chair", "data-holder", "ncp", "ethics", "provider"):
            assert f"{country}-{role}" in ids
    assert {"researcher-one", "researcher-two", "signing-official", "coordinator"} < set(ids)
    assert {"onboarding-operator", "operator", "auditor"} < set(ids)
    assert all(".example." in person.email for person in PEOPLE)


async def test_a_clearinghouse_that_trusts_it_finds_a_registered_researcher_by_its_visas_and_passport(
    http, clock
):
    """As a node does with LS-AAI: the access token says who it is, UserInfo or the broker what is said of them."""
    tokens = (await redeem(http, (await answer_to(http))["code"])).json()
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    told = (await http.get("userinfo", headers=headers)).json()["ga4gh_passport_v1"]
    jwks = (await http.get("jwks")).json()["keys"]
    pair = Pair(BASE, f"{BASE}/jwks")
    issuer = Issuer(
        pair, types=frozenset({VisaType.RESEARCHER_STATUS, VisaType.ACCEPTED_TERMS}), subjects_of=BASE
    )
    house = Clearinghouse(
        Trust((pair,), (issuer,)),
        KeyBook({pair: GivenKeys([json.dumps(jwk) for jwk in jwks])}),
        NothingRevoked(),
        clock,
        Policy(frozenset({"https://node.example.org"})),
    )
    subject, until = "researcher-one@dev-idp.example.org", clock.now() + timedelta(minutes=5)
    assert (await house.weigh(told, subject=subject, issuer=BASE, until=until)).bona_fide
    passport = await http.get("ga4gh-broker/1.2/", headers=headers)
    assert passport.headers["content-type"] == "application/jwt"
    proof = await house.proof(passport.text)
    assert (proof.subject, proof.bona_fide) == (subject, True)


async def test_the_broker_of_the_mock_of_ls_aai_tells_visas_by_name_and_of_strangers_none(http):
    for user in ("researcher-two", "researcher-two@dev-idp.example.org"):
        assert len((await http.get(f"ga4gh-broker/1.0/{user}")).json()["ga4gh_passport_v1"]) == 2
    for user in ("ee-dac-chair", "nobody", "a/b", "%00"):
        assert (await http.get(f"ga4gh-broker/1.0/{user}")).json() == {"ga4gh_passport_v1": []}
    for shown in ({}, {"authorization": "Bearer x.y.z"}):
        assert (await http.get("ga4gh-broker/1.2/", headers=shown)).status_code == 401


async def test_it_may_sign_as_ls_aai_does_and_says_so(clock):
    app = Edge(Routing(development_routes(development_provider(clock, "RS256"))), clock=clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=f"{BASE}/") as http:
        told = (await http.get(".well-known/openid-configuration")).json()
        assert told["id_token_signing_alg_values_supported"] == ["RS256"]
        tokens = (await redeem(http, (await answer_to(http))["code"])).json()
        (jwk,) = (await http.get(told["jwks_uri"])).json()["keys"]
    for name in ("id_token", "access_token"):
        jws = read_compact(tokens[name])
        assert jws.header["alg"] == jwk["alg"] == "RS256"
        PublicKey.from_jwk(jwk).check(jws.signed, jws.signature)
    claims = claims_of(tokens["id_token"])
    assert claims["auth_time"] == claims["iat"]
