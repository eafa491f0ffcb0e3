"""The decision of a body on the datasets of one case, signed with the body's own key; anybody may check it offline.

What permits and applications know of a decision is what stands in here, and nothing that a node merely says.
Spec: RFC 7515 (JWS); the members of the payload are ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from opengdi.kernel.canonical import canonical_json
from opengdi.kernel.keys.signatures import PublicKey, SigningKey, verify
from opengdi.standards.faults import Malformed

DECISION_PURPOSE: Final = "gdi-decision+jwt"
"""`typ` of the JWS."""

KEY_PREFIX: Final = "body-"


def body_key_name(body: str) -> str:
    """Name of a body's key in a `KeyFolder`."""
    return f"{KEY_PREFIX}{body}"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What was decided on one dataset. until: end of the access, None for a denial.

    regions: only these, such as `22:1001-2000` (1-based, both ends in); empty: all of it.
    """

    dataset: str
    version: str
    granted: bool
    reasons: str = ""
    conditions: tuple[str, ...] = ()
    until: datetime | None = None
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A signed decision. digest: of the application's version that was decided on. by: a pseudonym of the person.

    tacit: nobody decided in time, and the body's rules say what silence means. appeal: decided again, by others.
    automatic: by machine, because every condition of use is met and the holder of the data wants it so.
    """

    body: str
    node: str
    case: str
    application: str
    digest: str
    at: datetime
    rulings: tuple[Ruling, ...]
    by: str
    kind: str = "decide"
    tacit: bool = False
    appeal: bool = False
    automatic: bool = False

    def as_payload(self) -> dict[str, object]:
        """As it is signed."""
        return {
            "iss": self.body,
            "node": self.node,
            "case": self.case,
            "kind": self.kind,
            "application": self.application,
            "digest": self.digest,
            "at": self.at.isoformat(),
            "datasets": [_as_object(ruling) for ruling in self.rulings],
            "by": self.by,
            "tacit": self.tacit,
            "appeal": self.appeal,
            "automatic": self.automatic,
        }


def sign_decision(decision: Decision, key: SigningKey) -> str:
    """Compact JWS, by the key of the body."""
    return key.sign(canonical_json(decision.as_payload()), purpose=DECISION_PURPOSE)


def open_decision(jws: str, keys: Collection[PublicKey], *, body: str) -> Decision:
    """The decision, if one of the keys of `body` signed it and it says that it is that body's.

    Raises Unverified, Malformed.
    """
    decision = _read(verify(jws, keys, purpose=DECISION_PURPOSE))
    if decision.body != body:
        raise Malformed(f"the decision is of body {decision.body!r}, not of {body!r}")
    return decision


def decision_digest(jws: str) -> str:
    """SHA-256 of a signed decision, in hex digits: by which others name it."""
    return hashlib.sha256(jws.encode()).hexdigest()


def _as_object(ruling: Ruling) -> dict[str, object]:
    told: dict[str, object] = {
        "dataset": ruling.dataset,
        "version": ruling.version,
        "granted": ruling.granted,
        "reasons": ruling.reasons,
        "conditions": list(ruling.conditions),
        "until": ruling.until.isoformat() if ruling.until else None,
    }
    return told | {"regions": list(ruling.regions)} if ruling.regions else told


class _RulingForm(msgspec.Struct, frozen=True):
    dataset: str
    version: str
    granted: bool
    reasons: str
    conditions: tuple[str, ...]
    until: datetime | None
    regions: tuple[str, ...] = ()


class _Form(msgspec.Struct, frozen=True):
    iss: str
    node: str
    case: str
    application: str
    digest: str
    at: datetime
    datasets: tuple[_RulingForm, ...]
    by: str
    kind: str
    tacit: bool
    appeal: bool
    automatic: bool = False


def _read(payload: bytes) -> Decision:
    try:
        form = msgspec.json.decode(payload, type=_Form)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Malformed(f"the decision cannot be read: {error}") from error
    if form.at.tzinfo is None or any(each.until and each.until.tzinfo is None for each in form.datasets):
        raise Malformed("the decision has a time without zone")
    named = [(each.dataset, each.version) for each in form.datasets]
    if not named or len(set(named)) < len(named):
        raise Malformed("the decision must name each of its datasets once, and one at least")
    if any(each.granted and each.until is None for each in form.datasets):
        raise Malformed("the decision grants without an end")
    return Decision(
        body=form.iss,
        node=form.node,
        case=form.case,
        application=form.application,
        digest=form.digest,
        at=form.at,
        rulings=tuple(_ruling(each) for each in form.datasets),
        by=form.by,
        kind=form.kind,
        tacit=form.tacit,
        appeal=form.appeal,
        automatic=form.automatic,
    )


def _ruling(form: _RulingForm) -> Ruling:
    return Ruling(
        form.dataset, form.version, form.granted, form.reasons, form.conditions, form.until, form.regions
    )
