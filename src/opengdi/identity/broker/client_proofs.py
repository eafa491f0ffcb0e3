"""Which client asks at the token and revocation endpoints, and whether it proved that.

By secret (Basic or in the body), by nothing (public clients), or by an assertion that its key signed
(`private_key_jwt`): then no secret is shared, and what was sent is good for one use.
Spec: RFC 6749 section 2.3; RFC 7523; OpenID Connect Core 1.0 section 9.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from opengdi.identity.broker import rules
from opengdi.identity.broker.faults import UnknownClient
from opengdi.identity.broker.model import Client
from opengdi.identity.broker.ports import ClientKeys
from opengdi.identity.broker.rules import Parameters, one
from opengdi.identity.broker.used_assertions import UsedAssertions
from opengdi.kernel.clock import Clock
from opengdi.standards.client_assertion import LONGEST_ASSERTION, read_assertion, read_header
from opengdi.standards.faults import Malformed, Unverified
from opengdi.standards.jws import CompactJws, read_compact, read_object
from opengdi.standards.passport.tokens import Claims, text_claim


@dataclass(frozen=True, slots=True)
class ClientProofs:
    """keys: of clients that sign, by client. audiences: what this server may be called in an assertion."""

    clients: Mapping[str, Client]
    keys: Mapping[str, ClientKeys]
    audiences: Collection[str]
    used: UsedAssertions
    clock: Clock

    async def client(self, authorization: str, parameters: Parameters) -> Client:
        """The client that asks. authorization: that header. Raises UnknownClient, Refused, Unavailable."""
        assertion = rules.asserted_client(authorization, parameters)
        if not assertion:
            return rules.authenticated_client(authorization, parameters, self.clients)
        try:
            client, claims = await self._asserted(assertion)
        except (Malformed, Unverified) as error:
            raise UnknownClient(f"a client assertion was not believed: {error}") from error
        if one(parameters, "client_id") not in {"", client.id}:
            raise UnknownClient("client_id is not that of the assertion")
        if not await asyncio.to_thread(self.used.first_use, client.id, claims.jti, claims.expires):
            raise UnknownClient(f"client {client.id} showed an assertion a second time")
        return client

    async def _asserted(self, assertion: str) -> tuple[Client, Claims]:
        jws = read_compact(assertion, longest=LONGEST_ASSERTION)
        payload = read_object(jws.payload, "client assertion")
        # Only to find the keys; nothing is believed before the signature holds.
        client = self.clients.get(text_claim(payload, "sub"))
        keys = None if client is None else self.keys.get(client.id)
        if client is None or keys is None:
            raise Unverified("no client of that name proves itself by a key")
        await _check_signature(jws, keys)
        return client, read_assertion(payload, self.audiences, self.clock.now())


async def _check_signature(jws: CompactJws, keys: ClientKeys) -> None:
    header = read_header(jws.header)
    key = await keys.find(header.key_id, header.algorithm)
    if key is None:
        raise Unverified("it is signed by a key that is not the client's")
    key.check(jws.signed, jws.signature)
