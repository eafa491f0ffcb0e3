"""A running node over a socket, with 1000 Genomes and CINECA loaded by `gdi`, obeys the official schemas everywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.conformance.beacon_crawl import BeaconCrawl
from tests.conformance.official_schemas import ENTITIES, OfficialSchemas
from tests.system.serving import serving, typed

from opengdi.testing.identity import Signatory, give_keys, key_token, program

DATASET = "GDI-GB-CONFORMANCE-1"
TOKEN = key_token("test")
ISSUER = Signatory()
SUBJECTS = ("individuals", "biosamples", "runs", "analyses", "cohorts")
IDS = {
    "dataset": DATASET,
    "cohort": "CINECA_synthetic_cohort_UK1",
    "genomicVariant": "GRCh38:22:10527034:G:T",
    "individual": "HG00096",
    "biosample": "HG00096",
    "run": "SRR00000001",
    "analysis": "UK1_analysisId_1",
}
OF_PEOPLE = {"individual": "individuals", "biosample": "biosamples", "run": "runs", "analysis": "analyses"}


@pytest.fixture(scope="module")
def node(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("conformance")
    config, release = folder / "gdi.toml", folder / "release.toml"
    config.write_text(
        '[node]\nid = "gb.test"\ncountry = "GB"\n'
        "[disclosure]\naf_budget_factor = 1000.0\nglobal_budget_factor = 1000.0\n" + ISSUER.trust()
    )
    files = "\n".join(
        f"{name} = {json.dumps(str(shared / f'data/cineca/{name}.json.gz'))}" for name in SUBJECTS
    )
    vcf = json.dumps(str(shared / "data/1000g/chr22.grch38.2548x3042.vcf.gz"))
    release.write_text(
        f'[dataset]\nid = "{DATASET}"\nversion = "1"\ntitle = "Real genotypes"\ncountry = "GB"\n'
        f'type = "1MGCohort"\nassembly = "GRCh38"\n[variants]\nfiles = [{vcf}]\non_error = "skip"\n'
        f"[subjects]\n{files}\n"
        "[disclosure]\naf_budget_factor = 1000.0\nglobal_budget_factor = 1000.0\n"
    )
    for arguments in (("load", release), ("publish", DATASET)):
        typed("dataset", *arguments, "--config", config)
    give_keys(config, program("test", registered=True))
    with serving("node", config, folder / "data") as running:
        yield running.public


@pytest.mark.parametrize("base", ["/beacon/aggregated/v2", "/api"])
async def test_frequencies_datasets_and_cohorts_of_real_data_are_valid(
    node: str, schemas: OfficialSchemas, base: str
) -> None:
    async with httpx.AsyncClient(timeout=60) as client:
        report = await BeaconCrawl(client, node + base, schemas, IDS).run()
    assert report.problems == []
    assert set(report.items) == {"genomicVariant", "dataset", "cohort"}


async def test_counts_of_real_people_are_valid_and_no_record_of_theirs_is_told(
    node: str, schemas: OfficialSchemas
) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(timeout=60, headers=headers) as client:
        report = await BeaconCrawl(client, f"{node}/beacon/individuals/v2", schemas, IDS).run()
    assert report.problems == []
    assert set(report.items) == {"cohort", "dataset"}, "collections are told as to everybody"


async def test_the_holder_of_a_visa_gets_valid_records_of_real_people_at_every_endpoint(
    node: str, schemas: OfficialSchemas
) -> None:
    base = f"{node}/beacon/individuals/v2"
    headers = {"Authorization": f"Bearer {ISSUER.passport('ada', DATASET)}"}
    async with httpx.AsyncClient(timeout=60, headers=headers) as client:
        crawl = BeaconCrawl(client, base, schemas, IDS, limit=10)
        report = await crawl.run()
        endpoints = list(crawl.endpoints((await client.get(f"{base}/map")).json()))
    assert report.problems == []
    of_people = {each.url.removeprefix(base) for each in endpoints if each.entry_type in OF_PEOPLE}
    assert len(of_people) == 4 + 4 + 3 * 4 + 3 * 4, (
        "lists, single entries, and below people and below the rest"
    )
    collections = {
        each.url.removeprefix(base) for each in endpoints if each.entry_type in ("cohort", "dataset")
    }
    assert report.told - collections == of_people | {f"/g_variants/{IDS['genomicVariant']}"}, (
        "and who carries an allele"
    )
    assert set(report.items) == {*OF_PEOPLE, "genomicVariant", "cohort", "dataset"}


@pytest.mark.parametrize("entry_type", OF_PEOPLE)
def test_a_told_record_that_is_spoilt_fails(node: str, schemas: OfficialSchemas, entry_type: str) -> None:
    headers = {"Authorization": f"Bearer {ISSUER.passport('ada', DATASET)}"}
    url = f"{node}/beacon/individuals/v2/{OF_PEOPLE[entry_type]}/{IDS[entry_type]}"
    answer = httpx.get(url, params={"requestedGranularity": "record"}, headers=headers).json()
    (record,) = answer["response"]["resultSets"][0]["results"]
    assert record["id"] == IDS[entry_type]
    assert schemas.item_problems(entry_type, record) == []
    assert schemas.item_problems(entry_type, record | {"id": 5})


async def test_test_mode_over_a_socket_tells_valid_records(node: str, schemas: OfficialSchemas) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(timeout=60, headers=headers) as client:
        report = await BeaconCrawl(
            client, f"{node}/beacon/individuals/v2", schemas, dict.fromkeys(ENTITIES, "x")
        ).run(test_mode=True)
    assert report.problems == []
    assert set(report.items) == set(ENTITIES)


async def test_a_thousand_real_records_are_valid(node: str, schemas: OfficialSchemas) -> None:
    parameters = {"referenceName": "22", "start": [10_000_000], "end": [19_000_000], "assemblyId": "GRCh38"}
    question = {
        "requestParameters": parameters,
        "pagination": {"limit": 1000},
        "requestedGranularity": "record",
    }
    async with httpx.AsyncClient(timeout=60) as client:
        answer = await client.post(
            f"{node}/beacon/aggregated/v2/g_variants", json={"meta": {}, "query": question}
        )
    records = answer.json()["response"]["resultSets"][0]["results"]
    assert len(records) > 500
    assert [
        problem for record in records for problem in schemas.item_problems("genomicVariant", record)
    ] == []
