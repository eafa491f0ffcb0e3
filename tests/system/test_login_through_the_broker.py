"""The hub's own broker: `gdi login` in a terminal, and staff of a node with a browser."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode

import httpx
import pytest
from tests.system.browser import Browser
from tests.system.foreign_providers import fill_in
from tests.system.ports import free_port
from tests.system.serving import Serving, run_gdi, serving, typed

from opengdi.apps.native_login import NativeLogin, broker_of
from opengdi.kernel.clock import SystemClock

SECRET = "the secret of the node at the hub"
YOUNG_S = 3
"""Seconds after a login in which somebody may veto at the node."""


@dataclass(frozen=True)
class Pair:
    hub: Serving
    node: Serving
    folder: Path

    def audited(self, role: str) -> list[str]:
        """Actions in the audit chain of one of them."""
        told = run_gdi("audit", "show", "--json", "--config", self.folder / role / "gdi.toml")
        assert told.returncode == 0, told.stderr
        return [json.loads(line)["action"] for line in told.stdout.splitlines()]


@pytest.fixture(scope="module", params=["secret", "key"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A hub with its broker and the development provider, and a node whose people log in at that broker.

    By a secret that both know, and ES256; or by a key of the node, and RS256 wherever it can be.
    """
    by_key = request.param == "key"
    folder = tmp_path_factory.mktemp("broker")
    ports = {"hub": free_port(), "node": free_port()}
    node_url = f"http://127.0.0.1:{ports['node']}"
    for role in ports:
        typed(role, "init", folder / role)
    client = {"id": "node", "scopes": ["openid", "profile", "email"]}
    client |= (
        {"jwks": f"{node_url}/login/jwks", "id_token_algorithm": "RS256"} if by_key else {"secret": SECRET}
    )
    client |= {"redirect_uris": [f"{node_url}/login/callback"]}
    member = ("grant", "ee-dac-member@ee.example.eu", "dac-member:ee.dac")
    typed("people", *member, "--config", folder / "node" / "gdi.toml")
    at_hub = {
        "GDI_PUBLIC__PORT": str(ports["hub"]),
        "GDI_IDENTITY__DEVELOPMENT__ENABLED": "true",
        "GDI_IDENTITY__BROKER__ENABLED": "true",
        "GDI_IDENTITY__BROKER__CLIENTS": json.dumps([client]),
        "GDI_IDENTITY__BROKER__NODES": json.dumps([{"id": "org.example.node", "url": node_url}]),
    }
    at_node = {
        "GDI_PUBLIC__PORT": str(ports["node"]),
        "GDI_IDENTITY__LOGIN__ISSUER": f"http://127.0.0.1:{ports['hub']}/oidc",
        "GDI_IDENTITY__LOGIN__CLIENT_ID": "node",
        "GDI_IDENTITY__GRAVE_ACTS__WITHIN_S": str(YOUNG_S),
    }
    if by_key:
        at_hub["GDI_IDENTITY__DEVELOPMENT__ALGORITHM"] = "RS256"
        at_node["GDI_IDENTITY__LOGIN__CLIENT_KEY"] = "RS256"
        at_node["GDI_IDENTITY__LOGIN__ALGORITHMS"] = '["RS256"]'
    else:
        at_node["GDI_IDENTITY__LOGIN__CLIENT_SECRET"] = SECRET
    with (
        serving("hub", folder / "hub" / "gdi.toml", folder / "hub" / "hub-data", **at_hub) as hub,
        serving("node", folder / "node" / "gdi.toml", folder / "node" / "data", **at_node) as node,
    ):
        yield Pair(hub, node, folder)


