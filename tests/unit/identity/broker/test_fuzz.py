"""Whatever comes to the broker's endpoints is answered in the shape of OAuth, and never by a defect of ours."""

from __future__ import annotations

import asyncio
import json
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.broker_kit import BACK, ISSUER, NORTH, SECRET, SUBJECT, Desk, authorization, clients

from opengdi.identity.broker import rules
from opengdi.identity.broker.faults import Refused, UnknownClient
from opengdi.identity.broker.model import GrantType
from opengdi.standards.client_assertion import ASSERTION_TYPE, write_assertion

ENDPOINTS = ("authorize", "consent", "token", "userinfo", "revoke", "jwks", "consents", "nowhere")
CODES = {
    "access_denied",
    "insufficient_scope",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "invalid_token",
    "unauthorized_client",
    "unsupported_grant_type",
}
VALUES = st.sampled_from(
    [
        *[each.value for each in GrantType],
        *clients(),
        "code",
        "openid ga4gh_passport_v1",
        "S256",
        "A" * 43,
        BACK,
        NORTH,
        SECRET,
        "urn:ga4gh:params:oauth:token-type:passport",
        "urn:ietf:params:oauth:token-type:access_token",
        ASSERTION_TYPE,
        "a.b.c",
        "none",
        "0",
        "-1",
        "1e400",
        "9" * 400,
        "x" * 20_000,
        "\0",
        "\u202e",
    ]
) | st.text(max_size=30)
NAMES = st.sampled_from(
    [
        "grant_type",
        "client_id",
        "client_secret",
        "redirect_uri",
        "code",
        "code_verifier",
        "refresh_token",
        "scope",
        "resource",
        "audience",
        "response_type",
        "code_challenge",
        "code_challenge_method",
        "state",
        "nonce",
        "prompt",
        "token",
        "subject_token",
        "subject_token_type",
        "requested_token_type",
        "ticket",
        "answer",
        "remember",
        "max_age",
        "client_assertion",
        "client_assertion_type",
        "actor_token",
        "id_token_hint",
        "request",
        "response_mode",
    ]
)
MEDIA = [
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=utf-16",
    "application/json",
    "multipart/form-data; boundary=x",
    "text/plain",
    "\xe9",
    "",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20) | VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PAIRS = st.lists(st.tuples(NAMES | st.text(max_size=8), VALUES), max_size=10)
HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
AUTHORIZATION = st.one_of(
    st.just(""),
    HEADER.map(lambda text: f"Bearer {text}"),
    HEADER.map(lambda text: f"Basic {text}"),
    HEADER,
    st.just("Basic cG9ydGFsOnBvcnRhbC1zZWNyZXQtcG9ydGFsLXNlY3JldA=="),
)


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        yield desk
        desk.engine.dispose()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "POST", "DELETE", "PUT"]),
    path=st.sampled_from(ENDPOINTS),
    body=PAIRS.map(lambda pairs: urlencode(pairs).encode()) | st.binary(max_size=200),
    query=PAIRS.map(urlencode) | st.binary(max_size=60).map(quote),
    authorization=AUTHORIZATION,
    media=st.sampled_from(MEDIA),
    who=st.sampled_from(["", SUBJECT]),
)
def test_every_request_gets_an_answer_of_ours(
    desk: Desk, method: str, path: str, body: bytes, query: str, authorization: str, media: str, who: str
):
    url = httpx.URL(f"https://hub.example.org/oidc/{path}", query=query.encode())
    headers = {"authorization": authorization, "content-type": media.encode("latin-1")}
    answer = asyncio.run(desk.ask(method, str(url), who=who, content=body, headers=headers))
    assert answer.status_code < 500, answer.text
    for secret in (SECRET, "Traceback", "opengdi."):
        assert secret not in answer.text
    if answer.headers.get("content-type") == "application/json" and answer.status_code >= 400:
        assert answer.json()["error"] in CODES
    if "location" in answer.headers:
        to = urlsplit(answer.headers["location"])
        own = not to.netloc and to.path in {"/login/start", "/oidc/authorize"}
        assert own or f"{to.scheme}://{to.netloc}{to.path}" == BACK


@given(PAIRS)
def test_an_authorization_request_is_read_or_refused(pairs: list[tuple[str, str]]):
    known = clients()
    try:
        parameters = rules.gathered(pairs)
        client, uri = rules.addressed_client(parameters, known)
        asked = rules.asked(parameters, client, uri)
    except Refused:
        return
    assert set(asked.scopes) <= client.scopes
    assert set(asked.resources) <= client.resources
    assert len(asked.challenge) == 43


@given(st.text(st.characters(max_codepoint=255), max_size=80) | AUTHORIZATION, PAIRS)
def test_a_client_proves_itself_or_is_refused(header: str, pairs: list[tuple[str, str]]):
    try:
        parameters = rules.gathered(pairs)
        client = rules.authenticated_client(header, parameters, clients())
    except (Refused, UnknownClient):
        return
    assert client.is_public or SECRET in str(pairs) or "cG9ydGFs" in header


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40), st.sampled_from(["state", "nonce", "prompt", "scope", "resource"]))
def test_no_text_of_a_request_breaks_out_of_the_redirect(desk: Desk, text: str, name: str):
    path = f"/oidc/authorize?{authorization(**{name: text})}"
    answer = asyncio.run(desk.ask("GET", path, who=SUBJECT))
    assert answer.status_code in {200, 303, 400}
    if answer.status_code == 303:
        assert answer.headers["location"].startswith((BACK, "/login/start?"))
        assert "\n" not in answer.headers["location"]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    claims=st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "x"]), JSON),
    typ=st.sampled_from(["JWT", "at+jwt", ""]) | st.text(max_size=10),
    is_whole=st.booleans(),
)
def test_whatever_a_client_signs_proves_it_only_where_it_says_what_it_must(
    desk: Desk, claims: dict[str, object], typ: str, *, is_whole: bool
):
    now = desk.clock.now()
    good = write_assertion("signer", ISSUER, now, secrets.token_hex(8)) if is_whole else {}
    payload = {**good, **claims}
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": desk.signer.sign(json.dumps(payload).encode(), purpose=typ),
    }
    answer = asyncio.run(desk.ask("POST", "/oidc/token", data=form))
    assert answer.status_code in {200, 401}, answer.text
    if answer.status_code == 200:
        assert payload["iss"] == payload["sub"] == "signer"
        assert payload["aud"] in (ISSUER, [ISSUER])
        assert now.timestamp() < payload["exp"] <= now.timestamp() + 3630
        assert typ.lower().removeprefix("application/") in {"jwt", "client-authentication+jwt"}
