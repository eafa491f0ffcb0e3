"""What a visa issuer is, and what it remembers of what it signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from opengdi.standards.passport import Visa

BASE_PATH: Final = "/visas/v1"
JWKS_PATH: Final = f"{BASE_PATH}/jwks"
BODIES_PATH: Final = f"{BASE_PATH}/bodies"


@dataclass(frozen=True, slots=True)
class IssuerProfile:
    """Who signs. iss: its address, stable, without `/` at the end; lifetime: longest life of a visa.

    linked: issuers whose `sub` is the same as here; a person's visas are linked to the identities there.
    keys_at: where its keys are, if not at the usual path below `iss`.
    """

    iss: str
    lifetime: timedelta
    linked: tuple[str, ...] = ()
    keys_at: str = ""

    @classmethod
    def of_body(cls, node: str, name: str, lifetime: timedelta) -> Self:
        """A deciding body with an issuer of its own, at the address of its node."""
        iss = f"{node}{BODIES_PATH}/{name}"
        return cls(iss, lifetime, keys_at=f"{iss}/jwks")

    @property
    def jku(self) -> str:
        """Address of the keys."""
        return self.keys_at or self.iss + JWKS_PATH


@dataclass(frozen=True, slots=True)
class Planned:
    """A visa to sign. dataset and permit: what it comes from, empty for what is said of a person."""

    visa: Visa
    dataset: str = ""
    permit: str = ""


@dataclass(frozen=True, slots=True)
class IssuedVisa:
    """A visa that was signed. The token itself is never kept."""

    jti: str
    subject: str
    type: str
    dataset: str
    permit: str
    issued: datetime
    until: datetime
