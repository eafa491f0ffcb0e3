"""The pages of a hub and a node over https, as in production: cookies that no other host and no plain page can set."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from tests.system.chromium import chromium, complaints, labelled, read, shown
from tests.system.ports import free_port
from tests.system.serving import serving, typed
from tests.system.tls_front import self_signed, tls_front

SECRET = "the secret of the node at the hub"
OFFER = {"dataset": "GDI-EE-A-1", "version": "1.0", "node": "ee.node", "body": "ee.dac", "title": "Cohort"}


@dataclass(frozen=True)
class Secured:
    """Addresses. The hosts differ, because a cookie is for a host whatever its port."""

    hub: str
    node: str


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("https")
    certificate = self_signed(folder)
    fronts = {"hub": free_port(), "node": free_port()}
    found = Secured(f"https://localhost:{fronts['hub']}", f"https://127.0.0.1:{fronts['node']}")
    for role in fronts:
        typed(role, "init", folder / role)
    chair = ("grant", "ee-dac-chair@ee.example.eu", "dac-chair:ee.dac")
    typed("people", *chair, "--config", folder / "node" / "gdi.toml")
    client = {"id": "node", "secret": SECRET, "scopes": ["openid", "profile", "email"]}
    client |= {"redirect_uris": [f"{found.node}/login/callback"]}
    settings = {
        "hub": {
            "GDI_PUBLIC__EXTERNAL_URL": found.hub,
            "GDI_IDENTITY__DEVELOPMENT__ENABLED": "true",
            "GDI_IDENTITY__BROKER__ENABLED": "true",
            "GDI_IDENTITY__BROKER__CLIENTS": json.dumps([client]),
            "GDI_REQUESTS__DATASETS": json.dumps([OFFER]),
        },
        "node": {
            "GDI_PUBLIC__EXTERNAL_URL": found.node,
            "GDI_IDENTITY__LOGIN__ISSUER": f"{found.hub}/oidc",
            "GDI_IDENTITY__LOGIN__CLIENT_ID": "node",
            "GDI_IDENTITY__LOGIN__CLIENT_SECRET": SECRET,
        },
    }
    with ExitStack() as open_:
        for role, data in (("hub", "hub-data"), ("node", "data")):
            trusted = {"SSL_CERT_FILE": str(certificate[0])}
            config, variables = folder / role / "gdi.toml", settings[role] | trusted
            service = open_.enter_context(serving(role, config, folder / role / data, **variables))
            behind = int(service.public.rpartition(":")[2])
            open_.enter_context(tls_front(fronts[role], behind, certificate))
        yield found


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    with chromium(tmp_path, "--window-size=1200,900", "--ignore-certificate-errors") as driver:
        yield driver


def is_guarded(browser: webdriver.Chrome) -> bool:
    """Whether the session's cookie is one that neither scripts nor other hosts get hold of."""
    [cookie] = [each for each in browser.get_cookies() if each["name"] == "__Host-gdi"]
    script_sees = "gdi" in browser.execute_script("return document.cookie")
    return (
        bool(
            cookie["secure"] and cookie["httpOnly"] and cookie["sameSite"] == "Lax" and cookie["path"] == "/"
        )
        and not script_sees
    )


def test_a_researcher_signs_in_writes_a_draft_and_signs_out(
    secured: Secured, browser: webdriver.Chrome
) -> None:
    browser.get(f"{secured.hub}/requests/new")
    shown(browser, "#page a", "Sign in to go on").click()
    shown(browser, "a", "Researcher One").click()
    assert shown(browser, "#name").text == "Researcher One"
    assert is_guarded(browser)
    shown(browser, ".match")
    labelled(browser, "Title").send_keys("Over https")
    labelled(browser, "Cohort").click()
    browser.find_element(By.ID, "new-create").click()
    shown(browser, "h1", "Over https")
    labelled(browser, "Summary in plain").send_keys("We compare.")
    shown(browser, "#saved", "Saved at")

    shown(browser, "#sign-out").click()
    shown(browser, "#sign-in", "Sign in")
    assert not [each for each in browser.get_cookies() if each["name"] == "__Host-gdi"]
    browser.get(f"{secured.hub}/requests")
    assert "Sign in to ask for data" in read(browser, "#page", "Sign in")
    assert complaints(browser) == []


def test_a_chair_signs_in_at_the_node_by_the_hub_and_signs_out(
    secured: Secured, browser: webdriver.Chrome
) -> None:
    browser.get(f"{secured.node}/login/start?hint=ee-dac-chair&next=/cases")
    shown(browser, "button[value=allow]").click()
    assert "Nothing waits for you" in read(browser, "#page", "They wait for you")
    assert shown(browser, "#name").text == "Committee Chair Estonia"
    assert browser.current_url == f"{secured.node}/cases"
    assert is_guarded(browser)

    shown(browser, "#sign-out").click()
    shown(browser, "#sign-in", "Sign in")
    browser.get(f"{secured.node}/cases")
    assert "Sign in to go on" in read(browser, "#page", "Sign in")
    assert complaints(browser) == []


def test_a_cookie_for_a_whole_domain_cannot_take_the_place_of_the_session(
    secured: Secured, browser: webdriver.Chrome
) -> None:
    browser.get(f"{secured.hub}/login/start?hint=researcher-one&next=/requests")
    shown(browser, "#name")
    taken = browser.execute_script(
        "document.cookie = '__Host-gdi=stolen; path=/; domain=localhost; secure'; return document.cookie"
    )
    assert "stolen" not in taken
    browser.refresh()
    assert shown(browser, "#name").text == "Researcher One"
