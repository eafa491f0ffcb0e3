"""What kind of credential a text is, and what somebody who proved something may be here. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from enum import Enum, auto
from typing import Final

from opengdi.identity.model import CheckedVisa, Proof, Standing
from opengdi.kernel.principal import Duty, Principal, Tier, Visa
from opengdi.standards.passport import BONA_FIDE

LONGEST_BYTES: Final = 1 << 20
"""Of a credential in a header; servers refuse shorter ones already."""

_PROGRAM: Final = "gdi_"
_DATED: Final = "gdi-key+jwt"
_PASSPORT: Final = "vnd.ga4gh.passport+jwt"


class Kind(Enum):
    """Who checks a credential."""

    PROGRAM = auto()
    PASSPORT = auto()
    ACCESS_TOKEN = auto()


def kind_of(token: str) -> Kind:
    """The kind that a token says it is: only to find who checks it, before anything is believed."""
    if token.startswith(_PROGRAM):
        return Kind.PROGRAM
    return {_PASSPORT: Kind.PASSPORT, _DATED: Kind.PROGRAM}.get(_typ(token), Kind.ACCESS_TOKEN)


def _typ(token: str) -> str:
    """`typ` of a JWS header in lower case, `application/` left out (RFC 7515 §4.1.9); empty if there is none."""
    head, dot, _ = token.partition(".")
    if not dot or len(head) > 4096:
        return ""
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError, binascii.Error):
        return ""
    typ = header.get("typ") if isinstance(header, dict) else None
    return typ.lower().removeprefix("application/") if isinstance(typ, str) else ""


def subject_of(proof: Proof, home: frozenset[str]) -> str:
    """The id of a person here: the broker's own `sub`; of another broker that is trusted, with the broker's name.

    home: issuers whose subjects are this federation's; two brokers may call two people the same.
    """
    return proof.subject if proof.issuer in home else f"{proof.issuer}#{proof.subject}"


def vouched(proof: Proof, standing: Standing, now: datetime) -> Proof:
    """What somebody proved, and whether they are a registered researcher by what this service itself knows of them."""
    terms = any(url == BONA_FIDE for url, _ in standing.terms)
    since = standing.bona_fide_since
    holds = standing.until is None or now < standing.until
    if not (standing.in_good_standing and holds and terms and since is not None and since <= now):
        return proof
    until = proof.until if standing.until is None else min(proof.until, standing.until)
    return replace(proof, bona_fide=True, until=until)


def person(
    proof: Proof, subject: str, duties: frozenset[Duty], revoked: Iterable[CheckedVisa] = ()
) -> Principal:
    """Who somebody is by what they proved. revoked: visas of the proof that were taken back since they were signed."""
    taken_back = frozenset(revoked)
    visas = [visa for visa in proof.visas if visa.dataset and visa not in taken_back]
    return Principal(
        subject,
        Tier.REGISTERED if proof.bona_fide else Tier.PUBLIC,
        visas=tuple(Visa(visa.dataset, visa.regions, visa.until, visa.jti, visa.version) for visa in visas),
        duties=duties,
        logged_in=True,
        until=proof.until,
        authenticated=proof.authenticated,
    )
