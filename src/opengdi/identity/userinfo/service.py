"""Implements the port `AccessTokens` with brokers that settings name.

Spec: GA4GH AAI 1.2.1, "Conformance for Passport Clearinghouses": UserInfo is polled at most once an hour, with jittered
exponential back-off, and no more after a 4xx.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from opengdi.identity.clearinghouse.keys import KeyBook
from opengdi.identity.model import Proof
from opengdi.identity.ports import BareVisas
from opengdi.identity.userinfo.client import UserInfoClient
from opengdi.identity.userinfo.model import Token, Told, TrustedBroker
from opengdi.identity.userinfo.rules import header_of, issuer_of, rest_after, token_of, told_of
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import NotAuthenticated, Unavailable
from opengdi.standards.faults import Malformed, Unverified
from opengdi.standards.jws import read_compact

POLLED: Final = timedelta(hours=1)
FIRST_REST: Final = timedelta(seconds=5)
INCOMPLETE_REST: Final = timedelta(minutes=1)
"""When to ask again, at first, where visa issuers were missing."""

MOST_KNOWN: Final = 10_000
LONGEST_TOKEN: Final = 16_384
_REFUSED: Final = "The access token is not accepted."


class RevokedTokens(Protocol):
    """Knows which tokens were taken back; answers from memory."""

    def token_revoked(self, grant: str, subject: str, issued: datetime) -> bool:
        """True if what the person granted was taken back, or the person was barred since."""
        ...


@dataclass(slots=True)
class _Known:
    """What is known of one token. ask_at: when UserInfo may be asked again; refused: it is not, ever."""

    token: Token
    told: Told | None = None
    ask_at: datetime | None = None
    failures: int = 0
    refused: bool = False
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class UserInfoTokens:
    """`identity.ports.AccessTokens`. To be used within one event loop. chance: a number from 0 to below 1."""

    def __init__(
        self,
        brokers: Sequence[TrustedBroker],
        keys: KeyBook,
        visas: BareVisas,
        revoked: RevokedTokens,
        client: UserInfoClient,
        *,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self._brokers = {broker.pair.iss: broker for broker in brokers}
        self._opaque = next((broker for broker in brokers if broker.opaque), None)
        self._keys = keys
        self._visas = visas
        self._revoked = revoked
        self._client = client
        self._clock = clock
        self._chance = chance
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    async def proof(self, token: str) -> Proof:
        """What an access token proves now. Raises NotAuthenticated; Unavailable if the broker does not answer."""
        known = await self._checked(token)
        facts = known.token
        if facts.until is not None and facts.until <= self._clock.now():
            raise NotAuthenticated("the access token has ended", public=_REFUSED)
        if facts.has_passport:
            await self._ask_if_due(known, token)
        return await self._proof(known)

    async def _checked(self, token: str) -> _Known:
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        known = self._known.get(digest)
        if known is None:
            try:
                known = _Known(await self._read(token))
            except (Malformed, Unverified) as error:
                raise NotAuthenticated(
                    f"an access token was not believed: {error}", public=_REFUSED
                ) from error
            known = self._known.setdefault(digest, known)
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(digest)
        return known

    async def _read(self, token: str) -> Token:
        """What the token says, its signature checked; of an opaque one nothing. Raises Malformed, Unverified."""
        if token.count(".") != 2:
            return self._opaque_token(token)
        jws = read_compact(token, longest=LONGEST_TOKEN)
        broker = self._brokers.get(issuer_of(jws))
        if broker is None:
            raise Unverified("it is of a broker that is not believed here")
        facts = header_of(jws, broker)
        key = await self._keys.find(broker.pair, facts.kid, facts.algorithm)
        if key is None:
            raise Unverified("it is signed by a key that its broker does not publish")
        key.check(jws.signed, jws.signature)
        return token_of(jws.payload, broker, self._clock.now())

    def _opaque_token(self, token: str) -> Token:
        """Spec: RFC 6750 section 2.1, what a bearer token is made of."""
        if self._opaque is None:
            raise Unverified("it is no JWT, and no broker with other tokens is believed here")
        if len(token) > LONGEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
            raise Malformed("it is no bearer token")
        return Token(self._opaque, "", frozenset(), self._clock.now(), None)

    async def _ask_if_due(self, known: _Known, token: str) -> None:
        if self._is_due(known):
            async with known.asking:
                if self._is_due(known):
                    await self._ask(known, token)
        if known.refused:
            raise NotAuthenticated("the broker does not take the access token", public=_REFUSED)
        if known.told is None:
            raise Unavailable("the broker of the access token did not answer")

    def _is_due(self, known: _Known) -> bool:
        return not known.refused and (known.ask_at is None or known.ask_at <= self._clock.now())

    async def _ask(self, known: _Known, token: str) -> None:
        try:
            told = told_of(await self._client.ask(known.token.broker, token), known.token)
        except (NotAuthenticated, Malformed, Unverified):
            known.refused, known.told = True, None
            return
        except Unavailable:
            known.failures += 1
            known.ask_at = self._clock.now() + self._rest(known.failures, FIRST_REST)
            if known.token.until is None:  # nothing but the broker's word says that it still holds
                known.told = None
            return
        known.told = told
        known.failures = 0 if told.complete else known.failures + 1
        rest = POLLED if told.complete else self._rest(known.failures, INCOMPLETE_REST)
        known.ask_at = self._clock.now() + rest

    def _rest(self, failures: int, first: timedelta) -> timedelta:
        return rest_after(failures, first, POLLED, self._chance())

    async def _proof(self, known: _Known) -> Proof:
        facts, told = known.token, known.told
        subject = told.subject if told is not None else facts.subject
        if self._revoked.token_revoked(facts.grant, subject, facts.issued):
            raise NotAuthenticated("the access token was taken back", public=_REFUSED)
        issuer, until = facts.broker.pair.iss, facts.until or known.ask_at
        assert until is not None  # an opaque token was asked about
        if told is None:
            return Proof(subject, issuer, until, bona_fide=False, visas=(), authenticated=facts.authenticated)
        proof = await self._visas.weigh(told.visas, subject=subject, issuer=issuer, until=until)
        return replace(proof, name=told.name, authenticated=facts.authenticated)
