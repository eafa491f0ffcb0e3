"""Visa issuers that the broker asks: nodes by HTTP with the hub's signed header, the hub's own in this process.

Spec: GA4GH AAI OIDC Profile 1.2.1; access to `GET /visas/v1/permissions/{user}` is proved as `kernel.peers` says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

import httpx

from opengdi.identity.clearinghouse.keys import KeySource
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import Unavailable
from opengdi.kernel.keys import PublicKey
from opengdi.kernel.peers import ANSWER_HEADER, REQUEST_HEADER, PeerRequest, PeerSigner, check_answer
from opengdi.kernel.principal import Principal, Tier
from opengdi.standards.faults import Malformed, Unverified
from opengdi.standards.jws import read_compact, read_object
from opengdi.standards.passport import PASSPORT_CLAIM, TokenKind, check_header, read_visa, read_visa_list
from opengdi.standards.passport.terms import LONGEST_VISA

PERMISSIONS_PATH: Final = "/visas/v1/permissions"
LONGEST_ANSWER: Final = 16 * 1_048_576


@dataclass(frozen=True, slots=True)
class IssuerTrust:
    """Whose visas are taken: of this issuer, signed by a key of the set at this address, and of no other."""

    issuer: str
    jku: str
    keys: KeySource
    clock: Clock

    async def check(self, visa: str, subject: str) -> None:
        """Nothing, if the visa is this issuer's, of this person, and holds now.

        Raises Unverified or Malformed; Unavailable if the issuer's keys cannot be had.
        """
        read = read_compact(visa, longest=LONGEST_VISA)
        header = check_header(read.header, TokenKind.VISA)
        if header.jku != self.jku:
            raise Unverified("its jku is not the configured one")
        key = await self.keys.find(header.kid, header.algorithm)
        if key is None:
            raise Unverified("it is signed by a key that its issuer does not publish")
        key.check(read.signed, read.signature)
        claims = read_visa(read.payload).claims
        if claims.iss != self.issuer:
            raise Unverified("its iss is not the configured one")
        if claims.sub != subject:
            raise Unverified("it is about somebody else")
        claims.check_times(self.clock.now())


@dataclass(frozen=True, slots=True)
class NodeSource:
    """A node's issuer. id: of the node; resource: its address, below which the endpoint is.

    trust: its issuer; bodies: those of its deciding bodies that sign for themselves, by `iss`.
    keys: those that may sign its answers; signer: signs the hub's questions.
    """

    id: str
    resource: str
    trust: IssuerTrust
    keys: Callable[[], Collection[PublicKey]]
    signer: PeerSigner
    client: httpx.AsyncClient
    bodies: Mapping[str, IssuerTrust] = field(default_factory=dict)

    async def visas(self, subject: str) -> Sequence[str]:
        """Raises Unavailable."""
        url = httpx.URL(f"{self.resource}{PERMISSIONS_PATH}/{quote(subject, safe='')}")
        request = PeerRequest("GET", url.raw_path.decode("ascii"), b"")
        token = self.signer.token(self.id, Principal(self.signer.hub, Tier.REGISTERED), request)
        headers = {REQUEST_HEADER: token, "accept": "application/json", "accept-encoding": "identity"}
        try:
            async with self.client.stream("GET", url, headers=headers, follow_redirects=False) as answer:
                body = await _bounded(answer)
        except httpx.HTTPError as error:
            raise Unavailable(f"it does not answer: {type(error).__name__}") from error
        if answer.status_code != httpx.codes.OK:
            raise Unavailable(f"it answers {answer.status_code}")
        try:
            signature = answer.headers.get(ANSWER_HEADER, "")
            check_answer(signature, token, body, node=self.id, keys=self.keys())
            return read_visa_list(read_object(body, "the answer").get(PASSPORT_CLAIM))
        except (Malformed, Unverified) as error:
            raise Unavailable(f"its answer is not taken: {error}") from error

    async def check(self, visa: str, subject: str) -> None:
        """Raises Unverified or Malformed."""
        trust = self.trust
        if self.bodies:
            told = read_object(read_compact(visa, longest=LONGEST_VISA).payload, "visa").get("iss")
            trust = self.bodies.get(str(told), trust)
        await trust.check(visa, subject)


@dataclass(frozen=True, slots=True)
class OwnSource:
    """The hub's own issuer, asked in this process. made: signs the visas of a person."""

    id: str
    made: Callable[[str], Awaitable[Sequence[str]]]
    trust: IssuerTrust
    resource: str = ""

    async def visas(self, subject: str) -> Sequence[str]:
        """Raises Unavailable."""
        return await self.made(subject)

    async def check(self, visa: str, subject: str) -> None:
        """Raises Unverified or Malformed."""
        await self.trust.check(visa, subject)


async def _bounded(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > LONGEST_ANSWER:
            raise Unavailable(f"it answers with more than {LONGEST_ANSWER} bytes")
    return bytes(body)
