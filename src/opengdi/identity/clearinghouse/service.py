"""The clearinghouse: what a passport, or visas that a broker told of somebody, prove now."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from opengdi.identity.clearinghouse.keys import KeyBook
from opengdi.identity.clearinghouse.memory import Memory, Verified
from opengdi.identity.clearinghouse.model import Pair, Policy, Trust
from opengdi.identity.clearinghouse.rules import (
    Candidate,
    ReadPassport,
    candidates,
    check_passport,
    conclude,
    held,
    read_token,
)
from opengdi.identity.model import Proof
from opengdi.identity.ports import Revoked
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import NotAuthenticated, Unavailable
from opengdi.kernel.keys import PublicKey
from opengdi.standards.faults import Malformed, Unverified
from opengdi.standards.passport import Claims, read_visa_list
from opengdi.standards.passport.tokens import HeaderFacts

AGAIN: Final = timedelta(seconds=60)
"""When to look again where keys of an issuer could not be had, or a visa was signed by an unknown one."""

Keys = dict[tuple[Pair, str, str], PublicKey]


class Clearinghouse:
    """`identity.ports.Passports` and `BareVisas`. To be used within one event loop."""

    def __init__(
        self,
        trust: Trust,
        keys: KeyBook,
        revoked: Revoked,
        clock: Clock,
        policy: Policy,
        memory: Memory | None = None,
    ) -> None:
        self._trust = trust
        self._keys = keys
        self._revoked = revoked
        self._clock = clock
        self._policy = policy
        self._memory = memory or Memory()
        self._working: dict[bytes, asyncio.Task[Verified]] = {}

    async def proof(self, passport: str) -> Proof:
        """What a passport proves now; what was taken back is not in it.

        Raises NotAuthenticated if it is none or does not hold, Unavailable if its broker's keys cannot be had.
        """
        digest = hashlib.sha256(passport.encode("utf-8", "replace")).digest()
        known = await self._known(digest, "passport", lambda: self._verified(passport))
        return self._without_revoked(known)

    async def weigh(self, visas: Sequence[str], *, subject: str, issuer: str, until: datetime) -> Proof:
        """What visas without a passport prove of the person `subject` of the broker `issuer`, who told them.

        until: when what the broker said stops holding. Raises NotAuthenticated if one is no visa or forged.
        """
        claims = Claims(iss=issuer, sub=subject, issued=self._clock.now(), expires=until)
        told = "\0".join((issuer, subject, until.isoformat(), *visas)).encode("utf-8", "replace")
        digest = hashlib.sha256(told).digest()
        known = await self._known(
            digest, "list of visas", lambda: self._weighed(read_visa_list(list(visas)), claims)
        )
        return self._without_revoked(known)

    async def _known(self, digest: bytes, what: str, verify: Callable[[], Awaitable[Verified]]) -> Verified:
        """What is remembered; else what `verify` brings, once for all who ask for the same meanwhile."""
        known = self._memory.get(digest, self._clock.now())
        if known is not None:
            return known
        task = self._working.get(digest)
        if task is None:
            task = asyncio.ensure_future(self._remembering(digest, what, verify))
            self._working[digest] = task
            task.add_done_callback(partial(self._done, digest))
        return await asyncio.shield(task)  # whoever goes away does not spoil it for the others

    async def _remembering(
        self, digest: bytes, what: str, verify: Callable[[], Awaitable[Verified]]
    ) -> Verified:
        try:
            known = await verify()
        except (Malformed, Unverified) as error:
            raise NotAuthenticated(
                f"a {what} was not believed: {error}", public=f"The {what} is not accepted: {error}."
            ) from error
        self._memory.put(digest, known)
        return known

    def _done(self, digest: bytes, task: asyncio.Task[Verified]) -> None:
        del self._working[digest]
        if not task.cancelled():
            task.exception()  # those who waited have it; if nobody did, it is no fault of ours

    async def _verified(self, token: str) -> Verified:
        read = await asyncio.to_thread(read_token, token, self._trust)
        await self._check(read)
        return await self._weighed(read.passport.visas, read.passport.claims)

    async def _check(self, read: ReadPassport) -> None:
        """The passport's own signature, before anything in it costs more than reading."""
        key = await self._keys.find(read.broker, read.facts.kid, read.facts.algorithm)
        check_passport(read, key, self._policy, self._clock.now())

    async def _weighed(self, tokens: Sequence[str], claims: Claims) -> Verified:
        found = await asyncio.to_thread(candidates, tokens, self._trust)
        keys, complete = await self._keys_of(found)
        return await asyncio.to_thread(self._conclude, found, keys, claims, complete)

    async def _keys_of(self, found: Iterable[Candidate]) -> tuple[Keys, bool]:
        """Keys that visas name, and whether all of them are there; one issuer that is away does not stop the others."""
        wanted = list({(each.issuer.pair, each.facts.kid, each.facts.algorithm): None for each in found})
        answers = await asyncio.gather(*(self._key(*each) for each in wanted))
        keys = {each: key for each, key in zip(wanted, answers, strict=True) if key is not None}
        return keys, len(keys) == len(wanted)

    async def _key(self, pair: Pair, kid: str, algorithm: str) -> PublicKey | None:
        try:
            return await self._keys.find(pair, kid, algorithm)
        except Unavailable:
            return None

    def _conclude(self, found: Sequence[Candidate], keys: Keys, claims: Claims, complete: bool) -> Verified:  # noqa: FBT001  one of the facts
        def key_of(pair: Pair, facts: HeaderFacts) -> PublicKey | None:
            return keys.get((pair, facts.kid, facts.algorithm))

        now = self._clock.now()
        holding = list(held(found, key_of, self._policy, now))
        proof, counted = conclude(holding, claims, self._trust, self._policy)
        ends = [claims.expires, *(each.until for each in holding)]
        if not complete:
            ends.append(now + AGAIN)
        return Verified(claims, holding, proof, counted, min(ends))

    def _without_revoked(self, known: Verified) -> Proof:
        """Asked on every use: a visa may be taken back while it is remembered, and others may depend on it."""
        proof, counted, holding = known.proof, known.counted, known.held
        while gone := [id(each) for each, visa in counted if self._revoked.revoked(visa)]:
            holding = [each for each in holding if id(each) not in gone]
            proof, counted = conclude(holding, known.claims, self._trust, self._policy)
        return proof
