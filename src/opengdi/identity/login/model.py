"""Facts of logging in: the provider, an attempt that is under way, who came, a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from opengdi.kernel.errors import NotPermitted
from opengdi.kernel.keys.signatures import PublicKey, SigningKey

SIGNATURES: Final = frozenset({"RS256", "ES256"})
"""What an id token may be signed with. `none` and every HMAC are refused whatever the settings say."""


class LoginRefused(NotPermitted):
    """A login that does not hold. `reason` is one word for the audit chain; the message is for the operator."""

    public = "This login did not succeed. Please start again."

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Upstream:
    """The provider that people log in at, and what it knows this service as.

    issuer: exactly as the provider spells it.
    trusts_email: an e-mail address counts as verified even where the provider does not say so.
    """

    issuer: str
    client_id: str
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    algorithms: frozenset[str] = SIGNATURES
    leeway: timedelta = timedelta(seconds=60)
    trusts_email: bool = False


class ClientKeys(Protocol):
    """Key pairs by which this service proves who it is at the provider (`private_key_jwt`)."""

    def signing(self) -> SigningKey: ...

    def published(self) -> Sequence[PublicKey]: ...


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a provider says of itself (OpenID Connect Discovery 1.0). Empty: it has none of that.

    scopes: those that it says it knows; empty: it does not say.
    names_itself: it adds `iss` to its answers, so one without it is refused (RFC 9207).
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    revocation_endpoint: str = ""
    scopes: frozenset[str] = frozenset()
    names_itself: bool = False
    token_auth: str = "client_secret_basic"  # noqa: S105  the name of a method


@dataclass(frozen=True, slots=True)
class Attempt:
    """A login under way, kept in the browser that began it, sealed. started: seconds since 1970.

    max_age: seconds for which a login of before is good enough; None: any is.
    """

    state: str
    nonce: str
    verifier: str
    issuer: str
    redirect_uri: str
    next: str
    started: float
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who logged in, as the provider says. email: only an address that was verified; else empty."""

    issuer: str
    subject: str
    name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a finished login gave. id_token: for telling the provider of the logout; never shown to a browser.

    refresh_token: empty if the provider gave none. authenticated: when the person proved who they are at the provider;
    None: it does not say.
    """

    identity: Identity
    id_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    authenticated: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A new access token, and the refresh token to use next time. lasts: from when it was given."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    lasts: timedelta
    scope: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has logged in. subject: our opaque id; name and email are empty once they are erased."""

    subject: str
    issuer: str
    upstream: str
    first: datetime
    last: datetime
    name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that somebody is logged in with. sealed: the id token, sealed; empty: none is kept.

    authenticated: when they proved who they are at the provider; None: it did not say.
    """

    subject: str
    began: datetime
    seen: datetime
    name: str = ""
    sealed: str = ""
    authenticated: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long what lasts. idle: without any request; session: at most; attempt: from start to callback."""

    idle: timedelta = timedelta(minutes=30)
    session: timedelta = timedelta(hours=10)
    attempt: timedelta = timedelta(minutes=10)
