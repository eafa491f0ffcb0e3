"""`gdi login`, `gdi token`, `gdi logout` against a broker that is not ours."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.system.browser import Browser
from tests.system.foreign_providers import fill_in, oidc_provider
from tests.system.serving import GDI, run_gdi

NODE = "https://node.example.org"


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    with oidc_provider("http://127.0.0.1:9/unused") as foreign:
        yield foreign.issuer.removesuffix("/oidc")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "logins"


def log_in(hub: str, store: Path, *options: str) -> tuple[int, str, str]:
    """Exit code, output and complaints of `gdi login` while somebody logs in with a browser."""
    command = [*GDI, "login", "--hub", hub, "--no-browser", "--store", str(store), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    process.stderr.readline()
    address = process.stderr.readline().strip()
    loopback = parse_qs(urlsplit(address).query)["redirect_uri"][0]
    with Browser() as browser:
        page = browser.get(address)
        for forged in (
            "?code=stolen&state=guessed",
            "?code=stolen",
            "",
            "/../x",
        ):  # another page of the browser tries
            assert httpx.get(loopback + forged, trust_env=False).status_code == 404
        while "/callback" not in str(page.url):
            page = fill_in(browser, page, login="visitor", password="x")
        assert "go back to the terminal" in page.text
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def claims_of(token: str) -> dict[str, object]:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def test_somebody_logs_in_gets_tokens_for_one_node_and_logs_out(hub, store):
    code, out, err = log_in(hub, store, "--for", NODE, "--json")
    assert code == 0, err
    assert json.loads(out) == {"hub": hub, "subject": "visitor", "name": "Visitor From Elsewhere"}

    tokens = [
        run_gdi("token", "--for", NODE, "--store", store) for _ in range(2)
    ]  # the refresh token may rotate
    for done in tokens:
        assert done.returncode == 0, done.stderr
        assert claims_of(done.stdout.strip())["aud"] == NODE
    told = json.loads(run_gdi("token", "--for", f"{NODE}/", "--store", store, "--json").stdout)
    assert (told["for"], told["token_type"]) == (NODE, "Bearer")

    refresh_token = json.loads((store / "login.json").read_text())[0]["refresh_token"]
    done = run_gdi("logout", "--store", store, "--json")
    assert json.loads(done.stdout) == {"hub": hub, "revoked": True}
    assert json.loads((store / "login.json").read_text()) == []
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": "gdi-cli"}
    assert httpx.post(f"{hub}/oidc/token", data=form, trust_env=False).status_code == 400
    again = run_gdi("token", "--store", store)
    assert again.returncode == 4
    assert "gdi login" in again.stderr


def test_what_is_kept_is_the_users_alone_and_holds_no_access_token(hub, store):
    log_in(hub, store, "--for", NODE)
    assert store.stat().st_mode & 0o777 == 0o700
    assert (store / "login.json").stat().st_mode & 0o777 == 0o600
    assert "eyJ" not in (store / "login.json").read_text()
    (store / "login.json").chmod(0o640)
    done = run_gdi("token", "--store", store)
    assert done.returncode == 2
    assert "may be read by others" in done.stderr


def test_a_token_for_a_node_that_was_not_named_is_refused_in_words(hub, store):
    log_in(hub, store)
    done = run_gdi("token", "--for", "https://elsewhere.example.org", "--store", store)
    assert done.returncode == 4
    assert "--for https://elsewhere.example.org" in done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_who_logs_in_is_waited_for_no_longer_than_told(hub, store):
    done = run_gdi("login", "--hub", hub, "--no-browser", "--wait", "1", "--store", store)
    assert done.returncode == 4
    assert "nobody logged in within 1 seconds" in done.stderr
    assert not (store / "login.json").exists()


def test_a_hint_at_a_hub_with_real_people_says_that_it_is_not_for_them(hub, store):
    done = run_gdi("login", "--hub", hub, "--hint", "researcher-one", "--store", store)
    assert done.returncode == 4
    assert "development provider" in done.stderr


@pytest.mark.parametrize("address", ["http://hub.example.org", "ftp://x", "nonsense"])
def test_a_hub_over_plain_http_is_refused(store, address):
    done = run_gdi("login", "--hub", address, "--no-browser", "--store", store)
    assert done.returncode == 8
    assert "https" in done.stderr
