"""Clients that sign who they are share no secret, and what they sent once opens nothing a second time."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from tests.broker_kit import (
    BACK,
    ISSUER,
    RSA_KEY,
    RSA_SIGNER,
    SECRET,
    SUBJECT,
    VERIFIER,
    Desk,
    answered,
    claims_of,
    header_of,
)

from opengdi.identity.broker.used_assertions import broker_assertions
from opengdi.kernel.database import reading
from opengdi.kernel.keys import SigningKey
from opengdi.standards.client_assertion import ASSERTION_TYPE, write_assertion
from opengdi.standards.jws import to_base64url

NUMBERS = iter(range(10_000))


def assertion(desk: Desk, key: SigningKey | None = None, typ: str = "JWT", **changes: Any) -> str:
    """An assertion of the client `signer`; a change to None leaves a claim out."""
    told = write_assertion("signer", ISSUER, desk.clock.now(), f"jti-{next(NUMBERS)}") | changes
    payload = json.dumps({name: value for name, value in told.items() if value is not None})
    return (key or desk.signer).sign(payload.encode(), purpose=typ)


async def ask(desk: Desk, proof: str, **fields: str) -> httpx.Response:
    known = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": proof,
    }
    return await desk.ask("POST", "/oidc/token", data={**known, **fields})


def at(desk: Desk, seconds: float) -> int:
    return int(desk.clock.now().timestamp() + seconds)


@pytest.mark.parametrize("key", [None, RSA_SIGNER], ids=["ES256", "RS256"])
async def test_a_client_is_who_its_key_says(desk: Desk, key: SigningKey | None):
    for address in (ISSUER, f"{ISSUER}/token", [ISSUER, f"{ISSUER}/token"]):
        answer = await ask(desk, assertion(desk, key, aud=address))
        assert answer.status_code == 200, answer.text
    assert claims_of(answer.json()["access_token"])["sub"] == "signer"


async def test_a_whole_login_needs_no_secret_and_its_id_token_is_signed_as_the_client_reads_it(desk: Desk):
    code = answered(await desk.answer(await desk.authorize(client_id="signer")))["code"]
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
    }
    tokens = (await ask(desk, assertion(desk), **fields)).json()
    assert (header_of(tokens["id_token"])["alg"], header_of(tokens["id_token"])["kid"]) == (
        "RS256",
        RSA_KEY.key_id,
    )
    assert header_of(tokens["access_token"])["alg"] == "ES256"
    told = claims_of(tokens["id_token"])
    assert (told["aud"], told["sub"], told["nonce"]) == ("signer", SUBJECT, "n-1")
    revoked = await desk.ask(
        "POST",
        "/oidc/revoke",
        data={
            "token": tokens["refresh_token"],
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion(desk),
        },
    )
    assert revoked.status_code == 200
    assert (await desk.userinfo(tokens["access_token"])).status_code == 401


async def test_an_assertion_is_good_once_and_only_its_hash_is_kept(desk: Desk):
    proof = assertion(desk)
    assert (await ask(desk, proof)).status_code == 200
    again = await ask(desk, proof)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
    with reading(desk.engine) as connection:
        (row,) = connection.execute(broker_assertions.select()).all()
    assert claims_of(proof)["jti"] not in row.digest
    desk.clock.advance(3600)
    assert (await ask(desk, assertion(desk))).status_code == 200
    with reading(desk.engine) as connection:
        assert len(connection.execute(broker_assertions.select()).all()) == 1, "what ended is swept out"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": None},
        {"aud": "https://elsewhere.example.org"},
        {"aud": [ISSUER, "https://elsewhere.example.org"]},
        {"aud": f"{ISSUER}/"},
        {"iss": "portal"},
        {"sub": "portal", "iss": "portal"},
        {"sub": "robot", "iss": "robot"},
        {"sub": "nobody", "iss": "nobody"},
        {"sub": ["signer"]},
        {"jti": None},
        {"jti": ""},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
    ],
    ids=str,
)
async def test_an_assertion_that_says_something_else_is_refused(desk: Desk, changes: dict[str, object]):
    answer = await ask(desk, assertion(desk, **changes))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["cache-control"] == "no-cache, no-store"


@pytest.mark.parametrize("seconds", [-1, 0, 3660, 10**9])
async def test_an_assertion_that_has_ended_or_is_for_too_long_is_refused(desk: Desk, seconds: int):
    proof = assertion(desk, exp=at(desk, seconds), iat=at(desk, min(seconds, 0) - 10))
    assert (await ask(desk, proof)).status_code == 401


async def test_an_assertion_of_tomorrow_is_refused(desk: Desk):
    for late in ({"nbf": at(desk, 300)}, {"iat": at(desk, 300)}):
        assert (await ask(desk, assertion(desk, exp=at(desk, 500), **late))).status_code == 401


async def test_a_key_that_is_not_the_clients_proves_nothing(desk: Desk):
    for key in (SigningKey.generate(), desk.keys.key, RSA_KEY):
        assert (await ask(desk, assertion(desk, key))).status_code == 401


async def test_a_signature_of_another_key_or_over_something_else_proves_nothing(desk: Desk):
    head, payload, signature = assertion(desk).split(".")
    of_another = assertion(desk, SigningKey.generate()).split(".")
    fresh = assertion(desk).split(".")[1]
    for forged in (
        (head, of_another[1], of_another[2]),  # another key that says it is the client's
        (head, fresh, signature),
        (head, payload, to_base64url(bytes(64))),
        (head, payload, ""),
    ):
        assert (await ask(desk, ".".join(forged))).status_code == 401
    assert (await ask(desk, f"{head}.{payload}.{signature}")).status_code == 200, "as it was signed"


@pytest.mark.parametrize("typ", ["at+jwt", "vnd.ga4gh.visa+jwt", "gdi-consent+jwt", "dpop+jwt"])
async def test_what_the_key_signed_for_something_else_is_no_proof(desk: Desk, typ: str):
    assert (await ask(desk, assertion(desk, typ=typ))).status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"crit": ["exp"]},
        {"jwk": {"kty": "EC"}},
        {"jku": "https://evil.example/keys"},
        {"x5c": ["MII"]},
        {"kid": "../signer"},
    ],
    ids=str,
)
async def test_a_header_that_brings_its_own_rules_is_refused(desk: Desk, header: dict[str, object]):
    good = assertion(desk)
    head = to_base64url(json.dumps({**header_of(good), **header}).encode())
    assert (await ask(desk, ".".join([head, *good.split(".")[1:]]))).status_code == 401
    assert (await ask(desk, ".".join([head, good.split(".")[1], ""]))).status_code == 401


async def test_only_what_was_registered_proves_a_client(desk: Desk):
    """RFC 7591: one method for a client, so that the weaker one is no way around the stronger."""
    assert (await desk.token("signer", SECRET, grant_type="client_credentials")).status_code == 401
    assert (await desk.token("signer", "", grant_type="client_credentials")).status_code == 401
    portal = assertion(desk, iss="portal", sub="portal")
    assert (await ask(desk, portal)).status_code == 401


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({"client_secret": SECRET}, 400, "invalid_request"),
        ({"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}, 400, None),
        ({"client_assertion_type": ""}, 400, "invalid_request"),
        ({"client_assertion": ""}, 400, "invalid_request"),
        ({"client_id": "portal"}, 401, "invalid_client"),
        ({"client_id": "signer"}, 200, None),
    ],
    ids=str,
)
async def test_one_proof_is_shown_in_one_way(desk: Desk, fields: dict[str, str], status: int, error: str):
    answer = await ask(desk, assertion(desk), **fields)
    assert answer.status_code == status, answer.text
    assert error in {None, answer.json().get("error")}


async def test_a_proof_in_the_body_and_another_one_in_the_header_are_refused(desk: Desk):
    data = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion(desk),
    }
    answer = await desk.ask("POST", "/oidc/token", data=data, auth=httpx.BasicAuth("portal", SECRET))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
