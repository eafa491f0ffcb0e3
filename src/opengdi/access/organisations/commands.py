"""What may be asked for, as it comes over the wire: camelCase JSON objects that refuse members they do not know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from opengdi.access.organisations.model import AffiliationRole, CheckKind, DocumentKind
from opengdi.kernel.errors import Invalid

Line = Annotated[str, Meta(min_length=1, max_length=300)]
Email = Annotated[str, Meta(max_length=254, pattern=r"^[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+$")]
Prose = Annotated[str, Meta(min_length=1, max_length=4000)]
Subject = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^\S+$")]
Slug = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{0,59}$")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Number = Annotated[int, Meta(ge=1, le=1_000_000)]


class Command(Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """Anything that somebody may ask for."""


class Contact(Command, frozen=True, kw_only=True):
    """Who may be spoken to; kept in the erasable table."""

    name: Line
    email: Email


class Register(Command, frozen=True, kw_only=True):
    """A legal entity wants its people to ask for data.

    domain: of its e-mail addresses, which affiliations are written with. official: the signing official, if that is
    somebody else than who registers; they are invited.
    """

    name: Line
    country: str
    domain: Annotated[str, Meta(max_length=200, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9-]+)+$")]
    registration_number: Annotated[str, Meta(max_length=60)] = ""
    ror: Annotated[str, Meta(max_length=60)] = ""
    not_for_profit: bool = False
    legal_representative: Contact
    registrant: Contact
    official: Contact | None = None


class Correct(Register, frozen=True, kw_only=True):
    """The registration again, with what was wrong put right; officials are changed by their own commands."""


class Looked(Command, frozen=True, kw_only=True):
    """A check as it was made."""

    kind: CheckKind
    passed: bool
    evidence: Prose
    on: date


class RecordCheck(Looked, frozen=True, kw_only=True):
    """One more look."""


class Vet(Command, frozen=True, kw_only=True):
    """The organisation is who it says, by these checks and those recorded before."""

    checks: Annotated[list[Looked], Meta(max_length=20)] = []


class AppointOfficial(Command, frozen=True, kw_only=True):
    """Somebody known signs for the organisation."""

    subject: Subject


class RemoveOfficial(AppointOfficial, frozen=True, kw_only=True):
    """Somebody does no longer sign for it."""


class InviteOfficial(Contact, frozen=True, kw_only=True):
    """Somebody who has not logged in yet is to sign for it."""


class InvitePerson(Contact, frozen=True, kw_only=True):
    """Somebody who has not logged in yet may ask for data."""

    role: AffiliationRole = AffiliationRole.MEMBER


class CancelInvitation(Command, frozen=True, kw_only=True):
    """An invitation is no longer wanted."""

    invitation: Line


class Join(Command, frozen=True, kw_only=True):
    """An invited person is here. code: what the invitation said."""

    code: Annotated[str, Meta(min_length=16, max_length=100)]
    name: Annotated[str, Meta(max_length=300)] = ""
    email: Email | None = None


class AcceptOffice(Join, frozen=True, kw_only=True):
    """An invited signing official is here."""


class Sign(Command, frozen=True, kw_only=True):
    """A version of a document is agreed to; the digest is of what the signer was shown."""

    document: Slug
    version: Number
    sha256: Sha256


class AskSignature(Contact, frozen=True, kw_only=True):
    """The external service is to collect the signature of the one who asks, under this name and address."""

    document: Slug
    version: Number


class Because(Command, frozen=True, kw_only=True):
    """An end or a pause, and why."""

    reason: Prose


class Plain(Command, frozen=True, kw_only=True):
    """Nothing needs to be said besides."""


class Assign(Command, frozen=True, kw_only=True):
    """The signing official names somebody who may ask for data."""

    organisation: Line
    subject: Subject
    name: Line
    email: Email
    role: AffiliationRole = AffiliationRole.MEMBER


class VetPerson(Command, frozen=True, kw_only=True):
    """Credentials, affiliation and training of a person were looked at. …_until: the last day on which it holds."""

    credentials: Prose
    training_until: date
    affiliation_until: date


class RecordTraining(Command, frozen=True, kw_only=True):
    """Training was renewed."""

    until: date
    evidence: Prose


class ConfirmAffiliation(Command, frozen=True, kw_only=True):
    """The person still belongs to the organisation."""

    until: date


class RecordLicence(Command, frozen=True, kw_only=True):
    """A register of professionals knows the person."""

    register: Line
    number: Line
    checked: date
    until: date | None = None


class Publish(Command, frozen=True, kw_only=True):
    """A version of a document. content: base64; binding_from: when it must be signed, at once if not said."""

    id: Slug
    kind: DocumentKind
    title: Line
    media_type: str = "text/plain; charset=utf-8"
    content: bytes
    binding_from: datetime | None = None


class Identify(Command, frozen=True, kw_only=True):
    """A provider that may bring data."""

    id: Slug
    name: Line
    country: str
    ror: Annotated[str, Meta(max_length=60)] = ""
    contact: Contact | None = None


class CorrectProvider(Command, frozen=True, kw_only=True):
    """Facts of a provider put right."""

    name: Line
    country: str
    ror: Annotated[str, Meta(max_length=60)] = ""
    contact: Contact | None = None


class ContactProvider(Command, frozen=True, kw_only=True):
    """The provider was spoken to. requirements: of data, metadata, law and ethics."""

    requirements: Prose


class Fund(Command, frozen=True, kw_only=True):
    """The cost is covered."""

    scheme: Prose


class ReviewLegalBasis(Command, frozen=True, kw_only=True):
    """The legal basis of inclusion was reviewed."""

    basis: Annotated[str, Meta(pattern="^(consent|mandate)$")]
    report: Prose


class LinkPlan(Command, frozen=True, kw_only=True):
    """Where the data management plan is."""

    url: Annotated[str, Meta(max_length=500, pattern=r"^https://\S+$")]


class RecordAgreement(Command, frozen=True, kw_only=True):
    """An agreement that was signed. evidence: where the signatures can be seen."""

    id: Slug
    kind: DocumentKind
    version: Line
    sha256: Sha256
    parties: Annotated[list[Line], Meta(min_length=1, max_length=20)]
    signed_on: date
    until: date | None = None
    evidence: Prose


class EndAgreement(Command, frozen=True, kw_only=True):
    """An agreement ends. on: its last day."""

    id: Slug
    on: date
    reason: Prose


ORGANISATION_COMMANDS: Final[Mapping[str, type[Command]]] = {
    "correct": Correct,
    "record-check": RecordCheck,
    "vet": Vet,
    "appoint-official": AppointOfficial,
    "remove-official": RemoveOfficial,
    "invite-official": InviteOfficial,
    "accept-office": AcceptOffice,
    "invite-person": InvitePerson,
    "cancel-invitation": CancelInvitation,
    "sign": Sign,
    "ask-signature": AskSignature,
    "activate": Plain,
    "suspend": Because,
    "reinstate": Because,
    "close": Because,
}

PERSON_COMMANDS: Final[Mapping[str, type[Command]]] = {
    "vet": VetPerson,
    "record-training": RecordTraining,
    "confirm-affiliation": ConfirmAffiliation,
    "record-licence": RecordLicence,
    "withdraw-licence": Because,
    "sign": Sign,
    "revoke": Because,
    "leave": Plain,
}

PROVIDER_COMMANDS: Final[Mapping[str, type[Command]]] = {
    "correct": CorrectProvider,
    "contact": ContactProvider,
    "fund": Fund,
    "review-legal-basis": ReviewLegalBasis,
    "record-agreement": RecordAgreement,
    "end-agreement": EndAgreement,
    "link-plan": LinkPlan,
    "onboard": Plain,
    "suspend": Because,
    "reinstate": Because,
}


def read_command(document: bytes, kind: type[Command]) -> Command:
    """A command of that kind out of JSON; nothing is an empty object. Raises Invalid that names the member."""
    try:
        return msgspec.json.decode(document or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise Invalid(f"the request does not hold: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("the request is not JSON") from error


def command_kind(commands: Mapping[str, type[Command]], name: str) -> type[Command]:
    """The kind of command of that name. Raises Invalid."""
    if name not in commands:
        raise Invalid(f"command {name[:40]!r} is not known; known are {', '.join(sorted(commands))}")
    return commands[name]
