"""`gdi query` as people run it, against a node and a network that answer over HTTP."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.node_beacons import (
    AGGREGATED,
    ASTHMA,
    FEMALE,
    INDIVIDUALS,
    MALE,
    PORTAL_ROW,
    PROOFS,
    TOKEN,
    HeldRows,
    NodeBeacons,
    Person,
    counts,
    manifest,
    node_beacons,
)
from tests.system.foreign_beacon import listening
from tests.unit.federation.kit import BOTH, CountingLedger, facts, member, network
from tests.unit.federation.test_network_defects import CALLERS
from typer.testing import CliRunner

from opengdi.apps import cli
from opengdi.discovery.model import Cohort
from opengdi.federation.api import NetworkMount, beacon_error_shape, network_routes
from opengdi.federation.model import Member, MemberState, Network
from opengdi.federation.ports import MemberFault, Reply
from opengdi.federation.translation import Outgoing
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.errors import Invalid, NotAuthenticated, NotFound, Unavailable
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing
from opengdi.testing.identity import gated
from opengdi.testing.variants import site_row

ALLELE = "3-45864732-T-C"
HUB = "/beacon-network/v2.0.0"
SEEN = counts((410, 200, 210), (2000, 1000, 1000))
ROWS = [PORTAL_ROW, *(site_row("3", 45864740 + at, "A", "G", SEEN) for at in range(5))]
"""Six alleles within a hundred bases; the first is carried by every second person."""
PEOPLE = [
    Person(frozenset({FEMALE if row < 600 else MALE, ASTHMA}), 70 if row < 300 else 40, frozenset({row % 2}))
    for row in range(1000)
]
"""600 women, of whom 300 are 70 years old; 150 of those carry the portal's allele."""
EVENT = {"eventGenders": {"distribution": {"genders": {"female": 600, "male": 400}}}}


def held(dataset: str = "A", *, cohort: str = "cases", **changes: Any) -> HeldRows:
    document = {"name": "All cases", "cohortType": "study-defined", "collectionEvents": [EVENT]}
    return HeldRows(manifest(dataset, **changes), ROWS, PEOPLE, [Cohort(cohort, document, None)])


@asynccontextmanager
async def node(folder: Path, *datasets: HeldRows, **options: Any) -> AsyncIterator[str]:
    """The address of a node that holds these datasets."""
    with node_beacons(folder, datasets or [held()], **options) as beacons:
        async with listening(beacons.app) as url:
            yield url


