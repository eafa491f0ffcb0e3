"""A broker with everything around it: a database, clients, visa issuers that sign, a browser with a session."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from starlette.types import ASGIApp, Scope

from opengdi.apps.migrations import migrate
from opengdi.identity.broker.api import BrokerApi
from opengdi.identity.broker.client_proofs import ClientProofs
from opengdi.identity.broker.collecting import Collector
from opengdi.identity.broker.faults import oauth_shape
from opengdi.identity.broker.model import CLI, EMAIL, SCOPES, Client, Granted, GrantType
from opengdi.identity.broker.passports import Passports
from opengdi.identity.broker.rules import challenge_of
from opengdi.identity.broker.service import Broker, Lives
from opengdi.identity.broker.sources import IssuerTrust, OwnSource
from opengdi.identity.broker.store import Grants
from opengdi.identity.broker.tokens import Tokens
from opengdi.identity.broker.used_assertions import UsedAssertions
from opengdi.identity.clearinghouse.keys import GivenKeys, OwnKeys
from opengdi.identity.model import Proof
from opengdi.kernel.clock import Clock, FixedClock
from opengdi.kernel.database import open_engine
from opengdi.kernel.disclosure.rate import RequestRate
from opengdi.kernel.errors import NotPermitted, Unavailable
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.keys import PublicKey, Secret, SigningKey
from opengdi.standards.passport import Claims, TokenKind, Visa, VisaObject, write_visa

HUB = "https://hub.example.org"
ISSUER = f"{HUB}/oidc"
NORTH, SOUTH = "https://north.example.org", "https://south.example.org"
SUBJECT = "r1@hub.example.org"
SECRET = "portal-secret-portal-secret"
BACK = "https://portal.example.org/callback"
VERIFIER = "v" * 64
RSA_KEY, RSA_SIGNER = SigningKey.generate("RS256"), SigningKey.generate("RS256")
"""Of the broker, and of its client `signer`: making one takes a second."""


class Keys:
    """One key pair that never changes."""

    def __init__(self, key: SigningKey | None = None) -> None:
        self.key = key or SigningKey.generate()

    def signing(self) -> SigningKey:
        return self.key

    def published(self) -> Sequence[PublicKey]:
        return (self.key.public,)


@dataclass
class Issuer:
    """A visa issuer that can be made to fail. id: of its node."""

    id: str
    url: str
    clock: Clock
    keys: Keys = field(default_factory=Keys)
    datasets: list[str] = field(default_factory=list)
    silent: bool = False
    extra: list[str] = field(default_factory=list)

    @property
    def jku(self) -> str:
        return f"{self.url}/visas/v1/jwks"

    def visa(self, subject: str, dataset: str, **changes: object) -> str:
        now = self.clock.now().replace(microsecond=0)
        claims = Claims(self.url, subject, now, now + timedelta(minutes=30), secrets.token_hex(8))
        what = VisaObject(
            "ControlledAccessGrants",
            f"{self.url}/datasets/{dataset}#version=1",
            "https://dac.example.org",
            now,
            "dac",
        )
        claims = replace(claims, **changes)
        payload = json.dumps(write_visa(Visa(claims, what))).encode()
        return self.keys.key.sign(payload, purpose=TokenKind.VISA.value, jku=self.jku)

    async def made(self, subject: str) -> Sequence[str]:
        if self.silent:
            raise Unavailable("nobody is there")
        return [*(self.visa(subject, each) for each in self.datasets), *self.extra]

    def source(self, resource: str) -> OwnSource:
        return OwnSource(
            self.id,
            self.made,
            IssuerTrust(self.url, self.jku, OwnKeys(self.keys.published), self.clock),
            resource,
        )


@dataclass
class Browser:
    """The port `Sessions`: whoever is in the cookie `who`; unsafe methods need the header `x-csrf-token: right`."""

    clock: Clock
    life: timedelta = timedelta(hours=8)
    authenticated: datetime | None = None

    async def session(self, scope: Scope) -> Proof | None:
        headers = dict(scope["headers"])
        cookie = headers.get(b"cookie", b"").decode()
        if not cookie.startswith("who="):
            return None
        if scope["method"] not in {"GET", "HEAD"} and headers.get(b"x-csrf-token") != b"right":
            raise NotPermitted("no CSRF token")
        subject = cookie.removeprefix("who=")
        return Proof(
            subject,
            ISSUER,
            self.clock.now() + self.life,
            False,
            (),
            "Researcher One",
            authenticated=self.authenticated,
        )


class Lines:
    """The audit chain, in memory."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str, Sequence[str]]] = []

    def append(self, action: str, *, actor: str, objects: Sequence[str] = (), **_: object) -> int:
        self.written.append((action, actor, objects))
        return len(self.written)


