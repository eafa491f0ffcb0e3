"""What a hub keeps no longer than its settings say, wired as it serves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from opengdi.access.applications import commands
from opengdi.access.ledger import access_events
from opengdi.access.notices.store import notices_erased
from opengdi.apps.erasure import HubErasing
from opengdi.apps.hub import HubState, open_hub, open_state
from opengdi.apps.settings import Settings
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.database import reading
from opengdi.kernel.errors import Unavailable
from opengdi.kernel.principal import Principal, Tier

DATASET = {"dataset": "GDI-FI-A-1", "version": "1", "node": "fi.node", "body": "fi.dac", "type": "1MGCohort"}
ASKER = Principal("asker", Tier.REGISTERED, logged_in=True)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def state(tmp_path: Path, clock: FixedClock) -> Iterator[HubState]:
    hub = {"id": "eu.hub", "data_dir": tmp_path / "data", "keys_dir": tmp_path / "keys"}
    settings = Settings.model_validate({"hub": hub, "requests": {"datasets": [DATASET]}})
    with open_state(settings, clock) as state:
        yield state


@pytest.fixture
def hub(state: HubState) -> Iterator[HubErasing]:
    opened = open_hub(state)
    yield opened.erasing
    opened.process.close()


def draft(hub: HubErasing) -> str:
    wanted = commands.Create([commands.Wanted("GDI-FI-A-1")], title="Rare variants")
    return hub.desk.applications.create(ASKER, wanted).application.id


def test_an_application_that_cannot_be_forgotten_holds_up_no_other(hub: HubErasing, clock: FixedClock):
    broken, other = draft(hub), draft(hub)
    of_broken = update(access_events).where(access_events.c.stream == f"application:{broken}")
    with hub.state.engine.begin() as connection:
        connection.execute(of_broken.values(data="not JSON"))
    clock.advance(timedelta(days=4000).total_seconds())
    for _ in range(2):  # it is tried again at the next tick
        with pytest.raises(Unavailable, match=f"cannot be done for {broken}$"):
            hub.forget_over()
        assert hub.desk.applications.state(other).state == "deleted"


async def test_who_is_erased_leaves_no_file_and_nobody_is_told_of_what_was_theirs(hub: HubErasing):
    id_ = draft(hub)
    file = await hub.desk.desk.store.keep("a.pdf", b"%PDF-1.7 synthetic", ASKER.subject)
    hub.desk.applications.attach(ASKER, id_, file, "a.pdf")
    folder = hub.state.data_dir / "attachments"
    assert [path for path in folder.rglob("*") if path.is_file()]
    done = await asyncio.to_thread(hub.erase, ASKER.subject, "operator:1")
    assert (done.applications, done.emptied) == ((id_,), True)
    assert not [path for path in folder.rglob("*") if path.is_file()]
    with reading(hub.state.engine) as connection:
        marks = {row.which: row.position for row in connection.execute(select(notices_erased))}
    assert marks.keys() == {"person:asker", f"application:{id_}"}
    assert marks["person:asker"] > marks[f"application:{id_}"], (
        "what the erasure did is told of the application"
    )
