"""HTTP to the members: pooled connections, bounded answers, no redirect to another origin.

Nothing that identifies the person who asks is sent but what `MemberCredentials` makes for this one member.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import httpx
import msgspec

from opengdi.federation.circuit import Fault
from opengdi.federation.freshness import fresh_s
from opengdi.federation.model import Member, MemberState
from opengdi.federation.ports import (
    NOBODY,
    MemberCredentials,
    MemberFault,
    MemberTokens,
    Reply,
    ShownPassport,
)
from opengdi.federation.reading import decoded, error_message
from opengdi.federation.translation import Outgoing
from opengdi.kernel.peers import PeerRequest
from opengdi.kernel.principal import Principal
from opengdi.standards.faults import Malformed, Unverified

_MAX_REDIRECTS: Final = 2
_MAX_CONNECTIONS: Final = 64
"""To one member at once; further questions wait for one of them within their deadline."""

_NO_ENTRY: Final = Reply(
    msgspec.json.encode(
        {"meta": {"beaconId": ""}, "responseSummary": {"exists": False, "numTotalResults": 0}}
    )
)
"""What a 404 for `/{entry}/{id}` means in a network: the entry lies elsewhere."""


@dataclass(frozen=True, slots=True)
class Received:
    """An answer whole in memory; header names in lower case. edition: as the member signed it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    edition: str = ""