def clients() -> dict[str, Client]:
    people = frozenset(SCOPES)
    secret = Secret(SECRET.encode())
    both, all_types = frozenset({NORTH, SOUTH}), frozenset(GrantType)
    logins = frozenset({GrantType.CODE, GrantType.REFRESH})
    found = [
        Client(CLI, "Command gdi", None, ("http://127.0.0.1/callback",), people, both, logins),
        Client("portal", "Portal", secret, (BACK,), people, both, all_types - {GrantType.MACHINE}),
        Client("other", "Other", Secret(b"other-secret-other-secret"), (BACK,), people, both, all_types),
        Client("plain", "Plain", secret, (BACK,), people - {EMAIL}, both, logins),
        Client(
            "north",
            "Node North",
            Secret(b"north-secret-north-secret"),
            (),
            people,
            frozenset({NORTH}),
            frozenset({GrantType.EXCHANGE}),
        ),
        Client(
            "robot",
            "Robot",
            secret,
            (),
            frozenset({"catalogue"}),
            both,
            frozenset({GrantType.MACHINE}),
        ),
        Client(
            "signer",
            "Signer",
            None,
            (BACK,),
            people,
            both,
            all_types,
            by_key=True,
            algorithm="RS256",
        ),
        Client(
            "public-robot", "Robot", None, (), frozenset({"catalogue"}), both, frozenset({GrantType.MACHINE})
        ),
    ]
    return {each.id: each for each in found}


