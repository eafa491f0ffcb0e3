"""Whatever is sent to applications: an answer or a problem, never a defect, and never a change by a stranger."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from tests.applications_kit import COLLEAGUE, COORDINATOR, EE, FI, OFFICIAL, RESEARCHER, STRANGER, Kit
from tests.unit.access.applications.test_application_histories import JSON

from opengdi.access.applications.commands import BODIES
from opengdi.access.applications.model import Command
from opengdi.access.applications.story import APPLICATIONS
from opengdi.kernel.errors import Invalid
from opengdi.kernel.reception import ReceivedEvent

WHO = ("", RESEARCHER, COLLEAGUE, OFFICIAL, COORDINATOR, STRANGER)
MEMBERS = st.sampled_from(sorted({name for body in BODIES.values() for name in body.__struct_fields__}))
PATHS = (
    "applications",
    "applications/GDIA-X",
    "applications/GDIA-X/versions/1",
    "applications/GDIA-X/estimate",
    "applications/GDIA-X/attachments/f",
    "applications/%00",
    "forms/x/y",
    "forms/x/1",
    "forms",
    "terms",
    "datasets",
)
FUZZ = settings(max_examples=60, suppress_health_check=list(HealthCheck))


@pytest.fixture
def kit(engine: Engine, tmp_path: Path) -> Kit:
    return Kit(engine, tmp_path)


@FUZZ
@given(
    who=st.sampled_from(WHO),
    command=st.sampled_from([*Command, "nonsense"]),
    body=st.dictionaries(MEMBERS, JSON | st.text(max_size=20), max_size=4),
    submitted=st.booleans(),
)
async def test_any_command_of_anybody(
    kit: Kit, who: str, command: str, body: dict[str, object], submitted: bool
):
    client = kit.client(RESEARCHER)
    id_ = await (client.submitted(EE, FI) if submitted else client.create(EE))
    ledger = kit.applications.around.ledger
    before = len(ledger.events(APPLICATIONS, id_))
    answer = await kit.client(who).try_to(id_, command, **body)
    assert answer.status_code in {200, 400, 401, 403, 404, 409}, answer.text
    if who in {"", STRANGER}:
        assert answer.status_code in {400, 401, 404}
        assert len(ledger.events(APPLICATIONS, id_)) == before
    if answer.status_code != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert len(ledger.events(APPLICATIONS, id_)) == before


@FUZZ
@given(
    who=st.sampled_from(WHO),
    path=st.sampled_from(PATHS),
    query=st.dictionaries(
        st.sampled_from(["state", "scope", "after", "limit", "egressGiB", "purpose", "dry-run"]),
        st.text(max_size=20)
        | st.sampled_from(["all", "draft", "2026-01-01T00:00:00+00:00 x", "2026-01-01 x"]),
        max_size=3,
    ),
)
async def test_any_question_of_anybody(kit: Kit, who: str, path: str, query: dict[str, str]):
    answer = await kit.client(who).ask("GET", f"/{path}", params=query)
    assert answer.status_code in {200, 400, 401, 403, 404}, answer.text


@FUZZ
@given(content=st.binary(max_size=300), kind=st.sampled_from(["application/json", "multipart/form-data", ""]))
async def test_any_bytes_as_a_body(kit: Kit, content: bytes, kind: str):
    client = kit.client(RESEARCHER)
    id_ = await client.create(EE)
    for path in ("", f"/{id_}/commands/save-draft", f"/{id_}/attachments"):
        for boundary in ("", "; boundary=x"):
            headers = {"content-type": f"{kind}{boundary}", "x-who": RESEARCHER}
            answer = await client.ask("POST", f"/applications{path}", content=content, headers=headers)
            assert answer.status_code in {200, 201, 400, 413}, answer.text


EVENT_MEMBERS = (
    "case",
    "state",
    "clock",
    "kind",
    "text",
    "decision",
    "dataset",
    "version",
    "body",
    "type",
    "duo",
    "url",
)


@FUZZ
@given(
    kind=st.sampled_from(
        ["case.changed", "case.asked", "case.decided", "dataset.offered", "dataset.withdrawn"]
    ),
    node=st.sampled_from(["ee.node", "fi.node", "hub", "\0"]),
    data=st.dictionaries(
        st.sampled_from(EVENT_MEMBERS), JSON | st.sampled_from(["change", "1MGCohort"]), max_size=6
    ),
    own=st.booleans(),
)
async def test_any_event_of_a_node_is_taken_or_invalid(
    kit: Kit, kind: str, node: str, data: dict[str, Any], own: bool
):
    if own:
        data["case"] = f"{await kit.client(RESEARCHER).submitted(EE)}.ee.dac"
    handlers = kit.reports.handlers() | kit.catalogue.handlers()
    with suppress(Invalid), kit.engine.begin() as connection:
        handlers[f"eu.gdi.{kind}"](connection, ReceivedEvent(node, "1", kind, "", data))
    for event in kit.applications.around.ledger.feed(0, 10_000):
        assert not event.actor.startswith("node:") or event.actor == "node:ee.node"
