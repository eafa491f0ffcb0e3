"""Two real nodes and a hub, as processes: load, publish, ask across borders."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conformance.beacon_crawl import BeaconCrawl
from tests.conformance.official_schemas import OfficialSchemas
from tests.system.serving import Serving, run_gdi
from tests.system.two_nodes import (
    CARRIERS,
    COMMON,
    CRAWLER,
    FINNISH,
    NETWORK,
    OF_NODE,
    PERSON,
    RARE,
    SHARED,
    Federation,
    at,
    two_nodes_and_a_hub,
)
from tests.system.websocket_clients import ask as ask_by_socket

from opengdi.standards.beacon.entry_types import ENTRY_TYPES
from opengdi.standards.beacon.questions import EntryType
from opengdi.testing.identity import key_id


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    with two_nodes_and_a_hub(tmp_path_factory.mktemp("federation")) as running:
        yield running


def totals(found: Any) -> dict[str, tuple[int, int]]:
    """(AC, AN) of Total by dataset."""
    return {
        item["id"]: (cell["alleleCount"], cell["alleleNumber"])
        for item in found["response"]["resultSets"]
        for record in item["results"]
        for block in record["frequencyInPopulations"]
        for cell in block["frequencies"]
        if cell["population"] == "Total"
    }


def test_an_allele_is_counted_in_both_countries_and_pooled(federation: Federation) -> None:
    found = federation.ask("g_variants", requestParameters=at(COMMON), requestedGranularity="record")
    assert totals(found) == {"GDI-EE-OWN-1": (30, 120), "GDI-FI-OWN-1": (24, 120), SHARED: (36, 120)}
    assert [line["status"] for line in found["info"]["members"]] == ["ok", "ok"]
    assert found["responseSummary"]["numTotalResults"] == 3
    (allele,) = found["info"]["pooledFrequencies"]
    pooled = {item["population"]: item for item in allele["populations"]}["Total"]
    assert (pooled["alleleCount"], pooled["alleleNumber"]) == (90, 360)
    assert pooled["datasets"] == ["GDI-EE-OWN-1", SHARED, "GDI-FI-OWN-1"] or set(pooled["datasets"]) == set(
        CARRIERS
    )


def test_an_allele_is_found_by_its_name_too(federation: Federation) -> None:
    name = {"genomicAlleleShortForm": f"NC_000003.12:g.{COMMON + 1}T>C"}
    found = federation.ask("g_variants", requestParameters=name, requestedGranularity="record")
    assert [line["status"] for line in found["info"]["members"]] == ["ok", "ok"]
    assert totals(found) == {"GDI-EE-OWN-1": (30, 120), "GDI-FI-OWN-1": (24, 120), SHARED: (36, 120)}


def test_a_dataset_on_two_nodes_is_as_open_as_the_stricter_one(federation: Federation) -> None:
    direct = httpx.post(
        f"{federation.nodes['ee'].public}/beacon/aggregated/v2/g_variants",
        json={"query": {"requestParameters": at(RARE), "requestedGranularity": "record"}},
    ).json()
    assert totals(direct) == {SHARED: (10, 120)}, "EE alone would tell"
    for granularity in ("boolean", "count", "record"):
        found = federation.ask("g_variants", requestParameters=at(RARE), requestedGranularity=granularity)
        assert found["responseSummary"]["exists"] is False
        assert found["response"]["resultSets"] == []


def test_an_allele_of_one_country_is_found_there_only(federation: Federation) -> None:
    found = federation.ask("g_variants", requestParameters=at(FINNISH), requestedGranularity="record")
    assert totals(found) == {"GDI-FI-OWN-1": (40, 120)}
    assert [item["beaconId"] for item in found["response"]["resultSets"]] == ["fi.af"]


def test_people_are_counted_for_a_registered_person_and_each_dataset_once(federation: Federation) -> None:
    query = {"filters": [{"id": "NCIT:C16576", "scope": "individual"}], "requestedGranularity": "record"}
    refused = httpx.post(f"{federation.hub.public}{NETWORK}/individuals", json={"query": query})
    assert refused.status_code == 401
    found = federation.ask("individuals", token=PERSON, **query)
    assert found["meta"]["returnedGranularity"] == "count"
    sets = {item["id"]: item for item in found["response"]["resultSets"]}
    assert set(sets) == set(CARRIERS)
    for item in sets.values():
        assert item["setType"] == "dataset"
        assert 25 <= item["resultsCount"] <= 35, "30 people, rounded"
    assert [line["status"] for line in found["info"]["members"]] == ["ok", "ok"]


def test_carriers_with_a_phenotype_are_counted_across_borders(federation: Federation) -> None:
    found = federation.ask(
        "individuals", token=PERSON, requestedGranularity="count", requestParameters=at(FINNISH),
        filters=[{"id": "NCIT:C20197", "scope": "individual"}],
    )  # fmt: skip
    (only,) = found["response"]["resultSets"]
    assert only["id"] == "GDI-FI-OWN-1"
    assert 15 <= only["resultsCount"] <= 25, "20 of the 40 carriers are men"


@pytest.mark.parametrize(
    "path", ["info", "map", "configuration", "entry_types", "filtering_terms", "service-info", ""]
)
def test_the_network_presents_itself_by_get_and_post(federation: Federation, path: str) -> None:
    url = f"{federation.hub.public}{NETWORK}/{path}".rstrip("/")
    for _ in range(5):  # what members say about themselves may arrive between the two
        gotten, posted = httpx.get(url), httpx.post(url)
        assert gotten.status_code == posted.status_code == 200
        if gotten.json() == posted.json():
            return
    assert gotten.json() == posted.json()


@pytest.mark.parametrize(
    "mount, levels",
    [
        ("/v2.0.0", ["PUBLIC", "REGISTERED", "CONTROLLED"]),
        ("/aggregated/v2.0.0", ["PUBLIC"]),
        ("/individuals/v2.0.0", ["REGISTERED", "CONTROLLED"]),
    ],
)
def test_a_mount_says_how_much_it_tells_whoever_does_not_ask_for_more(
    federation: Federation, mount: str, levels: list[str]
) -> None:
    base = f"{federation.hub.public}{NETWORK.removesuffix('/v2.0.0')}{mount}"
    said = httpx.get(f"{base}/configuration").json()["response"]["securityAttributes"]
    assert said["securityLevels"] == levels
    if "REGISTERED" in levels:
        headers = {"Authorization": f"Bearer {PERSON}"}
        told = httpx.get(f"{base}/individuals", headers=headers, timeout=20).json()
        assert told["meta"]["returnedGranularity"] == said["defaultGranularity"] == "count"
        assert httpx.get(f"{base}/individuals").status_code == 401, "not PUBLIC"
    else:
        told = httpx.get(
            f"{base}/g_variants?start=45864731&referenceName=21&assemblyId=GRCh37", timeout=20
        ).json()
        assert told["meta"]["returnedGranularity"] == said["defaultGranularity"] == "record"


def test_every_mapped_path_answers(federation: Federation) -> None:
    mapped = httpx.get(f"{federation.hub.public}{NETWORK}/map").json()["response"]["endpointSets"]
    assert len(mapped) == 7
    headers = {"Authorization": f"Bearer {PERSON}"}
    for kind in mapped:
        path = next(facts.path for entry, facts in ENTRY_TYPES.items() if entry.value == kind)
        answer = httpx.get(f"{federation.hub.public}{NETWORK}/{path}", headers=headers, timeout=20)
        assert answer.status_code == 200, (path, answer.text)
        assert [line["status"] for line in answer.json()["info"]["members"]] == ["ok", "ok"], (
            path,
            answer.text,
        )


def test_datasets_are_listed_once_each(federation: Federation) -> None:
    found = httpx.get(f"{federation.hub.public}{NETWORK}/datasets").json()
    assert sorted(item["id"] for item in found["response"]["collections"]) == sorted(CARRIERS)


async def test_every_body_of_the_network_obeys_the_official_schemas(
    federation: Federation, shared: Path
) -> None:
    ids = {entry.value: "GDI-EE-OWN-1" if entry is EntryType.DATASET else "no-such-id" for entry in EntryType}
    ids["genomicVariant"] = f"GRCh38:3:{COMMON + 1}:T:C"
    headers = {"Authorization": f"Bearer {CRAWLER}"}
    async with httpx.AsyncClient(headers=headers, timeout=20) as client:
        # /map names the address in the settings, not the free port of this test
        crawl = BeaconCrawl(_Redirected(client, federation.hub.public), NETWORK, OfficialSchemas(shared), ids)
        report = await crawl.run()
    assert report.problems == []
    assert report.calls == 7 * 8 * 25
    assert report.items["genomicVariant"] > 0
    assert report.items["dataset"] > 0


class _Redirected:
    """A client that reaches the hub where it really listens."""

    def __init__(self, client: httpx.AsyncClient, hub: str) -> None:
        self._client = client
        self._hub = hub

    def _where(self, url: str) -> str:
        return self._hub + url[url.index(NETWORK) :]

    async def get(self, url: str, **options: Any) -> httpx.Response:
        return await self._client.get(self._where(url), **options)

    async def post(self, url: str, **options: Any) -> httpx.Response:
        return await self._client.post(self._where(url), **options)


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_every_answer_of_the_hub_is_in_its_audit_chain(federation: Federation, accept: str) -> None:
    headers = {"Accept": accept, "X-Request-Id": f"audited-{accept[:4]}", "Authorization": f"Bearer {PERSON}"}
    assert httpx.get(f"{federation.hub.public}{NETWORK}/individuals", headers=headers, timeout=20).is_success
    config = federation.hub.log.with_name("gdi.toml")
    assert run_gdi("audit", "verify", "--config", config).returncode == 0
    shown = run_gdi("audit", "show", "--json", "--config", config).stdout.splitlines()
    events = [event for event in map(json.loads, shown) if event["request"] == headers["X-Request-Id"]]
    assert [event["action"] for event in events] == ["network.query", "network.answer"]
    assert {event["actor"] for event in events} == {f"key:{key_id('researcher')}"}
    assert events[-1]["objects"][:2] == ["member:ee.sl:ok", "member:fi.sl:ok"]
    assert set(events[-1]["objects"][2:]) == {f"dataset:{dataset}" for dataset in CARRIERS}
    assert "registry.accept" in {json.loads(line)["action"] for line in shown}


def questions_to(node: Serving) -> int:
    """How many questions about variants the node's aggregated Beacon answered."""
    told = httpx.get(f"{node.management}/metrics").text
    counted = re.findall(
        r'^opengdi_http_requests_total\{.*route="/beacon/aggregated/v2/g_variants".*\} (\S+)$',
        told,
        re.MULTILINE,
    )
    return int(sum(map(float, counted)))


