"""What all three tokens have in common: header rules, registered claims, times. Nothing here checks a signature.

Spec: GA4GH AAI OIDC Profile 1.2.1, "Conformance for Brokers / Visa Issuers / Clearinghouses"; RFC 7519 §4.1; RFC 8725.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from opengdi.standards.faults import Malformed, Unverified
from opengdi.standards.passport.terms import (
    ACCEPTED_TYPES,
    ALGORITHMS,
    LONGEST_URL,
    PASSPORT_CLAIM,
    PASSPORT_SCOPE,
    VISA_CLAIM,
    TokenKind,
)

LEEWAY: Final = timedelta(seconds=30)
"""How far another clock may be ahead, for `iat`, `nbf` and `asserted`; an end is an end (`exp` has no leeway)."""

_LAST: Final = 253_402_300_799
"""9999-12-31T23:59:59Z, in seconds since 1970."""

_KEYS_INSIDE: Final = ("jwk", "x5u", "x5c", "x5t", "x5t#S256")
_LONGEST_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """What a header names; not to be believed before the signature holds. jku is empty where there is none."""

    algorithm: str
    kid: str
    jku: str = ""


def check_header(header: Mapping[str, object], kind: TokenKind) -> HeaderFacts:
    """What the header names, if it is one of this kind of token.

    Raises Malformed for another algorithm than RS256 and ES256 (`none` and HMAC too), another `typ`, no `kid`, any
    `crit`, a key or a certificate inside; of a visa, without `jku`.
    """
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise Malformed(f"algorithm {str(algorithm)[:20]!r} is not accepted; RS256 and ES256 are")
    if "crit" in header or "b64" in header:
        raise Malformed("the header has critical extensions; none is understood here")
    if inside := next((name for name in _KEYS_INSIDE if name in header), None):
        raise Malformed(f"the header brings its own key ({inside}); keys come from the settings only")
    typ = text_claim(header, "typ").lower().removeprefix("application/")
    if typ not in ACCEPTED_TYPES[kind]:
        raise Malformed(f"typ {typ[:40]!r} is no {kind.name.lower()}; expected {kind.value!r}")
    jku = text_claim(header, "jku", longest=LONGEST_URL) if kind is TokenKind.VISA else ""
    return HeaderFacts(algorithm, text_claim(header, "kid"), jku)


@dataclass(frozen=True, slots=True)
class Claims:
    """Registered claims. Times are aware, to the second; nbf and jti may be absent, audience empty: for anybody."""

    iss: str
    sub: str
    issued: datetime
    expires: datetime
    jti: str = ""
    not_before: datetime | None = None
    audience: tuple[str, ...] = ()

    def check_times(self, now: datetime, leeway: timedelta = LEEWAY) -> None:
        """Raises Unverified if the token has ended, or does not hold yet."""
        if now >= self.expires:
            raise Unverified(f"it ended at {self.expires.isoformat()}")
        if self.issued > now + leeway:
            raise Unverified(f"it was issued in the future, at {self.issued.isoformat()}")
        if self.not_before is not None and self.not_before > now + leeway:
            raise Unverified(f"it holds from {self.not_before.isoformat()} on")

    def check_audience(self, ours: Collection[str]) -> None:
        """Raises Unverified if the token is for somebody else."""
        if self.audience and not set(self.audience) & set(ours):
            raise Unverified(f"it is for {self.audience[0]!r}, not for this service")


def read_claims(claims: Mapping[str, object]) -> Claims:
    """Registered claims of a token. Raises Malformed for a missing one (iss, sub, iat, exp) or one of a wrong kind."""
    found = Claims(
        iss=text_claim(claims, "iss"),
        sub=text_claim(claims, "sub"),
        issued=time_claim(claims, "iat"),
        expires=time_claim(claims, "exp"),
        jti=text_claim(claims, "jti") if "jti" in claims else "",
        not_before=time_claim(claims, "nbf") if "nbf" in claims else None,
        audience=_audience(claims.get("aud")),
    )
    if found.expires <= found.issued:
        raise Malformed("claim exp lies before iat")
    return found


def write_claims(claims: Claims) -> dict[str, object]:
    """The same as JSON."""
    found: dict[str, object] = {"iss": claims.iss, "sub": claims.sub}
    found |= {"iat": seconds(claims.issued), "exp": seconds(claims.expires)}
    if claims.jti:
        found["jti"] = claims.jti
    if claims.not_before is not None:
        found["nbf"] = seconds(claims.not_before)
    if claims.audience:
        found["aud"] = claims.audience[0] if len(claims.audience) == 1 else list(claims.audience)
    return found


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A Passport-scoped access token, as its broker says."""

    claims: Claims
    scopes: frozenset[str]


def read_access_token(claims: Mapping[str, object]) -> AccessToken:
    """A Passport-scoped access token from its claims.

    Raises Malformed without both scopes, or if it holds a passport or a visa: "must not contain".
    """
    if PASSPORT_CLAIM in claims or VISA_CLAIM in claims:
        raise Malformed("an access token must not contain a passport or a visa")
    scopes = frozenset(text_claim(claims, "scope", longest=4096).split(" "))
    if not {"openid", PASSPORT_SCOPE} <= scopes:
        raise Malformed(f"the access token lacks scope 'openid {PASSPORT_SCOPE}'")
    return AccessToken(read_claims(claims), scopes)


def text_claim(claims: Mapping[str, object], name: str, *, longest: int = _LONGEST_NAME) -> str:
    """A claim that is a text. Raises Malformed if it is missing, empty, too long or cannot be written as UTF-8."""
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise Malformed(f"{name} is missing or no text")
    if len(value) > longest:
        raise Malformed(f"{name} has {len(value)} characters; {longest} are taken at most")
    if not value.isprintable():  # nor control characters, nor halves of surrogate pairs
        raise Malformed(f"{name} has characters that cannot be printed")
    return value


def time_claim(claims: Mapping[str, object], name: str) -> datetime:
    """A NumericDate, to the second below. Raises Malformed if it is missing, no number or beyond the year 9999."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST:
        raise Malformed(f"{name} is missing or no time in seconds since 1970")
    return datetime.fromtimestamp(int(value), UTC)


def seconds(moment: datetime) -> int:
    """As a NumericDate."""
    return int(moment.timestamp())


def is_url(text: str) -> bool:
    """True for what a URL claim may hold: an absolute http or https URL, 255 characters at most."""
    if len(text) > LONGEST_URL or not text.isascii() or " " in text:
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def _audience(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    given = value if isinstance(value, list) else [value]
    if not given or not all(isinstance(each, str) and each for each in given):
        raise Malformed("aud is neither a text nor a list of texts")
    return tuple(given)
