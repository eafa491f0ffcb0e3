"""Entitlements as visas that existing consumers read: RS256, the bare dataset id as value, short-lived, with a `jti`.

A node believes them only if its settings name this issuer for the dataset; its own visas need no such thing.
Spec: GA4GH Passport 1.2.1, ControlledAccessGrants; the shape is REMS (`ga4gh.clj`), without its long life.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from opengdi.access.rems.model import Entitlement
from opengdi.kernel.audit.ports import AuditLog
from opengdi.kernel.canonical import canonical_json
from opengdi.kernel.clock import Clock
from opengdi.kernel.keys import RotatingKeys, key_set

LONGEST: Final = timedelta(hours=1)


def visa_claims(
    entitlement: Entitlement, iss: str, now: datetime, jti: str, lifetime: timedelta = LONGEST
) -> dict[str, Any]:
    """Claims of the visa of one entitlement. iss: public address with `/` at its end."""
    end = now + lifetime
    until = end if entitlement.end is None else min(entitlement.end, end)
    return {
        "iss": iss,
        "sub": entitlement.subject,
        "iat": int(now.timestamp()),
        "exp": int(until.timestamp()),
        "jti": jti,
        "ga4gh_visa_v1": {
            "type": "ControlledAccessGrants",
            "value": entitlement.dataset,
            "source": iss,
            "by": "dac",
            "asserted": int(entitlement.start.timestamp()),
        },
    }


@dataclass(frozen=True, slots=True)
class SignedVisas:
    """`ports.Visas` with keys of this hub. iss: public address with `/` at its end."""

    keys: RotatingKeys
    iss: str
    clock: Clock
    audit: AuditLog
    new_id: Callable[[], str]
    lifetime: timedelta = LONGEST

    def sign(self, entitlements: Iterable[Entitlement], asker: str) -> list[str]:
        """Visas; what was given out stands in the audit chain first."""
        now = self.clock.now()
        claims = [
            visa_claims(each, self.iss, now, self.new_id(), min(self.lifetime, LONGEST))
            for each in entitlements
            if each.holds_at(now)
        ]
        if claims:
            objects = (f"person:{claims[0]['sub']}", *(f"visa:{each['jti']}" for each in claims))
            self.audit.append("rems.visa.issue", actor=asker, objects=objects)
        key = self.keys.signing()
        return [key.sign(canonical_json(each), purpose="JWT", jku=f"{self.iss}api/jwk") for each in claims]

    def key_set(self) -> Mapping[str, Any]:
        """At `/api/jwk`."""
        return key_set(self.keys.published())
