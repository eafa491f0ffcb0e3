"""Filtering terms of a dataset that several members serve: only what each of them tells of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.federation.kit import SILENCE, ScriptedMembers, answer, member, result_set
from tests.unit.federation.test_network_defects import hub

from opengdi.federation.circuit import Fault
from opengdi.federation.directory import Directory, ProfileStore
from opengdi.federation.model import Json, Member, MemberState
from opengdi.federation.ports import MemberFault
from opengdi.federation.reading import read_answer
from opengdi.federation.translation import Outgoing
from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.standards.beacon.questions import EntryType, Granularity

GONE = MemberFault(MemberState.ERROR, "cannot be reached", Fault.UNREACHABLE)
NOT_THERE = MemberFault(MemberState.DENIED, "not permitted", None)
RARE, COMMON = "ORPHA:1", "HP:0001"
LENIENT, STRICT = member("ee"), member("fi")


def term(identifier: str, *scopes: str, values: list[str] | None = None) -> Json:
    told: Json = {
        "type": "ontology",
        "id": identifier,
        "label": identifier,
        "scopes": list(scopes) or ["individual"],
    }
    return told if values is None else told | {"values": values}


def tells(terms: Mapping[str, list[Json]], datasets: list[str] | None) -> Callable[[Outgoing], object]:
    """A member that tells these terms by path, and lists these datasets, or lets nobody list them."""

    def reply(outgoing: Outgoing) -> object:
        path = outgoing.path.split("?")[0]
        if path == "/datasets":
            if datasets is None:
                raise NOT_THERE
            return {"response": {"collections": [{"id": each, "info": {}} for each in datasets]}}
        told = terms.get(path.removesuffix("/filtering_terms"), [])
        return {"response": {"filteringTerms": told, "resources": [{"id": "HP"}]}}

    return reply


class Place:
    """A hub that has read what its members say of themselves."""

    def __init__(self, folder: Path, replies: Mapping[str, Any], *more: Member) -> None:
        self.client = ScriptedMembers(dict(replies))
        self.members = [member(name) for name in replies if not any(each.id == name for each in more)] + [
            *more
        ]
        self.directory = Directory(self.client, ProfileStore(folder), timeout_s=0.05)
        self.hub = hub(folder, self.client, members=self.members, directory=self.directory)

    async def read(self) -> Place:
        await self.directory.refresh(self.members)
        return self

    def heard(self, told_by: Member, dataset: str = "D") -> None:
        said = answer(result_set(dataset, info=DatasetInfo(k_individuals=20)))
        self.directory.hear(told_by, read_answer(said, Granularity.RECORD), EntryType.INDIVIDUAL)

    async def terms(self, path: str = "/datasets/D") -> list[Json]:
        told = (await self.hub.get(f"{path}/filtering_terms")).json()["response"]
        found: list[Json] = told["filteringTerms"]
        return found

    async def ids(self, path: str = "/datasets/D") -> list[object]:
        return [each["id"] for each in await self.terms(path)]


async def test_what_the_stricter_member_hides_is_hidden_whoever_else_tells_it(tmp_path: Path) -> None:
    replies = {
        "ee": tells({"/datasets/D": [term(RARE), term(COMMON)], "/datasets/E": [term(RARE)]}, ["D", "E"]),
        "fi": tells({"/datasets/D": [term(COMMON)]}, ["D"]),
    }
    place = await Place(tmp_path, replies).read()
    assert await place.ids() == [COMMON]
    assert await place.ids("/datasets/E") == [RARE], "FI does not serve it"


async def test_a_scope_or_a_value_that_one_of_them_hides_is_hidden(tmp_path: Path) -> None:
    replies = {
        "ee": tells(
            {"/datasets/D": [
                term("a", "individual", "biosample", values=["x", "y"]), term("b", "run"), term("c", values=["x"]),
            ]},
            ["D"],
        ),
        "fi": tells(
            {"/datasets/D": [term("a", "biosample", values=["y", "z"]), term("b", "individual"), term("c")]}, ["D"]
        ),
    }  # fmt: skip
    place = await Place(tmp_path, replies).read()
    told = {str(each["id"]): each for each in await place.terms()}
    assert (told["a"]["scopes"], told["a"]["values"]) == (["biosample"], ["y"])
    assert "b" not in told
    assert "values" not in told["c"]


@pytest.mark.parametrize("silent", [SILENCE, GONE, NOT_THERE])
async def test_while_a_member_that_serves_the_dataset_is_silent_nothing_is_told_of_it(
    tmp_path: Path, silent: object
) -> None:
    replies = {
        "ee": tells({"/datasets/D": [term(COMMON)]}, ["D"]),
        "fi": tells({"/datasets/D": [term(COMMON)]}, ["D"]),
    }
    place = await Place(tmp_path, replies).read()
    place.client.replies["fi"] = silent
    assert await place.ids() == []


async def test_a_member_that_is_silent_and_serves_other_datasets_hides_nothing(tmp_path: Path) -> None:
    replies = {"ee": tells({"/datasets/D": [term(COMMON)]}, ["D"]), "fi": tells({}, ["E"])}
    place = await Place(tmp_path, replies).read()
    place.client.replies["fi"] = GONE
    assert await place.ids() == [COMMON]


async def test_a_dataset_that_a_member_began_to_serve_since_it_was_read_is_as_strict_as_there(
    tmp_path: Path,
) -> None:
    replies = {"ee": tells({"/datasets/D": [term(COMMON), term(RARE)]}, ["D"]), "fi": tells({}, ["E"])}
    place = await Place(tmp_path, replies).read()
    place.heard(STRICT)
    assert await place.ids() == []


async def test_a_dataset_that_a_member_withdrew_is_not_hidden_for_ever(tmp_path: Path) -> None:
    replies = {"ee": tells({"/datasets/D": [term(COMMON)]}, ["D"]), "fi": tells({}, ["E"])}
    place = Place(tmp_path, replies)
    place.heard(STRICT)
    await place.read()
    assert await place.ids() == [COMMON]


async def test_a_beacon_that_lists_nothing_to_strangers_serves_what_the_other_one_of_its_member_lists(
    tmp_path: Path,
) -> None:
    other = replace(STRICT, id="fi", service="fi.sl")
    replies = {
        "ee": tells({"/datasets/D": [term(COMMON), term(RARE)]}, ["D"]),
        "fi": tells({"/datasets/D": [term(COMMON)]}, ["D"]),
    }
    place = await Place(tmp_path, replies, STRICT, other).read()
    place.client.replies["fi"] = tells({"/datasets/D": [term(COMMON)]}, None)
    await place.read()
    assert await place.ids() == [COMMON]


async def test_a_foreign_beacon_that_lists_no_datasets_counts_if_it_tells_any_term(tmp_path: Path) -> None:
    replies = {
        "ee": tells({"/datasets/D": [term(COMMON), term(RARE)], "/datasets/E": [term(RARE)]}, ["D", "E"]),
        "xx": tells({"/datasets/D": [term(COMMON)]}, None),
    }
    place = await Place(tmp_path, replies).read()
    assert await place.ids() == [COMMON]
    assert await place.ids("/datasets/E") == [RARE]


async def test_a_cohort_is_each_members_own_unless_they_serve_a_dataset_together(tmp_path: Path) -> None:
    replies = {
        "ee": tells({"/cohorts/c": [term(COMMON), term(RARE)]}, ["D"]),
        "fi": tells({"/cohorts/c": [term(COMMON)]}, ["D"]),
        "se": tells({"/cohorts/c": [term("HP:2")]}, ["S"]),
        "no": tells({}, ["D"]),
    }
    place = await Place(tmp_path, replies).read()
    assert await place.ids("/cohorts/c") == [COMMON, "HP:2"]
    place.client.replies["se"] = SILENCE
    assert await place.ids("/cohorts/c") == [COMMON]
