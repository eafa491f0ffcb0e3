"""Which network answers which path."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.federation.kit import ScriptedMembers, answer, result_set
from tests.unit.federation.test_network_defects import hub

HIT = answer(result_set())


@pytest.mark.parametrize(
    "path", ["/individuals", "/datasets/A/individuals", "/runs/R/g_variants", "/individuals/I"]
)
async def test_the_aggregated_network_alone_says_nothing_about_people(tmp_path: Path, path: str) -> None:
    members = ScriptedMembers({"ee": HIT})
    assert (await hub(tmp_path, members).get(path)).status_code == 404
    assert members.asked == []


@pytest.mark.parametrize("path", ["/variants", "/g_variants/A/cohorts/x", "/people/1/g_variants"])
async def test_a_path_that_the_model_does_not_know_is_404_in_beacons_shape(tmp_path: Path, path: str) -> None:
    members = ScriptedMembers({"ee": HIT})
    answered = await hub(tmp_path, members).get(path)
    assert answered.status_code == 404
    assert answered.json()["error"]["errorCode"] == 404
    assert members.asked == []


async def test_a_nested_question_reaches_the_members_under_the_same_path(tmp_path: Path) -> None:
    members = ScriptedMembers({"ee": HIT})
    assert (await hub(tmp_path, members).get("/datasets/A/g_variants")).status_code == 200
    assert [outgoing.path for _, outgoing in members.asked] == ["/datasets/A/g_variants"]


async def test_filtering_terms_page_and_narrow(tmp_path: Path) -> None:
    client = hub(tmp_path, ScriptedMembers({"ee": HIT}))
    for path in (
        "/filtering_terms",
        "/g_variants/filtering_terms",
        "/datasets/A/filtering_terms?skip=1&limit=5",
    ):
        answered = await client.get(path)
        assert answered.status_code == 200
        assert answered.json()["response"] == {"filteringTerms": [], "resources": []}
    assert (await client.get("/nonsense/filtering_terms")).status_code == 404
    assert (await client.get("/filtering_terms?limit=-1")).status_code == 400
    assert (await client.get("/filtering_terms?scope=runs")).status_code == 400
    assert (await client.post("/filtering_terms", json={"datasets": []})).status_code == 400
    assert (await client.post("/filtering_terms", json={"query": {"filters": []}})).status_code == 200
