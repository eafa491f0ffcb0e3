"""Credentials to callers: whoever checks the kind of credential is asked, then the table of duties.

What is not there believes nothing: a hub without passports refuses them, and says so.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.types import Scope

from opengdi.identity.gate.rules import LONGEST_BYTES, Kind, kind_of, person, subject_of, vouched
from opengdi.identity.model import CheckedVisa, Proof
from opengdi.identity.ports import AccessTokens, Duties, Machines, Passports, Revoked, Sessions, Standings
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import NotAuthenticated
from opengdi.kernel.principal import Duty, Principal

DUTIES_BELIEVED_S: Final = 1.0
"""Seconds for which the roles of somebody are not looked up again."""

_MOST_KEPT: Final = 4096
_NO_SUCH: Final = "This service takes no {}."


@dataclass(frozen=True, slots=True)
class Believed:
    """Whom this service believes. home: brokers whose subjects are this federation's people.

    standings: what this service itself may say of those people (a hub), so that a session of its own proves it too.
    """

    machines: Machines | None = None
    passports: Passports | None = None
    access_tokens: AccessTokens | None = None
    sessions: Sessions | None = None
    duties: Duties | None = None
    revoked: Revoked | None = None
    standings: Standings | None = None
    home: frozenset[str] = frozenset()


class Credentials:
    """Checks credentials, however they came."""

    def __init__(self, believed: Believed, clock: Clock) -> None:
        self._believed = believed
        self._clock = clock
        self._duties: OrderedDict[str, tuple[frozenset[Duty], float]] = OrderedDict()

    def now(self) -> datetime:
        """By the clock that ends credentials."""
        return self._clock.now()

    async def of_token(self, token: str, method: str, path: str) -> Principal:
        """Who shows a bearer token, to ask for that. Raises NotAuthenticated, NotPermitted, Unavailable."""
        if len(token) > LONGEST_BYTES:
            raise NotAuthenticated("the token is longer than any that is given out")
        match kind_of(token):
            case Kind.PROGRAM:
                return await self._program(token, method, path)
            case Kind.PASSPORT:
                return await self.of_passport(token)
            case Kind.ACCESS_TOKEN:
                if self._believed.access_tokens is None:
                    raise NotAuthenticated("the bearer token is none of this service")
                return await self.of_proof(await self._believed.access_tokens.proof(token))

    async def of_passport(self, passport: str) -> Principal:
        """Whose passport it is, with what its visas open. Raises NotAuthenticated, Unavailable."""
        if self._believed.passports is None:
            raise NotAuthenticated("a passport was shown", public=_NO_SUCH.format("passports"))
        return await self.of_proof(await self._believed.passports.proof(passport))

    async def of_session(self, scope: Scope) -> Principal | None:
        """Who is logged in with a browser; None: nobody. Raises NotPermitted for a request without CSRF token."""
        if self._believed.sessions is None:
            return None
        proof = await self._believed.sessions.session(scope)
        return None if proof is None else await self.of_proof(proof)

    async def of_proof(self, proof: Proof) -> Principal:
        """Who somebody is that proved this: with the roles given to them here, and without what was taken back."""
        subject = subject_of(proof, self._believed.home)
        if not proof.bona_fide and subject == proof.subject:
            proof = await self._vouched(proof)
        return person(proof, subject, await self._duties_of(subject), self._revoked_of(proof))

    async def _vouched(self, proof: Proof) -> Proof:
        standings = self._believed.standings
        standing = None if standings is None else await asyncio.to_thread(standings.standing, proof.subject)
        return proof if standing is None else vouched(proof, standing, self._clock.now())

    async def _program(self, token: str, method: str, path: str) -> Principal:
        machines = self._believed.machines
        found = None if machines is None else await machines.principal(token, method, path)
        if found is None:
            raise NotAuthenticated("the key is none of this service")
        return found

    def _revoked_of(self, proof: Proof) -> tuple[CheckedVisa, ...]:
        revoked = self._believed.revoked
        return () if revoked is None else tuple(visa for visa in proof.visas if revoked.revoked(visa))

    async def _duties_of(self, subject: str) -> frozenset[Duty]:
        if self._believed.duties is None:
            return frozenset()
        now = self._clock.monotonic()
        kept = self._duties.get(subject)
        if kept is not None and now - kept[1] < DUTIES_BELIEVED_S:
            return kept[0]
        duties = await asyncio.to_thread(self._believed.duties.of, subject)
        self._duties[subject] = duties, now
        self._duties.move_to_end(subject)
        if len(self._duties) > _MOST_KEPT:
            self._duties.popitem(last=False)
        return duties
