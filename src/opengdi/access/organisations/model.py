"""What is known of organisations, people, providers and documents. Names and e-mail addresses are ids of texts here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class OrganisationState(StrEnum):
    """Where a user organisation stands. Source: GDI reference architecture P04."""

    UNKNOWN = "unknown"
    REGISTERED = "registered"
    VETTED = "vetted"
    AGREED = "agreed"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class PersonState(StrEnum):
    """Where a person stands with the organisation. Source: GDI reference architecture P04."""

    UNKNOWN = "unknown"
    ASSIGNED = "assigned"
    VETTED = "vetted"
    ACTIVE = "active"
    REVOKED = "revoked"


class ProviderState(StrEnum):
    """Where a data provider stands. Source: GDI reference architecture P01."""

    UNKNOWN = "unknown"
    IDENTIFIED = "identified"
    CONTACTED = "contacted"
    FUNDED = "funded"
    LEGAL_BASIS_REVIEWED = "legal-basis-reviewed"
    AGREEMENTS_SIGNED = "agreements-signed"
    ONBOARDED = "onboarded"
    SUSPENDED = "suspended"


class Capacity(StrEnum):
    """As what somebody acts on an organisation, a person or a provider."""

    OPERATOR = "onboarding-operator"
    OFFICIAL = "signing-official"
    REGISTRANT = "registrant"
    INVITED = "invited"
    SELF = "self"
    COORDINATION = "national-coordination-point"


class DocumentKind(StrEnum):
    """What a document is for."""

    TERMS = "terms-of-service"
    JOINT_CONTROLLERSHIP = "joint-controllership"
    HEALTHCARE_CONTRACT = "healthcare-contract"
    USER_TERMS = "user-terms"
    SHARING = "sharing"
    PROVIDERS_JOINT_CONTROLLERSHIP = "providers-joint-controllership"
    DATA_PROCESSING = "data-processing"
    PLATFORM_PROVISION = "platform-provision"


class CheckKind(StrEnum):
    """What the onboarding operator looked at."""

    LEGAL_EXISTENCE = "legal-existence"
    SIGNING_AUTHORITY = "signing-authority"
    ROR = "ror"
    COUNTRY = "country"
    NOT_FOR_PROFIT = "not-for-profit"
    SECURITY = "security"


class AffiliationRole(StrEnum):
    """Roles of an AffiliationAndRole visa. Source: GA4GH Passport 1.2, eduPersonAffiliation."""

    FACULTY = "faculty"
    STAFF = "staff"
    STUDENT = "student"
    AFFILIATE = "affiliate"
    MEMBER = "member"


@dataclass(frozen=True, slots=True)
class Check:
    """A look at evidence. on: day of the look; evidence: id of a text."""

    kind: CheckKind
    passed: bool
    evidence: str
    on: date
    by: str


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a document; its bytes never change. binding: from when it must be signed."""

    number: int
    sha256: str
    media_type: str
    size: int
    binding: datetime


@dataclass(frozen=True, slots=True)
class Document:
    """Terms or an agreement, in versions; oldest first."""

    id: str = ""
    kind: DocumentKind | None = None
    title: str = ""
    versions: tuple[Version, ...] = ()
    retired: bool = False

    def in_force(self, now: datetime) -> Version | None:
        """The version that must be signed now."""
        due = [version for version in self.versions if version.binding <= now]
        return due[-1] if due and not self.retired else None

    def version(self, number: int) -> Version | None:
        """The version of that number."""
        return next((version for version in self.versions if version.number == number), None)


@dataclass(frozen=True, slots=True)
class Signed:
    """Somebody signed a version of a document. evidence: a JWS of this service that tells how."""

    document: str
    version: int
    sha256: str
    by: str
    at: datetime
    method: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody may become a signing official or a person of an organisation. contact: id of a text."""

    id: str
    official: bool
    role: AffiliationRole
    contact: str
    until: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Asking:
    """A signature that an external service was asked to collect. id: the service's own."""

    id: str
    document: str
    version: int
    sha256: str
    by: str


