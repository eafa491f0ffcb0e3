"""Wires logging in into a hub or a node, and the development provider where settings allow it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from starlette.types import Scope

from opengdi.apps.doors import PSEUDONYMS
from opengdi.apps.process import Part, listening_addresses
from opengdi.apps.service_state import ServiceState
from opengdi.apps.setting_types import is_loopback
from opengdi.apps.settings import Settings
from opengdi.identity.development.api import BASE, development_routes
from opengdi.identity.development.provider import DevelopmentProvider
from opengdi.identity.login.api import CALLBACK, About, Login, login_routes
from opengdi.identity.login.browser_sessions import BrowserSessions
from opengdi.identity.login.cookies import Cookies
from opengdi.identity.login.model import Identity, Lifetimes, Upstream
from opengdi.identity.login.pages import refusal_page
from opengdi.identity.login.people import Arriving, People, nothing_awaits
from opengdi.identity.login.relying_party import RelyingParty
from opengdi.identity.login.sealing import Seal
from opengdi.identity.login.session_store import SessionStore
from opengdi.kernel.errors import Invalid
from opengdi.kernel.http.origin import origin_of
from opengdi.kernel.keys import Algorithm, RotatingKeys, Rotation, Secret, address_pseudonym

LOGIN_KEY: Final = "login"
CLIENT_KEY: Final = "login-client"
"""Name of the rotating keys by which this service proves who it is at its provider."""

DEVELOPMENT_KEY: Final = "development-idp"
DEVELOPMENT_CLIENT: Final = "gdi"

Side = Literal["hub", "node"]
"""Whose settings count."""


@dataclass(frozen=True, slots=True)
class OpenLogin:
    """Login of this service.

    sessions: the port for whoever checks requests; store: where they are ended; people: who has logged in.
    """

    sessions: BrowserSessions
    store: SessionStore
    people: People
    part: Part


def open_login(
    state: ServiceState,
    role: Side,
    *,
    issuer: Callable[[], str] | None = None,
    arriving: Arriving = nothing_awaits,
    about: About | None = None,
) -> OpenLogin | None:
    """Login as the settings say it; None: nobody logs in here.

    issuer: whose subjects people have here: a hub's own broker. At a node, and where it is not given, the provider's.
    arriving: called in the transaction of each login. Raises Invalid where the settings do not allow it.
    """
    settings, development = state.settings, state.settings.identity.development.enabled
    if development:
        check_development(settings, role)
    if not development and not settings.identity.login.issuer:
        return None
    address = own_address(settings, state.data_dir)
    upstream = _upstream(settings, address)
    key, lifetimes = state.keys.secret(LOGIN_KEY), _lifetimes(settings)
    store = SessionStore(state.engine, state.clock, lifetimes)
    sessions = BrowserSessions(
        store, key, _cookies(settings, role), lifetimes, issuer or (lambda: upstream().issuer)
    )
    people = People(state.engine, state.clock, _subjects(role), arriving)
    pseudonyms = state.keys.secret(PSEUDONYMS)
    client_keys = _client_keys(state)
    login = Login(
        relying_party=RelyingParty(upstream, _client_secret(state), state.clock, lifetimes, keys=client_keys),
        sessions=sessions,
        store=store,
        people=people,
        seal=Seal(key),
        audit=state.audit,
        lifetimes=lifetimes,
        origin=_origin(settings, address),
        stranger=lambda scope: _stranger(scope, pseudonyms),
        about=about or About(),
        client_keys=client_keys,
    )
    routes = login_routes(login)
    if development:
        routes += development_routes(_development_provider(state, address))
    own = (BASE,) if development else ()
    part = Part(routes=routes, shapes={CALLBACK: refusal_page}, own_credentials=own)
    return OpenLogin(sessions, store, people, part)


def _cookies(settings: Settings, role: Side) -> Cookies:
    """A node in development, which shares its machine with a hub, has cookies named after it."""
    apart = re.sub(r"[^A-Za-z0-9]+", "-", f"-{settings.node.id}") if role == "node" else ""
    return Cookies(is_secure(settings, role), apart)


def check_development(settings: Settings, role: Side) -> None:
    """Raises Invalid, saying what to change, unless everybody is invented here and nobody else can come."""
    environment = settings.hub.environment if role == "hub" else settings.node.environment
    wrong = []
    if environment not in {"dev", "test"}:
        wrong.append(f"{role}.environment is {environment!r}, it must be 'dev' or 'test'")
    if not is_loopback(settings.public.host):
        wrong.append(f"public.host is {settings.public.host!r}, it must be 127.0.0.1")
    external = urlsplit(settings.public.external_url).hostname
    if external and not is_loopback(external):
        wrong.append(f"public.external_url names {external!r}, it must be empty or on this machine")
    if wrong:
        raise Invalid(
            "identity.development.enabled lets everybody be anybody, so it is refused here: "
            + "; ".join(wrong)
            + ". Or set identity.development.enabled = false and identity.login.issuer to a real provider."
        )


def is_secure(settings: Settings, role: Side) -> bool:
    """True if browsers come by https. Raises Invalid where they would send a session's cookie in the clear."""
    if settings.public.external_url.startswith("https://"):
        return True
    environment = settings.hub.environment if role == "hub" else settings.node.environment
    host = urlsplit(settings.public.external_url).hostname or settings.public.host
    if environment not in {"dev", "test"} or not is_loopback(host):
        raise Invalid(
            "logging in needs https: set public.external_url to the https address of this service "
            "(plain http only on loopback, in environment 'dev' or 'test')"
        )
    return False


