"""Every advertised endpoint, verb, granularity and include mode of both Beacons obeys the official schemas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conformance.beacon_crawl import BeaconCrawl
from tests.conformance.official_schemas import ENTITIES, OfficialSchemas
from tests.node_beacons import (
    AGGREGATED,
    ASTHMA,
    FEMALE,
    INDIVIDUALS,
    PORTAL_ROW,
    TOKEN,
    HeldRows,
    NodeBeacons,
    Person,
    counts,
    manifest,
    node_beacons,
)

from opengdi.discovery.beacon.virtual import virtual_id
from opengdi.discovery.model import Cohort
from opengdi.standards.beacon.questions import EntryType
from opengdi.testing.variants import site_row

NUMBERS = counts((410, 200, 210), (2000, 1000, 1000))
ROWS = [
    PORTAL_ROW,
    site_row("3", 45864800, "A", "AGT", NUMBERS, genotype_row=1),
    site_row("3", 45864900, "CTT", "C", NUMBERS, genotype_row=2),
    site_row("3", 45865000, "CT", "GAA", NUMBERS, genotype_row=3),
    site_row("3", 45866000, "G", "<DEL>", NUMBERS, end=45867000, genotype_row=4),
    site_row("3", 45868000, "G", "<CNV>", NUMBERS, end=45869000, genotype_row=5),
    site_row("3", 45870000, "G", "G]17:198982]", NUMBERS, genotype_row=6),
    site_row("3", 45870100, "G", "*", NUMBERS, genotype_row=7),
    site_row("MT", 100, "G", "A", counts((410, 200, 210), (1000, 500, 500)), genotype_row=8),
]
PEOPLE = [
    Person(frozenset({FEMALE} | ({ASTHMA} if number % 3 else set())), 30, frozenset({0}))
    for number in range(1000)
]
COHORT = Cohort(
    "cohort-1",
    {
        "name": "Cohort one",
        "cohortType": "study-defined",
        "collectionEvents": [
            {
                "eventSize": 1000,
                "eventGenders": {
                    "availability": True,
                    "availabilityCount": 1000,
                    "distribution": {"genders": {"female": 600, "male": 397, "other": 3}},
                },
            }
        ],
    },
    None,
)
IDS = {
    "dataset": "GDI-EE-UT-1",
    "cohort": "cohort-1",
    "genomicVariant": "GRCh37:3:45864732:T:C",
    "individual": "individual-1",
    "biosample": "biosample-1",
    "run": "run-1",
    "analysis": "analysis-1",
}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeBeacons]:
    held = [
        HeldRows(manifest(created="2026-01-31T10:00:00Z", description="One"), ROWS, PEOPLE, [COHORT]),
        HeldRows(manifest("GDI-EE-UT-2"), [PORTAL_ROW], PEOPLE),
    ]
    with node_beacons(tmp_path, held, access_url="https://rems.test/apply?resource={dataset}") as node:
        yield node


async def test_the_aggregated_beacon_obeys_at_every_endpoint(
    node: NodeBeacons, schemas: OfficialSchemas
) -> None:
    async with node.client() as client:
        report = await BeaconCrawl(client, f"https://node.test{AGGREGATED}", schemas, IDS).run()
    assert report.problems == []
    assert report.calls == (3 + 3 + 3 * 2) * 25
    assert set(report.items) == {"genomicVariant", "dataset", "cohort"}


async def test_the_subject_level_beacon_obeys_at_every_endpoint(
    node: NodeBeacons, schemas: OfficialSchemas
) -> None:
    async with node.client(TOKEN) as client:
        report = await BeaconCrawl(client, f"https://node.test{INDIVIDUALS}", schemas, IDS).run()
    assert report.problems == []
    assert report.calls == (7 + 7 + 7 * 6) * 25
    assert set(report.items) == {"cohort", "dataset"}, "the subject-level Beacon told records of people"
    assert report.lowered > 0


async def test_test_mode_tells_valid_records_of_every_entry_type(
    node: NodeBeacons, schemas: OfficialSchemas
) -> None:
    ids = {each.value: virtual_id(each) for each in EntryType}
    async with node.client(TOKEN) as client:
        report = await BeaconCrawl(client, f"https://node.test{INDIVIDUALS}", schemas, ids).run(
            test_mode=True
        )
    assert report.problems == []
    assert set(report.items) == set(ENTITIES)


async def test_every_failure_has_the_shape_of_a_beacon_error(
    node: NodeBeacons, schemas: OfficialSchemas
) -> None:
    async with node.client() as client:
        answers = [
            await client.get(f"{AGGREGATED}/nothing"),
            await client.get(f"{AGGREGATED}/g_variants", params={"start": "x"}),
            await client.post(f"{AGGREGATED}/g_variants", content=b"{"),
            await client.put(f"{AGGREGATED}/g_variants"),
            await client.get(f"{INDIVIDUALS}/individuals"),
            await client.post(f"{AGGREGATED}/g_variants", content=b" " * 2_000_000),
        ]
    assert [answer.status_code for answer in answers] == [404, 400, 400, 405, 401, 413]
    assert [schemas.response_problems("Error", answer.json()) for answer in answers] == [[]] * 6
    assert [answer.json()["error"]["errorCode"] for answer in answers] == [404, 400, 400, 405, 401, 413]


@pytest.mark.parametrize("version", ["v2.0.0", "2.1", "v2.2.0"])
async def test_records_for_clients_of_every_version_are_valid_and_measurements_have_the_name_they_know(
    node: NodeBeacons, schemas: OfficialSchemas, version: str
) -> None:
    query = {"testMode": True, "requestedGranularity": "record", "pagination": {"limit": 0}}
    body = {"meta": {"apiVersion": version}, "query": query}
    answer = (await node.post(f"{INDIVIDUALS}/individuals", body, TOKEN)).json()
    assert schemas.response_problems("Resultsets", answer) == []
    people = answer["response"]["resultSets"][0]["results"]
    assert [problem for each in people for problem in schemas.item_problems("individual", each)] == []
    measured = [each for each in people if "measurements" in each]
    assert measured
    known = {each.get("measures") == each["measurements"] for each in measured}
    assert known == {version != "v2.2.0"}


async def test_versions_and_schemas_that_there_are_not_are_refused_in_valid_form(
    node: NodeBeacons, schemas: OfficialSchemas
) -> None:
    phenopackets = [{"entityType": "Individual", "schema": "ga4gh-phenopacket-individual-v0.1"}]
    for meta, named in (
        ({"apiVersion": "v1.1.0"}, "v2.0, v2.1 and v2.2"),
        ({"apiVersion": "v3.0"}, "v2.0, v2.1 and v2.2"),
        ({"apiVersion": "2.0", "requestedSchemas": phenopackets}, "ga4gh-beacon-individual-v2.2.0"),
    ):
        for test_mode in (False, True):
            body = {"meta": meta, "query": {"testMode": test_mode}}
            answer = await node.post(f"{INDIVIDUALS}/individuals", body, TOKEN)
            assert answer.status_code == 400
            assert named in answer.json()["error"]["errorMessage"]
            assert schemas.response_problems("Error", answer.json()) == []
    got = await node.get(f"{AGGREGATED}/g_variants", requestedSchema="ga4gh-beacon-individual-v2.0.0")
    assert got.status_code == 400
    assert "g_variants are told by ga4gh-beacon-variant-v2.2.0" in got.json()["error"]["errorMessage"]
    got = await node.get(
        f"{AGGREGATED}/g_variants", requestedSchema="ga4gh-beacon-variant-v2.0.0", apiVersion="2.0"
    )
    assert got.status_code == 200
