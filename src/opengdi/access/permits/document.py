"""The permit as one signed object, readable by anybody who has the hub's public key: no call to anybody is needed.

Canonical JSON in a compact JWS; the bodies' decisions are inside as they signed them, so that a node need not believe
the hub. Spec: RFC 7515 (JWS); the members of the payload are ours. Holds ids of people, and nothing that applicants
wrote: what was signed cannot be erased. `digest` binds what they asked for, to the letter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from opengdi.access.model import Purpose
from opengdi.access.permits.model import Permit, Permitted, State
from opengdi.kernel.canonical import canonical_json
from opengdi.kernel.keys.signatures import PublicKey, SigningKey, verify
from opengdi.kernel.release import DatasetType
from opengdi.standards.faults import Malformed

PERMIT_PURPOSE: Final = "gdi-permit+jwt"
"""`typ` of the JWS."""


class DocumentDataset(msgspec.Struct, frozen=True, rename="camel"):
    """A release as a permit names it."""

    dataset: str
    version: str
    node: str
    body: str
    type: DatasetType
    decided: datetime
    until: datetime
    conditions: tuple[str, ...]
    regions: tuple[str, ...]


class DocumentPerson(msgspec.Struct, frozen=True):
    """Somebody as a permit names them."""

    subject: str
    organisation: str
    role: str


class _Duty(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    code: str
    text: str
    datasets: tuple[str, ...]
    due: datetime | None
    must_be_done: bool


class _Basis(msgspec.Struct, frozen=True):
    application: str
    digest: str


class _Decision(msgspec.Struct, frozen=True):
    body: str
    jws: str


class PermitDocument(msgspec.Struct, frozen=True, rename="camel"):
    """What a permit says. version: a later one of the same permit replaces it; state: only `active` opens anything."""

    iss: str
    permit: str
    version: int
    state: State
    application: str
    digest: str
    purpose: Purpose
    duo: dict[str, Any]
    people: tuple[DocumentPerson, ...]
    datasets: tuple[DocumentDataset, ...]
    duties: tuple[_Duty, ...]
    environment: str
    legal_basis: str
    fees: str
    issued: datetime
    changed: datetime
    until: datetime
    bases: tuple[_Basis, ...]
    decisions: tuple[_Decision, ...]

    @property
    def subjects(self) -> frozenset[str]:
        return frozenset(person.subject for person in self.people)


@dataclass(frozen=True, slots=True)
class SignedPermit:
    """A permit whose signature was checked. sha256: of the JWS, by which a print names it."""

    document: PermitDocument
    jws: str
    sha256: str


def document_of(permit: Permit, hub: str) -> PermitDocument:
    """What is signed. The permit must have been issued."""
    assert permit.issued is not None
    assert permit.changed is not None
    assert permit.until is not None
    roles = ["holder", *("member" for _ in permit.members)]
    return PermitDocument(
        iss=hub,
        permit=permit.id,
        version=permit.version,
        state=permit.state,
        application=permit.application,
        digest=permit.digest,
        purpose=permit.purpose,
        duo=dict(permit.duo),
        people=tuple(
            DocumentPerson(each.subject, each.organisation, role)
            for each, role in zip(permit.people, roles, strict=True)
        ),
        datasets=tuple(map(_dataset, permit.datasets)),
        duties=tuple(
            _Duty(duty.id, duty.code, duty.text, duty.datasets, duty.due, duty.must_be_done)
            for duty in permit.duties
        ),
        environment=permit.environment,
        legal_basis=permit.legal_basis,
        fees=permit.fees,
        issued=permit.issued,
        changed=permit.changed,
        until=permit.until,
        bases=tuple(_Basis(each.application, each.digest) for each in permit.bases),
        decisions=tuple(_Decision(each.body, each.jws) for each in permit.decisions),
    )


def _dataset(each: Permitted) -> DocumentDataset:
    return DocumentDataset(
        each.dataset,
        each.version,
        each.node,
        each.body,
        each.dataset_type,
        each.decided,
        each.until,
        each.conditions,
        each.regions,
    )


def sign_permit(document: PermitDocument, key: SigningKey) -> SignedPermit:
    """The document signed by the hub's key."""
    jws = key.sign(canonical_json(document), purpose=PERMIT_PURPOSE)
    return SignedPermit(document, jws, sha256_of(jws))


def open_permit(jws: str, keys: Collection[PublicKey], *, hub: str = "") -> SignedPermit:
    """The permit, if one of the keys signed it. hub: whose it must be; empty: whoever's these keys are.

    Raises Unverified, Malformed.
    """
    payload = verify(jws.strip(), keys, purpose=PERMIT_PURPOSE)
    try:
        document = msgspec.json.decode(payload, type=PermitDocument)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"the permit cannot be read: {error}") from error
    moments = [document.issued, document.changed, document.until, *(each.until for each in document.datasets)]
    if any(moment.tzinfo is None for moment in moments):
        raise Malformed("the permit has a time without zone")
    if hub and document.iss != hub:
        raise Malformed(f"the permit is of hub {document.iss!r}, not of {hub!r}")
    if not document.permit or not document.people:
        raise Malformed("the permit has no number or names nobody")
    return SignedPermit(document, jws.strip(), sha256_of(jws.strip()))


def sha256_of(jws: str) -> str:
    """By which a print names the signed object."""
    return hashlib.sha256(jws.encode()).hexdigest()
