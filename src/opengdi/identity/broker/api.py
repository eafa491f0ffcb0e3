"""Endpoints of the broker below `/oidc`.

Spec: OpenID Connect Core 1.0, Discovery 1.0; RFC 6749, 7009, 8414, 8693, 8707, 9207; GA4GH AAI 1.2.1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from opengdi.identity.broker import rules
from opengdi.identity.broker.collecting import MISSING_CLAIM
from opengdi.identity.broker.faults import (
    NO_STORE,
    BadToken,
    Refused,
    TooNarrow,
    UnknownClient,
    error_document,
    plain,
)
from opengdi.identity.broker.logout import Logout
from opengdi.identity.broker.model import SCOPES, Asked, Client, GrantType
from opengdi.identity.broker.pages import consent_page, fault_page
from opengdi.identity.broker.ports import LeavesSessions
from opengdi.identity.broker.rules import one
from opengdi.identity.broker.service import Broker
from opengdi.identity.model import Proof
from opengdi.identity.ports import Sessions
from opengdi.kernel.errors import GdiError, NotAuthenticated, NotFound, Unavailable
from opengdi.kernel.keys import verify
from opengdi.standards.client_assertion import ALGORITHMS, METHOD
from opengdi.standards.faults import Malformed, Unverified
from opengdi.standards.passport.terms import PASSPORT_CLAIM

BASE: Final = "/oidc"
LOGIN: Final = "/login/start"

_FORM: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 100
_CONSENT: Final = "gdi-consent+jwt"
_CONSENT_LIFE: Final = timedelta(minutes=10)

Handler = Callable[[Request], Awaitable[Response]]


class _Ticket(msgspec.Struct):
    """What a consent page was shown for."""

    sub: str
    query: str
    exp: int


@dataclass(frozen=True, slots=True)
class BrokerApi:
    """Routes over the broker."""

    broker: Broker
    sessions: Sessions
    leaving: LeavesSessions | None = None

    def routes(self) -> list[Route]:
        """All endpoints; each answers failures in the shape of OAuth."""
        issuer_path = urlsplit(self.broker.tokens.issuer).path
        told = (self.discovery, ["GET"])
        paths: dict[str, tuple[Handler, list[str]]] = {
            f"{BASE}/.well-known/openid-configuration": told,
            f"/.well-known/oauth-authorization-server{issuer_path}": told,
            f"{BASE}/jwks": (self.jwks, ["GET"]),
            f"{BASE}/authorize": (self.authorize, ["GET", "POST"]),
            f"{BASE}/consent": (self.consent, ["POST"]),
            f"{BASE}/consents": (self.consents, ["GET"]),
            f"{BASE}/consents/{{client}}": (self.forget, ["DELETE"]),
            f"{BASE}/token": (self.token, ["POST"]),
            f"{BASE}/userinfo": (self.userinfo, ["GET", "POST"]),
            f"{BASE}/revoke": (self.revoke, ["POST"]),
        }
        if self.leaving is not None:
            paths[f"{BASE}/logout"] = (self.logout, ["GET", "POST"])
        return [Route(path, _told(handler), methods=methods) for path, (handler, methods) in paths.items()]

    async def discovery(self, _: Request) -> Response:
        return _json(self._metadata(), HTTPStatus.OK, {"Cache-Control": "public, max-age=300"})

    def _metadata(self) -> dict[str, Any]:
        issuer = self.broker.tokens.issuer
        methods = ["client_secret_basic", "client_secret_post", METHOD, "none"]
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "jwks_uri": f"{issuer}/jwks",
            "revocation_endpoint": f"{issuer}/revoke",
            **({"end_session_endpoint": f"{issuer}/logout"} if self.leaving is not None else {}),
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": [each.value for each in GrantType],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256", "RS256"],
            "token_endpoint_auth_methods_supported": methods,
            "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
            "revocation_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "claims_supported": [
                "sub",
                "auth_time",
                "name",
                "email",
                "email_verified",
                PASSPORT_CLAIM,
                MISSING_CLAIM,
            ],
            "claims_parameter_supported": False,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
        }

    async def jwks(self, _: Request) -> Response:
        keys = await asyncio.to_thread(self.broker.tokens.jwks)  # may look at files
        return _json(keys, HTTPStatus.OK, {"Cache-Control": "public, max-age=300"})

    async def authorize(self, request: Request) -> Response:
        """Spec: OpenID Connect Core 1.0 section 3.1.2."""
        if (
            request.method == "POST"
        ):  # the same as GET, from which nothing follows that a session must protect
            return _see(f"{BASE}/authorize?{urlencode(await _form_pairs(request))}")
        query = request.scope["query_string"].decode("latin-1")
        try:
            parameters = rules.gathered(_pairs(query))
            client, uri = rules.addressed_client(parameters, self.broker.clients)
        except Refused as error:
            return fault_page(error.public)
        try:
            asked = rules.asked(parameters, client, uri)
            return await self._answer(request, asked, query)
        except Refused as error:
            return self._tell_client(uri, one(parameters, "state"), error.code, error.public)

    async def _answer(self, request: Request, asked: Asked, query: str) -> Response:
        person = await self.sessions.session(request.scope)
        silent = "none" in asked.prompts
        if person is None or rules.needs_login(asked, person.authenticated, self.broker.clock.now()):
            if silent:
                raise Refused("login_required", "nobody is logged in, or too long ago")
            return _to_login(asked, query)
        if not await self.broker.needs_consent(asked, person):
            return await self._give(asked, person, remember=False)
        if silent:
            raise Refused("consent_required", "the person must be asked")
        return consent_page(asked, person.name, self._ticket(person, query))

    def _ticket(self, person: Proof, query: str) -> str:
        ends = self.broker.clock.now() + _CONSENT_LIFE
        ticket = _Ticket(person.subject, query, int(ends.timestamp()))
        return self.broker.tokens.keys.signing().sign(msgspec.json.encode(ticket), purpose=_CONSENT)

    async def consent(self, request: Request) -> Response:
        """The person's answer to the page. Its ticket was made for this person, so it is its own proof against CSRF."""
        form = rules.gathered(await _form_pairs(request))
        person = await self.sessions.session({**request.scope, "method": "GET"})
        if person is None:
            raise NotAuthenticated("nobody is logged in")
        try:
            ticket = self._read_ticket(one(form, "ticket"), person)
            parameters = rules.gathered(_pairs(ticket.query))
            client, uri = rules.addressed_client(parameters, self.broker.clients)
        except Refused as error:
            return fault_page(error.public)
        try:
            asked = rules.asked(parameters, client, uri)
            if one(form, "answer") != "allow":
                raise Refused("access_denied", "the person does not allow it")
            return await self._give(
                asked, person, remember=one(form, "remember") == "yes" and not client.is_public
            )
        except Refused as error:
            return self._tell_client(uri, one(parameters, "state"), error.code, error.public)

    def _read_ticket(self, text: str, person: Proof) -> _Ticket:
        tokens = self.broker.tokens
        try:
            ticket = msgspec.json.decode(
                verify(text, tokens.keys.published(), purpose=_CONSENT), type=_Ticket
            )
        except (Malformed, Unverified, msgspec.MsgspecError) as error:
            raise Refused("invalid_request", "the answer belongs to no page of ours") from error
        if ticket.sub != person.subject or ticket.exp <= self.broker.clock.now().timestamp():
            raise Refused("invalid_request", "the page was shown too long ago, or to somebody else")
        return ticket

    async def _give(self, asked: Asked, person: Proof, *, remember: bool) -> Response:
        code = await self.broker.code(asked, person, remember=remember)
        return self._back(asked.redirect_uri, {"code": code, "state": asked.state})

    def _tell_client(self, uri: str, state: str, code: str, description: str) -> Response:
        return self._back(uri, {"error": code, "error_description": plain(description), "state": state})

    def _back(self, uri: str, answer: dict[str, str]) -> Response:
        """To the client; `iss` tells it whose answer this is, against mix-up. Spec: RFC 9207."""
        told = {name: value for name, value in answer.items() if value}
        query = urlencode({**told, "iss": self.broker.tokens.issuer})
        return _see(f"{uri}{'&' if urlsplit(uri).query else '?'}{query}")

    async def consents(self, request: Request) -> Response:
        """The person's remembered choices."""
        person = await self._person(request)
        found = await asyncio.to_thread(self.broker.grants.consents, person.subject)
        items = [
            {
                "client": each.client,
                "name": self.broker.clients[each.client].name if each.client in self.broker.clients else "",
                "scopes": sorted(each.scopes),
                "resources": sorted(each.resources),
                "given": each.given.isoformat(),
            }
            for each in found
        ]
        return _json({"items": items, "next": None})

    async def forget(self, request: Request) -> Response:
        """Take back a choice, and with it everything that the client still has."""
        person = await self._person(request)
        client = request.path_params["client"]
        if not await asyncio.to_thread(self.broker.grants.forget, person.subject, client):
            raise NotFound("no choice is remembered for that client")
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _person(self, request: Request) -> Proof:
        person = await self.sessions.session(request.scope)
        if person is None:
            raise NotAuthenticated("nobody is logged in")
        return person

    async def token(self, request: Request) -> Response:
        """Spec: RFC 6749 section 3.2."""
        parameters = rules.gathered(await _form_pairs(request))
        client = await self._client(request, parameters)
        return _json(await self.broker.token(client, parameters))

    async def _client(self, request: Request, parameters: rules.Parameters) -> Client:
        return await self.broker.proofs.client(request.headers.get("authorization", ""), parameters)

    async def userinfo(self, request: Request) -> Response:
        """Spec: OpenID Connect Core 1.0 section 5.3; the token in the header only (RFC 9700 section 4.3.2)."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise BadToken("a bearer token is needed")
        return _json(await self.broker.claims(token.strip()))

    async def logout(self, request: Request) -> Response:
        """Spec: OpenID Connect RP-Initiated Logout 1.0 section 2."""
        assert self.leaving is not None
        told = (
            await _form_pairs(request)
            if request.method == "POST"
            else _pairs(request.scope["query_string"].decode("latin-1"))
        )
        return await Logout(self.broker, self.leaving).answer(request.scope, rules.gathered(told))

    async def revoke(self, request: Request) -> Response:
        """Spec: RFC 7009 section 2."""
        parameters = rules.gathered(await _form_pairs(request))
        client = await self._client(request, parameters)
        await self.broker.revoke(client, rules.needed(parameters, "token"))
        return _json({})


def _told(handler: Handler) -> Handler:
    """The handler, its failures in the shape of OAuth."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Refused as error:
            return _fault(error.code, error, HTTPStatus.BAD_REQUEST)
        except UnknownClient as error:  # RFC 6749 section 5.2
            return _fault(error.code, error, HTTPStatus.UNAUTHORIZED, 'Basic realm="oidc"')
        except BadToken as error:
            return _fault(error.code, error, HTTPStatus.UNAUTHORIZED, f'Bearer error="{error.code}"')
        except TooNarrow as error:
            challenge = f'Bearer error="{error.code}", scope="openid"'
            return _fault(error.code, error, HTTPStatus.FORBIDDEN, challenge)
        except Unavailable as error:
            return _fault("temporarily_unavailable", error, HTTPStatus.SERVICE_UNAVAILABLE)

    return answer


