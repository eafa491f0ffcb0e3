"""Which network answers which path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.federation.kit import (
    SILENCE,
    ScriptedMembers,
    answer,
    facts,
    member,
    network,
    result_set,
)
from tests.unit.federation.test_network_defects import hub

from opengdi.federation.api import NetworkMount
from opengdi.federation.circuit import Fault
from opengdi.federation.directory import Directory, ProfileStore
from opengdi.federation.model import MemberState, Network
from opengdi.federation.ports import MemberFault
from opengdi.federation.translation import Outgoing
from opengdi.standards.beacon.questions import BeaconRequest, EntryType, OntologyFilter

HIT = answer(result_set())
UNREACHABLE = MemberFault(MemberState.ERROR, "cannot be reached", Fault.UNREACHABLE)


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


@pytest.mark.parametrize("collection", ["cohorts", "datasets"])
async def test_filters_of_collections_are_put_to_the_network_that_may_tell_of_people(
    tmp_path: Path, collection: str
) -> None:
    both = {
        kind: network(tmp_path / kind, [member("ee", networks=frozenset({kind}))], ScriptedMembers({}))
        for kind in Network
    }
    mount = NetworkMount("/network", facts(), both)
    plain = BeaconRequest(EntryType(collection.removesuffix("s")))
    filtered = replace(plain, filters=(OntologyFilter("NCIT:C16576"),))
    assert mount.network_for(plain) is Network.AGGREGATED
    assert mount.network_for(filtered) is Network.INDIVIDUALS
    alone = replace(mount, networks={Network.AGGREGATED: both[Network.AGGREGATED]})
    assert alone.network_for(filtered) is Network.AGGREGATED


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


def tells_terms(by_path: dict[str, list[str]], datasets: list[str]) -> Callable[[Outgoing], object]:
    """A member that tells these terms below these paths, and that it serves these datasets."""

    def reply(outgoing: Outgoing) -> object:
        path = outgoing.path.split("?")[0]
        if path == "/datasets":
            return {"response": {"collections": [{"id": each, "info": {}} for each in datasets]}}
        terms = [
            {"type": "ontology", "id": each, "scopes": ["individual"]}
            for each in by_path.get(path.removesuffix("/filtering_terms"), [])
        ]
        return {"response": {"filteringTerms": terms, "resources": []}}

    return reply


async def test_filtering_terms_below_a_collection_are_those_that_members_tell_of_it(tmp_path: Path) -> None:
    estonian = {
        "": ["HP:1", "HP:2"],
        "/datasets/A": ["HP:1"],
        "/datasets/B": ["HP:2"],
        "/cohorts/c d": ["HP:1"],
    }
    finnish = {"": ["HP:3"], "/datasets/C": ["HP:3"], "/datasets/A": ["HP:3"], "/cohorts/c%20d": ["HP:3"]}
    replies = {
        "ee": tells_terms({path.replace(" ", "%20"): terms for path, terms in estonian.items()}, ["A", "B"]),
        "fi": tells_terms(finnish, ["C"]),
        "se": SILENCE,
        "no": UNREACHABLE,
    }
    members = ScriptedMembers(replies)
    known = [member(name) for name in replies]
    directory = Directory(members, ProfileStore(tmp_path), timeout_s=0.05)
    await directory.refresh(known[:2])
    client = hub(tmp_path, members, members=known, directory=directory)

    async def terms(path: str) -> list[str]:
        told = (await client.get(f"{path}/filtering_terms")).json()["response"]
        return [each["id"] for each in told["filteringTerms"]]

    for everything in ("", "/datasets", "/cohorts"):
        assert await terms(everything) == ["HP:1", "HP:2", "HP:3"], everything
    assert (await terms("/datasets/A"), await terms("/datasets/B")) == (["HP:1"], ["HP:2"]), "FI lists no A"
    assert (await terms("/datasets/C"), await terms("/cohorts/c%20d")) == (["HP:3"], ["HP:1", "HP:3"])
    assert (await terms("/datasets/nope"), await terms("/cohorts/nope")) == ([], [])
