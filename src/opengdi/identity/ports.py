"""What the parts of identity need of each other and of other features. Handed over by `apps`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from starlette.types import Scope

from opengdi.identity.model import CheckedVisa, Grant, Proof, Standing
from opengdi.kernel.principal import Duty, Principal


class Passports(Protocol):
    """Checks passports."""

    async def proof(self, passport: str) -> Proof:
        """What a passport proves now. Raises NotAuthenticated if it is none or does not hold, Unavailable."""
        ...


class BareVisas(Protocol):
    """Checks visas that came without a passport, from the UserInfo of a broker that was asked about a person."""

    async def weigh(self, visas: Sequence[str], *, subject: str, issuer: str, until: datetime) -> Proof:
        """What the visas prove of that person. Raises NotAuthenticated if one is no visa or forged."""
        ...


class AccessTokens(Protocol):
    """Checks access tokens of the broker and asks it what passport belongs to them."""

    async def proof(self, token: str) -> Proof:
        """What an access token proves now. Raises NotAuthenticated; Unavailable if the broker does not answer."""
        ...


class Machines(Protocol):
    """Knows the keys of programs."""

    async def principal(self, token: str, method: str, path: str) -> Principal | None:
        """The program that this key belongs to; None: it is no key of a program.

        Raises NotAuthenticated if the key has ended, NotPermitted if it is not for this method and path.
        """
        ...


class Sessions(Protocol):
    """Knows who is logged in with a browser."""

    async def session(self, scope: Scope) -> Proof | None:
        """Who is logged in; None: nobody. Raises NotPermitted if an unsafe method comes without its CSRF token."""
        ...


class Duties(Protocol):
    """Knows who was given which role here."""

    def of(self, subject: str) -> frozenset[Duty]:
        """The roles of a person or program; none for a stranger."""
        ...


class Revoked(Protocol):
    """Knows what was taken back before its end. Asked on every use, so it answers from memory."""

    def revoked(self, visa: CheckedVisa) -> bool:
        """True if this visa, its permit, its subject or its subject's use of the dataset was taken back."""
        ...


class Grants(Protocol):
    """Knows what people may use, by permits that hold."""

    def current(self, subject: str, now: datetime) -> Sequence[Grant]:
        """Grants of a person that hold now; may read a database."""
        ...


class Standings(Protocol):
    """Knows what may be said of people: where they belong, what they accepted."""

    def standing(self, subject: str) -> Standing | None:
        """What is known of a person; None: nothing. May read a database."""
        ...


class NoGrants:
    """`Grants` where no permit is kept."""

    def current(self, subject: str, now: datetime) -> Sequence[Grant]:  # noqa: ARG002
        return ()


class NoStandings:
    """`Standings` where no people are kept."""

    def standing(self, subject: str) -> Standing | None:  # noqa: ARG002
        return None


class NothingRevoked:
    """`Revoked` where nothing is told: visas end by their time alone."""

    def revoked(self, visa: CheckedVisa) -> bool:  # noqa: ARG002
        return False
