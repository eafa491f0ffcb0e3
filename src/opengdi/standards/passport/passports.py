"""Passports: a broker's list of visas for one person.

Spec: GA4GH AAI OIDC Profile 1.2.1, "Passport Format".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opengdi.standards.faults import Malformed
from opengdi.standards.jws import read_object
from opengdi.standards.passport.terms import LONGEST_VISA, MOST_VISAS, PASSPORT_CLAIM, VISA_CLAIM
from opengdi.standards.passport.tokens import Claims, read_claims, write_claims


@dataclass(frozen=True, slots=True)
class Passport:
    """A passport token. visas: tokens, byte for byte as their issuers wrote them; none is a passport too."""

    claims: Claims
    visas: tuple[str, ...]


def read_passport(payload: bytes) -> Passport:
    """A passport from the payload of its token. Raises Malformed."""
    claims = read_object(payload, "passport")
    if VISA_CLAIM in claims:
        raise Malformed("the token is a visa, not a passport")
    return Passport(read_claims(claims), read_visa_list(claims.get(PASSPORT_CLAIM)))


def read_visa_list(told: object) -> tuple[str, ...]:
    """Visas as claim `ga4gh_passport_v1` holds them, here or in an answer of UserInfo. Raises Malformed."""
    if not isinstance(told, list):
        raise Malformed(f"claim {PASSPORT_CLAIM} is missing or no list")
    if len(told) > MOST_VISAS:
        raise Malformed(f"the passport holds {len(told)} visas; {MOST_VISAS} are taken at most")
    for visa in told:
        if not isinstance(visa, str) or len(visa) > LONGEST_VISA:
            raise Malformed(f"a visa of the passport is no text of {LONGEST_VISA} characters at most")
    return tuple(told)


def write_passport(claims: Claims, visas: Sequence[str]) -> dict[str, object]:
    """Claims of a passport token. Raises Malformed for more visas than anybody would take."""
    return {**write_claims(claims), PASSPORT_CLAIM: list(read_visa_list(list(visas)))}
