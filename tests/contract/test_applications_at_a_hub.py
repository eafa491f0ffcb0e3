"""Applications wired into a hub: cases of its own bodies get their offers by its wire, and decide by it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.applications_kit import OFFICIAL, PDF, RESEARCHER, TERMS, UNTIL, People, full_answers

from opengdi.access.applications import commands
from opengdi.access.applications.content import WireAnswer
from opengdi.access.applications.model import Command
from opengdi.access.cases.story import STORY
from opengdi.access.ledger import Ledger
from opengdi.apps.access_wire import open_hub_wire
from opengdi.apps.applications import applications_at_hub
from opengdi.apps.cases import open_cases
from opengdi.apps.hub import HubState, build_hub, open_state
from opengdi.apps.settings import Settings
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.feed import Feed
from opengdi.kernel.principal import Principal, Tier

DATASET = {"dataset": "GDI-FI-A-1", "version": "1", "node": "fi.node", "body": "fi.dac", "type": "1MGCohort"}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubState]:
    settings = Settings.model_validate(
        {
            "hub": {"id": "eu.hub", "data_dir": tmp_path / "data", "keys_dir": tmp_path / "keys"},
            "requests": {
                "datasets": [DATASET],
                "bodies": [{"id": "eu.dac"}],
                "applications": {
                    "central_body": "eu.dac",
                    "terms": [{"id": TERMS.id, "title": TERMS.title, "url": TERMS.url}],
                },
            },
        }
    )
    with open_state(settings, FixedClock()) as state:
        yield state


def person(subject: str) -> Principal:
    return Principal(subject, Tier.REGISTERED, logged_in=True)


async def test_a_cohort_goes_to_the_hubs_own_body_and_to_the_node_at_once(hub: HubState):
    wire = open_hub_wire(hub, list)
    open_cases(hub, wire, "eu.hub")
    desk = applications_at_hub(hub, lambda _scope: person(RESEARCHER), wire, People())
    researcher, applications = person(RESEARCHER), desk.applications
    wanted = commands.Create([commands.Wanted("GDI-FI-A-1")], title="Rare variants")
    id_ = applications.create(researcher, wanted).application.id
    file = await desk.desk.store.keep("a.pdf", PDF, RESEARCHER)
    applications.attach(researcher, id_, file, "a.pdf")
    answers = [WireAnswer(**answer) for answer in full_answers(file.id)]
    applications.do(researcher, id_, Command.SAVE_DRAFT, commands.Save(answers=answers, until=UNTIL))
    applications.do(researcher, id_, Command.ACCEPT_TERMS, commands.OfTerms([TERMS.id]))
    applications.do(researcher, id_, Command.SUBMIT, commands.Body())
    applications.do(person(OFFICIAL), id_, Command.CONFIRM, commands.Noted())

    case = Ledger(hub.engine, hub.clock, hub.audit).state(STORY, f"{id_}.eu.dac")
    assert case.application.digest == applications.state(id_).versions[0].digest
    told = [(notice.kind, notice.body["kind"]) for notice in Feed(hub.engine, hub.clock).since(0, "fi.node")]
    assert told == [("case.offered", "countersign")]
    assert applications.state(id_).state in {"submitted", "under-review"}
    applications.do(researcher, id_, Command.WITHDRAW, commands.Noted())
    case = Ledger(hub.engine, hub.clock, hub.audit).state(STORY, f"{id_}.eu.dac")
    assert case.state == "withdrawn"


async def test_a_whole_hub_asks_who_somebody_is_before_it_tells_of_applications(hub: HubState):
    process = build_hub(hub)
    try:
        transport = httpx.ASGITransport(app=process.public, client=("192.0.2.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="https://hub") as client:
            for path in ("applications", "forms", "datasets", "applications/GDIA-AAAAAAAAAA", "terms"):
                assert (await client.get(f"/access/v1/{path}")).status_code == 401
            attachment = await client.get("/access/v1/case-attachments/GDIA-AAAAAAAAAA/x")
            assert attachment.status_code == 401
            assert (await client.post("/access/v1/applications", json={})).status_code == 401
    finally:
        process.close()
