"""What a Beacon tells about itself: documents made of the same tables that route the requests.

Spec: Beacon v2.2.0, framework `configuration/` and `responses/`; GA4GH service-info 1.0.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from opengdi.discovery.beacon.model import BeaconIdentity, BeaconProfile
from opengdi.discovery.model import FilteringTerm
from opengdi.kernel.principal import Tier
from opengdi.standards.beacon.answer import Document, informational_answer
from opengdi.standards.beacon.entry_types import ENTRY_TYPES, EntryTypeFacts
from opengdi.standards.beacon.openapi import DescribedBeacon, openapi_document
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.beacon.version import SPEC_VERSION
from opengdi.standards.service_info import GA4GH, Organisation, Service, ServiceType

_FRAMEWORK: Final = (
    f"https://raw.githubusercontent.com/ga4gh-beacon/beacon-v2/{SPEC_VERSION}/framework/json/configuration"
)
_SECURITY: Final = {Tier.PUBLIC: "PUBLIC", Tier.REGISTERED: "REGISTERED", Tier.CONTROLLED: "CONTROLLED"}

_ONTOLOGIES: Final = {
    "NCIT": ("NCI Thesaurus", "http://purl.obolibrary.org/obo/ncit.owl", "http://purl.obolibrary.org/obo/NCIT_"),
    "HP": ("Human Phenotype Ontology", "http://purl.obolibrary.org/obo/hp.owl", "http://purl.obolibrary.org/obo/HP_"),
    "MONDO": ("Mondo Disease Ontology", "http://purl.obolibrary.org/obo/mondo.owl", "http://purl.obolibrary.org/obo/MONDO_"),
    "ICD10": ("ICD-10", "https://icd.who.int/browse10", "https://icd.who.int/browse10/2019/en#/"),
    "SNOMED": ("SNOMED CT", "https://www.snomed.org", "http://snomed.info/id/"),
    "LOINC": ("LOINC", "https://loinc.org", "https://loinc.org/"),
    "GAZ": ("Gazetteer", "http://purl.obolibrary.org/obo/gaz.owl", "http://purl.obolibrary.org/obo/GAZ_"),
    "EFO": ("Experimental Factor Ontology", "http://www.ebi.ac.uk/efo/efo.owl", "http://www.ebi.ac.uk/efo/EFO_"),
    "UBERON": ("Uberon", "http://purl.obolibrary.org/obo/uberon.owl", "http://purl.obolibrary.org/obo/UBERON_"),
    "OBI": ("Ontology for Biomedical Investigations", "http://purl.obolibrary.org/obo/obi.owl", "http://purl.obolibrary.org/obo/OBI_"),
}  # fmt: skip


class SelfDescription:
    """The informational documents of one Beacon."""

    def __init__(self, identity: BeaconIdentity, profile: BeaconProfile) -> None:
        self._identity = identity
        self._profile = profile

    def info(self) -> Document:
        """`/` and `/info`. The GDI network reads logo and alternative URL without asking whether they exist."""
        me, organisation = self._identity, self._identity.organisation
        response = {
            "id": me.id,
            "name": me.name,
            "apiVersion": SPEC_VERSION,
            "environment": me.environment,
            "description": me.description,
            "version": me.software_version,
            "welcomeUrl": me.base_url,
            "alternativeUrl": me.alternative_url,
            "organization": {
                "id": organisation.id,
                "name": organisation.name,
                "welcomeUrl": organisation.url,
                "logoUrl": organisation.logo_url,
            },
        }
        return self._informational(response)

    def service_info(self) -> Document:
        """`/service-info`: a bare object without `meta`."""
        me = self._identity
        return Service(
            id=me.id,
            name=me.name,
            type=ServiceType(GA4GH, "beacon", SPEC_VERSION.removeprefix("v")),
            organisation=Organisation(me.organisation.name, me.organisation.url or me.base_url),
            version=me.software_version,
            description=me.description,
            environment=me.environment,
        ).as_document()

    def configuration(self) -> Document:
        """`/configuration`."""
        response = {
            "$schema": f"{_FRAMEWORK}/beaconConfigurationSchema.json",
            "maturityAttributes": {"productionStatus": "PROD" if self._identity.production else "DEV"},
            "securityAttributes": {
                "defaultGranularity": self._profile.granularity.name.lower(),
                "securityLevels": [_SECURITY[self._profile.tier]],
            },
            "entryTypes": self._entry_types(),
        }
        return self._informational(response)

    def entry_types(self) -> Document:
        """`/entry_types`."""
        return self._informational({"entryTypes": self._entry_types()})

    def map(self) -> Document:
        """`/map`: every entry type, its single entries, and the full cross product of what lies below them."""
        sets = {entry_type.value: self._endpoint_set(entry_type) for entry_type in self._profile.entry_types}
        return self._informational({"$schema": f"{_FRAMEWORK}/beaconMapSchema.json", "endpointSets": sets})

    def openapi(self) -> Document:
        """`/openapi.json`."""
        me, profile = self._identity, self._profile
        return openapi_document(
            DescribedBeacon(
                name=me.name,
                version=me.software_version,
                description=me.description,
                url=me.base_url,
                entry_types=profile.entry_types,
                needs_token=profile.tier is not Tier.PUBLIC,
            )
        )

    def filtering_terms(self, terms: Sequence[FilteringTerm]) -> Document:
        """`/filtering_terms`, one page of them, and the ontologies their ids come from."""
        prefixes = sorted(
            {term.id.split(":", 1)[0] for term in terms if term.kind == "ontology" and ":" in term.id}
        )
        response = {
            "filteringTerms": [_term(term) for term in terms],
            "resources": [_resource(each) for each in prefixes],
        }
        return self._informational(response)

    def _informational(self, response: Mapping[str, object]) -> Document:
        return informational_answer(self._identity.id, response)

    def _entry_types(self) -> Document:
        return {
            each.value: _definition(ENTRY_TYPES[each], self._profile) for each in self._profile.entry_types
        }

    def _endpoint_set(self, entry_type: EntryType) -> Document:
        root = f"{self._identity.base_url}/{ENTRY_TYPES[entry_type].path}"
        nested = {
            f"{ENTRY_TYPES[other].path}": {
                "url": f"{root}/{{id}}/{ENTRY_TYPES[other].path}",
                "returnedEntryType": other.value,
            }
            for other in self._profile.entry_types
            if other is not entry_type
        }
        return {
            "entryType": entry_type.value,
            "rootUrl": root,
            "singleEntryUrl": f"{root}/{{id}}",
            "endpoints": nested,
            "openAPIEndpointsDefinition": f"{self._identity.base_url}/openapi.json",
        }


def _definition(facts: EntryTypeFacts, profile: BeaconProfile) -> Document:
    definition: Document = {
        "id": facts.type.value,
        "name": facts.name,
        "description": facts.description,
        "partOfSpecification": f"Beacon {SPEC_VERSION}",
        "ontologyTermForThisType": {"id": facts.term_id, "label": facts.term_label},
        "defaultSchema": {
            "id": facts.schema_id,
            "name": f"Default schema for {facts.name.lower()}",
            "referenceToSchemaDefinition": facts.schema_url,
            "schemaVersion": SPEC_VERSION,
        },
        "additionallySupportedSchemas": [],
        "nonFilteredQueriesAllowed": True,
    }
    held = [each for each in facts.holds if each in profile.entry_types]
    if held:
        definition["aCollectionOf"] = [{"id": each.value, "name": ENTRY_TYPES[each].name} for each in held]
    return definition


def _term(term: FilteringTerm) -> Document:
    told: Document = {"type": term.kind, "id": term.id, "scopes": [scope.value for scope in term.scopes]}
    if term.label:
        told["label"] = term.label
    if term.values:
        told["values"] = list(term.values)
    return told


def _resource(prefix: str) -> Document:
    name, url, iri = _ONTOLOGIES.get(prefix, (prefix, "", ""))
    resource: Document = {"id": prefix.lower(), "name": name, "nameSpacePrefix": prefix}
    return resource | {"url": url, "iriPrefix": iri} if url else resource
