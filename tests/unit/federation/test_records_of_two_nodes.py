"""Two real nodes behind the hub's subject-level network: each opens its own people by the visas of who asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.official_schemas import OfficialSchemas
from tests.node_beacons import (
    FEMALE,
    INDIVIDUALS,
    MALE,
    HeldRows,
    NodeBeacons,
    Person,
    manifest,
    node_beacons,
)
from tests.unit.federation.kit import AuditLines, CountingLedger, facts, member

from opengdi.apps.networks import most_told_of_people
from opengdi.federation.api import NetworkMount, network_routes
from opengdi.federation.budget import HubBudget
from opengdi.federation.directory import Directory, ProfileStore
from opengdi.federation.fanout import FanOut
from opengdi.federation.hand import AnswersInHand
from opengdi.federation.model import Member, Network
from opengdi.federation.ports import Reply
from opengdi.federation.service import BeaconNetwork
from opengdi.federation.translation import Outgoing
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.http.callers import Callers
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.keys import Secret, SigningKey
from opengdi.kernel.principal import Principal
from opengdi.kernel.release import FileRole, ReleaseFile
from opengdi.standards.beacon.questions import Granularity
from opengdi.testing.identity import gated, proof

STRICT = DisclosurePolicy(k_alleles=5, k_individuals=5)
EE, FI = "GDI-EE-A-1", "GDI-FI-A-1"
SHARED = "GDI-EU-SHARED-1"
PEOPLE = [Person(frozenset({FEMALE if number % 20 else MALE}), 40) for number in range(60)]
MEN = ["P0", "P20", "P40"]
PROOFS = {
    "ee": proof("ada", EE, SHARED),
    "both": proof("ben", EE, FI),
    "none": proof("cleo"),
}
PATH = "/beacon-network/individuals/v2.0.0"


def files_of(dataset: str) -> tuple[ReleaseFile, ...]:
    """Other ones for each dataset: what holds the same files is the same people (`test_same_content`)."""
    return (
        ReleaseFile(
            "subjects/individuals.parquet", FileRole.SUBJECTS, sha256(dataset.encode()).hexdigest(), 1
        ),
    )


@dataclass
class Nodes:
    """`MemberClient` of node Beacons: each is shown who asks, as their passport does."""

    beacons: Mapping[str, NodeBeacons]
    asked: list[tuple[str, Any]] = field(default_factory=list)

    async def ask(self, member: Member, outgoing: Outgoing, asker: Principal, *, timeout_s: float) -> Reply:
        self.asked.append((member.id, outgoing.body))
        token = {"ada": "ee", "ben": "both", "cleo": "none"}[asker.subject]
        answer = await self.beacons[member.id].post(f"{INDIVIDUALS}{outgoing.path}", outgoing.body, token)
        assert answer.status_code == 200, answer.text
        return Reply(answer.content, opened=await self.opens_data(member, asker))

    async def opens_data(self, member: Member, asker: Principal) -> bool:
        return asker.subject != "cleo"

    async def fetch(self, member: Member, path: str, *, timeout_s: float) -> object:
        raise AssertionError("nobody asks for what members say about themselves")


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    with ExitStack() as stack:

        def node(name: str, *datasets: str) -> NodeBeacons:
            proofs = PROOFS if name == "ee" else {**PROOFS, "ee": proof("ada")}
            held = [
                HeldRows(
                    replace(
                        manifest(), dataset=each, individuals=len(PEOPLE), policy=STRICT, files=files_of(each)
                    ),
                    [],
                    PEOPLE,
                )
                for each in datasets
            ]
            beacons: NodeBeacons = stack.enter_context(node_beacons(tmp_path / name, held, proofs=proofs))
            return beacons

        yield Nodes({"ee": node("ee", EE, SHARED), "fi": node("fi", FI, SHARED)})


async def ask(nodes: Nodes, folder: Path, token: str, *, people: str = MALE, **query: object) -> Any:
    """The whole answer of the hub."""
    key = SigningKey.generate().public
    network = BeaconNetwork(
        lambda: [replace(member(name), key=key) for name in ("ee", "fi")],
        FanOut(nodes, SystemClock(), deadline_s=10),
        Directory(nodes, ProfileStore(folder / "members"), timeout_s=1.0),
        budget=HubBudget(CountingLedger(), global_factor=9.2),
        hand=AnswersInHand(1 << 30),
        audit=AuditLines(),
        default_granularity=Granularity.COUNT,
        most_of=most_told_of_people,
    )
    mount = NetworkMount(PATH, facts(), {Network.INDIVIDUALS: network})
    app = gated(Routing(network_routes(mount, Callers(Secret(b"0" * 32)), "1")), PROOFS)
    hub = NodeBeacons(app, AuditLines(), [])  # type: ignore[arg-type]  # an app that is asked by POST
    filters = [{"id": people, "scope": "individual"}]
    answer = await hub.post(f"{PATH}/individuals", {"query": {"filters": filters, **query}}, token)
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(answer: Any) -> dict[str, tuple[int, list[str]]]:
    return {
        each["id"]: (each["resultsCount"], [person["id"] for person in each.get("results", ())])
        for each in answer["response"]["resultSets"]
    }


async def test_who_has_visas_at_both_nodes_sees_the_people_of_both_few_as_they_are(
    nodes: Nodes, tmp_path: Path, shared: Path
) -> None:
    answer = await ask(nodes, tmp_path, "both", requestedGranularity="record")
    assert told(answer) == {EE: (3, MEN), FI: (3, MEN)}, "of the shared dataset fewer than 5 are hidden"
    assert answer["meta"]["returnedGranularity"] == "record"
    assert answer["responseSummary"]["numTotalResults"] == 6
    kind = "framework/json/responses/beaconResultsetsResponse.json"
    assert OfficialSchemas(shared).problems(kind, answer) == []


async def test_a_visa_of_one_node_opens_nothing_of_the_other_nor_what_both_serve(
    nodes: Nodes, tmp_path: Path
) -> None:
    assert told(await ask(nodes, tmp_path, "ee", requestedGranularity="record")) == {EE: (3, MEN)}
    many = told(await ask(nodes, tmp_path, "ee", people=FEMALE, requestedGranularity="record"))
    assert (many[SHARED][1], many[SHARED][0] % 5) == ([], 0), "as the node says that did not open it"
    assert (many[EE][0], len(many[EE][1])) == (57, 10), "exact, and a page of people"
    assert (many[FI][1], many[FI][0] % 5) == ([], 0), "rounded"


@pytest.mark.parametrize(
    "query", [{}, {"requestedGranularity": "count"}, {"requestedGranularity": "boolean"}]
)
async def test_nobody_is_shown_to_who_does_not_ask_for_records(
    nodes: Nodes, tmp_path: Path, query: dict[str, object]
) -> None:
    answer = await ask(nodes, tmp_path, "both", people=FEMALE, **query)
    assert all("results" not in each for each in answer["response"]["resultSets"])
    assert answer["meta"]["returnedGranularity"] == query.get("requestedGranularity", "count")
    assert {body["query"]["requestedGranularity"] for _, body in nodes.asked} == {
        query.get("requestedGranularity", "count")
    }


async def test_without_visas_records_are_asked_for_in_vain(nodes: Nodes, tmp_path: Path) -> None:
    assert told(await ask(nodes, tmp_path, "none", requestedGranularity="record")) == {}
    answer = await ask(nodes, tmp_path, "none", people=FEMALE, requestedGranularity="record")
    assert answer["meta"]["returnedGranularity"] == "count"
    assert {name: people for name, (_, people) in told(answer).items()} == {EE: [], FI: [], SHARED: []}
