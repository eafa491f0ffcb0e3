"""The pinned schemas judge as they should: nine bodies pass, nine spoilt ones fail. Else a green run proves nothing."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.conformance.official_schemas import OfficialSchemas

META: dict[str, Any] = {
    "beaconId": "ee.test",
    "apiVersion": "v2.2.0",
    "returnedGranularity": "record",
    "returnedSchemas": [],
    "receivedRequestSummary": {
        "apiVersion": "v2.2.0",
        "requestedSchemas": [],
        "pagination": {"skip": 0, "limit": 10},
        "requestedGranularity": "record",
        "requestParameters": {"g_variant": {"referenceName": "3", "start": [1]}},
        "filters": ["NCIT:C16576"],
    },
}
INFORMATIONAL = {"beaconId": "ee.test", "apiVersion": "v2.2.0", "returnedSchemas": []}
VARIANT: dict[str, Any] = {
    "variantInternalId": "x",
    "variation": {
        "variantType": "SNP",
        "alternateBases": "C",
        "location": {
            "type": "SequenceLocation",
            "sequence_id": "refseq:NC_000003.12",
            "interval": {
                "type": "SequenceInterval",
                "start": {"type": "Number", "value": 1},
                "end": {"type": "Number", "value": 2},
            },
        },
    },
    "caseLevelData": [{"biosampleId": "b"}],
}
COUNT = {"exists": True, "numTotalResults": 10, "countPrecision": "imprecise", "countAdjustedTo": ["<10"]}
CONFIGURATION = {
    "$schema": "https://example.org/s.json",
    "maturityAttributes": {"productionStatus": "DEV"},
    "securityAttributes": {"defaultGranularity": "record", "securityLevels": ["PUBLIC"]},
    "entryTypes": {
        "dataset": {
            "id": "dataset",
            "name": "Dataset",
            "partOfSpecification": "Beacon v2.2.0",
            "defaultSchema": {
                "id": "d",
                "name": "d",
                "referenceToSchemaDefinition": "https://example.org/d.json",
            },
        }
    },
}


def result_sets(**more: Any) -> dict[str, Any]:
    instance = {"id": "d", "setType": "dataset", "exists": True, **more}
    return {"meta": META, "responseSummary": {"exists": True}, "response": {"resultSets": [instance]}}


GOOD: dict[str, tuple[str, Any]] = {
    "boolean": ("Boolean", {"meta": META, "responseSummary": {"exists": True}}),
    "count": ("Count", {"meta": META, "responseSummary": COUNT}),
    "a result set without results, legal since 2.2.0": ("Resultsets", result_sets()),
    "records": ("Resultsets", result_sets(resultsCount=1, results=[VARIANT])),
    "collections": (
        "Collections",
        {"meta": META, "responseSummary": {"exists": True}, "response": {"collections": []}},
    ),
    "error": ("Error", {"meta": META, "error": {"errorCode": 400, "errorMessage": "x"}}),
    "configuration": ("Configuration", {"meta": INFORMATIONAL, "response": CONFIGURATION}),
    "filtering terms": (
        "FilteringTerms",
        {"meta": INFORMATIONAL, "response": {"filteringTerms": [{"type": "ontology", "id": "NCIT:C16576"}]}},
    ),
    "variant": ("", VARIANT),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_valid_body_passes(schemas: OfficialSchemas, name: str) -> None:
    kind, document = GOOD[name]
    problems = (
        schemas.response_problems(kind, document)
        if kind
        else schemas.item_problems("genomicVariant", document)
    )
    assert problems == []


def spoilt(name: str, *path: str | int, value: Any = None) -> tuple[str, Any]:
    """A good body with the member at `path` replaced, or removed if `value` is None."""
    kind, good = GOOD[name]
    document = copy.deepcopy(good)
    place = document
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return kind, document


RECEIVED = ("meta", "receivedRequestSummary")
SPOILT = {
    "flat request parameters in the echo": spoilt(
        "boolean", *RECEIVED, "requestParameters", value={"start": 1}
    ),
    "filters as objects in the echo": spoilt("boolean", *RECEIVED, "filters", value=[{"id": "NCIT:C16576"}]),
    "no pagination in the echo": spoilt("boolean", *RECEIVED, "pagination"),
    "an unknown precision": spoilt("count", "responseSummary", "countPrecision", value="noisy"),
    "aggregated granularity": spoilt("boolean", "meta", "returnedGranularity", value="aggregated"),
    "a bare integer in an interval": spoilt("variant", "variation", "location", "interval", "start", value=1),
    "case-level data without a biosample": spoilt("variant", "caseLevelData", value=[{"individualId": "i"}]),
    "an error code as text": spoilt("error", "error", "errorCode", value="400"),
    "a configuration without $schema": spoilt("configuration", "response", "$schema"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_body_fails(schemas: OfficialSchemas, name: str) -> None:
    kind, document = SPOILT[name]
    problems = (
        schemas.response_problems(kind, document)
        if kind
        else schemas.item_problems("genomicVariant", document)
    )
    assert problems