def test_a_reload_spares_the_nodes_and_a_dataset_that_a_node_hides_is_gone_at_the_hub_too(
    federation: Federation,
) -> None:
    question = {
        "requestParameters": at(FINNISH),
        "requestedGranularity": "record",
        "datasetIds": ["GDI-FI-OWN-1"],
    }
    node, config = federation.nodes["fi"], federation.nodes["fi"].log.with_name("gdi.toml")
    first = federation.ask("g_variants", **question)
    before = questions_to(node)
    again = federation.ask("g_variants", **question)
    assert questions_to(node) == before > 0
    assert totals(again) == totals(first) == {"GDI-FI-OWN-1": (40, 120)}
    assert all("ageMs" in line for line in again["info"]["members"])
    kept = httpx.get(f"{federation.hub.management}/metrics").text
    assert re.search(r'^opengdi_network_kept_answers_total\{look="hit"\} [1-9]', kept, re.MULTILINE)
    try:
        assert run_gdi("dataset", "hide", "GDI-FI-OWN-1", "--config", config).returncode == 0
        hidden = time.monotonic()
        while totals(federation.ask("g_variants", **question)):
            assert time.monotonic() - hidden < 5.0
            time.sleep(0.05)
    finally:
        assert run_gdi("dataset", "publish", "GDI-FI-OWN-1", "--config", config).returncode == 0
    published = time.monotonic()
    while totals(federation.ask("g_variants", **question)) != totals(first):
        assert time.monotonic() - published < 5.0
        time.sleep(0.05)


