"""OpenID providers and a client that are not ours, as real processes on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
from tests.system.browser import Browser
from tests.system.npm import npm_package
from tests.system.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0
SECRET = "a secret: 100% + more/than&that"


@dataclass(frozen=True)
class Foreign:
    """A provider, and what a hub's settings say about it."""

    issuer: str
    client_id: str
    client_secret: str

    def settings(self) -> dict[str, str]:
        return {
            "GDI_IDENTITY__LOGIN__ISSUER": self.issuer,
            "GDI_IDENTITY__LOGIN__CLIENT_ID": self.client_id,
            "GDI_IDENTITY__LOGIN__CLIENT_SECRET": self.client_secret,
        }

    def settings_by_key(self, algorithm: str) -> dict[str, str]:
        """The same, of a hub that signs who it is."""
        return {
            "GDI_IDENTITY__LOGIN__ISSUER": self.issuer,
            "GDI_IDENTITY__LOGIN__CLIENT_ID": "the signing hub",
            "GDI_IDENTITY__LOGIN__CLIENT_KEY": algorithm,
        }


@contextmanager
def oidc_provider(redirect_uri: str, algorithm: str = "ES256") -> Iterator[Foreign]:
    """The npm package `oidc-provider`."""
    folder, port = npm_package("oidc_provider", "oidc-provider"), free_port()
    server = ROOT / "tests" / "system" / "oidc_provider" / "server.js"
    issuer = f"http://127.0.0.1:{port}/oidc"
    command = ["node", str(server), str(port), redirect_uri, algorithm]
    with _running(command, issuer, {"NODE_MODULES": str(folder)}):
        yield Foreign(issuer, "the hub", SECRET)


@dataclass
class ForeignClient:
    """A client that waits for its browser. address: what that must open."""

    process: subprocess.Popen[str]
    address: str

    def finish(self, back: str) -> dict[str, Any]:
        """What came of it when the browser was sent back there."""
        out, said = self.process.communicate(f"{back}\n", timeout=START_S)
        assert self.process.returncode == 0, said
        told: dict[str, Any] = json.loads(out)
        return told


@contextmanager
def foreign_client(*arguments: str, variables: Mapping[str, str]) -> Iterator[ForeignClient]:
    """The npm package `openid-client`; arguments and variables as `client.js` says."""
    folder = npm_package("oidc_provider", "oidc-provider")
    program = ROOT / "tests" / "system" / "oidc_provider" / "client.js"
    environment = {"PATH": os.environ["PATH"], "NODE_MODULES": str(folder), **variables}
    pipe = subprocess.PIPE
    command = ["node", str(program), *arguments]
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, process.communicate(timeout=START_S)[1]
        yield ForeignClient(process, address)
    finally:
        process.kill()
        process.wait()


@contextmanager
def oidc_provider_mock() -> Iterator[Foreign]:
    """The PyPI package `oidc-provider-mock`."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    with _running([sys.executable, "-m", "oidc_provider_mock", "--port", str(port)], issuer, {}):
        yield Foreign(issuer, "any-client", "any-secret-at-all")


@contextmanager
def _running(command: list[str], issuer: str, variables: Mapping[str, str]) -> Iterator[None]:
    environment = {"PATH": os.environ["PATH"], "NODE_ENV": "test", **variables}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        deadline = time.monotonic() + START_S
        while not _answers(f"{issuer}/.well-known/openid-configuration"):
            assert process.poll() is None, f"{command} ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{issuer} did not start"
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


class _Forms(HTMLParser):
    """The first form of a page: where it goes, and its fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None:
            self.action = given.get("action", "")
        elif tag == "input" and "name" in given:
            self.fields.setdefault(given["name"], given.get("value", ""))


def fill_in(browser: Browser, page: httpx.Response, *, until: str = "\0", **fields: str) -> httpx.Response:
    """Send the page's first form with `fields` filled in, and follow where it leads."""
    form = _Forms(page.text)
    assert form.action is not None, page.text
    answer = browser.step("POST", urljoin(str(page.url), form.action), data={**form.fields, **fields})
    if not answer.has_redirect_location:
        return answer
    to = urljoin(str(answer.url), answer.headers["location"])
    return answer if until in to else browser.get(to, until=until)
