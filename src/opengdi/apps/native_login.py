"""Logging in from a terminal: a browser somewhere on this machine, and a loopback address for its answer.

Spec: RFC 8252 (OAuth for native apps): an external browser, PKCE, `http://127.0.0.1:{port}` as the redirect address.
"""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Final, Self
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx

from opengdi.identity.login.model import Arrival, Lifetimes, Upstream
from opengdi.identity.login.relying_party import RelyingParty
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import NotAuthenticated, Unavailable

CLIENT: Final = "gdi-cli"
BROKER: Final = "/oidc"
CALLBACK: Final = "/callback"
SCOPES: Final = ("openid", "profile", "ga4gh_passport_v1", "offline_access")

_MOST_STEPS: Final = 20
_TIMEOUT_S: Final = 30.0
_DONE: Final = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><title>gdi</title>'
    b"<p>You may close this window and go back to the terminal.</p></html>"
)


def broker_of(hub: str, clock: Clock) -> RelyingParty:
    """The broker of a hub, with `gdi` as its public client."""
    upstream = Upstream(f"{hub}{BROKER}", CLIENT, SCOPES)
    return RelyingParty(lambda: upstream, None, clock, Lifetimes())


@dataclass(frozen=True, slots=True)
class NativeLogin:
    """One login. show: is told the address that a browser must open; patience_s: how long the person may take."""

    broker: RelyingParty
    show: Callable[[str], object]
    patience_s: float = 300.0

    async def by_browser(self, resources: tuple[str, ...] = (), *, max_age: int | None = None) -> Arrival:
        """Whoever logs in with a browser. Raises NotAuthenticated if nobody does, LoginRefused, Unavailable.

        max_age: seconds for which a login of before is good enough; None: any is.
        """
        with Loopback() as loopback:
            address, attempt = await self.broker.begin(loopback.address, "/", "", resources, max_age=max_age)
            self.show(address)
            answer = loopback.wait(attempt.state, self.patience_s)
        return await self.broker.finish(attempt, answer)

    async def by_hint(
        self, hint: str, resources: tuple[str, ...] = (), *, max_age: int | None = None
    ) -> Arrival:
        """Somebody invented, at a hub with the development provider: walks the way that a browser would."""
        redirect_uri = f"http://127.0.0.1:1{CALLBACK}"  # nobody listens: the answer is read from the redirect
        address, attempt = await self.broker.begin(redirect_uri, "/", hint, resources, max_age=max_age)
        return await self.broker.finish(attempt, walk(address, redirect_uri))


def open_browser(address: str) -> None:
    """Open the address in the user's browser if there is one; it is printed anyway."""
    try:
        webbrowser.open(address)
    except webbrowser.Error:
        return


class Loopback:
    """A listener on 127.0.0.1 that takes one answer with the right state; all else is turned away."""

    def __init__(self) -> None:
        self._came = threading.Event()
        self._state = ""
        self._answer: Mapping[str, str] = {}
        self._server = HTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self.address = f"http://127.0.0.1:{self._server.server_port}{CALLBACK}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self, state: str, patience_s: float) -> Mapping[str, str]:
        """The parameters of the answer. Raises NotAuthenticated if none comes."""
        self._state = state
        if not self._came.wait(patience_s):
            raise NotAuthenticated(f"nobody logged in within {patience_s:g} seconds")
        return self._answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                answer = dict(parse_qsl(parts.query))
                taken = parts.path == CALLBACK and loopback._take(answer)
                self.send_response(200 if taken else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(_DONE if taken else b"")

            def log_message(self, *_: object) -> None:
                """Nothing: the path holds the code."""

        return Handler

    def _take(self, answer: Mapping[str, str]) -> bool:
        if self._came.is_set() or not self._state or answer.get("state") != self._state:
            return False
        self._answer = answer
        self._came.set()
        return True


def walk(address: str, redirect_uri: str) -> Mapping[str, str]:
    """Parameters of the answer at the end of the redirects from `address`; a page that asks for consent is allowed.

    Raises NotAuthenticated where the way ends at a page, as it does with every real provider; Unavailable.
    """
    with httpx.Client(timeout=_TIMEOUT_S, trust_env=False, follow_redirects=False) as http:
        try:
            answer = http.get(address)
            for _ in range(_MOST_STEPS):
                if not answer.has_redirect_location:
                    answer = _allow(http, answer)
                to = urljoin(str(answer.url), answer.headers["location"])
                if to.startswith(f"{redirect_uri}?"):
                    return dict(parse_qsl(urlsplit(to).query))
                answer = http.get(to)
        except httpx.HTTPError as error:
            raise Unavailable(f"the hub does not answer: {type(error).__name__}") from error
    raise NotAuthenticated("the login leads round in circles")


def _allow(http: httpx.Client, page: httpx.Response) -> httpx.Response:
    form = ConsentForm(page.text)
    if page.status_code != httpx.codes.OK or not form.action:
        raise NotAuthenticated(
            f"the login ends at {page.url.host}{page.url.path} (HTTP {page.status_code}): "
            "--hint is for hubs with the development provider and for people that it knows"
        )
    answer = http.post(urljoin(str(page.url), form.action), data={**form.hidden, "answer": "allow"})
    if not answer.has_redirect_location:
        raise NotAuthenticated(f"the hub did not take the consent (HTTP {answer.status_code})")
    return answer


class ConsentForm(HTMLParser):
    """The form of a page with a button `answer`; action is empty if there is none."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.hidden: dict[str, str] = {}
        self._found = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._found = given.get("action", "")
        elif tag == "input" and given.get("type") == "hidden":
            self.hidden[given.get("name", "")] = given.get("value", "")
        elif tag == "button" and given.get("name") == "answer":
            self.action = self._found
