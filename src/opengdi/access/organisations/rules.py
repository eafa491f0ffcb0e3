"""Who may ask for data: pure predicates over what is known of organisation, person and documents.

Spec: GDI SA rules E-20 (`canRequest`), E-21 (healthcare), E-22 (affiliation still valid when a visa is issued).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from opengdi.access.organisations.model import (
    Document,
    DocumentKind,
    Organisation,
    OrganisationState,
    Person,
    PersonStanding,
    PersonState,
    Signed,
    Version,
)

JOINING: Final = (DocumentKind.TERMS, DocumentKind.JOINT_CONTROLLERSHIP)
"""What an organisation signs to join. Source: P04 step 4."""

VETTED_STATES: Final = frozenset(
    {OrganisationState.VETTED, OrganisationState.AGREED, OrganisationState.ACTIVE}
)


def in_force(
    documents: Iterable[Document], kind: DocumentKind, now: datetime
) -> tuple[tuple[Document, Version], ...]:
    """The documents of a kind with the version that must be signed now."""
    found = ((document, document.in_force(now)) for document in documents if document.kind is kind)
    return tuple((document, version) for document, version in found if version is not None)


def signature_for(signed: Sequence[Signed], document: str, version: int) -> Signed | None:
    """The signature that covers that version: of it, or of a newer one."""
    found = [each for each in signed if each.document == document and each.version >= version]
    return found[-1] if found else None


def has_signed(
    signed: Sequence[Signed], documents: Iterable[Document], kind: DocumentKind, now: datetime
) -> bool:
    """True if there are documents of that kind and all of them are signed as they are in force."""
    due = in_force(documents, kind, now)
    return bool(due) and all(signature_for(signed, document.id, version.number) for document, version in due)


def unsigned(
    signed: Sequence[Signed], documents: Iterable[Document], kinds: Iterable[DocumentKind], now: datetime
) -> tuple[tuple[Document, Version], ...]:
    """What still has to be signed."""
    documents = tuple(documents)
    return tuple(
        (document, version)
        for kind in kinds
        for document, version in in_force(documents, kind, now)
        if not signature_for(signed, document.id, version.number)
    )


def end_of(day: date | None) -> datetime | None:
    """The moment in which a day is over (UTC)."""
    return None if day is None else datetime.combine(day + timedelta(days=1), time(), UTC)


def holds(until: date | None, now: datetime) -> bool:
    """True up to the end of that day; without a day it does not hold."""
    end = end_of(until)
    return end is not None and now < end


def organisation_faults(
    organisation: Organisation, documents: Sequence[Document], now: datetime
) -> tuple[str, ...]:
    """Why nobody of an organisation may ask for data; empty: they may. E-20: `org.vetted ∧ tos.signed ∧ jca.signed`."""
    faults = []
    if organisation.state is not OrganisationState.ACTIVE:
        faults.append(f"the organisation is {organisation.state}, not active")
    faults += [
        f"the organisation has not signed the {kind} in force"
        for kind in JOINING
        if not has_signed(organisation.signed, documents, kind, now)
    ]
    return tuple(faults)


def request_faults(
    person: Person, organisation: Organisation, documents: Sequence[Document], now: datetime
) -> tuple[str, ...]:
    """Why somebody may not ask for data; empty: they may. E-20."""
    if person.state in {PersonState.UNKNOWN, PersonState.REVOKED}:
        return ("nobody assigned this person",)
    faults = list(organisation_faults(organisation, documents, now))
    if person.vetted is None:
        faults.append("the person has not been vetted")
    elif not holds(person.trained_until, now):
        faults.append("the person's training is not valid")
    if person.vetted is not None and not holds(person.affiliated_until, now):  # E-22
        faults.append("the person's affiliation has to be confirmed")
    faults += [
        f"the person has not accepted {document.id} in version {version.number}"
        for document, version in unsigned(person.signed, documents, (DocumentKind.USER_TERMS,), now)
    ]
    return tuple(faults)


def healthcare_faults(
    person: Person, organisation: Organisation, documents: Sequence[Document], now: datetime
) -> tuple[str, ...]:
    """Why somebody may not ask for healthcare, besides what any purpose needs; empty: they may. E-21."""
    faults = []
    if not has_signed(organisation.signed, documents, DocumentKind.HEALTHCARE_CONTRACT, now):
        faults.append("the organisation has no healthcare contract in force")
    licence = person.licence
    if licence is None or licence.checked > now.date():
        faults.append("no check of the person's professional licence is recorded")
    elif licence.until is not None and not holds(licence.until, now):
        faults.append("the person's professional licence has ended")
    return tuple(faults)


def standing(
    person: Person, organisation: Organisation, documents: Sequence[Document], now: datetime
) -> PersonStanding:
    """What may be said of a person now."""
    faults = request_faults(person, organisation, documents, now)
    ends = [end for end in (end_of(person.trained_until), end_of(person.affiliated_until)) if end]
    belongs = organisation.state is OrganisationState.ACTIVE and holds(person.affiliated_until, now)
    return PersonStanding(
        person.subject,
        person.organisation if person.state is not PersonState.REVOKED else "",
        f"{person.role}@{organisation.domain}" if belongs and person.state is not PersonState.REVOKED else "",
        person.vetted if not faults else None,
        person.assigned,
        _terms(person, organisation, documents, now),
        min(ends) if ends else None,
        faults,
        healthcare_faults(person, organisation, documents, now),
    )


def _terms(
    person: Person, organisation: Organisation, documents: Sequence[Document], now: datetime
) -> tuple[tuple[str, datetime], ...]:
    """Documents in force that were signed, as `<document>/<version>`, and when."""
    if person.state in {PersonState.UNKNOWN, PersonState.REVOKED}:
        return ()
    told = []
    for kinds, signed in ((JOINING, organisation.signed), ((DocumentKind.USER_TERMS,), person.signed)):
        for kind in kinds:
            for document, version in in_force(documents, kind, now):
                found = signature_for(signed, document.id, version.number)
                if found is not None:
                    told.append((f"{document.id}/{found.version}", found.at))
    return tuple(told)
