"""Evidence of a signature: a JWS of this service that proves offline who agreed to which bytes, when and how.

Spec: RFC 7515 (JWS); eIDAS Art. 3(10), an electronic signature; the payload is ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from opengdi.access.organisations.model import Document, Version
from opengdi.access.organisations.ports import Outcome, Presence
from opengdi.kernel.canonical import canonical_json
from opengdi.kernel.keys import PublicKey, SigningKey, verify
from opengdi.standards.faults import Malformed, Unverified

PURPOSE: Final = "gdi-signature+jwt"


@dataclass(frozen=True, slots=True)
class SignedEvidence:
    """Signs evidence with the key of this service. issuer: its id."""

    issuer: str
    key: SigningKey

    def click(
        self, document: Document, version: Version, party: str, presence: Presence, now: datetime
    ) -> str:
        """Evidence of somebody who was logged in here and agreed."""
        how = {
            "method": "click",
            "sub": presence.subject,
            "auth_time": int(presence.logged_in.timestamp()) if presence.logged_in else None,
            "session": presence.session,
            "request": presence.request,
        }
        return self._sign(document, version, party, int(now.timestamp()), how)

    def collected(
        self, document: Document, version: Version, party: str, signer: str, outcome: Outcome
    ) -> str:
        """Evidence of what an external service collected; it keeps the signed document of that digest."""
        assert outcome.signed_at is not None
        how = {
            "method": "external",
            "sub": signer,
            "signing": outcome.id,
            "certificate": outcome.certificate,
        }
        return self._sign(document, version, party, int(outcome.signed_at.timestamp()), how)

    def _sign(
        self, document: Document, version: Version, party: str, at: int, how: Mapping[str, object]
    ) -> str:
        claims = {
            "iss": self.issuer,
            "iat": at,
            "document": document.id,
            "version": version.number,
            "sha256": version.sha256,
            "party": party,
            **how,
        }
        return self.key.sign(canonical_json(claims), purpose=PURPOSE)


def check_evidence(
    evidence: str, keys: Collection[PublicKey], *, content: bytes | None = None
) -> Mapping[str, Any]:
    """What evidence says, if one of the keys signed it, and it is about `content`, if that is given.

    Raises Malformed, Unverified.
    """
    payload = verify(evidence, keys, purpose=PURPOSE)
    try:
        claims: dict[str, Any] = msgspec.json.decode(payload, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise Malformed("the evidence holds no JSON object") from error
    if content is not None and claims.get("sha256") != _digest(content):
        raise Unverified("the evidence is about other bytes than these")
    return claims


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