def claims_of(token: str) -> dict[str, object]:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def test_the_terminal_gets_tokens_for_one_node_and_gives_them_back(pair: Pair, tmp_path: Path):
    done = run_gdi(
        "login", "--hub", pair.hub.public, "--hint", "researcher-one", "--store", tmp_path, "--json"
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["name"] == "Researcher One"

    given = run_gdi("token", "--for", pair.node.public, "--store", tmp_path)
    claims = claims_of(given.stdout.strip())
    assert claims["sub"] == told["subject"]
    assert pair.node.public in claims["aud"]
    assert pair.hub.public not in claims["aud"]

    elsewhere = run_gdi("token", "--for", "https://elsewhere.example.org", "--store", tmp_path)
    assert elsewhere.returncode == 4
    assert run_gdi("token", "--store", tmp_path).returncode == 0  # the refusal used nothing up

    assert json.loads(run_gdi("logout", "--store", tmp_path, "--json").stdout)["revoked"] is True
    assert run_gdi("token", "--store", tmp_path).returncode == 4


def test_staff_of_a_node_log_in_at_the_hub_and_are_the_same_people_at_both(pair: Pair):
    with Browser() as browser:
        consent = browser.get(f"{pair.node.public}/login/start?hint=ee-dac-chair&next=/login/me")
        at_node = fill_in(browser, consent, answer="allow").json()
        at_hub = browser.get(f"{pair.hub.public}/login/me").json()
    assert at_node["subject"] == at_hub["subject"]
    assert at_node["name"] == at_hub["name"] == "Committee Chair Estonia"
    assert at_node["csrf"] != at_hub["csrf"]


def test_staff_get_at_their_first_login_the_role_that_was_given_to_their_address(pair: Pair):
    with Browser() as browser:
        consent = browser.get(f"{pair.node.public}/login/start?hint=ee-dac-member&next=/login/me")
        assert "your e-mail address" in consent.text
        at_node = fill_in(browser, consent, answer="allow").json()
    assert at_node["duties"] == [{"role": "dac-member", "of": "ee.dac"}]
    with Browser() as browser:
        consent = browser.get(f"{pair.node.public}/login/start?hint=nl-dac-member&next=/login/me")
        assert fill_in(browser, consent, answer="allow").json()["duties"] == []


def test_the_terminal_is_told_no_address(pair: Pair):
    asked = {"response_type": "code", "client_id": "gdi-cli", "redirect_uri": "http://127.0.0.1:9/callback"}
    asked |= {"scope": "openid email", "code_challenge": "a" * 43, "code_challenge_method": "S256"}
    with Browser() as browser:
        answer = browser.step("GET", f"{pair.hub.public}/oidc/authorize?{urlencode(asked)}")
    assert "error=invalid_scope" in answer.headers["location"]


def test_logins_by_credentials_of_the_broker_are_no_refusals_in_the_audit_chain(pair: Pair):
    with Browser() as browser:
        consent = browser.get(f"{pair.node.public}/login/start?hint=pt-ncp&next=/login/me")
        assert fill_in(browser, consent, answer="allow").json()["name"] == "Coordination Point Portugal"
    at_hub, at_node = pair.audited("hub"), pair.audited("node")
    assert "broker.grant" in at_hub
    assert "credential.refuse" not in {*at_hub, *at_node}


def test_who_does_not_allow_it_is_not_logged_in_at_the_node(pair: Pair):
    with Browser() as browser:
        consent = browser.get(f"{pair.node.public}/login/start?hint=nl-ncp")
        refused = fill_in(browser, consent, answer="deny")
        assert refused.status_code == 403
        assert "not logged in" in refused.text
        assert browser.get(f"{pair.node.public}/login/me").status_code == 401


def test_a_veto_needs_a_login_of_just_now_and_the_node_leads_the_way_to_one(pair: Pair):
    veto = f"{pair.node.public}/access/v1/cases/GDIA-1.ee.dac/commands/veto"

    def logged_in(browser: Browser, address: str) -> dict[str, str]:
        page = browser.get(address)  # asks for consent, unless an earlier test had it remembered
        return (page if page.url.path == "/login/me" else fill_in(browser, page, answer="allow")).json()

    def vetoed(browser: Browser, told: dict[str, str]) -> httpx.Response:
        headers = {"x-csrf-token": told["csrf"]}
        return browser.step("POST", veto, json={"text": "no"}, headers=headers)

    with Browser() as browser:
        start = f"{pair.node.public}/login/start?hint=ee-ethics&next=/login/me"
        told = logged_in(browser, start)
        assert vetoed(browser, told).status_code == 404, (
            "there is no such case, but this person may ask for it"
        )
        time.sleep(YOUNG_S + 1)
        refused = vetoed(browser, told)
        assert refused.status_code == 401
        assert f'max_age="{YOUNG_S}"' in refused.headers["www-authenticate"]
        assert browser.get(f"{pair.node.public}/login/me").json()["subject"] == told["subject"]

        browser.way.clear()
        again = logged_in(browser, f"{start}&max_age={YOUNG_S}")
        assert any("/dev-idp/authorize" in each for each in browser.way), (
            "the hub's own session was not enough"
        )
        assert vetoed(browser, again).status_code == 404


def test_a_fresh_login_of_the_terminal_is_one_although_the_browser_is_logged_in_at_the_hub(pair: Pair):
    with Browser() as browser:
        browser.get(f"{pair.hub.public}/login/start?hint=researcher-one&next=/login/me")

        def allow(address: str) -> None:
            page = browser.get(address)
            if "Who are you?" in page.text:
                link = next(part for part in page.text.split('href="') if "login_hint=researcher-one" in part)
                page = browser.get(pair.hub.public + unescape(link.split('"')[0]))
            fill_in(browser, page, answer="allow")

        def logged_in(max_age: int | None = None) -> datetime:
            opened: list[Thread] = []

            def show(address: str) -> None:
                opened.append(Thread(target=allow, args=(address,)))
                opened[0].start()

            native = NativeLogin(broker_of(pair.hub.public, SystemClock()), show, patience_s=30)
            arrival = asyncio.run(native.by_browser(max_age=max_age))
            opened[0].join()
            assert arrival.authenticated is not None
            return arrival.authenticated

        first = logged_in()
        time.sleep(1.1)
        assert logged_in() == first
        assert logged_in(max_age=0) > first


def test_no_secret_of_either_is_in_a_log(pair: Pair):
    for process in (pair.hub, pair.node):
        log = process.log.read_text()
        assert SECRET not in log
        assert "client_assertion" not in log
        assert "eyJ" not in log
