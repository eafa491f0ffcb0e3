"""People of a body over HTTP: what waits for them, a case with its application, commands; and nothing for others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Scope
from tests.contract.test_access_cases import CASE, Committee
from tests.unit.access.cases.deliberation import ALL_GOOD, A, B, offer_json

from opengdi.access.cases.acts import read_act
from opengdi.access.cases.api import case_routes
from opengdi.access.cases.model import Command
from opengdi.access.cases.offers import read_change, read_offer
from opengdi.apps.migrations import migrate
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.database import open_engine
from opengdi.kernel.errors import GdiError, Invalid
from opengdi.kernel.http.edge import Edge, Limits
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.principal import Principal


@pytest.fixture
def committee(tmp_path: Path) -> Iterator[Committee]:
    engine = open_engine(tmp_path / "state.sqlite")
    migrate(engine)
    found = Committee(engine, FixedClock(datetime(2026, 6, 1, 9, tzinfo=UTC)))
    found.hear("case.offered", offer_json())
    yield found
    engine.dispose()


async def ask(committee: Committee, who: str, method: str, path: str, **more: Any) -> httpx.Response:
    def identify(_scope: Scope) -> Principal:
        return committee.person(who) if who else Principal("anonymous:1")

    app = Edge(
        Routing(case_routes(committee.service, identify)), clock=committee.clock, limits=Limits(100_000)
    )
    transport = httpx.ASGITransport(app=app, client=("192.0.2.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="https://node") as client:
        return await client.request(method, f"/access/v1{path}", **more)


async def test_what_waits_for_whom(committee: Committee) -> None:
    for who, waits in (("one", True), ("chair", True), ("ethicist", False), ("ncp", False)):
        listed = (await ask(committee, who, "GET", "/cases")).json()
        assert [(line["id"], line["waitsForMe"]) for line in listed["items"]] == [(CASE, waits)]
        assert listed["next"] is None
        waiting = (await ask(committee, who, "GET", "/cases?waiting=true")).json()["items"]
        assert len(waiting) == waits
    assert (await ask(committee, "stranger", "GET", "/cases")).json()["items"] == []
    assert (await ask(committee, "", "GET", "/cases")).status_code == 401


async def test_a_case_shows_the_application_as_it_was_offered_and_what_may_be_done(
    committee: Committee,
) -> None:
    found = (await ask(committee, "one", "GET", f"/cases/{CASE}")).json()
    assert found["offer"] == offer_json()
    assert found["permitted"] == ["declare-interest", "remark"]
    assert found["todo"] == ["declare-interest"]
    assert found["silence"] == "deny"
    assert [event["kind"] for event in found["history"]] == ["opened", "step-entered"]
    assert (await ask(committee, "stranger", "GET", f"/cases/{CASE}")).status_code == 404
    assert (await ask(committee, "one", "GET", "/cases/GDIA-0.ee.dac")).status_code == 404


async def test_commands_are_tried_and_done(committee: Committee) -> None:
    async def do(command: str, said: dict[str, Any], query: str = "") -> httpx.Response:
        return await ask(committee, "one", "POST", f"/cases/{CASE}/commands/{command}{query}", json=said)

    tried = await do("declare-interest", {"conflict": False}, "?dry-run=true")
    assert (tried.status_code, tried.json()["dryRun"], tried.json()["interests"]) == (200, True, {})
    assert (await do("check-conformity", ALL_GOOD)).status_code == 409
    assert (await do("declare-interest", {"conflict": False})).json()["interests"] == {"one": False}
    wrong = await do("check-conformity", {"criteria": {}, "colour": "red"})
    assert wrong.status_code == 400
    assert "colour" in wrong.json()["detail"]
    assert (await do("check-conformity", ALL_GOOD)).json()["state"] == "ethics-check"
    assert (await do("veto", {"text": "no"})).status_code == 403
    assert (await do("conquer", {})).status_code == 404
    assert (await do("remark", {"text": "x"}, "?dry-run=perhaps")).status_code == 400


async def test_single_votes_are_not_told_and_texts_are(committee: Committee) -> None:
    committee.grant()
    found = (await ask(committee, "three", "GET", f"/cases/{CASE}")).json()
    assert found["votes"]["results"][A] == {"grants": 2, "denials": 0, "carried": True}
    ballots = [event for event in found["history"] if event["kind"] == "ballot-cast"]
    assert all("votes" not in event for event in ballots)
    decided = {each["dataset"]: each for each in found["decision"]["datasets"]}
    assert (decided[A]["conditions"], decided[B]["reasons"]) == (["No linkage"], "out of scope")


async def test_everybody_may_know_the_bodies_their_keys_and_what_silence_means(committee: Committee) -> None:
    (body,) = (await ask(committee, "", "GET", "/bodies")).json()["items"]
    assert (body["id"], body["country"], body["silence"]) == ("ee.dac", "EE", "deny")
    assert "d" not in body["keys"][0]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=x", "limit=9999", "after=x", "after=2026-01-01", "state=lost", "page=2", "waiting=1"],
)
async def test_wrong_questions_say_what_would_be_right(committee: Committee, query: str) -> None:
    answer = await ask(committee, "one", "GET", f"/cases?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["detail"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=8) | st.sampled_from(["grant", A]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "text",
        "conflict",
        "members",
        "criteria",
        "outcome",
        "vote",
        "datasets",
        "final",
        "reached",
        "workingDays",
    ]
)


@given(st.sampled_from(list(Command)), st.dictionaries(NAMES, JSON, max_size=4) | JSON)
def test_whatever_is_sent_it_is_read_or_refused_in_words(command: Command, said: object) -> None:
    try:
        act, _ = read_act(command, json.dumps(said).encode(), lambda: "id")
    except Invalid:
        return
    assert act.command is command


@given(st.dictionaries(st.sampled_from(list(offer_json())), JSON, max_size=4))
def test_whatever_a_hub_offers_it_is_read_or_refused_in_words(changed: dict[str, object]) -> None:
    for read in (read_offer, lambda told: read_change(told, offer_json())):
        with suppress(Invalid):
            assert read(offer_json() | changed).case


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.sampled_from(list(Command)), JSON, st.sampled_from(["one", "chair", "ncp", "ada", "stranger"]))
def test_no_command_ends_in_anything_but_a_kind_of_error(
    committee: Committee, command: Command, said: object, who: str
) -> None:
    with suppress(GdiError):
        committee.service.act(committee.person(who), CASE, command, json.dumps(said).encode(), dry_run=True)
