"""Who asks a Beacon: taken from verified credentials and the network address, never from a parameter.

A hub that this node trusts names the person behind it by a pseudonym; a bearer token of the settings names its
bearer; everybody else is a keyed pseudonym of the address.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final

from starlette.types import Scope

from opengdi.kernel.errors import NotAuthenticated
from opengdi.kernel.keys import Secret
from opengdi.kernel.peers import REQUEST_HEADER, PeerRequest, PeerVerifier
from opengdi.kernel.principal import Principal, Tier
from opengdi.standards.faults import Malformed, Unverified

_PEER: Final = REQUEST_HEADER.lower().encode()
_AUTHORIZATION: Final = b"authorization"


class Callers:
    """Tells who asks."""

    def __init__(
        self,
        tokens: Mapping[str, Secret],
        address_name: Callable[[str], str],
        peers: PeerVerifier | None = None,
    ) -> None:
        """`tokens`: by the name of their bearer. `address_name`: the pseudonym of an address."""
        self._tokens = {name: _digest(token.reveal()) for name, token in tokens.items()}
        self._address_name = address_name
        self._peers = peers
        self._anonymous: dict[str, Principal] = {}

    def identify(self, scope: Scope, body: bytes) -> Principal:
        """The caller. An unknown bearer token proves nothing: whoever needs a tier refuses it there.

        Raises NotAuthenticated for a hub's proof that does not hold.
        """
        token: bytes | None = None
        for name, value in scope["headers"]:
            if name == _PEER:
                return self._peer(value, scope, body)
            if name == _AUTHORIZATION:
                token = _bearer(value)
        return (token and self._bearer_of(token)) or self._anonymous_at(scope)

    def _peer(self, proof: bytes, scope: Scope, body: bytes) -> Principal:
        if self._peers is None:
            raise NotAuthenticated("a hub's proof came, but this node trusts no hub")
        try:
            return self._peers.verify(
                proof.decode("latin-1"), PeerRequest(scope["method"], _target(scope), body)
            )
        except (Malformed, Unverified) as fault:
            raise NotAuthenticated(f"the hub's proof does not hold: {fault}") from fault

    def _bearer_of(self, token: bytes) -> Principal | None:
        """Every token is compared, each in constant time, so that the time tells nothing about any of them."""
        digest = _digest(token)
        names = [name for name, known in self._tokens.items() if hmac.compare_digest(known, digest)]
        return Principal(f"token:{names[0]}", Tier.REGISTERED) if names else None

    def _anonymous_at(self, scope: Scope) -> Principal:
        client = scope.get("client")
        address = client[0] if client else ""
        known = self._anonymous.get(address)
        if known is None:
            if len(self._anonymous) >= _REMEMBERED:
                self._anonymous.clear()
            known = self._anonymous[address] = Principal(f"anonymous:{self._address_name(address)}")
        return known


_REMEMBERED: Final = 4096


def _digest(token: bytes) -> bytes:
    return sha256(token).digest()


def _bearer(value: bytes) -> bytes | None:
    scheme, _, token = value.partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else None


def _target(scope: Scope) -> str:
    """Path as sent, percent-encoded, with the query."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")
