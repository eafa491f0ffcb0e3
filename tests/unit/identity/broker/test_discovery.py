"""The discovery document promises what works, and what it does not promise does not work."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.broker_kit import BACK, ISSUER, SECRET, SUBJECT, VERIFIER, Desk, answered, claims_of, header_of
from tests.unit.identity.broker.test_signing_clients import assertion

from opengdi.standards.client_assertion import ASSERTION_TYPE

DOCUMENTS = ("/oidc/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/oidc")
KNOWN_TO_ALL = {"iss", "aud", "exp", "iat", "at_hash", "nonce"}
"""Claims of every ID token, which Discovery need not list."""


@pytest.fixture
async def told(desk: Desk) -> dict[str, Any]:
    first, second = [(await desk.ask("GET", path)).json() for path in DOCUMENTS]
    assert first == second
    return first


async def test_what_discovery_1_0_and_rfc_8414_require_is_there(told: dict[str, Any]):
    needed = {"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "response_types_supported"}
    assert needed | {"subject_types_supported", "id_token_signing_alg_values_supported"} <= set(told)
    assert told["issuer"] == ISSUER, "where the document lies below"
    assert "RS256" in told["id_token_signing_alg_values_supported"], (
        "Discovery 1.0 section 3: MUST be included"
    )
    assert "openid" in told["scopes_supported"]
    assert "none" not in str([value for name, value in told.items() if "alg_values" in name])


async def test_every_address_answers_and_lies_below_the_issuer(desk: Desk, told: dict[str, Any]):
    for name, address in told.items():
        if name.endswith(("_endpoint", "_uri")):
            assert address.startswith(f"{ISSUER}/"), name
            path = address.removeprefix("https://hub.example.org")
            answers = [(await desk.ask(method, path)).status_code for method in ("GET", "POST")]
            assert set(answers) & {200, 303, 400, 401}, name


@pytest.mark.parametrize(
    "path",
    [
        "introspect",
        "par",
        "register",
        "device",
        "device_authorization",
        "logout",
        "end_session",
        "bc-authorize",
    ],
)
async def test_there_is_no_door_that_the_document_does_not_name(desk: Desk, path: str):
    for method in ("GET", "POST"):
        assert (await desk.ask(method, f"/oidc/{path}")).status_code == 404


async def tokens_by(desk: Desk, method: str) -> dict[str, Any]:
    """The tokens of a login whose client proves itself in that way."""
    client = {"private_key_jwt": "signer", "none": "gdi-cli"}.get(method, "portal")
    back = "http://127.0.0.1:7/callback" if method == "none" else BACK
    scope = "openid profile ga4gh_passport_v1 offline_access"
    code = answered(
        await desk.answer(await desk.authorize(client_id=client, redirect_uri=back, scope=scope))
    )["code"]
    form: dict[str, Any] = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
    form |= {"code_verifier": VERIFIER}
    if method == "client_secret_basic":
        return (await desk.redeem(code)).json()
    proof = {
        "client_secret_post": {"client_id": client, "client_secret": SECRET},
        "none": {"client_id": client},
        "private_key_jwt": {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion(desk)},
    }[method]
    answer = await desk.ask("POST", "/oidc/token", data=form | proof)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_clients_can_prove_themselves_in_each_way_that_is_named(desk: Desk, told: dict[str, Any]):
    methods = told["token_endpoint_auth_methods_supported"]
    assert set(methods) == {"client_secret_basic", "client_secret_post", "private_key_jwt", "none"}
    assert methods == told["revocation_endpoint_auth_methods_supported"]
    algorithms = set()
    for method in methods:
        tokens = await tokens_by(desk, method)
        algorithms.add(header_of(tokens["id_token"])["alg"])
    assert algorithms == set(told["id_token_signing_alg_values_supported"])


async def test_a_client_cannot_prove_itself_in_another_way(desk: Desk):
    form = {"grant_type": "client_credentials", "client_assertion": "a.b.c", "client_id": "robot"}
    for kind in ("urn:ietf:params:oauth:client-assertion-type:saml2-bearer", ""):
        answer = await desk.ask("POST", "/oidc/token", data={**form, "client_assertion_type": kind})
        assert answer.status_code in {400, 401}
    query = f"/oidc/token?client_id=robot&client_secret={SECRET}&grant_type=client_credentials"
    assert (await desk.ask("POST", query)).status_code == 400, "never in an address: RFC 6749 section 2.3.1"


async def test_each_grant_type_that_is_named_gives_tokens_and_no_other_does(desk: Desk, told: dict[str, Any]):
    tokens = await desk.logged_in(scope="openid ga4gh_passport_v1 offline_access")
    answers = {
        "authorization_code": tokens,
        "refresh_token": (await desk.refresh(tokens["refresh_token"])).json(),
        "client_credentials": (await desk.token("robot", grant_type="client_credentials")).json(),
        "urn:ietf:params:oauth:grant-type:token-exchange": (
            await desk.exchange(tokens["access_token"])
        ).json(),
    }
    assert set(answers) == set(told["grant_types_supported"])
    assert all("access_token" in answer for answer in answers.values()), answers
    for unknown in (
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:openid:params:grant-type:ciba",
    ):
        answer = await desk.token(grant_type=unknown, username="a", password="b", assertion="c")
        assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


async def test_each_scope_and_claim_that_is_named_is_to_be_had(desk: Desk, told: dict[str, Any]):
    desk.browser.authenticated = desk.clock.now()
    tokens = await desk.logged_in(scope=" ".join(told["scopes_supported"]))
    assert tokens["scope"].split() == told["scopes_supported"]
    desk.north.silent = True
    claims = claims_of(tokens["id_token"]) | (await desk.userinfo(tokens["access_token"])).json()
    assert set(claims) - KNOWN_TO_ALL == set(told["claims_supported"])


async def test_each_prompt_that_is_named_is_understood_and_no_other(desk: Desk, told: dict[str, Any]):
    for prompt in told["prompt_values_supported"]:
        answer = await desk.authorize(prompt=prompt)
        location = urlsplit(answer.headers.get("location", "")).query
        assert answer.status_code in {200, 303}
        assert parse_qs(location).get("error", [""])[0] in {"", "consent_required"}
    assert answered(await desk.authorize(prompt="create"))["error"] == "invalid_request"


async def test_what_is_said_to_be_unsupported_is_refused_and_not_ignored(desk: Desk, told: dict[str, Any]):
    assert told["request_parameter_supported"] is told["request_uri_parameter_supported"] is False
    for name in ("request", "request_uri"):
        assert answered(await desk.authorize(**{name: "x"}))["error"] == f"{name}_not_supported"
    for kind in ("token", "id_token", "code id_token", "code token", "none"):
        error = answered(await desk.authorize(response_type=kind))["error"]
        assert error == "unsupported_response_type"
    assert told["response_types_supported"] == ["code"]
    for mode in ("fragment", "form_post", "query.jwt"):
        assert answered(await desk.authorize(response_mode=mode))["error"] == "invalid_request"
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert answered(await desk.authorize(code_challenge_method="plain"))["error"] == "invalid_request"


async def test_claims_that_are_asked_for_one_by_one_are_not_given_for_that(desk: Desk, told: dict[str, Any]):
    assert told["claims_parameter_supported"] is False
    tokens = await desk.logged_in(scope="openid", claims='{"id_token":{"email":null,"name":null}}')
    found = claims_of(tokens["id_token"]) | (await desk.userinfo(tokens["access_token"])).json()
    assert not {"email", "name", "ga4gh_passport_v1"} & set(found)


async def test_the_answer_names_its_issuer_as_the_document_says(desk: Desk, told: dict[str, Any]):
    assert told["authorization_response_iss_parameter_supported"] is True
    assert answered(await desk.authorize(prompt="none"))["iss"] == told["issuer"]


async def test_subjects_are_the_same_for_every_client(desk: Desk, told: dict[str, Any]):
    assert told["subject_types_supported"] == ["public"]
    subjects = {
        claims_of((await tokens_by(desk, each))["id_token"])["sub"] for each in ("none", "private_key_jwt")
    }
    assert subjects == {SUBJECT}
