"""What the broker needs of others. Handed over by `apps`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from starlette.responses import Response
from starlette.types import Scope

from opengdi.kernel.keys.signatures import PublicKey


class Addresses(Protocol):
    """What logins tell of people's e-mail addresses."""

    def __call__(self, subject: str) -> str:
        """The address that was verified at the last login; empty if none was, or if it was erased. Blocks shortly."""
        ...


class LeavesSessions(Protocol):
    """Ends what people are logged in with."""

    async def leave(self, scope: Scope, subject: str, response: Response) -> bool:
        """End the session of the browser that asks, if it is this person's, and have its cookie forgotten."""
        ...


class ClientKeys(Protocol):
    """Keys of one client that signs its proofs."""

    async def find(self, kid: str, algorithm: str) -> PublicKey | None:
        """The key of that name, for that algorithm; None: there is none. Raises Unavailable."""
        ...


class VisaSource(Protocol):
    """A visa issuer that the broker asks.

    id: what it is called where it is reported missing; resource: URL of the node whose visas these are, empty: they
    are the hub's own and go with every passport.
    """

    @property
    def id(self) -> str: ...

    @property
    def resource(self) -> str: ...

    async def visas(self, subject: str) -> Sequence[str]:
        """Visas of a person as they were signed. Raises Unavailable."""
        ...

    async def check(self, visa: str, subject: str) -> None:
        """Nothing, if this issuer signed the visa for that person and it holds. Raises Unverified or Malformed."""
        ...