class HttpMemberClient:
    """Asks members over HTTP/1.1 with connections kept alive; close with `aclose`.

    Each member has a pool of its own: the pool of httpx looks at all of its connections for every request, which
    made a question to 27 members three times as dear (bench, network.27_healthy).
    """

    def __init__(self, credentials: MemberCredentials, *, max_answer_bytes: int, user_agent: str) -> None:
        self._credentials = credentials
        self.tokens: MemberTokens | None = None
        """Set by whoever has a broker, once it is there."""
        self._max_answer_bytes = max_answer_bytes
        self._headers = {
            "User-Agent": user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        self._tls = ssl.create_default_context()
        self._pools: dict[str, httpx.AsyncClient] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            await pool.aclose()
        self._pools.clear()

    def _pool(self, member: Member) -> httpx.AsyncClient:
        found = self._pools.get(member.service)
        if found is None:
            found = self._pools[member.service] = httpx.AsyncClient(
                follow_redirects=False,
                limits=httpx.Limits(max_connections=_MAX_CONNECTIONS, keepalive_expiry=60.0),
                headers=self._headers,
                trust_env=False,
                verify=self._tls,
            )
        return found

    async def ask(self, member: Member, outgoing: Outgoing, asker: Principal, *, timeout_s: float) -> Reply:
        """What the member answered. Raises MemberFault."""
        passport = await self._passport(member, asker)
        try:
            async with asyncio.timeout(timeout_s):  # httpx would wait as long for each byte
                received = await self._send(member, outgoing, asker, passport, timeout_s)
        except TimeoutError as error:
            raise _silent() from error
        if received.status == 404 and outgoing.path.count("/") > 1:
            return _NO_ENTRY
        _check_status(received)
        return Reply(
            received.body,
            edition=received.edition,
            fresh_s=fresh_s(received.headers),
            opened=passport is not None and passport.opens_data,
        )

    async def opens_data(self, member: Member, asker: Principal) -> bool:
        """True if the member would be shown visas of the asker."""
        passport = await self._passport(member, asker)
        return passport is not None and passport.opens_data

    async def fetch(self, member: Member, path: str, *, timeout_s: float) -> object:
        """A document that the member publishes about itself, such as `/info`. Raises MemberFault."""
        return (await self.ask(member, Outgoing.get(path), NOBODY, timeout_s=timeout_s)).document()

    async def _passport(self, member: Member, asker: Principal) -> ShownPassport | None:
        return None if self.tokens is None else await self.tokens.passport(member, asker)

    async def _send(
        self,
        member: Member,
        outgoing: Outgoing,
        asker: Principal,
        passport: ShownPassport | None,
        timeout_s: float,
    ) -> Received:
        body = b"" if outgoing.body is None else msgspec.json.encode(outgoing.body)
        url = httpx.URL(member.url + outgoing.path, params=dict(outgoing.query) or None)
        shown = {} if passport is None else {"Authorization": f"Bearer {passport.token}"}
        for _ in range(_MAX_REDIRECTS + 1):
            exchange = PeerRequest(outgoing.verb.value, url.raw_path.decode("ascii"), body)
            sent = {**self._credentials.headers(member, asker, exchange), **shown}
            received = await self._exchange(self._pool(member), url, exchange, sent, timeout_s=timeout_s)
            if not 300 <= received.status < 400:
                return self._checked(member, sent, received) if received.status == 200 else received
            url = _next_url(url, received, outgoing.verb.value)
        raise MemberFault(MemberState.ERROR, "redirects without end", Fault.MALFORMED)

    async def _exchange(
        self,
        pool: httpx.AsyncClient,
        url: httpx.URL,
        exchange: PeerRequest,
        credentials: Mapping[str, str],
        *,
        timeout_s: float,
    ) -> Received:
        headers = dict(credentials)
        if exchange.body:
            headers["Content-Type"] = "application/json"
        request = pool.build_request(
            exchange.method, url, content=exchange.body or None, headers=headers, timeout=timeout_s
        )
        try:
            response = await pool.send(request, stream=True)
            try:
                return Received(response.status_code, response.headers, await self._bounded(response))
            finally:
                await response.aclose()
        except httpx.TimeoutException as error:
            raise _silent() from error
        except httpx.HTTPError as error:
            reason = "cannot be reached" if isinstance(error, httpx.ConnectError) else "connection broke off"
            raise MemberFault(MemberState.ERROR, reason, Fault.UNREACHABLE) from error

    async def _bounded(self, response: httpx.Response) -> bytes:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise MemberFault(MemberState.ERROR, "compresses answers without being asked", Fault.MALFORMED)
        chunks = bytearray()
        async for chunk in response.aiter_raw():
            chunks += chunk
            if len(chunks) > self._max_answer_bytes:
                limit = self._max_answer_bytes
                # No fault of the member's: the question may have been for so much.
                raise MemberFault(MemberState.ERROR, f"answer is larger than {limit} bytes", None)
        return bytes(chunks)

    def _checked(self, member: Member, sent: Mapping[str, str], received: Received) -> Received:
        """The answer with the edition that its signature names."""
        try:
            edition = self._credentials.check_answer(member, sent, received.headers, received.body)
        except (Unverified, Malformed) as error:
            raise MemberFault(
                MemberState.ERROR, f"answer is not signed by the member: {error}", Fault.MALFORMED
            ) from error
        return replace(received, edition=edition)


def _silent() -> MemberFault:
    return MemberFault(MemberState.TIMEOUT, "no answer within the deadline", Fault.UNREACHABLE)


def _next_url(url: httpx.URL, received: Received, method: str) -> httpx.URL:
    """Where a redirect leads, within the origin only: credentials and questions are for this member."""
    location = received.headers.get("location", "")
    target = url.join(location)
    if not location or (target.scheme, target.host, target.port) != (url.scheme, url.host, url.port):
        raise MemberFault(MemberState.ERROR, "redirects to another origin", Fault.MALFORMED)
    if method == "POST" and received.status not in {307, 308}:
        raise MemberFault(
            MemberState.ERROR, "redirects a POST so that it would become a GET", Fault.MALFORMED
        )
    return target


def _check_status(received: Received) -> None:
    if received.status == 200:
        return
    said = _error_text(received.body)
    match received.status:
        case 401 | 403:
            raise MemberFault(MemberState.DENIED, said or "not permitted", None)
        case 429:
            raise MemberFault(MemberState.SUPPRESSED, said or "query budget used up", None)
        case status if 400 <= status < 500:
            raise MemberFault(
                MemberState.ERROR, f"refused the question ({status}): {said}".rstrip(": "), None
            )
        case status:
            raise MemberFault(MemberState.ERROR, f"failed with status {status}", Fault.UNREACHABLE)


def _error_text(body: bytes) -> str:
    try:
        return error_message(decoded(body))
    except Malformed:
        return ""