class Desk:
    """The whole of it, and a browser and clients that use it over ASGI."""

    def __init__(self, folder: Path, clock: FixedClock | None = None, database: str = "") -> None:
        self.clock = clock or FixedClock()
        self.engine = open_engine(database or folder / "state.sqlite")
        migrate(self.engine)
        self.lines = Lines()
        self.keys = Keys()
        self.ended: list[Granted] = []
        self.addresses = {SUBJECT: "r1@example.org"}
        self.own = Issuer("hub", HUB, self.clock)
        self.north = Issuer("north", NORTH, self.clock, datasets=["GDID-north-1"])
        self.south = Issuer("south", SOUTH, self.clock, datasets=["GDID-south-1"])
        sources = [self.own.source(""), self.north.source(NORTH), self.south.source(SOUTH)]
        new_id = lambda: secrets.token_hex(16)  # noqa: E731
        self.grants = Grants(
            self.engine,
            self.clock,
            lambda: secrets.token_urlsafe(32),
            ended=lambda _connection, granted: self.ended.append(granted),
        )
        known = clients()
        self.rsa_keys = Keys(RSA_KEY)
        self.signer = SigningKey.generate()
        given = GivenKeys([json.dumps(each.public.as_jwk()) for each in (self.signer, RSA_SIGNER)])
        self.broker = Broker(
            clients=known,
            proofs=ClientProofs(
                known,
                {each.id: given for each in known.values() if each.by_key},
                {ISSUER, f"{ISSUER}/token"},
                UsedAssertions(self.engine, self.clock),
                self.clock,
            ),
            tokens=Tokens(ISSUER, HUB, self.keys, self.rsa_keys, self.clock, new_id, access_s=600),
            grants=self.grants,
            collector=Collector(sources, timeout_s=0.5),
            passports=Passports(ISSUER, self.keys, self.clock, new_id),
            names={"north": NORTH, "south": SOUTH},
            lives=Lives(code_s=60, grant_days=30),
            rate=RequestRate(20, 60.0, self.clock),
            clock=self.clock,
            audit=self.lines,
            addresses=lambda subject: self.addresses.get(subject, ""),
        )
        self.browser = Browser(self.clock)
        self.app: ASGIApp = Edge(
            Routing(BrokerApi(self.broker, self.browser).routes()),
            clock=self.clock,
            shapes={"/oidc": oauth_shape},
        )

    def client(self, who: str = "") -> httpx.AsyncClient:
        headers = {"cookie": f"who={who}"} if who else {}
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=HUB, headers=headers)

    async def ask(self, method: str, path: str, *, who: str = "", **options: object) -> httpx.Response:
        async with self.client(who) as client:
            return await client.request(method, path, **options)  # type: ignore[arg-type]

    async def authorize(self, who: str = SUBJECT, **changes: object) -> httpx.Response:
        return await self.ask("GET", f"/oidc/authorize?{authorization(**changes)}", who=who)

    async def answer(
        self, page: httpx.Response, *, who: str = SUBJECT, answer: str = "allow", remember: bool = False
    ) -> httpx.Response:
        fields = {"ticket": ticket_of(page), "answer": answer} | ({"remember": "yes"} if remember else {})
        return await self.ask("POST", "/oidc/consent", who=who, data=fields)

    async def code(self, *, remember: bool = False, **changes: object) -> str:
        page = await self.authorize(**changes)
        back = page if page.status_code == 303 else await self.answer(page, remember=remember)
        return answered(back)["code"]

    async def token(self, client: str = "portal", secret: str = SECRET, **fields: object) -> httpx.Response:
        auth = httpx.BasicAuth(client, secret) if secret else None
        data = {name: value for name, value in fields.items() if value is not None}
        if not secret:
            data["client_id"] = client
        return await self.ask("POST", "/oidc/token", data=data, auth=auth)

    async def redeem(
        self, code: str, client: str = "portal", secret: str = SECRET, **fields: object
    ) -> httpx.Response:
        known = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": BACK,
            "code_verifier": VERIFIER,
        }
        return await self.token(client, secret, **{**known, **fields})

    async def logged_in(self, **changes: object) -> dict[str, str]:
        """The answer of the token endpoint after a whole login."""
        answer = await self.redeem(await self.code(**changes))
        assert answer.status_code == 200, answer.text
        found: dict[str, str] = answer.json()
        return found

    async def refresh(self, token: str, **fields: object) -> httpx.Response:
        return await self.token(grant_type="refresh_token", refresh_token=token, **fields)

    async def exchange(
        self, token: str, client: str = "portal", secret: str = SECRET, **fields: object
    ) -> httpx.Response:
        known = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "requested_token_type": "urn:ga4gh:params:oauth:token-type:passport",
            "subject_token": token,
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        }
        return await self.token(client, secret, **{**known, **fields})

    async def userinfo(self, token: str) -> httpx.Response:
        return await self.ask("GET", "/oidc/userinfo", headers={"authorization": f"Bearer {token}"})


def authorization(**changes: object) -> str:
    """The query of an authorization request; a change to None leaves a parameter out."""
    known: dict[str, object] = {
        "response_type": "code",
        "client_id": "portal",
        "redirect_uri": BACK,
        "scope": "openid ga4gh_passport_v1",
        "state": "s-1",
        "nonce": "n-1",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    return urlencode({k: v for k, v in {**known, **changes}.items() if v is not None}, doseq=True)


def ticket_of(page: httpx.Response) -> str:
    assert page.status_code == 200, page.text
    return page.text.split('name="ticket" value="')[1].split('"')[0]


def answered(back: httpx.Response) -> dict[str, str]:
    """Parameters that the browser carries back to the client."""
    assert back.status_code == 303, back.text
    return {name: values[0] for name, values in parse_qs(urlsplit(back.headers["location"]).query).items()}


def claims_of(token: str) -> dict[str, object]:
    from opengdi.standards.jws import read_compact

    found: dict[str, object] = json.loads(read_compact(token).payload)
    return found


def header_of(token: str) -> dict[str, object]:
    from opengdi.standards.jws import read_compact

    return dict(read_compact(token).header)
