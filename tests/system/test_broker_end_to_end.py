"""Authlib logs somebody in at a real hub, gets tokens and a passport, and a real node takes them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import KeySet
from tests.system.browser import Browser
from tests.system.foreign_providers import foreign_client
from tests.system.ports import free_port
from tests.system.serving import Serving, serving, typed

from opengdi.kernel.keys import SigningKey
from opengdi.standards.client_assertion import ASSERTION_TYPE

SECRET = "portal-secret-0123456789"
KEY, RSA_KEY = SigningKey.generate(), SigningKey.generate("RS256")
"""Of the client `signer`: openid-client signs by the first, Authlib by the second."""
BACK = "http://127.0.0.1:1/callback"
SCOPE = "openid profile ga4gh_passport_v1"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
PASSPORT = "urn:ga4gh:params:oauth:token-type:passport"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
VERIFIER = "verifier-of-a-test-0123456789-0123456789-0123456789"


def gdi(*arguments: object) -> str:
    return typed(*arguments).strip()


@dataclass(frozen=True)
class Pair:
    """A hub with a broker, and a node that takes its tokens."""

    hub: Serving
    node: Serving
    issuer: str


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    root = tmp_path_factory.mktemp("broker")
    hub_port, node_port = free_port(), free_port()
    hub_url, node_url = f"http://127.0.0.1:{hub_port}", f"http://127.0.0.1:{node_port}"
    hub, node = root / "hub", root / "node"
    hub.mkdir()
    node.mkdir()
    (hub / "gdi.toml").write_text(f'[hub]\nid = "eu.hub"\n[public]\nport = {hub_port}\n')
    (node / "gdi.toml").write_text(f'[node]\nid = "ee.node"\ncountry = "EE"\n[public]\nport = {node_port}\n')
    hub_key = gdi("hub", "key", "--config", hub / "gdi.toml")
    node_key = gdi("node", "key", "--config", node / "gdi.toml")
    (hub / "gdi.toml").write_text(f"""\
[hub]
id = "eu.hub"
[public]
port = {hub_port}
[identity.development]
enabled = true
[identity.broker]
enabled = true
[[identity.broker.nodes]]
id = "ee.node"
url = "{node_url}"
[[identity.broker.clients]]
id = "portal"
name = "Portal"
secret = "{SECRET}"
redirect_uris = ["{BACK}"]
scopes = ["openid", "profile", "ga4gh_passport_v1", "offline_access"]
resources = ["*"]
grant_types = ["authorization_code", "refresh_token", "{EXCHANGE}"]
[[identity.broker.clients]]
id = "signer"
public_keys = ['{json.dumps(KEY.public.as_jwk())}', '{json.dumps(RSA_KEY.public.as_jwk())}']
id_token_algorithm = "RS256"
redirect_uris = ["{BACK}"]
scopes = ["openid", "profile", "ga4gh_passport_v1", "offline_access"]
resources = ["*"]
grant_types = ["authorization_code", "refresh_token", "{EXCHANGE}", "client_credentials"]
""")
    (node / "gdi.toml").write_text(f"""\
