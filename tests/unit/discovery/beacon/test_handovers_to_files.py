"""Who may have all of a dataset is told beside each of its results where its files are, and nobody else."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.node_beacons import (
    AGGREGATED,
    FEMALE,
    INDIVIDUALS,
    PORTAL_ROW,
    HeldRows,
    NodeBeacons,
    Person,
    manifest,
    node_beacons,
)

from opengdi.kernel.principal import Visa
from opengdi.standards.coordinates import Interval
from opengdi.testing.identity import proof

WITH_FILES, WITHOUT = "GDI-EE-A-1", "GDI-EE-B-1"
WHOLE = "whole"
PROOFS = {
    WHOLE: proof("ada", WITH_FILES, WITHOUT),
    "regions": proof("ben", Visa(WITH_FILES, (Interval("3", 0, 9),))),
    "another version": proof("cleo", Visa(WITH_FILES, version="2")),
    "none": proof("dan"),
}
ALLELE = {
    "referenceName": "3",
    "start": [PORTAL_ROW.start],
    "referenceBases": "T",
    "alternateBases": "C",
    "assemblyId": "GRCh37",
}
PLACES = (f"{AGGREGATED}/g_variants", f"{INDIVIDUALS}/g_variants", f"{INDIVIDUALS}/individuals")


async def files_of(dataset: str, visas: Sequence[Visa]) -> str:
    assert [visa.dataset for visa in visas] == [dataset]
    return f"https://node.test/files/{dataset}" if dataset == WITH_FILES else ""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeBeacons]:
    people = [Person(frozenset({FEMALE}), 40, frozenset({0}))] * 1000
    held = [
        HeldRows(replace(manifest(), dataset=name), [PORTAL_ROW], people) for name in (WITH_FILES, WITHOUT)
    ]
    folder = tmp_path_factory.mktemp("files")
    with node_beacons(folder, held, proofs=PROOFS, files=files_of, access_url="https://apply.test") as node:
        yield node


async def urls(
    node: NodeBeacons, path: str, token: str | None, granularity: str = "record", **query: Any
) -> dict[str, list[str]]:
    """Where the handovers of each dataset lead."""
    asked = {
        "requestParameters": ALLELE,
        "requestedGranularity": granularity,
        "includeResultsetResponses": "ALL",
        **query,
    }
    answer = await node.post(path, {"query": asked}, token)
    assert answer.status_code == 200, answer.text
    return {
        each["id"]: [one["url"] for one in each.get("resultsHandovers", ())]
        for each in answer.json()["response"]["resultSets"]
    }


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("granularity", ["count", "record"])
async def test_a_holder_of_a_visa_for_the_whole_is_told_where_the_files_are(
    node: NodeBeacons, path: str, granularity: str
) -> None:
    assert await urls(node, path, WHOLE, granularity) == {
        WITH_FILES: ["https://apply.test", f"https://node.test/files/{WITH_FILES}"],
        WITHOUT: ["https://apply.test"],
    }


@pytest.mark.parametrize(
    "path, token",
    [
        *itertools.product(PLACES, ["regions", "another version", "none"]),
        (f"{AGGREGATED}/g_variants", None),
    ],
)
async def test_nobody_else_is(node: NodeBeacons, path: str, token: str | None) -> None:
    told = await urls(node, path, token)
    assert told == {WITH_FILES: ["https://apply.test"], WITHOUT: ["https://apply.test"]}


@pytest.mark.parametrize("path", PLACES)
async def test_invented_data_have_no_files(node: NodeBeacons, path: str) -> None:
    told = await urls(node, path, WHOLE, testMode=True)
    assert list(told.values()) in ([], [[]])