@dataclass(frozen=True, slots=True)
class Organisation:
    """A legal entity whose people may ask for data.

    officials: subjects who may sign for it; invitations: by the SHA-256 of their code; contacts: ids of texts by use.
    """

    id: str = ""
    state: OrganisationState = OrganisationState.UNKNOWN
    name: str = ""
    country: str = ""
    domain: str = ""
    ror: str = ""
    registration_number: str = ""
    not_for_profit: bool = False
    registrant: str = ""
    contacts: Mapping[str, str] = field(default_factory=dict)
    officials: frozenset[str] = frozenset()
    invitations: Mapping[str, Invitation] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    signed: tuple[Signed, ...] = ()
    askings: tuple[Asking, ...] = ()
    active_since: datetime | None = None
    before: OrganisationState = OrganisationState.UNKNOWN
    reason: str = ""

    def passed(self, kind: CheckKind) -> bool:
        """True if the latest check of that kind was passed."""
        found = [check for check in self.checks if check.kind is kind]
        return bool(found) and found[-1].passed

    @property
    def not_for_profit_verified(self) -> bool:
        """True if it says so of itself and the operator saw proof: what DUO NPU may rest on."""
        return self.not_for_profit and self.passed(CheckKind.NOT_FOR_PROFIT)


@dataclass(frozen=True, slots=True)
class Licence:
    """A licensed professional, as a register said. number: id of a text."""

    register: str
    number: str
    checked: date
    until: date | None
    by: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the signing official of an organisation named. contact, credentials: ids of texts.

    trained_until, affiliated_until: last day on which it holds; announced: which of these ends were, by what, day,
    and how many days before.
    """

    subject: str = ""
    state: PersonState = PersonState.UNKNOWN
    organisation: str = ""
    role: AffiliationRole = AffiliationRole.MEMBER
    contact: str = ""
    assigned_by: str = ""
    assigned: datetime | None = None
    credentials: str = ""
    vetted: datetime | None = None
    trained_until: date | None = None
    affiliated_until: date | None = None
    licence: Licence | None = None
    signed: tuple[Signed, ...] = ()
    active_since: datetime | None = None
    reason: str = ""
    announced: frozenset[tuple[str, date, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Agreement:
    """A signed agreement with a provider. parties: ids of organisations; until: last day, None: no end."""

    id: str
    kind: DocumentKind
    sha256: str
    version: str
    parties: tuple[str, ...]
    signed_on: date
    until: date | None
    evidence: str
    ended: date | None = None

    def holds_on(self, day: date) -> bool:
        """True from its signing to its end."""
        ends = [end for end in (self.until, self.ended) if end is not None]
        return self.signed_on <= day and all(day <= end for end in ends)


@dataclass(frozen=True, slots=True)
class Provider:
    """An organisation that brings data in."""

    id: str = ""
    state: ProviderState = ProviderState.UNKNOWN
    name: str = ""
    country: str = ""
    ror: str = ""
    contact: str = ""
    requirements: str = ""
    funding: str = ""
    legal_basis: str = ""
    plan: str = ""
    agreements: tuple[Agreement, ...] = ()
    before: ProviderState = ProviderState.UNKNOWN
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PersonStanding:
    """What may be said of a person now. faults: why they may not ask for data, in plain words; empty: they may.

    affiliation: such as `faculty@example.org`; terms: documents in force that they or their organisation accepted.
    """

    subject: str
    organisation: str = ""
    affiliation: str = ""
    bona_fide_since: datetime | None = None
    affiliated_since: datetime | None = None
    terms: tuple[tuple[str, datetime], ...] = ()
    until: datetime | None = None
    faults: tuple[str, ...] = ("nobody assigned this person",)
    healthcare_faults: tuple[str, ...] = ()

    @property
    def in_good_standing(self) -> bool:
        return not self.faults
