"""What a network says about itself: its own facts and the union of what its members say. Pure.

Spec: Beacon v2.2.0, framework `responses/` (beaconInfoResponse, beaconMapResponse, beaconConfigurationResponse,
beaconEntryTypesResponse); GA4GH service-info 1.0.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from opengdi.federation.directory import Known, Profile
from opengdi.federation.model import Json, Member
from opengdi.standards.beacon.entry_types import ENTRY_TYPES, SCHEMA_ROOT, EntryTypeFacts
from opengdi.standards.beacon.openapi import DescribedBeacon, openapi_document
from opengdi.standards.beacon.questions import EntryType, Granularity
from opengdi.standards.beacon.version import SPEC_VERSION
from opengdi.standards.service_info import GA4GH, Organisation, Service, ServiceType

_FRAMEWORK: Final = f"{SCHEMA_ROOT}/{SPEC_VERSION}/framework/json"


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """A network as it presents itself. url: external base address, without trailing slash."""

    id: str
    name: str
    description: str
    environment: str
    url: str
    organisation_id: str
    organisation_name: str
    organisation_url: str
    logo_url: str
    entry_types: tuple[EntryType, ...]
    default_granularity: Granularity
    security_levels: tuple[str, ...]


def info(facts: NetworkFacts, known: Known) -> Json:
    """`/info`, with the members under `info`. Facades read alternativeUrl and organization.logoUrl unconditionally."""
    return {
        "id": facts.id,
        "name": facts.name,
        "description": facts.description,
        "apiVersion": SPEC_VERSION,
        "version": SPEC_VERSION,
        "environment": facts.environment,
        "organization": {
            "id": facts.organisation_id,
            "name": facts.organisation_name,
            "welcomeUrl": facts.organisation_url,
            "contactUrl": facts.organisation_url,
            "logoUrl": facts.logo_url,
        },
        "welcomeUrl": facts.organisation_url,
        "alternativeUrl": facts.url,
        "info": {"members": [_member(member, profile) for member, profile in known]},
    }


def _member(member: Member, profile: Profile) -> Json:
    said = profile.responses.get("info", {})
    described: Json = {
        "id": member.id,
        "beaconId": member.service,
        "name": member.name,
        "country": member.country,
        "url": member.url,
        "organization": member.organisation,
    }
    return described | {
        name: said[name]
        for name in ("apiVersion", "environment", "description")
        if isinstance(said.get(name), str)
    }


def service_info(facts: NetworkFacts, version: str) -> Json:
    """A bare object, without `meta`; version: of the software."""
    service = Service(
        id=facts.id,
        name=facts.name,
        type=ServiceType(GA4GH, "beacon", SPEC_VERSION.removeprefix("v")),
        organisation=Organisation(facts.organisation_name, facts.organisation_url),
        version=version,
        description=facts.description,
        environment=facts.environment,
    )
    return service.as_document()


def openapi(facts: NetworkFacts, version: str, streams: tuple[str, ...]) -> Json:
    """`/openapi.json`; version: of the software. streams: media types of answers that come in parts."""
    return openapi_document(
        DescribedBeacon(
            name=facts.name,
            version=version,
            description=facts.description,
            url=facts.url,
            entry_types=facts.entry_types,
            needs_token="PUBLIC" not in facts.security_levels,
            streams=streams,
        )
    )


def beacon_map(facts: NetworkFacts) -> Json:
    """`/map`: the full cross product of entry types, below the external address."""
    return {
        "$schema": f"{_FRAMEWORK}/configuration/beaconMapSchema.json",
        "endpointSets": {kind.value: _endpoints(facts, ENTRY_TYPES[kind]) for kind in facts.entry_types},
    }


def _endpoints(facts: NetworkFacts, entry: EntryTypeFacts) -> Json:
    root = f"{facts.url}/{entry.path}"
    return {
        "entryType": entry.type.value,
        "rootUrl": root,
        "singleEntryUrl": f"{root}/{{id}}",
        "endpoints": {
            kind.value: {"returnedEntryType": kind.value, "url": f"{root}/{{id}}/{ENTRY_TYPES[kind].path}"}
            for kind in facts.entry_types
            if kind is not entry.type
        },
        "openAPIEndpointsDefinition": f"{facts.url}/openapi.json",
    }


def entry_types(facts: NetworkFacts) -> Json:
    """`/entry_types`."""
    return {"entryTypes": {kind.value: _entry_type(ENTRY_TYPES[kind]) for kind in facts.entry_types}}


def _entry_type(entry: EntryTypeFacts) -> Json:
    described: Json = {
        "id": entry.type.value,
        "name": entry.name,
        "description": entry.description,
        "ontologyTermForThisType": {"id": entry.term_id, "label": entry.term_label},
        "partOfSpecification": f"Beacon {SPEC_VERSION}",
        "defaultSchema": {
            "id": entry.schema_id,
            "name": f"Default schema for {entry.name.lower()}",
            "referenceToSchemaDefinition": entry.schema_url,
            "schemaVersion": SPEC_VERSION,
        },
        "additionallySupportedSchemas": [],
        "nonFilteredQueriesAllowed": True,
    }
    if entry.holds:
        described["aCollectionOf"] = [
            {"id": kind.value, "name": ENTRY_TYPES[kind].name} for kind in entry.holds
        ]
    return described


def configuration(facts: NetworkFacts) -> Json:
    """`/configuration`."""
    status = {"prod": "PROD", "test": "TEST", "staging": "TEST"}.get(facts.environment, "DEV")
    return {
        "$schema": f"{_FRAMEWORK}/configuration/beaconConfigurationSchema.json",
        "maturityAttributes": {"productionStatus": status},
        "securityAttributes": {
            "defaultGranularity": facts.default_granularity.name.lower(),
            "securityLevels": list(facts.security_levels),
        },
        **entry_types(facts),
    }
