"""A service that people log in to, and a provider that tells the truth unless a test makes it lie. All in memory."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from opengdi.identity.login.api import CALLBACK, Login, login_routes
from opengdi.identity.login.browser_sessions import BrowserSessions, with_form_token
from opengdi.identity.login.cookies import Cookies
from opengdi.identity.login.model import ClientKeys, Lifetimes, Upstream
from opengdi.identity.login.pages import refusal_page
from opengdi.identity.login.people import Arriving, People, nothing_awaits
from opengdi.identity.login.relying_party import RelyingParty
from opengdi.identity.login.sealing import Seal
from opengdi.identity.login.session_store import SessionStore
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.database import metadata, open_engine
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.keys import Secret

ISSUER = "https://idp.example.org"
CLIENT = "hub-client"
CLIENT_SECRET = "the secret of the hub at its provider"
ORIGIN = "https://hub.example.org"
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
EC = ECKey.generate_key("P-256")
RSA = RSAKey.generate_key(2048)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class Provider:
    """What it says can be changed by a test: `claims` is given each id token's claims, `sign` makes the token."""

    clock: FixedClock
    subject: str = "alice"
    key: ECKey | RSAKey = field(default_factory=lambda: EC)
    published: list[ECKey | RSAKey] = field(default_factory=lambda: [EC])
    claims: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
    header: dict[str, Any] = field(default_factory=dict)
    sign: Callable[[dict[str, Any], bytes], str] | None = None
    userinfo: dict[str, Any] = field(
        default_factory=lambda: {"name": "Alice", "email": "Alice@Example.org", "email_verified": True}
    )
    document: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, dict[str, str]] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)
    last: dict[str, str] = field(default_factory=dict)
    forms: list[dict[str, str]] = field(default_factory=list)

    def metadata(self) -> dict[str, Any]:
        ends = ("authorization", "token", "userinfo", "end_session")
        return {
            "issuer": ISSUER,
            **{f"{end}_endpoint": f"{ISSUER}/{end}" for end in ends},
            "jwks_uri": f"{ISSUER}/jwks",
            "authorization_response_iss_parameter_supported": True,
            **self.document,
        }

    def allow(self, address: str) -> dict[str, str]:
        """What the provider sends back for an authorization request, the person having agreed."""
        given = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        code = f"code-{len(self.asked)}"
        self.last = given
        self.asked[code] = given
        return {"code": code, "state": given["state"], "iss": ISSUER}

    def app(self) -> Routing:
        async def metadata(_: Request) -> Response:
            return JSONResponse(self.metadata())

        async def jwks(_: Request) -> Response:
            return JSONResponse({"keys": [self._jwk(key) for key in self.published]})

        async def userinfo(_: Request) -> Response:
            return JSONResponse({"sub": self.subject, **self.userinfo})

        async def token(request: Request) -> Response:
            self.shown.append(request.headers.get("authorization", ""))
            given = dict(parse_qsl((await request.body()).decode()))
            self.forms.append(given)
            asked = self.asked.pop(given.get("code", ""), None)
            challenge = b64(hashlib.sha256(given.get("code_verifier", "").encode()).digest())
            if asked is None or asked["code_challenge"] != challenge:
                return JSONResponse({"error": "invalid_grant"}, 400)
            return JSONResponse(
                {"access_token": "at", "token_type": "Bearer", "id_token": self.id_token(asked["nonce"])}
            )

        return Routing(
            [
                Route("/.well-known/openid-configuration", metadata),
                Route("/jwks", jwks),
                Route("/userinfo", userinfo),
                Route("/token", token, methods=["POST"]),
            ]
        )

    def id_token(self, nonce: str) -> str:
        now = int(self.clock.now().timestamp())
        honest = {
            "iss": ISSUER,
            "aud": CLIENT,
            "sub": self.subject,
            "nonce": nonce,
            "iat": now,
            "exp": now + 300,
        }
        payload = json.dumps(self.claims(honest)).encode()
        algorithm = "ES256" if isinstance(self.key, ECKey) else "RS256"
        header = {"alg": algorithm, "kid": self.key.thumbprint(), **self.header}
        if self.sign is not None:
            return self.sign(header, payload)
        return jws.serialize_compact(header, payload, self.key, algorithms=[algorithm])

    @staticmethod
    def _jwk(key: ECKey | RSAKey) -> dict[str, Any]:
        return {**key.as_dict(private=False), "kid": key.thumbprint()}