[node]
id = "ee.node"
country = "EE"
[public]
port = {node_port}
[[federation.hubs]]
id = "eu.hub"
url = "{hub_url}"
public_keys = ['{hub_key}']
[identity.visas]
brokers = ["eu.hub"]
[[identity.brokers]]
issuer = "{hub_url}/oidc"
""")
    (root / "node.jwk").write_text(node_key)
    gdi(
        "registry", "add", "ee.af", "--url", f"{node_url}/beacon/aggregated/v2", "--member", "ee.node",
        "--country", "EE", "--network", "aggregated", "--key", root / "node.jwk", "--name", "Node",
        "--config", hub / "gdi.toml",
    )  # fmt: skip
    gdi("registry", "sign", "--config", hub / "gdi.toml")
    with ExitStack() as stack:
        at_node = stack.enter_context(
            serving("node", node / "gdi.toml", node / "data", GDI_PUBLIC__PORT=str(node_port))
        )
        at_hub = stack.enter_context(
            serving("hub", hub / "gdi.toml", hub / "hub-data", GDI_PUBLIC__PORT=str(hub_port))
        )
        yield Pair(at_hub, at_node, f"{hub_url}/oidc")


def client(pair: Pair) -> OAuth2Session:
    return OAuth2Session("portal", SECRET, scope=SCOPE, redirect_uri=BACK, code_challenge_method="S256")


def metadata(pair: Pair) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{pair.issuer}/.well-known/openid-configuration").json()
    return found


def sent_back(pair: Pair, address: str, who: str = "researcher-one", answer: str = "allow") -> str:
    """Where the browser ends after login and consent."""
    with Browser() as browser:
        browser.get(f"{pair.hub.public}/login/start?hint={who}&next=/login/me")
        page = browser.get(address, until=BACK)
        if page.has_redirect_location:
            return page.headers["location"]
        ticket = re.search(r'name="ticket" value="([^"]+)"', page.text)
        assert ticket, page.text
        fields = {"ticket": ticket[1], "answer": answer}
        done = browser.step("POST", f"{pair.hub.public}/oidc/consent", data=fields)
        return done.headers["location"]


def logged_in(pair: Pair, session: OAuth2Session, **more: object) -> dict[str, Any]:
    told = metadata(pair)
    address, state = session.create_authorization_url(
        told["authorization_endpoint"], code_verifier=VERIFIER, nonce="n-1", **more
    )
    back = sent_back(pair, address)
    assert parse_qs(urlsplit(back).query)["iss"] == [pair.issuer]
    token: dict[str, Any] = session.fetch_token(
        told["token_endpoint"], authorization_response=back, code_verifier=VERIFIER, state=state
    )
    return token


def test_authlib_logs_somebody_in_and_believes_the_id_token(pair: Pair):
    with client(pair) as session:
        token = logged_in(pair, session)
    keys = KeySet.import_key_set(httpx.get(metadata(pair)["jwks_uri"]).json())
    claims = jwt.decode(token["id_token"], keys, algorithms=["ES256"]).claims
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (pair.issuer, "portal", "n-1")
    assert claims["name"] == "Researcher One"


def test_userinfo_and_exchange_ask_the_node_and_nobody_is_missing(pair: Pair):
    with client(pair) as session:
        token = logged_in(pair, session)
        told = session.get(metadata(pair)["userinfo_endpoint"]).json()
        assert told["ga4gh_passport_v1"] == []
        assert "gdi_missing_visa_issuers" not in told
        fields = {
            "grant_type": EXCHANGE,
            "requested_token_type": PASSPORT,
            "subject_token": token["access_token"],
            "subject_token_type": ACCESS,
            "audience": "ee.node",
        }
        answer = httpx.post(metadata(pair)["token_endpoint"], data=fields, auth=("portal", SECRET)).json()
    assert answer["issued_token_type"] == PASSPORT
    asked = httpx.get(
        f"{pair.node.public}/ga4gh/drs/v1/objects/nothing",
        headers={"authorization": f"Bearer {answer['access_token']}"},
    )
    assert asked.status_code == 403, asked.text


def test_a_node_takes_a_token_for_itself_and_no_other(pair: Pair):
    def asked(token: str) -> int:
        headers = {"authorization": f"Bearer {token}"}
        return httpx.get(f"{pair.node.public}/ga4gh/drs/v1/objects/nothing", headers=headers).status_code

    with client(pair) as session:
        for_hub = logged_in(pair, session)
        assert asked(for_hub["access_token"]) == 401
        fields = {
            "grant_type": "refresh_token",
            "refresh_token": for_hub["refresh_token"],
            "resource": pair.node.public,
        }
        auth = ("portal", SECRET)
        for_node = httpx.post(metadata(pair)["token_endpoint"], data=fields, auth=auth).json()
        assert asked(for_node["access_token"]) == 403  # it is known who asks; nothing was opened to them


def test_what_was_taken_back_at_the_hub_is_refused_at_the_node_within_seconds(pair: Pair):
    with client(pair) as session:
        token = logged_in(pair, session, resource=pair.node.public)
        headers = {"authorization": f"Bearer {token['access_token']}"}
        address = f"{pair.node.public}/ga4gh/drs/v1/objects/nothing"
        assert httpx.get(address, headers=headers).status_code == 403
        told = metadata(pair)
        httpx.post(
            told["revocation_endpoint"], data={"token": token["access_token"]}, auth=("portal", SECRET)
        ).raise_for_status()
    began = time.monotonic()
    while httpx.get(address, headers=headers).status_code != 401:
        assert time.monotonic() - began < 5
        time.sleep(0.05)


def test_somebody_who_says_no_gives_nothing(pair: Pair):
    with client(pair) as session:
        address, _ = session.create_authorization_url(
            metadata(pair)["authorization_endpoint"], code_verifier=VERIFIER
        )
    back = parse_qs(urlsplit(sent_back(pair, address, answer="deny")).query)
    assert back["error"] == ["access_denied"]


def test_somebody_who_is_not_logged_in_logs_in_on_the_way(pair: Pair):
    with client(pair) as session, Browser() as browser:
        address, _ = session.create_authorization_url(
            metadata(pair)["authorization_endpoint"], code_verifier=VERIFIER
        )
        page = browser.get(address)
        link = next(part for part in page.text.split('href="') if "login_hint=researcher-one" in part)
        page = browser.get(pair.hub.public + link.split('"')[0].replace("&amp;", "&"))
    assert "Let Portal know about you?" in page.text


def test_logging_out_ends_what_was_granted_in_that_session_and_nothing_else(pair: Pair):
    told, auth = metadata(pair), ("portal", SECRET)
    with Browser() as mine, Browser() as elsewhere:
        sessions = [(browser, granted_in(pair, browser)) for browser in (mine, elsewhere)]
        csrf = mine.get(f"{pair.hub.public}/login/me").json()["csrf"]
        mine.step("POST", f"{pair.hub.public}/login/end", data={"csrf": csrf})
        statuses = []
        for _, token in sessions:
            bearer = {"authorization": f"Bearer {token['access_token']}"}
            fields = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
            statuses.append(httpx.get(told["userinfo_endpoint"], headers=bearer).status_code)
            statuses.append(httpx.post(told["token_endpoint"], data=fields, auth=auth).status_code)
        assert statuses == [401, 400, 200, 200]


def granted_in(pair: Pair, browser: Browser) -> dict[str, Any]:
    """Tokens that somebody gave a client while logged in with a browser."""
    told = metadata(pair)
    browser.get(f"{pair.hub.public}/login/start?hint=researcher-one&next=/login/me")
    with client(pair) as session:
        address, state = session.create_authorization_url(
            told["authorization_endpoint"], code_verifier=VERIFIER, nonce="n-1"
        )
        page = browser.get(address, until=BACK)
        ticket = re.search(r'name="ticket" value="([^"]+)"', page.text)
        assert ticket, page.text
        done = browser.step(
            "POST", f"{pair.hub.public}/oidc/consent", data={"ticket": ticket[1], "answer": "allow"}
        )
        token: dict[str, Any] = session.fetch_token(
            told["token_endpoint"],
            authorization_response=done.headers["location"],
            code_verifier=VERIFIER,
            state=state,
        )
    return token


def test_a_client_logs_its_person_out_of_the_hub(pair: Pair):
    place = metadata(pair)["end_session_endpoint"]
    with Browser() as browser, Browser() as another:
        hint = granted_in(pair, browser)["id_token"]
        strangers = granted_in(pair, another)["id_token"]
        me = f"{pair.hub.public}/login/me"
        home = BACK.removesuffix("callback")
        for wrong in (
            {},
            {"id_token_hint": "x.y.z"},
            {"id_token_hint": f"{hint}x"},
            {"id_token_hint": hint, "post_logout_redirect_uri": "https://evil.example.org/"},
            {"id_token_hint": hint, "client_id": "gdi-cli"},
        ):
            assert browser.step("GET", place, params=wrong).status_code == 400, wrong
            assert browser.step("GET", me).status_code == 200, wrong
        asked = {"id_token_hint": hint, "post_logout_redirect_uri": home, "state": "s&t"}
        answer = browser.step("GET", place, params=asked)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{home}?state=s%26t")
        assert browser.step("GET", me).status_code == 401
        assert another.step("POST", place, data={"id_token_hint": strangers}).status_code == 200
        assert another.step("GET", me).status_code == 401


def test_an_id_token_of_somebody_else_logs_nobody_out(pair: Pair):
    with Browser() as browser, Browser() as mallory:
        hint = granted_in(pair, mallory)["id_token"]
        browser.get(f"{pair.hub.public}/login/start?hint=researcher-two&next=/login/me")
        browser.step("GET", metadata(pair)["end_session_endpoint"], params={"id_token_hint": hint})
        assert browser.step("GET", f"{pair.hub.public}/login/me").status_code == 200


@pytest.mark.parametrize(
    ("client_id", "method", "algorithm", "back"),
    [
        ("portal", "client_secret_basic", "ES256", BACK),
        ("portal", "client_secret_post", "", BACK),
        ("signer", "private_key_jwt", "RS256", BACK),
        ("gdi-cli", "none", "", "http://127.0.0.1:1/callback"),
    ],
    ids=["basic", "post", "key", "public"],
)
def test_openid_client_does_all_that_the_discovery_document_promises(
    pair: Pair, client_id: str, method: str, algorithm: str, back: str
):
    """openid-client is a certified relying party that checks whatever OpenID Connect lets it check."""
    proof = {"SECRET": SECRET, "PRIVATE_KEY": KEY.as_pem().decode(), "KID": KEY.key_id}
    arguments = (pair.issuer, client_id, back, pair.node.public, method, algorithm)
    with foreign_client(*arguments, variables=proof) as client:
        told = client.finish(sent_back(pair, client.address))
    assert told["claims"]["iss"] == pair.issuer
    assert told["claims"]["aud"] == client_id
    assert told["claims"]["auth_time"] <= told["claims"]["iat"]
    assert told["userinfo"]["sub"] == told["refreshed"] == told["claims"]["sub"]
    assert told["userinfo"]["name"] == "Researcher One"
    assert told["userinfo"]["ga4gh_passport_v1"] == []
    assert told["afterRevocation"] == 401
    if method != "none":
        assert told["issued"] == PASSPORT
        headers = {"authorization": f"Bearer {told['passport']}"}
        asked = httpx.get(f"{pair.node.public}/ga4gh/drs/v1/objects/nothing", headers=headers)
        assert asked.status_code == 403, asked.text


def test_authlib_proves_itself_by_a_key(pair: Pair):
    proof = PrivateKeyJWT(alg="RS256", headers={"kid": RSA_KEY.key_id})
    with OAuth2Session(
        "signer", RSA_KEY.as_pem().decode(), token_endpoint_auth_method=proof, scope=None
    ) as session:
        token = session.fetch_token(metadata(pair)["token_endpoint"], grant_type="client_credentials")
    assert token["token_type"] == "Bearer"
    again = {
        "grant_type": "client_credentials",
        "client_id": "signer",
        "client_assertion_type": ASSERTION_TYPE,
    }
    refused = httpx.post(metadata(pair)["token_endpoint"], data={**again, "client_assertion": "a.b.c"})
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
