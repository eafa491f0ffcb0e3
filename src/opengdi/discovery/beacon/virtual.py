"""Virtual data for test mode: one invented dataset, the same at every node, told at any granularity to anybody.

A request in test mode is read, checked and answered in full form without touching a person's data. Filters are
accepted and not applied, which the answer says; an id in the path selects the virtual entry of that id.

Spec: Beacon v2.2.0, beaconCommonComponents.json, TestMode: "MUST respond the request but it SHOULD use virtual or
non-sensitive data".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opengdi.discovery.beacon.model import Findings, Outcome
from opengdi.kernel.disclosure.counts import publish_items
from opengdi.standards.beacon.entry_types import ENTRY_TYPES
from opengdi.standards.beacon.questions import BeaconRequest, EntryType, Page
from opengdi.standards.beacon.variant_ids import variant_id
from opengdi.standards.coordinates import Assembly, accession
from opengdi.standards.hgvs import genomic_change

DATASET_ID: Final = "GDI-XX-VIRTUAL-1"
_NOTE: Final = "testMode: these data are invented; filters and parameters were checked and not applied"

Record = Mapping[str, object]


def _variant(contig: str, start: int, ref: str, alt: str, word: str) -> Record:
    end = start + len(ref)
    change = genomic_change(start, end, ref, alt)
    frequencies = [
        {
            "population": population,
            "alleleFrequency": 0.25,
            "alleleCount": 50,
            "alleleNumber": 200,
            "alleleCountHomozygous": 10,
            "alleleCountHeterozygous": 30,
            "alleleCountHemizygous": 0,
        }
        for population in ("Total", "F", "M")
    ]
    return {
        "variantInternalId": variant_id(Assembly.GRCh38, contig, start, end, ref, alt),
        "identifiers": {"genomicHGVSId": f"{accession(contig, Assembly.GRCh38)}:g.{change}"},
        "variation": {
            "variantType": word,
            "referenceBases": ref,
            "alternateBases": alt,
            "location": {
                "type": "SequenceLocation",
                "sequence_id": f"HGVSid:{contig}:g.{change}",
                "interval": {
                    "type": "SequenceInterval",
                    "start": {"type": "Number", "value": start},
                    "end": {"type": "Number", "value": end},
                },
            },
        },
        "frequencyInPopulations": [
            {"source": "virtual data", "sourceReference": DATASET_ID, "frequencies": frequencies}
        ],
    }


def _term(identifier: str, label: str) -> Record:
    return {"id": identifier, "label": label}


_FEMALE, _MALE = _term("NCIT:C16576", "female"), _term("NCIT:C20197", "male")

RECORDS: Final[Mapping[EntryType, tuple[Record, ...]]] = {
    EntryType.DATASET: (
        {
            "id": DATASET_ID,
            "name": "Virtual dataset",
            "description": "Invented data for test mode.",
            "version": "1",
        },
    ),
    EntryType.COHORT: (
        {
            "id": "virtual-cohort",
            "name": "Virtual cohort",
            "cohortType": "beacon-defined",
            "cohortSize": 100,
            "collectionEvents": [
                {
                    "eventSize": 100,
                    "eventGenders": {
                        "availability": True,
                        "availabilityCount": 100,
                        "distribution": {"genders": {"female": 50, "male": 50}},
                    },
                }
            ],
        },
    ),
    EntryType.GENOMIC_VARIANT: (
        _variant("3", 45823239, "T", "C", "SNP"),
        _variant("22", 16050074, "", "AC", "INS"),
        _variant("22", 16050200, "GT", "", "DEL"),
    ),
    EntryType.INDIVIDUAL: tuple(
        {
            "id": f"virtual-individual-{number}",
            "sex": sex,
            "geographicOrigin": _term("GAZ:00002955", "Slovenia"),
            "diseases": [
                {
                    "diseaseCode": _term("MONDO:0004979", "asthma"),
                    "ageOfOnset": {"iso8601duration": "P30Y"},
                }
            ],
            "measurements": [
                {
                    "assayCode": _term("LOINC:35925-4", "BMI"),
                    "measurementValue": {"unit": _term("NCIT:C49671", "kg/m2"), "value": 24.5},
                }
            ],
        }
        for number, sex in enumerate((_FEMALE, _MALE), start=1)
    ),
    EntryType.BIOSAMPLE: (
        {
            "id": "virtual-biosample-1",
            "individualId": "virtual-individual-1",
            "biosampleStatus": _term("EFO:0009655", "abnormal sample"),
            "sampleOriginType": _term("UBERON:0000178", "blood"),
            "collectionDate": "2026-01-31",
        },
    ),
    EntryType.RUN: (
        {
            "id": "virtual-run-1",
            "biosampleId": "virtual-biosample-1",
            "individualId": "virtual-individual-1",
            "runDate": "2026-02-28",
            "libraryLayout": "PAIRED",
        },
    ),
    EntryType.ANALYSIS: (
        {
            "id": "virtual-analysis-1",
            "runId": "virtual-run-1",
            "biosampleId": "virtual-biosample-1",
            "individualId": "virtual-individual-1",
            "analysisDate": "2026-03-31",
            "pipelineName": "virtual-pipeline",
        },
    ),
}


class VirtualData:
    """Answers in test mode."""

    def find(self, request: BeaconRequest, page: Page, *, with_records: bool) -> Findings:
        """One page of virtual entries of the type asked for."""
        records = [record for record in RECORDS[request.entry_type] if _is_named(record, request)]
        if request.datasets is not None and DATASET_ID not in request.datasets:
            records = []
        first = page.skip * page.limit
        collected = ENTRY_TYPES[request.entry_type].is_collection
        shown = records[first : first + page.limit] if with_records or collected else None
        outcome = Outcome(DATASET_ID, publish_items(len(records)), shown)
        return Findings([outcome], notes={"testMode": _NOTE}, more=len(records) > first + page.limit)


def _is_named(record: Record, request: BeaconRequest) -> bool:
    identifier = record.get("id", record.get("variantInternalId"))
    return request.entry_id is None or identifier == request.entry_id
