"""A real hub logs people in at OpenID providers that are not ours."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.system.browser import Browser
from tests.system.foreign_providers import fill_in, oidc_provider, oidc_provider_mock
from tests.system.ports import free_port
from tests.system.serving import Serving, serving, typed

LOCK = Path(__file__).parent / "oidc_provider" / "package-lock.json"


@contextmanager
def hub_at(folder: Path, port: int, settings: Mapping[str, str]) -> Iterator[Serving]:
    typed("hub", "init", folder)
    variables = {"GDI_PUBLIC__PORT": str(port), **settings}
    with serving("hub", folder / "gdi.toml", folder / "hub-data", **variables) as hub:
        yield hub


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_oidc_provider_logs_somebody_in_and_out(tmp_path, algorithm):
    port = free_port()
    with (
        oidc_provider(f"http://127.0.0.1:{port}/login/callback", algorithm) as foreign,
        hub_at(tmp_path / "hub", port, foreign.settings()) as hub,
        Browser() as browser,
    ):
        login = browser.get(f"{hub.public}/login/start?next=/login/me")
        consent = fill_in(browser, login, login="visitor", password="whatever")
        told = fill_in(browser, consent).json()
        assert told["name"] == "Visitor From Elsewhere"
        assert "visitor" not in told["subject"]

        leaving = browser.post(f"{hub.public}/login/end", data={"csrf": told["csrf"]})
        assert "/oidc/session/end" in str(leaving.url)
        assert leaving.status_code == 200
        assert browser.get(f"{hub.public}/login/me").status_code == 401


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_oidc_provider_believes_a_hub_by_its_key_and_asks_again_who_somebody_is(tmp_path, algorithm):
    port = free_port()
    with (
        oidc_provider(f"http://127.0.0.1:{port}/login/callback", algorithm) as foreign,
        hub_at(tmp_path / "hub", port, foreign.settings_by_key(algorithm)) as hub,
        Browser() as browser,
    ):
        start = f"{hub.public}/login/start?next=/login/me"
        consent = fill_in(browser, browser.get(start), login="visitor", password="whatever")
        first = fill_in(browser, consent).json()
        assert browser.get(start).json()["subject"] == first["subject"], "the provider asks nobody twice"

        again = browser.get(f"{start}&max_age=0")
        assert 'name="password"' in again.text, "unless it is told to"
        page = fill_in(browser, again, login="visitor", password="whatever")
        told = page if page.url.path == "/login/me" else fill_in(browser, page)
        assert told.json()["subject"] == first["subject"]
        assert "eyJ" not in hub.log.read_text()


def test_oidc_provider_mock_logs_somebody_in(tmp_path):
    with (
        oidc_provider_mock() as foreign,
        hub_at(tmp_path / "hub", free_port(), foreign.settings()) as hub,
        Browser() as browser,
    ):
        page = browser.get(f"{hub.public}/login/start?next=/login/me")
        told = browser.post(str(page.url), data={"sub": "visitor"}).json()
        assert "visitor" not in told["subject"]
        refused = browser.get(f"{hub.public}/login/start")
        answer = browser.post(str(refused.url), data={"action": "deny"})
        assert answer.status_code == 403
        assert "not logged in" in answer.text


def test_the_lock_of_the_npm_package_has_hashes_and_no_address():
    packages = json.loads(LOCK.read_text())["packages"]
    assert "://" not in LOCK.read_text()
    assert all("integrity" in package for name, package in packages.items() if name)
