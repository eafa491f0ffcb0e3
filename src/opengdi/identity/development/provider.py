"""What the development provider says: metadata, codes, tokens, claims. No HTTP here."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from opengdi.identity.development.people import RESEARCHER, Invented, hinted
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import Invalid, NotAuthenticated
from opengdi.kernel.keys import Secret, SigningKey, verify
from opengdi.standards.faults import Malformed, Unverified
from opengdi.standards.passport import (
    BONA_FIDE,
    PASSPORT_CLAIM,
    PASSPORT_SCOPE,
    By,
    Claims,
    TokenKind,
    Visa,
    VisaObject,
    VisaType,
    write_passport,
    write_visa,
)

CODE_LIFE: Final = timedelta(seconds=60)
TOKEN_LIFE: Final = timedelta(hours=1)
_ACCESS: Final = "at+jwt"
_MOST_CODES: Final = 10_000
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class OAuthFault(Invalid):
    """An answer of the token endpoint (RFC 6749 section 5.2)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorization request that is in order."""

    client_id: str
    redirect_uri: str
    scope: str
    state: str
    nonce: str
    challenge: str


@dataclass(frozen=True, slots=True)
class _Code:
    asked: Asked
    person: Invented
    until: datetime


@dataclass
class DevelopmentProvider:
    """issuer: told late, because the port may be chosen when the process starts.

    clients: secret by client id; any other client is a public one, and must use PKCE.
    """

    issuer: Callable[[], str]
    key: SigningKey
    clock: Clock
    clients: Mapping[str, Secret]
    _codes: dict[str, _Code] = field(default_factory=dict)

    def metadata(self) -> dict[str, Any]:
        """OpenID Connect Discovery 1.0."""
        issuer = self.issuer()
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "jwks_uri": f"{issuer}/jwks",
            "end_session_endpoint": f"{issuer}/end",
            "scopes_supported": ["openid", "profile", "email", "ga4gh_passport_v1"],
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.key.public.algorithm],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "claims_supported": ["sub", "name", "email", "email_verified", "ga4gh_passport_v1"],
        }

    def keys(self) -> dict[str, Any]:
        """The JWK set."""
        return {"keys": [self.key.public.as_jwk()]}

    def read_request(self, given: Mapping[str, str]) -> Asked:
        """An authorization request. Raises Invalid; then nobody is sent anywhere."""
        redirect_uri = given.get("redirect_uri", "")
        if not may_follow(redirect_uri):
            raise Invalid("redirect_uri must be an address on this machine, such as http://127.0.0.1:8080/…")
        client_id = given.get("client_id", "")
        if not client_id:
            raise Invalid("client_id is missing")
        if given.get("response_type") != "code":
            raise Invalid("response_type must be code")
        challenge = given.get("code_challenge", "")
        if challenge and given.get("code_challenge_method") != "S256":
            raise Invalid("code_challenge_method must be S256")
        if not challenge and client_id not in self.clients:
            raise Invalid("code_challenge is missing: a client without a secret must use PKCE")
        scope = given.get("scope", "openid")
        return Asked(
            client_id, redirect_uri, scope, given.get("state", ""), given.get("nonce", ""), challenge
        )

    def allow(self, asked: Asked, person: Invented) -> dict[str, str]:
        """Parameters of the answer that says yes."""
        now, code = self.clock.now(), secrets.token_urlsafe(24)
        self._codes = {key: value for key, value in self._codes.items() if value.until > now}
        if len(self._codes) >= _MOST_CODES:
            raise Invalid("too many logins at once")
        self._codes[code] = _Code(asked, person, now + CODE_LIFE)
        return self.answer(asked, {"code": code})

    def answer(self, asked: Asked, parameters: Mapping[str, str]) -> dict[str, str]:
        """`parameters` with state and, by RFC 9207, the issuer."""
        state = {"state": asked.state} if asked.state else {}
        return {**parameters, **state, "iss": self.issuer()}

    def tokens(self, given: Mapping[str, str], shown: tuple[str, str] | None) -> dict[str, Any]:
        """Tokens for a code. shown: client id and secret of HTTP Basic. Raises OAuthFault."""
        client_id = self._client(given, shown)
        if given.get("grant_type") != "authorization_code":
            raise OAuthFault("unsupported_grant_type", "grant_type must be authorization_code")
        found = self._codes.pop(given.get("code", ""), None)  # whatever happens now, it was its one use
        if found is None or found.until <= self.clock.now():
            raise OAuthFault("invalid_grant", "the code is not known, used already, or too old")
        asked = found.asked
        if asked.client_id != client_id or asked.redirect_uri != given.get("redirect_uri"):
            raise OAuthFault("invalid_grant", "the code was given to another client or redirect_uri")
        if asked.challenge and not _fits(given.get("code_verifier", ""), asked.challenge):
            raise OAuthFault("invalid_grant", "code_verifier does not fit the challenge")
        return self._tokens(asked, found.person)

    def _client(self, given: Mapping[str, str], shown: tuple[str, str] | None) -> str:
        client_id, secret = shown or (given.get("client_id", ""), given.get("client_secret", ""))
        known = self.clients.get(client_id)
        if known is not None and not hmac.compare_digest(known.reveal(), secret.encode()):
            raise OAuthFault("invalid_client", "the client secret is wrong")
        return client_id

    def _tokens(self, asked: Asked, person: Invented) -> dict[str, Any]:
        now = int(self.clock.now().timestamp())
        times = {"iat": now, "exp": now + int(TOKEN_LIFE.total_seconds()), "auth_time": now}
        shared = {"iss": self.issuer(), "sub": person.subject, **times}
        access_token = self._sign(
            _ACCESS,
            {
                **shared,
                "aud": self.issuer(),
                "client_id": asked.client_id,
                "scope": asked.scope,
                "jti": secrets.token_hex(8),
            },
        )
        nonce = {"nonce": asked.nonce} if asked.nonce else {}
        at_hash = _encode(hashlib.sha256(access_token.encode()).digest()[:16])
        id_token = self._sign("JWT", {**shared, "aud": asked.client_id, "at_hash": at_hash, **nonce})
        return {
            "access_token": access_token,
            "id_token": id_token,
            "token_type": "Bearer",
            "expires_in": int(TOKEN_LIFE.total_seconds()),
            "scope": asked.scope,
        }

    def _sign(self, kind: str, claims: Mapping[str, Any]) -> str:
        return self.key.sign(json.dumps(claims).encode(), purpose=kind)

    def userinfo(self, access_token: str) -> dict[str, Any]:
        """Claims of whoever the token is about. Raises NotAuthenticated."""
        try:
            claims = json.loads(verify(access_token, [self.key.public], purpose=_ACCESS))
        except (Malformed, Unverified) as error:
            raise NotAuthenticated("the access token does not hold") from error
        person = hinted(claims["sub"])
        if claims["exp"] <= self.clock.now().timestamp() or person is None:
            raise NotAuthenticated("the access token has expired")
        with_passport = PASSPORT_SCOPE in claims["scope"].split()
        passport = {PASSPORT_CLAIM: self.visas(person)} if with_passport else {}
        return {
            "sub": person.subject,
            "name": person.name,
            "email": person.email,
            "email_verified": True,
            "preferred_username": person.id,
            "voperson_external_affiliation": [f"member@{person.organisation}"],
            **passport,
        }

    def visas(self, person: Invented) -> list[str]:
        """That a researcher is one and accepted the terms, as LS-AAI's visa issuer says it; of others nothing."""
        if person.role != RESEARCHER:
            return []
        told = ((VisaType.RESEARCHER_STATUS, By.SIGNING_OFFICIAL), (VisaType.ACCEPTED_TERMS, By.SELF))
        return [self._visa(person, kind, by) for kind, by in told]

    def _visa(self, person: Invented, kind: VisaType, by: By) -> str:
        now = self.clock.now().replace(microsecond=0)
        issuer = self.issuer()
        claims = Claims(issuer, person.subject, now, now + TOKEN_LIFE, secrets.token_hex(8))
        told = write_visa(Visa(claims, VisaObject(kind.value, BONA_FIDE, issuer, now, by.value)))
        return self.key.sign(json.dumps(told).encode(), purpose=TokenKind.VISA.value, jku=f"{issuer}/jwks")

    def visas_of(self, user: str) -> list[str]:
        """The same for whom an id, an address or a `sub` names; of strangers nothing."""
        person = hinted(user)
        return [] if person is None else self.visas(person)

    def passport(self, access_token: str) -> str:
        """A passport of whoever the token is about. Raises NotAuthenticated."""
        told = self.userinfo(access_token)
        now = self.clock.now().replace(microsecond=0)
        claims = Claims(self.issuer(), told["sub"], now, now + TOKEN_LIFE, secrets.token_hex(8))
        passport = write_passport(claims, told.get(PASSPORT_CLAIM, ()))
        return self.key.sign(json.dumps(passport).encode(), purpose=TokenKind.PASSPORT.value)


def may_follow(address: str) -> bool:
    """True for an address on this machine: the development provider sends browsers nowhere else."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and host in _LOOPBACK and "@" not in parts.netloc


def _fits(verifier: str, challenge: str) -> bool:
    made = _encode(hashlib.sha256(verifier.encode()).digest())
    return hmac.compare_digest(made.encode(), challenge.encode())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
