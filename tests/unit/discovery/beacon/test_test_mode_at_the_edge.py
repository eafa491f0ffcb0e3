"""Questions in test mode as clients send them: answered, or refused, as those about real data are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.node_beacons import (
    AGGREGATED,
    INDIVIDUALS,
    PORTAL_ROW,
    TOKEN,
    HeldRows,
    NodeBeacons,
    manifest,
    node_beacons,
)

from opengdi.discovery.subjects.virtual import virtual_sites

SITES, _ = virtual_sites()
PLACES = (f"{AGGREGATED}/g_variants", f"{INDIVIDUALS}/g_variants", f"{INDIVIDUALS}/individuals")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeBeacons]:
    with node_beacons(tmp_path_factory.mktemp("virtual"), [HeldRows(manifest(), [PORTAL_ROW])]) as node:
        yield node


def body(parameters: dict[str, Any], *, test_mode: bool = True) -> dict[str, Any]:
    return {
        "meta": {"apiVersion": "2.0"},
        "query": {
            "requestParameters": parameters,
            "requestedGranularity": "record",
            "includeResultsetResponses": "HIT",
            "testMode": test_mode,
        },
    }


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize(
    "parameters", [{"geneId": "VIRTUAL1"}, {"geneId": "VIRTUAL1", "aminoacidChange": "V600E"}]
)
async def test_a_gene_and_an_amino_acid_change_are_answered_in_test_mode(
    node: NodeBeacons, path: str, parameters: dict[str, Any]
) -> None:
    posted = await node.post(path, body(parameters), TOKEN)
    assert posted.status_code == 200, posted.text
    (result_set,) = posted.json()["response"]["resultSets"]
    assert result_set["resultsCount"] > 0
    if "aminoacidChange" in parameters and path.endswith("g_variants"):
        assert result_set["resultsCount"] == 1
    way = {"testMode": "true", "requestedGranularity": "record", "apiVersion": "2.0"}
    got = await node.get(path, TOKEN, **way, **parameters)
    assert got.json()["response"] == posted.json()["response"]


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("parameters", [{"geneId": "BRAF"}, {"geneId": "BRAF", "aminoacidChange": "V600E"}])
@pytest.mark.parametrize("test_mode", [False, True])
async def test_an_unknown_gene_is_refused_in_test_mode_as_it_is_with_real_data(
    node: NodeBeacons, path: str, parameters: dict[str, Any], test_mode: bool
) -> None:
    answer = await node.post(path, body(parameters, test_mode=test_mode), TOKEN)
    assert answer.status_code == 400
    assert "BRAF" in answer.json()["error"]["errorMessage"]


@pytest.mark.parametrize("test_mode", [False, True])
async def test_a_range_without_a_chromosome_is_answered_about_people_only(
    node: NodeBeacons, test_mode: bool
) -> None:
    parameters = {"start": [SITES[3].start], "end": [SITES[9].end], "assemblyId": "GRCh38"}
    asked = body(parameters, test_mode=test_mode)
    about_people = await node.post(f"{INDIVIDUALS}/individuals", asked, TOKEN)
    assert about_people.status_code == 200, about_people.text
    assert about_people.json()["responseSummary"]["exists"] is test_mode
    about_alleles = await node.post(f"{AGGREGATED}/g_variants", asked)
    assert about_alleles.status_code == 400
    assert "referenceName" in about_alleles.json()["error"]["errorMessage"]
