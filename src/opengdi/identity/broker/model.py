"""Facts of the broker: clients, what they ask for, what a person granted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from opengdi.kernel.keys.secrets import Secret
from opengdi.kernel.keys.signatures import Algorithm
from opengdi.standards.passport.terms import GRANT_TYPE, PASSPORT_SCOPE

OPENID: Final = "openid"
PROFILE: Final = "profile"
EMAIL: Final = "email"
PASSPORT: Final = PASSPORT_SCOPE
OFFLINE: Final = "offline_access"
SCOPES: Final = (OPENID, PROFILE, EMAIL, PASSPORT, OFFLINE)


class GrantType(StrEnum):
    """How a client may get a token. Spec: RFC 6749, RFC 8693 section 2.1."""

    CODE = "authorization_code"
    REFRESH = "refresh_token"
    MACHINE = "client_credentials"
    EXCHANGE = GRANT_TYPE


CLI: Final = "gdi-cli"
"""The public client that `gdi login` is."""


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client. by_key: it signs its proof. Neither a secret nor that: a public client, by PKCE alone.

    redirect_uris: exact, but for the port of a loopback address. resources: audiences that it may ask for (RFC 8707).
    algorithm: of its ID tokens.
    """

    id: str
    name: str
    secret: Secret | None
    redirect_uris: tuple[str, ...]
    scopes: frozenset[str]
    resources: frozenset[str]
    grant_types: frozenset[GrantType]
    by_key: bool = False
    algorithm: Algorithm = "ES256"

    @property
    def is_public(self) -> bool:
        return self.secret is None and not self.by_key


@dataclass(frozen=True, slots=True)
class Asked:
    """A well-formed authorization request of a known client. resources: empty: the hub itself.

    max_age: seconds for which a login of before is good enough; None: any is.
    """

    client: Client
    redirect_uri: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    challenge: str
    state: str = ""
    nonce: str = ""
    prompts: frozenset[str] = frozenset()
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class Granted:
    """What a person let a client have. until: when it ends whatever is refreshed; revoked: it has ended before.

    session: mark of the browser session with which it ends; empty: it outlives that.
    authenticated: when the person proved who they are before they granted it; None: nobody told.
    """

    id: str
    client: str
    subject: str
    name: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    until: datetime
    nonce: str = ""
    revoked: bool = False
    session: str = ""
    authenticated: datetime | None = None


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """What a code was given for."""

    redirect_uri: str
    challenge: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Claims of an access token of ours that was shown to us, its signature and times checked."""

    subject: str
    client: str
    scopes: tuple[str, ...]
    audiences: tuple[str, ...]
    grant: str
    jti: str
    until: datetime
    authenticated: datetime | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """A choice that a person asked to be remembered."""

    client: str
    scopes: frozenset[str]
    resources: frozenset[str]
    given: datetime
