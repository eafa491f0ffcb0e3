"""Routes of the development provider, and the page on which one chooses who to be."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from opengdi.identity.development.people import PEOPLE, hinted
from opengdi.identity.development.provider import Asked, DevelopmentProvider, OAuthFault, may_follow
from opengdi.kernel.errors import Invalid, NotAuthenticated
from opengdi.standards.passport import PASSPORT_CLAIM

BASE: Final = "/dev-idp"

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_PRIVATE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}


@dataclass(frozen=True, slots=True)
class DevelopmentApi:
    """Handlers over the provider."""

    provider: DevelopmentProvider

    async def metadata(self, _: Request) -> Response:
        return _json(self.provider.metadata())

    async def keys(self, _: Request) -> Response:
        return _json(self.provider.keys())

    async def authorize(self, request: Request) -> Response:
        """Who the hint names is logged in at once; without a hint one chooses on a page."""
        given = dict(request.query_params)
        provider, asked = self.provider, self.provider.read_request(given)
        person = hinted(given.get("login_hint") or given.get("username_hint") or "")
        if given.get("refuse"):
            return _back(asked, provider.answer(asked, {"error": "access_denied"}))
        if person is not None:
            return _back(asked, provider.allow(asked, person))
        if given.get("prompt") == "none":
            return _back(asked, provider.answer(asked, {"error": "login_required"}))
        return HTMLResponse(_page(request.url.path, given), headers=_HEADERS)

    async def token(self, request: Request) -> Response:
        given = dict(parse_qsl((await request.body()).decode("latin-1")))
        try:
            return _json(self.provider.tokens(given, _basic(request)), headers=_PRIVATE)
        except OAuthFault as fault:
            status = 401 if fault.code == "invalid_client" else 400
            told = {"error": fault.code, "error_description": str(fault)}
            return _json(told, status=status, headers=_PRIVATE)

    async def userinfo(self, request: Request) -> Response:
        return _json(self.provider.userinfo(_bearer(request)), headers=_PRIVATE)

    async def visas(self, request: Request) -> Response:
        """A person's visas, as the broker of the mock of LS-AAI gives them (1.0)."""
        return _json({PASSPORT_CLAIM: self.provider.visas_of(request.path_params["user"])}, headers=_PRIVATE)

    async def passport(self, request: Request) -> Response:
        """A passport for an access token, as the broker of the mock of LS-AAI gives it (1.2)."""
        passport = self.provider.passport(_bearer(request))
        return Response(passport, 200, dict(_PRIVATE), "application/jwt")

    async def end(self, request: Request) -> Response:
        """There is no session to end: each login chooses anew."""
        back_to = request.query_params.get("post_logout_redirect_uri", "")
        if not back_to:
            return HTMLResponse(_wrapped("<h1>Logged out</h1>"), headers=_HEADERS)
        if not may_follow(back_to):
            raise Invalid("post_logout_redirect_uri must be an address on this machine")
        state = request.query_params.get("state")
        return RedirectResponse(_joined(back_to, {"state": state} if state else {}), 303)


def development_routes(provider: DevelopmentProvider, base: str = BASE) -> list[Route]:
    """All below `base`, some of them by a second name as well: that of the mock of LS-AAI."""
    api = DevelopmentApi(provider)
    return [
        Route(f"{base}/.well-known/openid-configuration", api.metadata, methods=["GET"]),
        *(Route(f"{base}{path}", api.keys, methods=["GET"]) for path in ("/jwks", "/jwk")),
        *(
            Route(f"{base}{path}", api.authorize, methods=["GET"])
            for path in ("/authorize", "/auth/authorize")
        ),
        Route(f"{base}/token", api.token, methods=["POST"]),
        Route(f"{base}/userinfo", api.userinfo, methods=["GET", "POST"]),
        Route(f"{base}/end", api.end, methods=["GET"]),
        Route(f"{base}/ga4gh-broker/1.0/{{user:path}}", api.visas, methods=["GET"]),
        Route(f"{base}/ga4gh-broker/1.2/", api.passport, methods=["GET"]),
    ]


def _bearer(request: Request) -> str:
    """The access token. Raises NotAuthenticated."""
    scheme, _, access_token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthenticated("the access token is needed as a bearer token")
    return access_token.strip()


def _basic(request: Request) -> tuple[str, str] | None:
    """Client id and secret of HTTP Basic, decoded as RFC 6749 section 2.3.1 encodes them."""
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(sent, validate=True).decode().partition(":")
    except ValueError:  # no Base64, no ASCII, no UTF-8
        raise OAuthFault("invalid_client", "the Authorization header cannot be read") from None
    return unquote_plus(name), unquote_plus(secret)


def _back(asked: Asked, parameters: Mapping[str, str]) -> Response:
    return RedirectResponse(_joined(asked.redirect_uri, parameters), 303)


def _joined(address: str, parameters: Mapping[str, str]) -> str:
    if not parameters:
        return address
    return f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}"


def _page(path: str, given: Mapping[str, str]) -> str:
    lines = "".join(
        f'<li><a href="{escape(_joined(path, {**given, "login_hint": person.id}))}">{escape(person.name)}</a>'
        f" <small>{escape(person.role)}, {escape(person.organisation)}</small></li>"
        for person in PEOPLE
    )
    refuse = escape(_joined(path, {**given, "refuse": "1"}))
    return _wrapped(
        f"<h1>Who are you?</h1><p>This provider is for development. Everybody here is invented.</p>"
        f'<ul>{lines}</ul><p><a href="{refuse}">Nobody: refuse the login</a></p>'
    )


def _wrapped(body: str) -> str:
    style = "body{font:1rem/1.6 sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Development login</title>'
        f"<style>{style}</style>{body}</html>"
    )


def _json(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, dict(headers or {}), "application/json")
