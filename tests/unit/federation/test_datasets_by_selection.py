"""Which datasets hold enough of those asked for is as secret as their number: the strictest member decides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.federation.kit import (
    ANYBODY,
    SILENCE,
    AuditLines,
    ScriptedMembers,
    answer,
    member,
    network,
)

from opengdi.federation.directory import Directory, ProfileStore
from opengdi.federation.floors import Floors
from opengdi.federation.merging import Merged
from opengdi.federation.service import Answered, Arrival
from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.standards.beacon.questions import BeaconRequest, EntryType, Granularity
from opengdi.standards.beacon.request import Target, parse_post

BY_FILTERS = parse_post(Target(EntryType.DATASET), {"query": {"filters": [{"id": "NCIT:C16576"}]}})
BY_ALLELE = parse_post(Target(EntryType.DATASET, parent=(EntryType.GENOMIC_VARIANT, "GRCh38:3:1:A:T")), {})
ALL = parse_post(Target(EntryType.DATASET), {})


def lists(**floors: int) -> dict[str, object]:
    """The datasets that a member lists, each with its floor."""
    infos = {name: DatasetInfo(k_alleles=floor, k_individuals=floor) for name, floor in floors.items()}
    return answer(collections=[{"id": name, "info": info.as_document()} for name, info in infos.items()])


async def asked(
    folder: Path,
    request: BeaconRequest,
    granularity: str = "record",
    wait_s: float | None = None,
    **replies: Any,
) -> Merged:
    client = ScriptedMembers(replies)
    directory = Directory(client, ProfileStore(folder), timeout_s=1.0)
    directory.book.hear("D", "ee.af", Floors(5, 5))
    directory.book.hear("D", "fi.af", Floors(20, 20))
    net = network(folder, [member(name) for name in replies], client, directory=directory)
    question = replace(request, granularity=Granularity[granularity.upper()])
    return (await net.answer(question, ANYBODY, wait_s=wait_s)).merged


def names(merged: Merged) -> list[object]:
    return [each["id"] for each in merged.collections]


@pytest.mark.parametrize("request_", [BY_FILTERS, BY_ALLELE], ids=["by filters", "by allele"])
@pytest.mark.parametrize("strict", [lists(), SILENCE], ids=["it says no", "it is silent"])
@pytest.mark.parametrize("granularity", ["record", "count", "boolean"])
async def test_a_dataset_that_the_stricter_member_does_not_name_is_not_named(
    tmp_path: Path, request_: BeaconRequest, strict: object, granularity: str
) -> None:
    found = await asked(tmp_path, request_, granularity, ee=lists(D=5), fi=strict)
    assert (names(found), found.exists) == ([], False)
    assert found.total is None or found.total.number == 0


async def test_what_the_strictest_names_and_what_nobody_else_serves_is_named(tmp_path: Path) -> None:
    found = await asked(tmp_path, BY_FILTERS, ee=lists(D=5, E=5), fi=lists(D=20))
    assert sorted(map(str, names(found))) == ["D", "E"]
    assert (found.total and found.total.number, found.exists) == (2, True)


async def test_how_many_there_are_is_counted_by_name_and_names_are_told_to_who_asks_for_them(
    tmp_path: Path,
) -> None:
    found = await asked(tmp_path, BY_FILTERS, "count", ee=lists(D=5, E=5), fi=lists(D=20), se=lists(E=5))
    assert (names(found), found.total and found.total.number) == ([], 2)
    assert found.granularity is Granularity.COUNT


async def test_that_a_dataset_is_there_is_no_secret(tmp_path: Path) -> None:
    found = await asked(tmp_path, ALL, ee=lists(D=5), fi=SILENCE)
    assert names(found) == ["D"]


async def test_nobody_hides_the_stricter_member_by_not_waiting_for_it(tmp_path: Path) -> None:
    found = await asked(tmp_path, BY_FILTERS, wait_s=0.01, ee=lists(D=99, E=5), fi=SILENCE)
    assert names(found) == ["E"]


async def test_an_answer_that_grows_names_no_dataset_that_a_member_to_come_serves(tmp_path: Path) -> None:
    client = ScriptedMembers({"ee": lists(D=99, E=5), "fi": SILENCE})
    directory = Directory(client, ProfileStore(tmp_path), timeout_s=1.0)
    directory.book.hear("D", "fi.af", Floors(20, 20))
    net = network(tmp_path, [member("ee"), member("fi")], client, directory=directory, audit=AuditLines())
    events = [
        event async for event in net.stream(replace(BY_FILTERS, granularity=Granularity.RECORD), ANYBODY)
    ]
    grown, _, whole = events
    assert isinstance(grown, Arrival)
    assert grown.so_far is not None
    assert names(grown.so_far().merged) == ["E"]
    assert isinstance(whole, Answered)
    assert names(whole.merged) == ["D", "E"], "FI fell out, and EE is known to be the stricter one"
