"""What a visa issuer is, and what it remembers of what it signed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from opengdi.standards.passport import Visa

BASE_PATH: Final = "/visas/v1"
JWKS_PATH: Final = f"{BASE_PATH}/jwks"


@dataclass(frozen=True, slots=True)
class IssuerProfile:
    """Who signs. iss: its address, stable, without `/` at the end; lifetime: longest life of a visa.

    linked: issuers whose `sub` is the same as here; a person's visas are linked to the identities there.
    """

    iss: str
    lifetime: timedelta
    linked: tuple[str, ...] = ()

    @property
    def jku(self) -> str:
        """Address of the keys."""
        return self.iss + JWKS_PATH


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