def _fault(code: str, error: GdiError, status: HTTPStatus, challenge: str = "") -> Response:
    headers = {**NO_STORE, **({"WWW-Authenticate": challenge} if challenge else {})}
    return Response(error_document(code, error.public), status, headers, "application/json")


def _json(
    document: object, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> Response:
    return Response(msgspec.json.encode(document), status, headers or NO_STORE, "application/json")


def _see(url: str) -> Response:
    """303, so that a POST becomes a GET wherever it leads."""
    return RedirectResponse(url, HTTPStatus.SEE_OTHER, {**NO_STORE, "Referrer-Policy": "no-referrer"})


async def _form_pairs(request: Request) -> list[tuple[str, str]]:
    """The fields of a form. Raises Refused if it is none."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise Refused("invalid_request", f"the body must be {_FORM}")
    body = await request.body()
    return _pairs(body.decode("latin-1"))


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise Refused("invalid_request", "the parameters cannot be read") from error


def _to_login(asked: Asked, query: str) -> Response:
    """To the login, and from there back to the request without what the login has done by then.

    Whoever skips the login by hand fools nobody: `auth_time` tells the client when it was.
    """
    following = f"{BASE}/authorize?{_without_login(query)}"
    oldest = rules.oldest_login(asked)
    age = {} if oldest is None else {"max_age": str(oldest)}
    return _see(f"{LOGIN}?{urlencode({'next': following, **age})}")


def _without_login(query: str) -> str:
    """The request as it goes on after the login that it asked for."""
    pairs = [(name, value) for name, value in _pairs(query) if name not in {"prompt", "max_age"}]
    kept = [each for name, value in _pairs(query) if name == "prompt" for each in value.split()]
    prompts = " ".join(each for each in kept if each not in rules.ANEW)
    return urlencode([*pairs, ("prompt", prompts)] if prompts else pairs)
