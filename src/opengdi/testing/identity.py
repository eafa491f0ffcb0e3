"""Identity for tests: people whom a gate knows by tokens, and whoever signs visas and passports that a node believes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from starlette.types import ASGIApp

from opengdi.identity.gate import Believed, Credentials, IdentityGate
from opengdi.identity.model import CheckedVisa, Proof
from opengdi.kernel.clock import Clock, FixedClock
from opengdi.kernel.errors import NotAuthenticated
from opengdi.kernel.principal import Visa

HOME = "https://hub.example.org/oidc"
FAR = datetime(2100, 1, 1, tzinfo=UTC)


def proof(subject: str, *opened: str | Visa, bona_fide: bool = True, until: datetime = FAR) -> Proof:
    """What somebody proved. opened: datasets, or parts of them."""
    visas = (Visa(each) if isinstance(each, str) else each for each in opened)
    return Proof(subject, HOME, until, bona_fide, tuple(checked_visa(visa, subject) for visa in visas))


def checked_visa(visa: Visa, subject: str = "ada", jti: str = "visa-1") -> CheckedVisa:
    """A visa as a clearinghouse leaves it."""
    issuer = "https://node.example.org"
    return CheckedVisa(
        type="ControlledAccessGrants",
        value=f"{issuer}/datasets/{visa.dataset}",
        source="https://dac.example.org",
        by="dac",
        asserted=datetime(2026, 1, 1, tzinfo=UTC),
        issuer=issuer,
        jti=jti,
        subject=subject,
        until=visa.until or FAR,
        dataset=visa.dataset,
        regions=visa.regions,
    )


class KnownTokens:
    """`ports.AccessTokens` and `ports.Passports` of a broker that gave out these tokens."""

    def __init__(self, proofs: Mapping[str, Proof]) -> None:
        self.proofs = dict(proofs)

    async def proof(self, token: str) -> Proof:
        """As the ports say."""
        if token not in self.proofs:
            raise NotAuthenticated("the broker gave out no such token")
        return self.proofs[token]


def gated(app: ASGIApp, proofs: Mapping[str, Proof], clock: Clock | None = None) -> ASGIApp:
    """`app` behind a gate that knows people by these tokens."""
    return IdentityGate(app, credentials_of(proofs, clock), lambda _scope, _error: None)


def credentials_of(proofs: Mapping[str, Proof], clock: Clock | None = None) -> Credentials:
    """Credentials of people by their tokens, and of nobody else."""
    believed = Believed(access_tokens=KnownTokens(proofs), home=frozenset({HOME}))
    return Credentials(believed, clock or FixedClock())