async def test_a_hub_answers_over_a_websocket_and_logs_nothing_of_the_question(
    federation: Federation,
) -> None:
    query = {"requestParameters": at(COMMON), "requestedGranularity": "record"}
    told = await ask_by_socket(f"{federation.hub.public}{NETWORK}/g_variants", {"query": query}, token=PERSON)
    posted = federation.ask("g_variants", token=PERSON, **query)
    assert told.code == 1000
    *growing, whole = told.frames
    for each in growing:  # one, unless both nodes answer in one moment
        assert sorted(line["status"] for line in each["info"]["members"]) == ["ok", "waiting"]
        assert SHARED not in totals(each), "the other node may be stricter"
    assert totals(whole) == totals(posted)
    assert whole["info"]["pooledFrequencies"] == posted["info"]["pooledFrequencies"]
    await ask_by_socket(f"{federation.hub.public}{NETWORK}/g_variants?start={RARE}&referenceName=3")
    assert str(RARE) not in federation.hub.log.read_text()


def test_no_secret_is_in_any_log(federation: Federation) -> None:
    federation.ask("individuals", token=PERSON, requestedGranularity="count")
    for process in (*federation.nodes.values(), federation.hub):
        log = process.log.read_text()
        for secret in (PERSON, CRAWLER, *OF_NODE.values(), "eyJ"):
            assert secret not in log
