"""Entitlements in the shape in which the visa issuer takes them: implements `identity.ports.Grants` by its shape.

Access may not import identity; the two meet in `apps`, which hands over how a grant is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from opengdi.access.permits.entitlements.service import Entitlements
from opengdi.access.permits.grants import parse_region

G = TypeVar("G")


@dataclass(frozen=True, slots=True)
class CurrentGrants(Generic[G]):
    """What the visa issuer may sign."""

    entitlements: Entitlements
    make: Callable[..., G]

    def current(self, subject: str, now: datetime) -> Sequence[G]:
        """Grants of a person that hold now; reads the database."""
        return [
            self.make(
                subject=each.subject,
                dataset=each.dataset,
                version=each.version,
                permit=each.permit,
                source=each.source,
                asserted=each.asserted,
                until=each.until,
                regions=tuple(map(parse_region, each.regions)),
            )
            for each in self.entitlements.current(subject, now)
        ]