async def gdi(*words: str) -> str:
    """What `gdi query` with these words prints."""

    def run() -> str:
        done = CliRunner().invoke(cli.app, ["query", *words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    return await asyncio.to_thread(run)


async def rows(*words: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(await gdi(*words, "--format", "csv"))))


@pytest.mark.parametrize(
    "what",
    [ALLELE, "3:45864732-45864732", "NC_000003.11:g.45864732T>C"],
    ids=["allele", "region", "HGVS"],
)
async def test_frequencies_of_an_allele_are_rows_of_csv(tmp_path: Path, what: str) -> None:
    async with node(tmp_path) as url:
        found = await rows("variant", what, "--assembly", "GRCh37", "--at", url + AGGREGATED)
    assert [(row["dataset"], row["population"]) for row in found] == [("A", "Total"), ("A", "F"), ("A", "M")]
    total = found[0]
    assert (total["allele_count"], total["allele_number"], total["frequency"]) == ("410", "2000", "0.205")
    assert (total["beacon"], total["homozygous"]) == ("ee.ut.node.af-beacon.dev", "50")


async def test_frequencies_of_an_allele_are_a_table_for_people_and_json_for_programs(tmp_path: Path) -> None:
    async with node(tmp_path) as url:
        asked = ("variant", ALLELE, "--assembly", "GRCh37", "--at", url + AGGREGATED)
        table, document = await gdi(*asked), json.loads(await gdi(*asked, "--format", "json"))
    assert "0.205" in table
    assert "homozygous" in table
    assert "beacon" not in table
    (only,) = document["response"]["resultSets"]
    assert (only["id"], only["resultsCount"]) == ("A", 1)
    assert (
        document["meta"]["receivedRequestSummary"]["requestParameters"]["g_variant"]["assemblyId"] == "GRCh37"
    )


async def test_an_allele_of_another_assembly_is_not_found_in_this_one(tmp_path: Path) -> None:
    async with node(tmp_path) as url:
        asked = ("variant", ALLELE, "--at", url + AGGREGATED, "--assembly")
        assert await rows(*asked, "GRCh38") == []
        with pytest.raises(Invalid, match="assembly"):
            await gdi(*asked, "T2T")


async def test_a_part_of_what_was_found_is_called_a_part(tmp_path: Path) -> None:
    async with node(tmp_path) as url:
        asked = (
            "variant",
            "3:45864701-45864800",
            "--assembly",
            "GRCh37",
            "--at",
            url + AGGREGATED,
            "--limit",
            "4",
        )
        assert "A: first 4 of 6" in await gdi(*asked)
        assert "A: 5 to 6 of 6" in await gdi(*asked, "--skip", "1")
        assert len({row["variant"] for row in await rows(*asked, "--skip", "1")}) == 2


async def test_people_are_counted_by_filters_and_an_allele(tmp_path: Path) -> None:
    async with node(tmp_path, held("A"), held("B")) as url:
        asked = (
            "individuals",
            "--filter",
            FEMALE,
            "--filter",
            "age>P60Y",
            "--at",
            url + INDIVIDUALS,
            "--token",
            TOKEN,
        )
        assert [(row["dataset"], row["count"]) for row in await rows(*asked)] == [("A", "300"), ("B", "300")]
        carriers = await rows(*asked, "--variant", ALLELE, "--assembly", "GRCh37", "--dataset", "B")
        assert [(row["dataset"], row["count"], row["precision"]) for row in carriers] == [
            ("B", "150", "rounded")
        ]
        assert "150" in await gdi(*asked, "--variant", ALLELE, "--assembly", "GRCh37")
        document = json.loads(await gdi(*asked, "--format", "json"))
    assert document["responseSummary"]["numTotalResults"] == 600


async def test_people_are_counted_for_who_shows_a_token_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with node(tmp_path) as url:
        with pytest.raises(NotAuthenticated, match="401"):
            await gdi("individuals", "--at", url + INDIVIDUALS)
        monkeypatch.setenv("GDI_QUERY_AT", url + INDIVIDUALS)
        monkeypatch.setenv("GDI_QUERY_TOKEN", TOKEN)
        assert [row["count"] for row in await rows("individuals")] == ["1000"]


async def test_a_filter_that_no_dataset_knows_is_named(tmp_path: Path) -> None:
    async with node(tmp_path) as url:
        with pytest.raises(Invalid, match="HP:99"):
            await gdi("individuals", "--filter", "HP:99", "--at", url + INDIVIDUALS, "--token", TOKEN)


async def test_a_dataset_that_nobody_has_is_not_found(tmp_path: Path) -> None:
    async with node(tmp_path) as url:
        for asked in (
            ["variant", ALLELE, "--at", url + AGGREGATED],
            ["individuals", "--at", url + INDIVIDUALS],
        ):
            with pytest.raises(NotFound, match="no dataset called nope answered"):
                await gdi(*asked, "--token", TOKEN, "--dataset", "nope", "--dataset", "A")


async def test_a_dataset_that_refuses_is_named_with_its_reason(tmp_path: Path) -> None:
    poor = DisclosurePolicy(af_budget_factor=0.001)
    async with node(tmp_path, held("A"), held("B", policy=poor)) as url:
        asked = ("individuals", "--at", url + INDIVIDUALS, "--token", TOKEN, "--filter")
        assert "refused" not in await gdi(*asked, FEMALE)
        told = await gdi(*asked, MALE)
    assert "B: refused, " in told
    assert "budget" in told


async def test_nobody_who_answers_is_said_so() -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        await gdi("individuals", "--at", "http://127.0.0.1:9")


async def test_distributions_of_cohorts_are_bars_and_rows(tmp_path: Path) -> None:
    async with node(tmp_path) as url:
        asked = ("cohort", "--at", url + AGGREGATED)
        table, found = await gdi(*asked), await rows(*asked)
        document = json.loads(await gdi(*asked, "--format", "json"))
    assert "█" in table
    assert [(row["cohort"], row["distribution"], row["value"]) for row in found] == [
        ("cases", "eventGenders", "female"),
        ("cases", "eventGenders", "male"),
    ]
    assert [each["id"] for each in document["response"]["collections"]] == ["cases"]


async def test_cohorts_are_listed_by_whom_they_hold(tmp_path: Path) -> None:
    async with node(tmp_path) as url:
        asked = ("cohort", "--at", url + INDIVIDUALS, "--token", TOKEN, "--filter", FEMALE)
        assert {row["cohort"] for row in await rows(*asked)} == {"cases"}
        assert "no cohort to tell of" in await gdi(*asked, "--filter", MALE)
        with pytest.raises(Invalid, match="subject-level"):
            await gdi("cohort", "--at", url + AGGREGATED, "--filter", FEMALE)


@dataclass
class OverNodes:
    """`MemberClient` of nodes, by the member's id; a member that has none is silent."""

    nodes: Mapping[str, NodeBeacons]

    async def ask(self, asked: Member, outgoing: Outgoing, _asker: object, *, timeout_s: float) -> Reply:
        if asked.id not in self.nodes:
            await asyncio.Event().wait()
        answer = await self.nodes[asked.id].post(asked.url + outgoing.path, outgoing.body, TOKEN)
        if answer.status_code != 200:
            raise MemberFault(MemberState.ERROR, answer.json()["error"]["errorMessage"], None)
        return Reply(answer.content)


@asynccontextmanager
async def hub(
    folder: Path, nodes: Mapping[str, NodeBeacons], *silent: str, units: int = 1_000_000
) -> AsyncIterator[str]:
    """The address of a network of nodes, both levels under one base, and the budget there of each caller."""
    client: Any = OverNodes(nodes)
    paths = {Network.AGGREGATED: AGGREGATED, Network.INDIVIDUALS: INDIVIDUALS}
    networks = {
        kind: network(
            folder / kind,
            [replace(member(name), url=paths[kind], networks=BOTH) for name in (*nodes, *silent)],
            client,
            ledger=CountingLedger(units),
            deadline_s=2.0,
        )
        for kind in Network
    }
    mount = NetworkMount(HUB, facts(), networks)
    app = Edge(
        gated(Routing(network_routes(mount, CALLERS, "0")), PROOFS),
        clock=SystemClock(),
        shapes={HUB: beacon_error_shape(mount.facts)},
    )
    async with listening(app) as url:
        yield url + HUB


async def test_a_network_is_asked_like_a_beacon_and_every_member_is_named(tmp_path: Path) -> None:
    with node_beacons(tmp_path / "ee", [held("A")]) as ee, node_beacons(tmp_path / "fi", [held("B")]) as fi:
        async with hub(tmp_path, {"ee": ee, "fi": fi}, "lv") as at:
            asked = ("variant", ALLELE, "--assembly", "GRCh37", "--at", at)
            table, found = await gdi(*asked), await rows(*asked)
            people = await rows("individuals", "--filter", "age>P60Y", "--at", at, "--token", TOKEN)
    assert [(row["beacon"], row["dataset"]) for row in found if row["population"] == "Total"] == [
        ("ee.af", "A"),
        ("fi.af", "B"),
    ]
    assert "timeout" in table, "lv is silent"
    assert [(row["dataset"], row["count"]) for row in people] == [("A", "300"), ("B", "300")]


async def test_cohorts_of_a_network_are_told_apart_by_their_beacons(tmp_path: Path) -> None:
    with node_beacons(tmp_path / "ee", [held("A")]) as ee, node_beacons(tmp_path / "fi", [held("B")]) as fi:
        async with hub(tmp_path, {"ee": ee, "fi": fi}) as at:
            everybody, table = await rows("cohort", "--at", at), await gdi("cohort", "--at", at)
            asked = ("cohort", "--at", at, "--filter", FEMALE)
            selected = await rows(*asked, "--token", TOKEN)
            with pytest.raises(NotAuthenticated):
                await gdi(*asked)
    assert {(row["beacon"], row["cohort"]) for row in everybody} == {("ee.af", "cases"), ("fi.af", "cases")}
    assert "cases of ee.af" in table
    assert selected == everybody


async def test_a_dataset_whose_budget_the_network_keeps_is_named_once(tmp_path: Path) -> None:
    with node_beacons(tmp_path / "ee", [held("A")]) as ee:
        async with hub(tmp_path, {"ee": ee}, units=0) as at:
            told = await gdi("variant", ALLELE, "--assembly", "GRCh37", "--at", at)
    assert told.count("A: refused, the budget at the network is used up") == 1
    assert "nothing to tell" not in told


async def test_counts_that_are_not_told_stay_empty_in_csv(tmp_path: Path) -> None:
    few = HeldRows(manifest("A"), [site_row("3", 45864731, "T", "C", SEEN)], PEOPLE)
    async with node(tmp_path, few) as url:
        found = await rows("variant", ALLELE, "--assembly", "GRCh37", "--at", url + AGGREGATED)
    assert [row["homozygous"] for row in found] == ["", "", ""]


async def test_a_dataset_that_has_no_such_allele_is_named(tmp_path: Path) -> None:
    async with node(tmp_path, held("A"), HeldRows(manifest("B"), [], PEOPLE)) as url:
        told = await gdi("variant", ALLELE, "--assembly", "GRCh37", "--at", url + AGGREGATED)
    assert "B: nothing to tell (absent, or below the dataset's floor)" in told
    assert "A: nothing" not in told