def unsigned(_: dict[str, Any], payload: bytes) -> str:
    return f"{b64(json.dumps({'alg': 'none'}).encode())}.{b64(payload)}."


def with_the_client_secret(_: dict[str, Any], payload: bytes) -> str:
    return jws.serialize_compact(
        {"alg": "HS256"}, payload, OctKey.import_key(CLIENT_SECRET), algorithms=["HS256"]
    )


class Lines:
    def __init__(self) -> None:
        self.written: list[tuple[str, str, str, tuple[str, ...]]] = []

    def append(
        self, action: str, *, actor: str, outcome: Outcome = Outcome.DONE, objects=(), **_: object
    ) -> int:
        self.written.append((action, actor, outcome.value, tuple(objects)))
        return len(self.written)


class Service:
    """A service behind https. One route besides those of login: `POST /change`, which needs a session."""

    def __init__(
        self,
        folder: Path,
        *,
        arriving: Arriving = nothing_awaits,
        lifetimes: Lifetimes | None = None,
        client_keys: ClientKeys | None = None,
    ) -> None:
        self.clock = FixedClock(NOW)
        self.provider = Provider(self.clock)
        self.engine = open_engine(folder / "state.sqlite")
        metadata.create_all(self.engine)
        self.lines = Lines()
        self.lifetimes = lifetimes or Lifetimes()
        self.key = Secret(b"k" * 32)
        self.store = SessionStore(self.engine, self.clock, self.lifetimes)
        self.sessions = BrowserSessions(
            self.store, self.key, Cookies(secure=True), self.lifetimes, lambda: f"{ORIGIN}/oidc"
        )
        numbers = iter(range(1, 1000))
        self.people = People(self.engine, self.clock, lambda _: f"person-{next(numbers)}", arriving)
        self.upstream = Upstream(ISSUER, CLIENT)
        self.login = Login(
            relying_party=RelyingParty(
                lambda: self.upstream,
                None if client_keys else Secret(CLIENT_SECRET.encode()),
                self.clock,
                self.lifetimes,
                keys=client_keys,
                transport=httpx.ASGITransport(app=Edge(self.provider.app(), clock=self.clock)),
            ),
            sessions=self.sessions,
            store=self.store,
            people=self.people,
            seal=Seal(self.key),
            audit=self.lines,
            lifetimes=self.lifetimes,
            origin=lambda _: ORIGIN,
            stranger=lambda _: "anonymous:x",
            client_keys=client_keys,
        )

        async def change(request: Request) -> Response:
            await with_form_token(request.scope, request.receive)
            proof = await self.sessions.session(request.scope)
            return PlainTextResponse(proof.subject if proof else "nobody", 200 if proof else 401)

        routes = [*login_routes(self.login), Route("/change", change, methods=["GET", "POST"])]
        self.app = Edge(Routing(routes), clock=self.clock, shapes={CALLBACK: refusal_page})

    def browser(self) -> Tab:
        return Tab(self)

    def close(self) -> None:
        self.engine.dispose()


class Tab:
    """A browser at the service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=service.app), base_url=ORIGIN)

    async def start(self, **parameters: str) -> str:
        """Where the provider is, for a login begun in this browser."""
        answer = await self.http.get("/login/start", params=parameters)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def answer(self, parameters: dict[str, str]) -> httpx.Response:
        return await self.http.get("/login/callback", params=parameters)

    async def log_in(self, **parameters: str) -> httpx.Response:
        return await self.answer(self.service.provider.allow(await self.start(**parameters)))

    async def me(self) -> dict[str, Any]:
        answer = await self.http.get("/login/me")
        return answer.json() if answer.status_code == 200 else {}

    @property
    def session(self) -> str:
        return self.http.cookies.get("__Host-gdi") or ""


def reason(service: Service) -> str:
    """Why the last login was refused, as the audit chain says."""
    action, _, outcome, objects = service.lines.written[-1]
    assert (action, outcome) == ("login.begin", "refused")
    return objects[0].removeprefix("reason:")


LATER = timedelta(hours=1)