def own_address(settings: Settings, data_dir: Path) -> Callable[[], str]:
    """By which address this process is reached; with port 0 it is known once it listens."""

    def address() -> str:
        public = settings.public
        if public.external_url or public.port:
            return public.external_url or f"http://{public.host}:{public.port}"
        return str(listening_addresses(data_dir)["public"])

    return address


def _upstream(settings: Settings, address: Callable[[], str]) -> Callable[[], Upstream]:
    """The provider of the settings, or our own for development."""
    login = settings.identity.login

    def upstream(issuer: str, client_id: str) -> Upstream:
        return Upstream(
            issuer,
            client_id,
            login.scopes,
            frozenset(login.algorithms),
            timedelta(seconds=login.leeway_s),
            login.trusts_email,
        )

    if login.issuer:
        fixed = upstream(login.issuer, login.client_id)
        return lambda: fixed
    return lambda: upstream(f"{address()}{BASE}", DEVELOPMENT_CLIENT)


def _client_secret(state: ServiceState) -> Secret | None:
    login = state.settings.identity.login
    if not login.issuer:
        return _development_secret(state)
    given = login.client_secret
    return Secret(given.get_secret_value().encode()) if given is not None else None


def _client_keys(state: ServiceState) -> RotatingKeys | None:
    login = state.settings.identity.login
    if not login.issuer or not login.client_key:
        return None
    keys = RotatingKeys(state.keys, CLIENT_KEY, state.clock, algorithm=login.client_key, rotation=Rotation())
    keys.published()  # the first one is made now, and not while somebody waits for their login
    return keys


def _development_secret(state: ServiceState) -> Secret:
    return Secret(state.keys.secret(DEVELOPMENT_KEY).reveal().hex().encode())


def _development_provider(state: ServiceState, address: Callable[[], str]) -> DevelopmentProvider:
    clients = {
        name: Secret(secret.get_secret_value().encode())
        for name, secret in state.settings.identity.development.clients.items()
    }
    return DevelopmentProvider(
        lambda: f"{address()}{BASE}",
        state.keys.signing_key(*_development_key(state)),
        state.clock,
        {**clients, DEVELOPMENT_CLIENT: _development_secret(state)},
    )


def _development_key(state: ServiceState) -> tuple[str, Algorithm]:
    algorithm = state.settings.identity.development.algorithm
    return (DEVELOPMENT_KEY if algorithm == "ES256" else f"{DEVELOPMENT_KEY}-{algorithm.lower()}"), algorithm


def _lifetimes(settings: Settings) -> Lifetimes:
    login = settings.identity.login
    return Lifetimes(*(timedelta(seconds=each) for each in (login.idle_s, login.session_s, login.attempt_s)))


def _subjects(role: Side) -> Callable[[Identity], str]:
    """The hub makes an opaque id for each person; a node uses the one that the hub's broker tells."""
    if role == "hub":
        return lambda _: secrets.token_hex(16)
    return lambda identity: identity.subject


def _origin(settings: Settings, address: Callable[[], str]) -> Callable[[Scope], str]:
    """By which address the browser came: the one of the settings, or any name of this machine."""

    def origin(scope: Scope) -> str:
        if settings.public.external_url:
            return settings.public.external_url
        came = origin_of(scope)
        return came if is_loopback(urlsplit(came).hostname or "") else address()

    return origin


def _stranger(scope: Scope, pseudonyms: Secret) -> str:
    client = scope.get("client")
    return f"anonymous:{address_pseudonym(pseudonyms, client[0] if client else '')}"
