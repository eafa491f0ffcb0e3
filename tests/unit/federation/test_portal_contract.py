"""The deployed portal asks the hub as it asks any Beacon network; what it reads of the answer is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.unit.federation.kit import ScriptedMembers, answer, cell, result_set, variant
from tests.unit.federation.test_network_defects import hub

from opengdi.federation.model import Network
from opengdi.standards.beacon.dataset_info import DatasetInfo

PAGINATION = {"skip": 0, "limit": 1, "currentPage": None, "nextPage": None, "previousPage": None}
CELLS = [cell("Total", 410, 5008), cell("EE", 410, 5008), cell("M", 210, 2500), cell("EE_M", 210, 2500)]


def allele_question(parameters: object, limit: int = 1) -> dict[str, object]:
    return {
        "meta": {"apiVersion": "2.0"},
        "query": {
            "filters": [],
            "includeResultsetResponses": "HIT",
            "pagination": PAGINATION | {"limit": limit},
            "requestParameters": parameters,
            "requestedGranularity": "record",
            "testMode": False,
        },
    }


ALLELE = {
    "referenceName": "3",
    "start": [45864731],
    "referenceBases": "T",
    "alternateBases": "C",
    "assemblyId": "GRCh37",
}
PLACE = {
    "referenceName": "3",
    "start": [45864731],
    "end": [45864732],
    "referenceBases": None,
    "assemblyId": "GRCh37",
}


@pytest.mark.parametrize(
    "parameters, limit", [(ALLELE, 1), (PLACE, 1000), (None, 1)], ids=["allele", "place", "all"]
)
async def test_the_allele_frequency_page_finds_its_rows(
    tmp_path: Path, parameters: object, limit: int
) -> None:
    told = answer(result_set("GDI-EE-A-1", 1, [variant(*CELLS)], DatasetInfo(digest="a")))
    both = answer(
        result_set("GDI-FI-A-1", 1, [variant(*CELLS)], DatasetInfo(digest="b")),
        result_set("GDI-EE-A-1", 1, [variant(*CELLS)], DatasetInfo(digest="a")),
    )
    response = await hub(tmp_path, ScriptedMembers({"ee": told, "fi": both})).post(
        "/g_variants", json=allele_question(parameters, limit)
    )
    assert response.status_code == 200
    sets = response.json()["response"]["resultSets"]
    assert [(each["id"], each["beaconId"][:2]) for each in sets] == [
        ("GDI-EE-A-1", "ee"),
        ("GDI-FI-A-1", "fi"),
    ]
    for row in _rows(sets):
        assert set(row) >= {"population", "alleleFrequency", "alleleCount", "alleleNumber"}
        assert re.fullmatch(r"Total|[A-Z]{2}(_[MF])?|[MF]", row["population"])
    assert len(_rows(sets)) == 8
    locations = [each["variation"]["location"] for item in sets for each in item["results"]]
    assert {place["sequence_id"].split(":")[1] for place in locations} == {"3"}
    assert {place["interval"]["start"]["value"] for place in locations} == {45864731}


def _rows(sets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        row
        for item in sets
        for record in item["results"]
        for block in record["frequencyInPopulations"]
        for row in block["frequencies"]
    ]


PEOPLE = {
    "meta": {"apiVersion": "2.0"},
    "query": {
        "filters": [
            {"id": "NCIT:C16576", "scope": "individual"},
            {"id": "diseases.ageOfOnset.iso8601duration", "operator": ">", "value": "P30Y", "scope": "individual"},
        ],
        "includeResultsetResponses": "HIT",
        "pagination": PAGINATION,
        "requestParameters": {
            "start": "7577120", "end": "7577121", "referenceBases": "G", "alternateBases": "A", "variantType": "SNP",
            "assemblyId": "GRCh38",
        },
        "requestedGranularity": "record",
        "testMode": False,
    },
}  # fmt: skip


async def test_the_dataset_search_gets_one_count_per_dataset_whatever_the_limit(tmp_path: Path) -> None:
    members = ScriptedMembers(
        {
            "ee": answer(result_set("A", 160), result_set("B", 20), granularity="count"),
            "fi": answer(result_set("B", 20), result_set("C", 5), granularity="count"),
        }
    )
    client = hub(tmp_path, members, kind=Network.INDIVIDUALS)
    refused = await client.post("/individuals", json=PEOPLE)
    assert refused.status_code == 401, "the portal then tells the researcher what is missing"
    token = {"Authorization": "Bearer a-token-for-the-portal"}
    found = (await client.post("/individuals", json=PEOPLE, headers=token)).json()
    counted = {
        item["id"]: item["resultsCount"]
        for item in found["response"]["resultSets"]
        if item["setType"] == "dataset" and item["resultsCount"] > 0
    }
    assert counted == {"A": 160, "B": 20, "C": 5}
    assert len(found["response"]["resultSets"]) == 3, (
        "the portal collects into a map and fails on a second id"
    )
    assert found["responseSummary"]["numTotalResults"] == 185
    sent: Any = members.asked[0][1].body
    assert sent["query"]["filters"] == PEOPLE["query"]["filters"]  # type: ignore[index]
