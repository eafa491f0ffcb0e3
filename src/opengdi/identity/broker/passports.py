"""Passports that the broker signs. Spec: GA4GH AAI OIDC Profile 1.2.1, "Passport Format"."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from opengdi.identity.broker.collecting import MISSING_CLAIM, Collected
from opengdi.identity.broker.tokens import Keys
from opengdi.kernel.clock import Clock
from opengdi.standards.passport import Claims, TokenKind, write_passport


@dataclass(frozen=True, slots=True)
class Passports:
    """issuer: URL of the broker; new_id: fresh unguessable ids."""

    issuer: str
    keys: Keys
    clock: Clock
    new_id: Callable[[], str]

    def passport(
        self, subject: str, collected: Collected, *, audience: Sequence[str], until: datetime
    ) -> str:
        """A passport with the visas byte for byte; audience: empty: for everybody who trusts this broker."""
        now = self.clock.now().replace(microsecond=0)
        claims = Claims(self.issuer, subject, now, until, self.new_id(), audience=tuple(audience))
        told = write_passport(claims, collected.visas)
        if collected.missing:
            told[MISSING_CLAIM] = list(collected.missing)
        return self.keys.signing().sign(json.dumps(told).encode(), purpose=TokenKind.PASSPORT.value)
