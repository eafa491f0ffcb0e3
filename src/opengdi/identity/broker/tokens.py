"""Access tokens and ID tokens of the broker, made and read.

Spec: RFC 9068 (JWT access tokens); OpenID Connect Core 1.0 section 2 (ID token); GA4GH AAI 1.2.1: an access token
holds no passport and no visa.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec

from opengdi.identity.broker.faults import BadToken
from opengdi.identity.broker.model import PROFILE, Granted, Shown
from opengdi.kernel.clock import Clock
from opengdi.kernel.keys import Algorithm, PublicKey, SigningKey, key_set, verify
from opengdi.standards.faults import Malformed, Unverified

ACCESS_TYPE: Final = "at+jwt"
_ID_TYPE: Final = "JWT"
_LONGEST: Final = 8192


class Keys(Protocol):
    """Key pairs that follow each other."""

    def signing(self) -> SigningKey: ...

    def published(self) -> Sequence[PublicKey]: ...


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes and reads the broker's own tokens.

    issuer: URL of the broker. hub: URL of the hub, the audience where no resource was asked for.
    keys: sign, and are published. rsa_keys: for ID tokens of clients that read RS256 only; None: there is none.
    new_id: fresh unguessable ids.
    """

    issuer: str
    hub: str
    keys: Keys
    rsa_keys: Keys | None
    clock: Clock
    new_id: Callable[[], str]
    access_s: int

    def jwks(self) -> dict[str, Any]:
        """The keys to check tokens with, RFC 7517."""
        return key_set(self._published())

    def access(self, granted: Granted, scopes: Sequence[str], resources: Sequence[str]) -> str:
        """An access token. Its audience is the hub or the resources, and the broker itself for its UserInfo."""
        now = self._now()
        claims = {
            "iss": self.issuer,
            "sub": granted.subject,
            "aud": [*(resources or (self.hub,)), self.issuer],
            "iat": now,
            "exp": min(now + self.access_s, int(granted.until.timestamp())),
            "jti": self.new_id(),
            "client_id": granted.client,
            "scope": " ".join(scopes),
            "grant": granted.id,
            **_auth_time(granted),  # RFC 9068 section 2.2.1
        }
        return self.keys.signing().sign(msgspec.json.encode(claims), purpose=ACCESS_TYPE)

    def identity(
        self, granted: Granted, access_token: str, email: str = "", algorithm: Algorithm = "ES256"
    ) -> str:
        """An ID token that goes with an access token. email: verified, where the client may have it; else empty."""
        now = self._now()
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": granted.subject,
            "aud": granted.client,
            "iat": now,
            "exp": now + self.access_s,
            "at_hash": _half_hash(access_token),
            **_auth_time(granted),
        }
        if granted.nonce:
            claims["nonce"] = granted.nonce
        if PROFILE in granted.scopes and granted.name:
            claims["name"] = granted.name
        claims |= address_claims(email)
        keys = self.keys if algorithm == "ES256" else self.rsa_keys
        assert keys is not None  # whoever wires a client with RS256 gives the keys
        return keys.signing().sign(msgspec.json.encode(claims), purpose=_ID_TYPE)

    def read(self, token: str) -> Shown:
        """What an access token of ours says. Raises BadToken. Whether its grant still holds the store knows."""
        if len(token) > _LONGEST:
            raise BadToken("the token is too long to be one of ours")
        try:
            claims = msgspec.json.decode(
                verify(token, self.keys.published(), purpose=ACCESS_TYPE), type=_Claims
            )
        except (Malformed, Unverified, msgspec.MsgspecError, RecursionError) as error:
            raise BadToken(f"not an access token of this broker: {error}") from error
        if claims.iss != self.issuer or self.issuer not in claims.aud:
            raise BadToken("the token is another issuer's, or not for this broker")
        if claims.exp <= self._now():
            raise BadToken("the token has ended")
        return Shown(
            claims.sub,
            claims.client_id,
            tuple(claims.scope.split()),
            tuple(claims.aud),
            claims.grant,
            claims.jti,
            datetime.fromtimestamp(claims.exp, UTC),
            None if claims.auth_time is None else datetime.fromtimestamp(claims.auth_time, UTC),
        )

    def read_identity(self, token: str) -> tuple[str, str]:
        """Subject and client of an ID token of ours, which may have ended: it tells who somebody was. Raises BadToken.

        Spec: OpenID Connect RP-Initiated Logout 1.0 section 2.
        """
        try:
            if len(token) > _LONGEST:
                raise Malformed("too long to be one of ours")
            claims = msgspec.json.decode(
                verify(token, self._published(), purpose=_ID_TYPE), type=_IdentityClaims
            )
        except (Malformed, Unverified, msgspec.MsgspecError, RecursionError) as error:
            raise BadToken(f"not an ID token of this broker: {error}") from error
        if claims.iss != self.issuer:
            raise BadToken("the ID token is another issuer's")
        return claims.sub, claims.aud

    @property
    def ours(self) -> frozenset[str]:
        """The audiences that are the hub and the broker themselves."""
        return frozenset({self.hub, self.issuer})

    def _published(self) -> list[PublicKey]:
        """The keys that ID tokens may be signed with."""
        of_rsa = () if self.rsa_keys is None else self.rsa_keys.published()
        return [*self.keys.published(), *of_rsa]

    def _now(self) -> int:
        return int(self.clock.now().timestamp())


class _Claims(msgspec.Struct):
    iss: str
    sub: str
    aud: list[str]
    exp: int
    jti: str
    client_id: str
    scope: str
    grant: str
    auth_time: int | None = None


def _auth_time(granted: Granted) -> dict[str, Any]:
    """When the person proved who they are, where that is known."""
    told = granted.authenticated
    return {} if told is None else {"auth_time": int(told.timestamp())}


class _IdentityClaims(msgspec.Struct):
    iss: str
    sub: str
    aud: str


def address_claims(email: str) -> dict[str, Any]:
    """Claims of a verified address; none of an empty one. Spec: OpenID Connect Core 1.0 section 5.1."""
    return {"email": email, "email_verified": True} if email else {}


def _half_hash(token: str) -> str:
    """Spec: OpenID Connect Core 1.0 section 3.1.3.6, for an algorithm with SHA-256."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode("ascii")).digest()[:16]).rstrip(b"=").decode()
