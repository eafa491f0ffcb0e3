"""Whatever is sent to login and to the development provider: success, or an answer that blames the sender."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from tests.unit.identity.login.kit import CLIENT_SECRET, ORIGIN, Service

from opengdi.identity.development.api import development_routes
from opengdi.identity.development.provider import DevelopmentProvider
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.keys import Secret, SigningKey

PARAMETERS = [
    "next",
    "hint",
    "state",
    "code",
    "iss",
    "error",
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "nonce",
    "code_challenge",
    "prompt",
    "code_challenge_method",
    "login_hint",
    "username_hint",
    "refuse",
    "grant_type",
    "code_verifier",
    "client_secret",
    "csrf",
    "post_logout_redirect_uri",
    "max_age",
]
VALUES = some.text(max_size=20) | some.sampled_from(
    [
        "code",
        "openid",
        "S256",
        "researcher-one",
        "http://127.0.0.1/cb",
        "http://[",
        "authorization_code",
        "known",
        "0",
        "-1",
        "9" * 400,
        "x" * 6_000,  # nine of them are as much as the client can send
        "//evil.example",
        "\0",
    ]
)
QUERY = some.lists(some.tuples(some.sampled_from(PARAMETERS), VALUES), max_size=9)
BYTES = some.binary(max_size=40).map(
    lambda raw: raw.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")
)
LOGIN = some.sampled_from(
    ["/login/start", "/login/callback", "/login/me", "/login/end", "/login/jwks", "/change"]
)
DEVELOPMENT = some.sampled_from(["/authorize", "/auth/authorize", "/token", "/userinfo", "/end", "/jwk"])
MEDIA = some.sampled_from(
    [b"application/x-www-form-urlencoded", b"application/json", b"multipart/form-data", b"\xff", b""]
)
METHODS = some.sampled_from(["GET", "POST", "HEAD"])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("fuzz")
    service = Service(folder)
    yield service
    service.close()


@pytest.fixture(scope="module")
def provider() -> Edge:
    clock = FixedClock()
    told = DevelopmentProvider(
        lambda: "http://127.0.0.1/dev-idp", SigningKey.generate(), clock, {"known": Secret(b"s" * 16)}
    )
    return Edge(Routing(development_routes(told)), clock=clock)


def send(app: object, method: str, path: str, query: list[tuple[str, str]], headers: dict[str, bytes]) -> int:
    async def ask() -> int:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
            form = urlencode(query).encode() if method == "POST" else None  # a field may come twice
            answer = await http.request(method, path, params=query, content=form, headers=headers)
            location = answer.headers.get("location", "/")
            assert location.startswith(("/", "https://idp.example.org/", "http://127.0.0.1/")), location
            assert not location.startswith("//")
            for secret in (CLIENT_SECRET, "Traceback", "opengdi."):
                assert secret not in answer.text
            return answer.status_code

    return asyncio.run(ask())


@settings(max_examples=150)
@given(method=METHODS, path=LOGIN, query=QUERY, cookie=BYTES, token=BYTES, media=MEDIA)
def test_login_has_an_answer_to_everything(service, method, path, query, cookie, token, media):
    headers = {"cookie": b"__Host-gdi=" + cookie, "x-csrf-token": token, "content-type": media}
    assert send(service.app, method, path, query, headers) < 500


@settings(max_examples=150)
@given(method=METHODS, path=DEVELOPMENT, query=QUERY, shown=BYTES, media=MEDIA)
def test_the_development_provider_has_an_answer_to_everything(provider, method, path, query, shown, media):
    for scheme in (b"Basic ", b"Bearer "):
        headers = {"authorization": scheme + shown, "content-type": media}
        assert send(provider, method, f"/dev-idp{path}", query, headers) < 500
