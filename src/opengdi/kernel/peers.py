"""Proof between a hub and a node: who asks through which hub, and that an answer came from the node.

A request carries a JWS that is good for one request to one node within a minute; a user's own token never travels.
An answer to it carries a JWS over its digest, and perhaps names the edition of what the node publishes, by which the
hub can tell later whether the answer still holds (decision 0022). Pure but for the memory of tokens already used.

Spec: RFC 7515 (JWS), RFC 7519 (claims iss, aud, sub, iat, exp, jti); the header names, `digest` and `edition` are ours.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from opengdi.kernel.clock import Clock
from opengdi.kernel.keys import PublicKey, SigningKey, verify
from opengdi.kernel.principal import Principal, Tier
from opengdi.standards.faults import Malformed, Unverified

REQUEST_HEADER: Final = "gdi-peer"
ANSWER_HEADER: Final = "gdi-answer-signature"
LIFETIME_S: Final = 60
"""Longest life of a request token, and how far two clocks may differ."""

_REQUEST_PURPOSE: Final = "gdi-peer-request+jwt"
_ANSWER_PURPOSE: Final = "gdi-peer-answer+jwt"


@dataclass(frozen=True, slots=True)
class PeerRequest:
    """What a token is bound to. target: path as sent, percent-encoded, with `?` and query if there is one."""

    method: str
    target: str
    body: bytes


def digest(body: bytes) -> str:
    """SHA-256 of a body, base64url without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class PeerSigner:
    """Signs requests of a hub. token_ids makes a fresh unguessable id each time."""

    hub: str
    key: SigningKey
    clock: Clock
    token_ids: Callable[[], str]

    def token(self, audience: str, requester: Principal, request: PeerRequest) -> str:
        """A token for one request to the node `audience`; `requester.subject` is a pseudonym made for that node."""
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self.hub,
            "aud": audience,
            "sub": requester.subject,
            "tier": requester.tier.name.lower(),
            "iat": now,
            "exp": now + LIFETIME_S,
            "jti": self.token_ids(),
            "request": _binding(request),
        }
        return self.key.sign(json.dumps(claims).encode(), purpose=_REQUEST_PURPOSE)


def _binding(request: PeerRequest) -> dict[str, str]:
    return {"method": request.method, "target": request.target, "digest": digest(request.body)}


class PeerVerifier:
    """Tells a node who asks through a hub. pins: the keys each hub may sign with; audience: the id of this node."""

    def __init__(self, pins: Mapping[str, Collection[PublicKey]], audience: str, clock: Clock) -> None:
        self._pins = pins
        self._audience = audience
        self._clock = clock
        self._used: dict[tuple[str, str], float] = {}

    def verify(self, token: str, request: PeerRequest) -> Principal:
        """The person behind the hub, as `<hub>/<pseudonym>`.

        Raises Unverified if the token is not from a pinned hub, not for this node and this request, not of this
        minute, or was seen before; Malformed if it is no such token. Either way the caller is unauthenticated.
        """
        hub = _issuer(token)
        claims = _claims(verify(token, self._pins.get(hub, ()), purpose=_REQUEST_PURPOSE))
        if claims.get("aud") != self._audience:
            raise Unverified(f"the token is for {claims.get('aud')!r}, not for {self._audience!r}")
        if claims.get("request") != _binding(request):
            raise Unverified("the token was made for another request")
        expires = self._check_times(claims)
        self._use_once(hub, _text(claims, "jti"), expires)
        return Principal(f"{hub}/{_text(claims, 'sub')}", _tier(claims), hub=hub)

    def _check_times(self, claims: Mapping[str, object]) -> float:
        now = self._clock.now().timestamp()
        issued, expires = _number(claims, "iat"), _number(claims, "exp")
        if expires - issued > LIFETIME_S:
            raise Unverified(f"the token lives for more than {LIFETIME_S} s")
        if issued > now + LIFETIME_S or expires <= now:
            raise Unverified("the token is not valid now: it has expired, or the clocks differ")
        return expires

    def _use_once(self, hub: str, token_id: str, expires: float) -> None:
        now = self._clock.now().timestamp()
        while self._used:  # in order of arrival, hence nearly of expiry
            oldest = next(iter(self._used))
            if self._used[oldest] > now:
                break
            del self._used[oldest]
        if (hub, token_id) in self._used:
            raise Unverified("the token has been used before")
        self._used[hub, token_id] = expires


@dataclass(frozen=True, slots=True)
class AnswerSigner:
    """Signs a node's answers to hubs."""

    node: str
    key: SigningKey
    clock: Clock

    def signature(self, request_token: str, body: bytes, edition: str = "") -> str:
        """Header value for an answer to the request that carried `request_token`.

        edition: names what the node published when the request came; empty: nothing is said of it.
        """
        claims: dict[str, object] = {
            "iss": self.node,
            "iat": int(self.clock.now().timestamp()),
            "request": digest(request_token.encode()),
            "digest": digest(body),
        }
        if edition:
            claims["edition"] = edition
        return self.key.sign(json.dumps(claims).encode(), purpose=_ANSWER_PURPOSE)


def check_answer(
    signature: str, request_token: str, body: bytes, *, node: str, keys: Collection[PublicKey]
) -> str:
    """The edition that the answer is of, perhaps empty, if one of the node's keys signed this body for this request.

    Raises Unverified or Malformed.
    """
    claims = _claims(verify(signature, keys, purpose=_ANSWER_PURPOSE))
    expected = {"iss": node, "request": digest(request_token.encode()), "digest": digest(body)}
    for name, value in expected.items():
        if claims.get(name) != value:
            raise Unverified(f"the signature is for another {name}")
    edition = claims.get("edition", "")
    return edition if isinstance(edition, str) else ""


def _issuer(token: str) -> str:
    """Who the token says it is from: only to find that hub's keys, before anything is believed."""
    try:
        payload = token.split(".")[1]
        return _text(_claims(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))), "iss")
    except (IndexError, ValueError) as error:
        raise Malformed("not a compact JWS with JSON claims") from error


def _claims(payload: bytes) -> Mapping[str, object]:
    try:
        claims = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise Malformed("the claims are not JSON") from error
    if not isinstance(claims, dict):
        raise Malformed("the claims are not a JSON object")
    return claims


def _text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise Malformed(f"claim {name} is missing or no text")
    return value


def _number(claims: Mapping[str, object], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Malformed(f"claim {name} is missing or no number")
    return value


def _tier(claims: Mapping[str, object]) -> Tier:
    """REGISTERED at most: a hub cannot grant what only a visa may."""
    return Tier.REGISTERED if claims.get("tier") == "registered" else Tier.PUBLIC
