"""Attachments where a body decides: for whoever reads the case, byte for byte what was offered, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from starlette.types import Scope
from tests.contract.test_access_cases import CASE, Committee
from tests.unit.access.cases.deliberation import offer_json

from opengdi.access.cases.attachments_api import attachment_route
from opengdi.apps.migrations import migrate
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.database import open_engine
from opengdi.kernel.errors import NotFound
from opengdi.kernel.http.edge import Edge, Limits
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.principal import Principal

PLAN = b"%PDF-1.7 the plan"
FILE = {"id": "a1", "name": "the “plan”.pdf", "sha256": hashlib.sha256(PLAN).hexdigest(), "size": len(PLAN)}


@pytest.fixture
def committee(tmp_path: Path) -> Iterator[Committee]:
    engine = open_engine(tmp_path / "state.sqlite")
    migrate(engine)
    found = Committee(engine, FixedClock(datetime(2026, 6, 1, 9, tzinfo=UTC)))
    found.hear("case.offered", offer_json(attachments=[FILE]))
    yield found
    engine.dispose()


class Hub:
    """Keeps files, and notes what it was asked for."""

    def __init__(self, content: bytes | None = PLAN) -> None:
        self.content = content
        self.asked: list[tuple[str, str, str, int]] = []

    async def __call__(self, hub: str, application: str, attachment: str, size: int) -> bytes:
        self.asked.append((hub, application, attachment, size))
        if self.content is None:
            raise NotFound("redacted")
        return self.content


async def ask(
    committee: Committee, who: str, hub: Hub, attachment: str = "a1", case: str = CASE
) -> httpx.Response:
    def identify(_scope: Scope) -> Principal:
        return committee.person(who) if who else Principal("anonymous:1")

    routes = Routing([attachment_route(committee.service, identify, hub)])
    app = Edge(routes, clock=committee.clock, limits=Limits(100_000))
    transport = httpx.ASGITransport(app=app, client=("192.0.2.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="https://node") as client:
        return await client.get(f"/access/v1/cases/{case}/attachments/{attachment}")


async def test_a_member_gets_what_was_offered_as_a_file_that_no_browser_runs(committee: Committee) -> None:
    hub = Hub()
    answer = await ask(committee, "one", hub)
    assert (answer.status_code, answer.content) == (200, PLAN)
    assert hub.asked == [("eu.hub", "GDIA-0123456789", "a1", len(PLAN))]
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''the%20")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("who", "status"), [("", 401), ("stranger", 404)])
async def test_the_hub_is_not_even_asked_for_somebody_who_may_not_read_the_case(
    committee: Committee, who: str, status: int
) -> None:
    hub = Hub()
    assert (await ask(committee, who, hub)).status_code == status
    assert hub.asked == []


@pytest.mark.parametrize(("attachment", "case"), [("a2", CASE), ("a1", "GDIA-0.ee.dac"), ("..%2Fx", CASE)])
async def test_nothing_is_asked_of_the_hub_that_was_not_offered(
    committee: Committee, attachment: str, case: str
) -> None:
    hub = Hub()
    assert (await ask(committee, "one", hub, attachment, case)).status_code == 404
    assert hub.asked == []


async def test_another_file_than_was_offered_is_not_handed_on(committee: Committee) -> None:
    answer = await ask(committee, "one", Hub(b"%PDF-1.7 another"))
    assert answer.status_code == 503
    assert "another file than the one that was offered" in answer.json()["detail"]


async def test_what_was_redacted_at_the_hub_is_gone_here_too(committee: Committee) -> None:
    assert (await ask(committee, "one", Hub(None))).status_code == 404
