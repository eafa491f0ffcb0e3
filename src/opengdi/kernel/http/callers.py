"""Who calls: whoever the gate found out, a verified hub, or an address.

Credentials are checked before, by `identity.gate` and `PeerGate`; what they found stands in the scope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from starlette.types import Scope

from opengdi.kernel.errors import GdiError
from opengdi.kernel.keys import Secret, address_pseudonym
from opengdi.kernel.principal import Principal, Visa

PEER: Final = "opengdi.peer"
"""Key of the scope: the Principal behind a verified hub, set by `PeerGate`."""

CALLER: Final = "opengdi.caller"
"""Key of the scope: the Principal that a credential proved."""

LOGGED_IN: Final = "opengdi.logged_in"
"""Key of the scope: when the person behind the request logged in, where whoever checked the credential knows it."""

REFUSED: Final = "opengdi.refused"
"""Key of the scope: the error for which a credential was not believed; whoever needs to know the caller raises it."""


@dataclass(frozen=True, slots=True)
class Callers:
    """Tells callers apart. pseudonyms: the secret that hides addresses. Visas of `public` are everybody's."""

    pseudonyms: Secret
    public: tuple[Visa, ...] = ()
    _anonymous: Callable[[str], Principal] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        def anonymous(address: str) -> Principal:
            return Principal(f"anonymous:{address_pseudonym(self.pseudonyms, address)}", visas=self.public)

        # Parsing and hashing an address took 30 of the 250 µs of a question (2026-11).
        object.__setattr__(self, "_anonymous", lru_cache(maxsize=4096)(anonymous))

    def identify(self, scope: Scope) -> Principal:
        """Raises NotAuthenticated or NotPermitted for a credential that does not hold: it is not the same as none."""
        refused: GdiError | None = scope.get(REFUSED)
        if refused is not None:
            raise refused
        return self.identify_or_pass(scope)

    def identify_or_pass(self, scope: Scope) -> Principal:
        """Who calls a public service: a credential of somebody else's, as networks forward them, proves nothing."""
        caller: Principal | None = scope.get(CALLER)
        peer: Principal | None = scope.get(PEER)
        if caller is None:
            return peer or self.at_address(scope)
        if peer is not None:
            caller = _through(peer, caller)
        return replace(caller, visas=(*caller.visas, *self.public)) if self.public else caller

    def at_address(self, scope: Scope) -> Principal:
        """Somebody unknown, by the network address."""
        client = scope.get("client")
        return self._anonymous(client[0] if client else "")


def _through(peer: Principal, caller: Principal) -> Principal:
    """Somebody whose question came through a hub: by the person's own proof, or by the hub's word and its key."""
    if caller.is_program:
        return replace(peer, tier=max(peer.tier, caller.tier))
    return replace(caller, tier=max(peer.tier, caller.tier), hub=peer.hub)
