"""Two real nodes and a hub, as processes: load, publish, ask across borders.

EE and FI each hold 60 people of their own. A third dataset lies at both nodes, at EE under a floor of 5 alleles and at
FI under one of 20.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conformance.beacon_crawl import BeaconCrawl
from tests.conformance.official_schemas import OfficialSchemas
from tests.system.serving import Serving, run_gdi, serving

from opengdi.standards.beacon.entry_types import ENTRY_TYPES
from opengdi.standards.beacon.questions import EntryType

PEOPLE = 60
PERSON = "token-of-a-researcher-01"
OF_NODE = {"ee": "token-ee-gave-the-hub-01", "fi": "token-fi-gave-the-hub-01"}
NETWORK = "/beacon-network/v2.0.0"
SHARED = "GDI-EU-SHARED-1"
COMMON, RARE, FINNISH = 45864731, 45864800, 45864900
"""0-based positions on chromosome 3: carried in all, by ten people of the shared dataset, in Finland only."""

CARRIERS: Mapping[str, Mapping[int, int]] = {
    "GDI-EE-OWN-1": {COMMON: 30},
    "GDI-FI-OWN-1": {COMMON: 24, FINNISH: 40},
    SHARED: {COMMON: 36, RARE: 10},
}
"""Heterozygous people by dataset and position."""


@dataclass(frozen=True)
class Federation:
    """The running processes."""

    nodes: Mapping[str, Serving]
    hub: Serving

    def ask(self, path: str, *, token: str | None = None, **query: object) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = httpx.post(
            f"{self.hub.public}{NETWORK}/{path}", json={"query": query}, headers=headers, timeout=20
        )
        assert answer.status_code == 200, answer.text
        return answer.json()


def at(position: int) -> dict[str, object]:
    return {
        "referenceName": "3", "start": [position], "referenceBases": "T", "alternateBases": "C", "assemblyId": "GRCh38",
    }  # fmt: skip


def write_release(folder: Path, dataset: str, country: str, floor: int) -> Path:
    folder.mkdir(parents=True)
    samples = [f"{dataset}-{number}" for number in range(PEOPLE)]
    lines = ["##fileformat=VCFv4.3", '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    lines.append(
        "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples])
    )
    for position, carriers in sorted(CARRIERS[dataset].items()):
        genotypes = ["0/1" if number < carriers else "0/0" for number in range(PEOPLE)]
        lines.append("\t".join(["3", str(position + 1), ".", "T", "C", ".", "PASS", ".", "GT", *genotypes]))
    (folder / "chr3.vcf").write_text("\n".join(lines) + "\n")
    people = [
        {"id": name, "sex": {"id": "NCIT:C16576" if place % 2 else "NCIT:C20197", "label": "x"}}
        for place, name in enumerate(samples)
    ]
    (folder / "individuals.json").write_text(json.dumps(people))
    (folder / "release.toml").write_text(
        f'[dataset]\nid = "{dataset}"\nversion = "1"\ntitle = "T"\ncountry = "{country}"\nassembly = "GRCh38"\n'
        'synthetic = true\n[variants]\nfiles = ["chr3.vcf"]\n[subjects]\nindividuals = "individuals.json"\n'
        f"[disclosure]\nk_alleles = {floor}\nk_individuals = 5\n"
    )
    return folder / "release.toml"


def gdi(*arguments: object) -> str:
    done = run_gdi(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def found_node(home: Path, country: str, hub_key: str) -> None:
    (home / "gdi.toml").write_text(
        f'[node]\nid = "{country}.node"\ncountry = "{country.upper()}"\nname = "Node {country}"\n'
        f'[beacon.tokens]\nhub = "{OF_NODE[country]}"\n'
        f"[disclosure]\nk_alleles = 5\nk_individuals = 5\n"
        f'[[federation.hubs]]\nid = "eu.hub"\nurl = "http://127.0.0.1:9"\npublic_keys = [\'{hub_key}\']\n'
    )
    for dataset, floor in ((f"GDI-{country.upper()}-OWN-1", 5), (SHARED, 5 if country == "ee" else 20)):
        release = write_release(home / "incoming" / dataset, dataset, country.upper(), floor)
        gdi("dataset", "load", release, "--workers", "1", "--config", home / "gdi.toml")
        gdi("dataset", "publish", dataset, "--config", home / "gdi.toml")


def register(home: Path, country: str, node: Serving) -> None:
    key = home / f"{country}.jwk"
    key.write_text(gdi("node", "key", "--config", home.parent / country / "gdi.toml"))
    for kind, word in (("aggregated", "af"), ("individuals", "sl")):
        gdi(
            "registry", "add", f"{country}.{word}", "--url", f"{node.public}/beacon/{kind}/v2",
            "--member", f"{country}.node", "--country", country.upper(), "--network", kind, "--key", key,
            "--name", f"Node {country}", "--config", home / "gdi.toml",
        )  # fmt: skip


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    root = tmp_path_factory.mktemp("federation")
    homes = {name: root / name for name in ("ee", "fi", "hub")}
    for home in homes.values():
        home.mkdir()
    (homes["hub"] / "gdi.toml").write_text(
        f'[hub]\nid = "eu.hub"\nname = "Hub"\n[hub.tokens]\nresearcher = "{PERSON}"\n'
        f'[hub.member_tokens]\n"ee.sl" = "{OF_NODE["ee"]}"\n"fi.sl" = "{OF_NODE["fi"]}"\n'
    )
    hub_key = gdi("hub", "key", "--config", homes["hub"] / "gdi.toml").strip()
    with ExitStack() as stack:
        nodes = {}
        for country in ("ee", "fi"):
            found_node(homes[country], country, hub_key)
            nodes[country] = stack.enter_context(
                serving("node", homes[country] / "gdi.toml", homes[country] / "data")
            )
            register(homes["hub"], country, nodes[country])
        gdi("registry", "sign", "--config", homes["hub"] / "gdi.toml")
        gdi("registry", "verify", "--config", homes["hub"] / "gdi.toml")
        hub = stack.enter_context(serving("hub", homes["hub"] / "gdi.toml", homes["hub"] / "hub-data"))
        yield Federation(nodes, hub)


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
    gotten, posted = httpx.get(url), httpx.post(url)
    assert gotten.status_code == posted.status_code == 200
    assert gotten.json() == posted.json()


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
    headers = {"Authorization": f"Bearer {PERSON}"}
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


def test_no_secret_is_in_any_log(federation: Federation) -> None:
    federation.ask("individuals", token=PERSON, requestedGranularity="count")
    for process in (*federation.nodes.values(), federation.hub):
        log = process.log.read_text()
        for secret in (PERSON, *OF_NODE.values(), "eyJ"):
            assert secret not in log
