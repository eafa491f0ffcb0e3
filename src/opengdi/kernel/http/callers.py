"""Who calls: a verified hub, the holder of a configured token, or an address."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from starlette.types import Scope

from opengdi.kernel.errors import NotAuthenticated
from opengdi.kernel.keys import Secret, address_pseudonym
from opengdi.kernel.principal import Principal, Tier, Visa

PEER: Final = "opengdi.peer"
"""Key of the scope: the Principal behind a verified hub, set by `PeerGate`."""


@dataclass(frozen=True, slots=True)
class Callers:
    """Tells callers apart. tokens: bearer tokens by name; pseudonyms: the secret that hides addresses.

    holders: what is known of the holder of a token besides that; visas of `public` are everybody's.
    """

    tokens: Mapping[str, Secret]
    pseudonyms: Secret
    holders: Mapping[str, Principal] = field(default_factory=dict)
    public: tuple[Visa, ...] = ()
    _anonymous: Callable[[str], Principal] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        def anonymous(address: str) -> Principal:
            return Principal(f"anonymous:{address_pseudonym(self.pseudonyms, address)}", visas=self.public)

        # Parsing and hashing an address took 30 of the 250 µs of a question (2026-11).
        object.__setattr__(self, "_anonymous", lru_cache(maxsize=4096)(anonymous))

    def identify(self, scope: Scope) -> Principal:
        """Raises NotAuthenticated for a token that nobody was given: it is not the same as none.

        A person behind a verified hub who also shows a token of this service is registered.
        """
        peer: Principal | None = scope.get(PEER)
        token = _bearer_token(scope)
        named = None if token is None else self._holder(token)
        if peer is not None:
            return peer if named is None else Principal(peer.subject, Tier.REGISTERED, hub=peer.hub)
        if named is not None:
            return self.holder(named)
        return self.at_address(scope)

    def holder(self, name: str) -> Principal:
        """Who was given the token of that name."""
        known = self.holders.get(name) or Principal(f"token:{name}", Tier.REGISTERED)
        return replace(known, visas=(*known.visas, *self.public)) if self.public else known

    def of_token(self, token: bytes) -> Principal:
        """Who holds a token that came another way than as a bearer token. Raises NotAuthenticated."""
        return self.holder(self._holder(token))

    def identify_or_pass(self, scope: Scope) -> Principal:
        """Who calls a public service: a token of somebody else's, as networks forward them, proves nothing."""
        try:
            return self.identify(scope)
        except NotAuthenticated:
            return scope.get(PEER) or self.at_address(scope)

    def at_address(self, scope: Scope) -> Principal:
        """Somebody unknown, by the network address."""
        client = scope.get("client")
        return self._anonymous(client[0] if client else "")

    def _holder(self, token: bytes) -> str:
        found = [name for name, secret in self.tokens.items() if hmac.compare_digest(secret.reveal(), token)]
        if not found:
            raise NotAuthenticated("the bearer token is not one of this service")
        return found[0]


def _bearer_token(scope: Scope) -> bytes | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = bytes(value).partition(b" ")
            if scheme.lower() != b"bearer" or not token.strip():
                raise NotAuthenticated("only bearer tokens are accepted")
            return token.strip()
    return None
