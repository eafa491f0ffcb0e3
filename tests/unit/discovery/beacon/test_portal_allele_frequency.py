"""The portal's allele-frequency question, byte for byte, and every field that the portal reads of the answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.node_beacons import AGGREGATED, PORTAL_ROW, HeldRows, NodeBeacons, manifest, node_beacons

BODY = {
    "meta": {"apiVersion": "2.0"},
    "query": {
        "filters": [],
        "includeResultsetResponses": "HIT",
        "pagination": {"skip": 0, "limit": 1, "currentPage": None, "nextPage": None, "previousPage": None},
        "requestParameters": {
            "referenceName": "3",
            "start": [45864731],
            "referenceBases": "T",
            "alternateBases": "C",
            "assemblyId": "GRCh37",
        },
        "requestedGranularity": "record",
        "testMode": False,
    },
}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeBeacons]:
    with node_beacons(tmp_path, [HeldRows(manifest(), [PORTAL_ROW])]) as node:
        yield node


async def test_the_portal_finds_every_field_it_reads(node: NodeBeacons) -> None:
    answer = (await node.post(f"{AGGREGATED}/g_variants", BODY)).json()
    assert answer["responseSummary"] == {"exists": True, "numTotalResults": 1, "countPrecision": "exact"}
    (result_set,) = answer["response"]["resultSets"]
    assert (result_set["id"], result_set["setType"], result_set["exists"]) == ("GDI-EE-UT-1", "dataset", True)
    assert result_set["resultsCount"] == 1
    (record,) = result_set["results"]
    assert record["variantInternalId"] == "GRCh37:3:45864732:T:C"
    assert record["identifiers"] == {"genomicHGVSId": "NC_000003.11:g.45864732T>C"}
    assert record["variation"] == {
        "variantType": "SNP",
        "referenceBases": "T",
        "alternateBases": "C",
        "location": {
            "type": "SequenceLocation",
            "sequence_id": "HGVSid:3:g.45864732T>C",
            "interval": {
                "type": "SequenceInterval",
                "start": {"type": "Number", "value": 45864731},
                "end": {"type": "Number", "value": 45864732},
            },
        },
    }
    (block,) = record["frequencyInPopulations"]
    assert block["source"] == "The Genome of Europe"
    assert block["sourceReference"] == "https://genomeofeurope.eu/"
    assert block["frequencies"][2] == {
        "population": "M",
        "alleleFrequency": 0.21,
        "alleleCount": 210,
        "alleleNumber": 1000,
        "alleleCountHomozygous": 25,
        "alleleCountHeterozygous": 160,
        "alleleCountHemizygous": 0,
    }


async def test_meta_names_the_country_and_repeats_the_request(node: NodeBeacons) -> None:
    meta = (await node.post(f"{AGGREGATED}/g_variants", BODY)).json()["meta"]
    assert meta["beaconId"].startswith("ee.")
    assert meta["apiVersion"] == "v2.2.0"
    assert meta["returnedGranularity"] == "record"
    assert meta["returnedSchemas"][0]["entityType"] == "genomicVariant"
    assert meta["returnedSchemas"][0]["schema"].endswith("genomicVariations/defaultSchema.json")
    summary = meta["receivedRequestSummary"]
    assert summary["apiVersion"] == "2.0"
    assert summary["requestedSchemas"] == []
    assert (summary["pagination"]["skip"], summary["pagination"]["limit"]) == (0, 1)
    assert summary["requestParameters"] == {"g_variant": BODY["query"]["requestParameters"]}
    assert summary["includeResultsetResponses"] == "HIT"
