"""Organisations, people, documents, providers as JSON, by what the one who asks may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opengdi.access.ledger import Listing
from opengdi.access.organisations.model import (
    Capacity,
    Check,
    Document,
    Organisation,
    Person,
    PersonStanding,
    Provider,
    Signed,
)
from opengdi.access.organisations.permitted import ORGANISATION, PERSON, PROVIDER, permitted

Json = dict[str, Any]


def told_organisation(state: Organisation, capacities: frozenset[Capacity]) -> Json:
    """What everybody who logged in may know of an organisation."""
    return {
        "id": state.id,
        "state": state.state,
        "name": state.name,
        "country": state.country,
        "domain": state.domain,
        "ror": state.ror,
        "notForProfit": state.not_for_profit,
        "notForProfitVerified": state.not_for_profit_verified,
        "activeSince": _time(state.active_since),
        "permitted": sorted(permitted(ORGANISATION, state.state, capacities)),
    }


def told_in_full(state: Organisation, capacities: frozenset[Capacity], texts: Mapping[str, str]) -> Json:
    """What those who act for an organisation, or look after it, may know."""
    return told_organisation(state, capacities) | {
        "registrationNumber": state.registration_number,
        "registrant": state.registrant,
        "officials": sorted(state.officials),
        "contacts": {use: texts.get(id_, "") for use, id_ in state.contacts.items()},
        "checks": [_check(check, texts) for check in state.checks],
        "signed": [told_signature(signed) for signed in state.signed],
        "asked": [
            {"id": each.id, "document": each.document, "version": each.version, "by": each.by}
            for each in state.askings
        ],
        "invitations": [
            {
                "id": each.id,
                "official": each.official,
                "role": each.role,
                "contact": texts.get(each.contact, ""),
                "until": each.until.isoformat(),
            }
            for each in state.invitations.values()
        ],
        "reason": texts.get(state.reason, ""),
    }


def texts_of(state: Organisation) -> list[str]:
    """Ids of the texts that `told_in_full` shows."""
    return [
        *state.contacts.values(),
        *(check.evidence for check in state.checks),
        *(each.contact for each in state.invitations.values()),
        state.reason,
    ]


def told_signature(signed: Signed) -> Json:
    """Who signed what when, with the evidence."""
    return {
        "document": signed.document,
        "version": signed.version,
        "sha256": signed.sha256,
        "by": signed.by,
        "at": signed.at.isoformat(),
        "method": signed.method,
        "evidence": signed.evidence,
    }


def told_person(
    state: Person, capacities: frozenset[Capacity], standing: PersonStanding, texts: Mapping[str, str]
) -> Json:
    """A person as those see who may."""
    return {
        "subject": state.subject,
        "state": state.state,
        "organisation": state.organisation,
        "role": state.role,
        "contact": texts.get(state.contact, ""),
        "assignedBy": state.assigned_by,
        "assigned": _time(state.assigned),
        "vetted": _time(state.vetted),
        "credentials": texts.get(state.credentials, ""),
        "trainingUntil": state.trained_until,
        "affiliationUntil": state.affiliated_until,
        "licence": _licence(state, texts),
        "signed": [told_signature(signed) for signed in state.signed],
        "reason": texts.get(state.reason, ""),
        "standing": told_standing(standing),
        "permitted": sorted(permitted(PERSON, state.state, capacities)),
    }


def person_texts(state: Person) -> list[str]:
    """Ids of the texts that `told_person` shows."""
    number = [state.licence.number] if state.licence else []
    return [state.contact, state.credentials, state.reason, *number]


def told_standing(standing: PersonStanding) -> Json:
    """Whether a person may ask for data, and what is missing."""
    return {
        "subject": standing.subject,
        "organisation": standing.organisation,
        "affiliation": standing.affiliation,
        "bonaFideSince": _time(standing.bona_fide_since),
        "terms": [{"document": name, "at": at.isoformat()} for name, at in standing.terms],
        "until": _time(standing.until),
        "inGoodStanding": standing.in_good_standing,
        "lacking": list(standing.faults),
        "healthcareLacking": list(standing.healthcare_faults),
    }


def told_document(state: Document, base: str) -> Json:
    """A document with its versions. base: where documents are found."""
    return {
        "id": state.id,
        "kind": state.kind,
        "title": state.title,
        "retired": state.retired,
        "versions": [
            {
                "version": each.number,
                "sha256": each.sha256,
                "mediaType": each.media_type,
                "size": each.size,
                "bindingFrom": each.binding.isoformat(),
                "content": f"{base}/{state.id}/{each.number}/content",
            }
            for each in state.versions
        ],
    }


def told_provider(state: Provider, capacities: frozenset[Capacity], texts: Mapping[str, str]) -> Json:
    """A provider as those see who look after it."""
    return {
        "id": state.id,
        "state": state.state,
        "name": state.name,
        "country": state.country,
        "ror": state.ror,
        "contact": texts.get(state.contact, ""),
        "requirements": texts.get(state.requirements, ""),
        "funding": texts.get(state.funding, ""),
        "legalBasis": state.legal_basis,
        "dataManagementPlan": state.plan,
        "agreements": [
            {
                "id": each.id,
                "kind": each.kind,
                "version": each.version,
                "sha256": each.sha256,
                "parties": list(each.parties),
                "signedOn": each.signed_on,
                "until": each.until,
                "ended": each.ended,
                "evidence": texts.get(each.evidence, ""),
            }
            for each in state.agreements
        ],
        "reason": texts.get(state.reason, ""),
        "permitted": sorted(permitted(PROVIDER, state.state, capacities)),
    }


def provider_texts(state: Provider) -> list[str]:
    """Ids of the texts that `told_provider` shows."""
    return [
        state.contact,
        state.requirements,
        state.funding,
        state.reason,
        *(each.evidence for each in state.agreements),
    ]


def told_list(listing: Listing) -> Json:
    """A page of a list."""
    items = [
        {
            "id": line.id,
            "state": line.state,
            "created": line.created.isoformat(),
            "changed": line.changed.isoformat(),
            **line.summary,
        }
        for line in listing.lines
    ]
    return {"items": items, "next": listing.after}


def _check(check: Check, texts: Mapping[str, str]) -> Json:
    return {
        "kind": check.kind,
        "passed": check.passed,
        "evidence": texts.get(check.evidence, ""),
        "on": check.on,
        "by": check.by,
    }


def _licence(state: Person, texts: Mapping[str, str]) -> Json | None:
    if state.licence is None:
        return None
    licence = state.licence
    return {
        "register": licence.register,
        "number": texts.get(licence.number, ""),
        "checked": licence.checked,
        "until": licence.until,
        "by": licence.by,
    }


def _time(at: Any) -> str | None:
    return at.isoformat() if at is not None else None


def named(items: Sequence[Json]) -> Json:
    """A list that has no more pages."""
    return {"items": list(items), "next": None}
