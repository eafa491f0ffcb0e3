"""Two datasets of different ids that hold the same files hold the same people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.federation.kit import (
    ANYBODY,
    SILENCE,
    ScriptedMembers,
    answer,
    cell,
    member,
    network,
    result_set,
    variant,
)

from opengdi.federation.directory import Directory, ProfileStore
from opengdi.federation.floors import FloorBook, Floors
from opengdi.federation.merging import Merged
from opengdi.federation.service import Arrival
from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.beacon.request import Target, parse_post

SAME = "sha256:1"


def held(dataset: str, floor: int, *, digest: str = SAME, count: int = 12) -> dict[str, object]:
    info = DatasetInfo(digest=digest, k_alleles=floor)
    return answer(result_set(dataset, 1, [variant(cell("Total", count, 5008))], info))


def hides(dataset: str, floor: int) -> dict[str, object]:
    return answer(result_set(dataset, 0, [], DatasetInfo(digest=SAME, k_alleles=floor)))


def counted(dataset: str, people: int, floor: int, digest: str = SAME) -> dict[str, object]:
    return answer(result_set(dataset, people, info=DatasetInfo(digest=digest, k_individuals=floor)))


async def asked(folder: Path, entry: EntryType, granularity: str, **replies: Any) -> Merged:
    client = ScriptedMembers(replies)
    net = network(folder, [member(name) for name in replies], client)
    question = parse_post(Target(entry), {"query": {"requestedGranularity": granularity}})
    return (await net.answer(question, ANYBODY)).merged


async def test_the_stricter_member_s_floor_holds_under_whatever_id(tmp_path: Path) -> None:
    found = await asked(
        tmp_path, EntryType.GENOMIC_VARIANT, "record", ee=held("D", 5), fi=hides("E", 20), se=held("F", 5, digest="")
    )  # fmt: skip
    assert [each["id"] for each in found.result_sets] == ["F"]


async def test_it_holds_while_the_stricter_member_is_silent_and_after_a_restart(tmp_path: Path) -> None:
    await asked(tmp_path, EntryType.GENOMIC_VARIANT, "record", ee=held("D", 5), fi=hides("E", 20))
    found = await asked(tmp_path, EntryType.GENOMIC_VARIANT, "record", ee=held("D", 5), fi=SILENCE)
    assert found.exists is False


async def test_people_are_added_up_once_and_both_datasets_are_listed(tmp_path: Path) -> None:
    found = await asked(
        tmp_path, EntryType.INDIVIDUAL, "count",
        ee=counted("D", 40, 5), fi=counted("E", 40, 5), se=counted("F", 7, 5, ""),
    )  # fmt: skip
    assert found.total is not None
    assert found.total.number == 47
    sets = {str(each["id"]): each for each in found.result_sets}
    assert set(sets) == {"D", "E", "F"}
    info: Any = sets["E"]["info"]
    assert info["sameContentAs"] == "D"
    assert all("sameContentAs" not in str(sets[name]) for name in "DF")


async def test_the_number_that_somebody_may_see_is_the_one_that_is_added_up(tmp_path: Path) -> None:
    found = await asked(
        tmp_path, EntryType.GENOMIC_VARIANT, "record",
        ee=answer(result_set("D", 0, [], DatasetInfo(digest=SAME))), fi=held("E", 0),
    )  # fmt: skip
    assert found.total is not None
    assert (found.exists, found.total.number) == (True, 1)


async def test_in_a_stream_the_lenient_one_waits_for_the_other(tmp_path: Path) -> None:
    client = ScriptedMembers({"ee": held("D", 5), "fi": SILENCE})
    directory = Directory(client, ProfileStore(tmp_path), timeout_s=1.0)
    directory.book.hear("D", "ee.af", Floors(5), SAME)
    directory.book.hear("E", "fi.af", Floors(20), SAME)
    net = network(tmp_path, [member("ee"), member("fi")], client, directory=directory)
    question = parse_post(Target(EntryType.GENOMIC_VARIANT), {"query": {}})
    arrivals = [each async for each in net.stream(question, ANYBODY) if isinstance(each, Arrival)]
    assert [each.result_sets for each in arrivals] == [(), ()]


def test_a_book_remembers_contents_and_reads_books_of_before(tmp_path: Path) -> None:
    store, book = ProfileStore(tmp_path), FloorBook()
    assert book.hear("D", "ee.af", Floors(5), SAME)
    assert book.hear("E", "fi.af", Floors(20), SAME)
    assert not book.hear("E", "fi.af", Floors(20), SAME)
    assert book.hear("E", "fi.af", Floors(20), "sha256:2"), "a later version"
    store.save_floors(book)
    again = FloorBook()
    store.load_floors(again)
    assert again.floors("D") == Floors(20)
    assert again.servers("D") == {"ee.af", "fi.af"}
    (tmp_path / "floors.json").write_text('[["G", "no.af", 7, 0, 1]]')
    before = FloorBook()
    store.load_floors(before)
    assert before.floors("G") == Floors(7)


FEW = DatasetInfo(digest=SAME, k_alleles=1, k_individuals=1)
THREE_CARRIERS = [variant(cell("Total", 3, 5008))]


@pytest.mark.parametrize("order", [("ee", "fi"), ("fi", "ee")])
@pytest.mark.parametrize(
    ("says_yes", "says_no", "is_told"),
    [
        (FEW, FEW, False),
        (replace(FEW, individual_budget=3.0), replace(FEW, individual_budget=1.0), False),
        (replace(FEW, individual_budget=1.0), replace(FEW, individual_budget=3.0, digest="sha256:2"), True),
    ],
    ids=["its purse is spent", "it never tells of so few", "the stricter one holds a later version"],
)
async def test_of_few_carriers_is_told_only_what_the_strictest_tells(
    tmp_path: Path, order: tuple[str, str], says_yes: DatasetInfo, says_no: DatasetInfo, *, is_told: bool
) -> None:
    replies = {
        "ee": answer(result_set("D", 1, THREE_CARRIERS, says_yes)),
        "fi": answer(result_set("D", 0, [], says_no)),
    }
    members = {name: replies[name] for name in order}
    found = await asked(tmp_path, EntryType.GENOMIC_VARIANT, "record", **members)
    assert found.exists is is_told
