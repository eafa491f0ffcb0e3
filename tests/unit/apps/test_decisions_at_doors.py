"""The audit chain hears of each decision at a door: who, where, on which dataset, how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.unit.delivery.kit import ADA, BASE, BASE_PATH, DATASET, EVE, PROOFS, Delivering, bearer, delivering

from opengdi.apps.doors import REFUSALS, Decisions
from opengdi.identity.gate import IdentityGate
from opengdi.identity.gate.fresh import FreshLogins, GraveActs
from opengdi.kernel.audit.chain import Outcome
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.principal import Principal, Visa
from opengdi.testing.identity import credentials_of

OTHER = "GDI-XX-OPEN-1"


@dataclass
class Doors:
    node: Delivering
    decisions: Decisions
    client: httpx.AsyncClient

    def lines(self) -> list[tuple[str, str, str, tuple[str, ...]]]:
        """(action, actor, outcome, objects without times) of decisions, counted ones included."""
        self.decisions.tally.write()
        return [
            (
                action,
                actor,
                str(outcome),
                tuple(each for each in objects if not each.startswith(("first:", "last:"))),
            )
            for action, actor, outcome, objects in self.node.audit.lines
            if action in {"door.pass", "door.refuse", "credential.refuse"}
        ]


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    with delivering(tmp_path, public=(Visa(OTHER),)) as node:
        node.files.hold("F1", b"one", datasets=[DATASET])
        node.files.hold("F2", b"two", datasets=[OTHER])
        decisions = Decisions(node.audit, node.callers.at_address, node.clock)

        async def greet(_: Request) -> Response:
            return Response("hello")

        mounts = {BASE: node.download_api(), BASE_PATH: node.drs_api()}
        gate = IdentityGate(
            Routing([Route("/hello", greet)], mounts),
            credentials_of(PROOFS, node.clock),
            decisions.credential,
        )
        transport = httpx.ASGITransport(
            Edge(gate, clock=node.clock, decided=decisions.door), client=("192.0.2.1", 1)
        )
        yield Doors(node, decisions, httpx.AsyncClient(transport=transport, base_url="http://n"))


async def test_equal_decisions_are_counted_and_each_dataset_by_itself(doors: Doors) -> None:
    for _ in range(5):
        await doors.client.get(f"{BASE}/files/F1/content", headers=bearer(ADA))
    await doors.client.get(f"{BASE}/files/F2/content", headers=bearer(ADA))
    await doors.client.get(f"{BASE_PATH}/objects/F1", headers=bearer(ADA))
    route = f"route:GET {BASE}/files/{{id}}/content"
    assert doors.lines() == [
        ("door.pass", "ada", "done", (route, f"dataset:{DATASET}", "count:5")),
        ("door.pass", "ada", "done", (route, f"dataset:{OTHER}", "count:1")),
        (
            "door.pass",
            "ada",
            "done",
            (f"route:GET {BASE_PATH}/objects/{{id}}", f"dataset:{DATASET}", "count:1"),
        ),
    ]


async def test_refusals_are_written_at_once_so_often_and_counted_then(doors: Doors) -> None:
    for _ in range(REFUSALS + 4):
        assert (await doors.client.get(f"{BASE}/files/F1/content", headers=bearer(EVE))).status_code == 403
    refused = [line for line in doors.node.audit.lines if line[0] == "door.refuse"]
    assert len(refused) == REFUSALS
    *_, counted = doors.lines()
    assert counted == (
        "door.refuse", "eve", "refused", (f"route:GET {BASE}/files/{{id}}/content", "count:4")
    )  # fmt: skip


async def test_who_shows_an_address_passes_as_the_person_whose_it_is(doors: Doors) -> None:
    file = await doors.node.files.find("F1")
    address = doors.node.grants.content(Principal("ada", visas=(Visa(DATASET),), logged_in=True), file)
    assert (await doors.client.get(f"{BASE}/granted/{address}")).status_code == 200
    (line,) = doors.lines()
    assert line[1:] == (
        "ada",
        "done",
        (f"route:GET {BASE}/granted/{{grant}}", f"dataset:{DATASET}", "count:1"),
    )


async def test_a_grave_act_that_an_old_login_tried_is_written_down_with_what_it_was(doors: Doors) -> None:
    node, acts = doors.node, GraveActs(frozenset({"veto"}), timedelta(minutes=5))
    fresh = FreshLogins(Routing(), acts, node.clock)
    gate = IdentityGate(fresh, credentials_of(PROOFS, node.clock), doors.decisions.credential)
    edge = Edge(gate, clock=node.clock, decided=doors.decisions.door)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(edge), base_url="http://n") as client:
        answer = await client.post("/access/v1/cases/c-1/commands/veto", headers=bearer(ADA))
    assert answer.status_code == 401
    assert doors.lines() == [("door.refuse", "ada", "refused", ("route:POST /access/v1/…/veto",))]


async def test_an_open_dataset_is_a_decision_too_and_a_page_for_everybody_is_none(doors: Doors) -> None:
    assert (await doors.client.get("/hello")).status_code == 200
    assert doors.lines() == []
    assert (await doors.client.get(f"{BASE}/files/F2/content")).status_code == 200
    ((action, actor, _, objects),) = doors.lines()
    assert (action, objects[1]) == ("door.pass", f"dataset:{OTHER}")
    assert actor.startswith("anonymous:")


async def test_a_part_of_a_bulk_that_is_refused_is_written_down_beside_what_was_given(doors: Doors) -> None:
    answer = await doors.client.post(
        f"{BASE_PATH}/objects", json={"bulk_object_ids": ["F1", "F2"]}, headers=bearer(EVE)
    )
    assert answer.json()["summary"] == {"requested": 2, "resolved": 1, "unresolved": 1}
    route = f"route:POST {BASE_PATH}/objects"
    assert doors.lines() == [
        ("door.refuse", "eve", "refused", (route,)),
        ("door.pass", "eve", "done", (route, f"dataset:{OTHER}", "count:1")),
    ]


async def test_a_credential_that_is_not_believed_is_named_by_the_address_and_never_shown(
    doors: Doors,
) -> None:
    await doors.client.get(f"{BASE}/datasets", headers=bearer("secret-token"))
    ((action, actor, outcome, objects),) = doors.lines()
    assert (action, outcome, objects) == (
        "credential.refuse",
        Outcome.REFUSED,
        (f"route:GET {BASE}/datasets",),
    )
    assert actor.startswith("anonymous:")
    assert "secret-token" not in str(doors.node.audit.lines)
