"""`private_key_jwt`: how a client of an authorization server proves itself by a key. Nothing here checks a signature.

Spec: OpenID Connect Core 1.0 section 9; RFC 7523 sections 2.2 and 3; RFC 8725; draft-ietf-oauth-rfc7523bis, which tells
clients to name the issuer as the only audience.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from opengdi.standards.faults import Malformed, Unverified
from opengdi.standards.passport.tokens import LEEWAY, Claims, read_claims, text_claim, write_claims

METHOD: Final = "private_key_jwt"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS: Final = ("ES256", "RS256")

LONGEST_LIFE: Final = timedelta(hours=1)
"""From when it is shown until its end (as Authlib makes them): for so long it is remembered that it was used."""

LONGEST_ASSERTION: Final = 8192

_TYPES: Final = frozenset({"jwt", "client-authentication+jwt"})
_BROUGHT: Final = ("crit", "b64", "jwk", "jku", "x5u", "x5c")


@dataclass(frozen=True, slots=True)
class AssertionHeader:
    """Which key is said to have signed it."""

    algorithm: str
    key_id: str


def read_header(header: Mapping[str, object]) -> AssertionHeader:
    """What the header names. Raises Malformed for another kind of token, for `none` and HMAC, and for keys inside."""
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise Malformed(f"alg {str(algorithm)[:20]!r} is not accepted; {' and '.join(ALGORITHMS)} are")
    if inside := next((name for name in _BROUGHT if name in header), None):
        raise Malformed(f"the header has {inside}, which is not taken")
    # A token that was signed for something else (an access token, a visa) must not serve as a proof: RFC 8725 §3.11.
    typ = str(header.get("typ", "JWT")).lower().removeprefix("application/")
    if typ not in _TYPES:
        raise Malformed(f"typ {typ[:40]!r} is no client assertion; expected 'JWT'")
    return AssertionHeader(str(algorithm), text_claim(header, "kid"))


def read_assertion(payload: Mapping[str, object], audiences: Collection[str], now: datetime) -> Claims:
    """The claims of an assertion that holds now. audiences: what this server is called.

    Raises Malformed; Unverified if it is for somebody else, for others as well, or for too long.
    """
    # `iat` is optional in OpenID Connect; what it would bound, `exp` bounds.
    claims = read_claims({"iat": 0, **payload})
    if claims.iss != claims.sub:
        raise Unverified("iss and sub must both be the client")
    if not claims.jti:
        raise Malformed("jti is missing: an assertion is good for one use")
    if not claims.audience or set(claims.audience) - set(audiences):
        raise Unverified("aud must be the issuer of this server alone: what names others can be used there")
    claims.check_times(now)
    if claims.expires > now + LONGEST_LIFE + LEEWAY:
        raise Unverified(f"it is for longer than {LONGEST_LIFE.total_seconds():.0f} seconds")
    return claims


def write_assertion(
    client_id: str, issuer: str, now: datetime, jti: str, life: timedelta = timedelta(seconds=60)
) -> dict[str, object]:
    """The claims by which a client proves itself at the server called `issuer`."""
    return write_claims(Claims(client_id, client_id, now, now + life, jti, audience=(issuer,)))
