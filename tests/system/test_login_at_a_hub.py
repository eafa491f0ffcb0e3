"""People of the built-in development provider log in at a real hub."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.system.browser import Browser
from tests.system.serving import PACKAGE_PATH, Serving, run_gdi, serving, typed

DEVELOPMENT = {"GDI_IDENTITY__DEVELOPMENT__ENABLED": "true"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    typed("hub", "init", folder)
    return folder


@pytest.fixture(scope="module")
def hub(folder: Path) -> Iterator[Serving]:
    with serving("hub", folder / "gdi.toml", folder / "hub-data", **DEVELOPMENT) as hub:
        yield hub


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub that is not running."""
    folder = tmp_path_factory.mktemp("idle")
    typed("hub", "init", folder)
    return folder


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


def me(browser: Browser, hub: Serving) -> dict[str, object]:
    answer = browser.get(f"{hub.public}/login/me")
    assert answer.status_code == 200, answer.text
    return answer.json()


def log_in(browser: Browser, hub: Serving, hint: str) -> dict[str, object]:
    browser.get(f"{hub.public}/login/start?hint={hint}&next=/login/me")
    return me(browser, hub)


def test_somebody_chooses_who_to_be_and_is_logged_in(hub, browser):
    page = browser.get(f"{hub.public}/login/start?next=/login/me")
    assert "Researcher One" in page.text
    link = next(part for part in page.text.split('href="') if "login_hint=researcher-one" in part)
    answer = browser.get(hub.public + link.split('"')[0].replace("&amp;", "&"))
    assert answer.json()["name"] == "Researcher One"
    assert str(answer.url) == f"{hub.public}/login/me"


def test_the_same_person_has_the_same_opaque_subject_again_and_another_one_has_another(hub, browser):
    first = log_in(browser, hub, "researcher-one")["subject"]
    with Browser() as another:
        assert log_in(another, hub, "researcher-one")["subject"] == first
    assert log_in(browser, hub, "ee-dac-chair")["subject"] != first
    assert "researcher" not in str(first)


def test_a_role_kept_for_an_address_is_given_at_the_login_and_the_page_is_told(hub, folder, browser):
    address, config = "coordinator@edic.example.eu", folder / "gdi.toml"
    done = run_gdi("people", "grant", address, "coordinator", "--config", config)
    assert done.returncode == 0, done.stderr
    assert log_in(browser, hub, "coordinator")["duties"] == [{"role": "coordinator", "of": ""}]
    assert log_in(browser, hub, "researcher-one")["duties"] == []


def refusals_of_credentials(folder: Path) -> list[str]:
    files = [file for file in (folder / "hub-data" / "audit").rglob("*") if file.is_file()]
    lines = [line for file in files for line in file.read_text(errors="replace").splitlines()]
    return [line for line in lines if "credential" in line]


def test_logging_out_ends_the_session_here_and_goes_by_the_provider(hub, folder, browser):
    csrf = log_in(browser, hub, "researcher-one")["csrf"]
    kept = browser.cookies["gdi-dev"]
    refusals = refusals_of_credentials(folder)
    browser.post(f"{hub.public}/login/end", data={"csrf": csrf})
    assert refusals_of_credentials(folder) == refusals  # the gate saw the token of the form
    assert any("/dev-idp/end?" in address and "id_token_hint" in address for address in browser.way)
    again = browser.step("GET", f"{hub.public}/login/me", headers={"cookie": f"gdi-dev={kept}"})
    assert again.status_code == 401


def test_the_provider_refuses_and_the_person_is_told(hub, browser):
    to_provider = browser.get(f"{hub.public}/login/start", until="/dev-idp/").headers["location"]
    answer = browser.get(f"{to_provider}&refuse=1")
    assert answer.status_code == 403
    assert "not logged in" in answer.text


def test_the_audit_chain_tells_of_logins_without_names(hub, folder, browser):
    subject = log_in(browser, hub, "ee-ncp")["subject"]
    files = [file for file in (folder / "hub-data" / "audit").rglob("*") if file.is_file()]
    lines = [line for file in files for line in file.read_text(errors="replace").splitlines()]
    assert [line for line in lines if '"login.begin"' in line and str(subject) in line]
    assert not [line for line in lines if "ee-ncp" in line or "Coordination" in line]


def test_no_session_id_and_no_token_lies_readable_in_the_database(hub, folder, browser):
    log_in(browser, hub, "researcher-two")
    session = browser.cookies["gdi-dev"]
    with sqlite3.connect(folder / "hub-data" / "state.sqlite") as database:
        dump = "\n".join(database.iterdump())
    assert "login_sessions" in dump
    assert session not in dump
    assert "eyJ" not in dump


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"GDI_HUB__ENVIRONMENT": "staging"}, "hub.environment is 'staging'"),
        ({"GDI_PUBLIC__HOST": "0.0.0.0"}, "public.host is '0.0.0.0'"),
        ({"GDI_PUBLIC__EXTERNAL_URL": "https://hub.example.org"}, "external_url names 'hub.example.org'"),
    ],
)
def test_the_development_provider_refuses_to_start_elsewhere(idle, wrong, said):
    done = run_gdi("hub", "start", "--config", idle / "gdi.toml", env=environment(**DEVELOPMENT, **wrong))
    assert done.returncode == 2
    assert said in done.stderr
    assert "identity.development.enabled" in done.stderr
    assert "Traceback" not in done.stderr


def environment(**variables: str) -> dict[str, str]:
    return {"GDI_PUBLIC__PORT": "0", "GDI_MANAGEMENT__PORT": "0", **PACKAGE_PATH, **variables}
