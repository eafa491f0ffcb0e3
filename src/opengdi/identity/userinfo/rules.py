"""What an access token and an answer of UserInfo say. Pure.

Spec: RFC 9068 section 4; OpenID Connect Core 1.0 section 5.3.2; GA4GH AAI 1.2.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from opengdi.identity.userinfo.model import Token, Told, TrustedBroker
from opengdi.standards.faults import Malformed, Unverified
from opengdi.standards.jws import CompactJws, read_object
from opengdi.standards.passport import (
    PASSPORT_CLAIM,
    VISA_CLAIM,
    TokenKind,
    check_header,
    read_claims,
    read_visa_list,
)
from opengdi.standards.passport.tokens import HeaderFacts, text_claim, time_claim

MISSING_CLAIM = "gdi_missing_visa_issuers"
_STRICT_TYPES = frozenset({"at+jwt", "application/at+jwt"})


def issuer_of(jws: CompactJws) -> str:
    """Who the token says it is from: only to find the broker, before anything is believed. Raises Malformed."""
    return text_claim(read_object(jws.payload, "access token"), "iss")


def header_of(jws: CompactJws, broker: TrustedBroker) -> HeaderFacts:
    """The header, if it is an access token's. Raises Malformed."""
    facts = check_header(jws.header, TokenKind.ACCESS_TOKEN)
    if broker.strict and str(jws.header["typ"]).lower() not in _STRICT_TYPES:
        raise Malformed("typ is not 'at+jwt': it is another kind of token")
    return facts


def token_of(payload: bytes, broker: TrustedBroker, now: datetime) -> Token:
    """What a token says, its signature checked before. Raises Malformed, Unverified."""
    told = read_object(payload, "access token")
    if PASSPORT_CLAIM in told or VISA_CLAIM in told:
        raise Malformed("an access token must not contain a passport or a visa")
    claims = read_claims(told)
    if claims.iss != broker.pair.iss:
        raise Unverified("it is of another issuer")
    claims.check_times(now)
    if claims.expires - claims.issued > broker.longest_life:
        raise Unverified(f"it is for longer than {broker.longest_life}")
    if broker.audiences and not set(claims.audience) & broker.audiences:
        raise Unverified("it is not for this service")
    scope, grant = told.get("scope", ""), told.get("grant", "")
    if not isinstance(scope, str) or not isinstance(grant, str):
        raise Malformed("scope and grant must be texts")
    authenticated = time_claim(told, "auth_time") if "auth_time" in told else None
    scopes = frozenset(scope.split())
    return Token(broker, claims.sub, scopes, claims.issued, claims.expires, grant, authenticated)


def told_of(body: bytes, token: Token) -> Told:
    """What UserInfo says of a person. Raises Malformed; Unverified if it is of somebody else than the token's."""
    info = read_object(body, "the answer of UserInfo")
    sub = text_claim(info, "sub")
    if token.subject and sub != token.subject:
        raise Unverified(
            "UserInfo tells of somebody else than the token"
        )  # "MUST NOT be used", OIDC Core 5.3.2
    visas = read_visa_list(info[PASSPORT_CLAIM]) if PASSPORT_CLAIM in info else ()
    subject = text_claim(info, token.broker.subject_claim)
    return Told(subject, visas, _name(info), complete=not info.get(MISSING_CLAIM))


def _name(info: Mapping[str, object]) -> str:
    name = info.get("name", "")
    return name[:200] if isinstance(name, str) and name.isprintable() else ""


def rest_after(failures: int, first: timedelta, longest: timedelta, chance: float) -> timedelta:
    """How long to leave a broker alone after so many failures: doubled each time, between half and whole.

    chance: from 0 to below 1, another one each time, so that clearinghouses do not ask in step.
    """
    whole = min(longest, first * (1 << min(failures - 1, 20)))
    return whole * (0.5 + chance / 2)
