"""What members say about themselves is kept, and floors are not forgotten."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.unit.federation.kit import SILENCE, ScriptedMembers, answer, member, result_set

from opengdi.federation.circuit import Fault
from opengdi.federation.directory import Directory, ProfileStore
from opengdi.federation.floors import Floors
from opengdi.federation.model import MemberState
from opengdi.federation.ports import MemberFault
from opengdi.federation.reading import read_answer
from opengdi.federation.translation import Outgoing
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.errors import Unavailable
from opengdi.standards.beacon.dataset_info import DatasetInfo
from opengdi.standards.beacon.questions import EntryType, Granularity
from opengdi.standards.faults import Malformed

EE = member("ee")
GONE = MemberFault(MemberState.ERROR, "cannot be reached", Fault.UNREACHABLE)


def published(outgoing: Outgoing) -> object:
    """A member's documents by path."""
    name = outgoing.path.split("?")[0]
    dataset = {"id": "D", "name": "d", "info": DatasetInfo(k_alleles=20, k_individuals=10).as_document()}
    responses: dict[str, object] = {
        "/info": {"id": "ee.af", "name": "EE"},
        "/map": {"endpointSets": {"genomicVariant": {"entryType": "genomicVariant"}}},
        "/datasets": {"collections": [dataset, {"name": "no id"}]},
    }
    return {"meta": {}, "response": responses[name]} if name in responses else {"error": {"errorCode": 404}}


def directory(folder: Path, client: ScriptedMembers) -> Directory:
    return Directory(client, ProfileStore(folder), timeout_s=1.0)


async def test_documents_and_floors_are_read(tmp_path: Path) -> None:
    known = directory(tmp_path, ScriptedMembers({"ee": published}))
    await known.refresh([EE])
    assert known.profile(EE).responses["info"] == {"id": "ee.af", "name": "EE"}
    assert known.book.floors("D") == Floors(20, 10)


async def test_an_entry_type_that_the_map_leaves_out_is_not_asked_for(tmp_path: Path) -> None:
    known = directory(tmp_path, ScriptedMembers({"ee": published}))
    assert known.serves(EE, EntryType.RUN), "unknown is asked"
    await known.refresh([EE])
    assert known.serves(EE, EntryType.GENOMIC_VARIANT)
    assert not known.serves(EE, EntryType.RUN)


async def test_the_last_good_documents_survive_failures_and_restarts(tmp_path: Path) -> None:
    client = ScriptedMembers({"ee": published})
    await directory(tmp_path, client).refresh([EE])
    client.replies["ee"] = GONE
    known = directory(tmp_path, client)
    await known.refresh([EE])
    assert known.profile(EE).responses["info"] == {"id": "ee.af", "name": "EE"}
    assert known.book.floors("D") == Floors(20, 10)


async def test_floors_in_answers_are_remembered_over_a_restart(tmp_path: Path) -> None:
    client = ScriptedMembers({})
    told = answer(result_set("E", info=DatasetInfo(k_alleles=30)))
    directory(tmp_path, client).hear(EE, read_answer(told, Granularity.RECORD), EntryType.GENOMIC_VARIANT)
    book = directory(tmp_path, client).book
    assert book.floors("E").alleles == 30
    assert book.servers("E") == {"ee.af"}


def test_damaged_floors_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "floors.json").write_text("[[")
    with pytest.raises(Malformed, match=r"floors\.json"):
        directory(tmp_path, ScriptedMembers({}))


def test_ids_of_cohorts_are_not_taken_for_datasets(tmp_path: Path) -> None:
    known = directory(tmp_path, ScriptedMembers({}))
    cohorts = answer(collections=[{"id": "controls", "info": DatasetInfo(k_individuals=50).as_document()}])
    known.hear(EE, read_answer(cohorts, Granularity.RECORD), EntryType.COHORT)
    one_cohort = answer(result_set("cases", setType="cohort", info=DatasetInfo(k_individuals=50)))
    known.hear(EE, read_answer(one_cohort, Granularity.RECORD), EntryType.COHORT)
    assert not list(known.book.entries())
    datasets = answer(collections=[{"id": "D", "info": DatasetInfo(k_individuals=50).as_document()}])
    known.hear(EE, read_answer(datasets, Granularity.RECORD), EntryType.DATASET)
    assert list(known.book.entries()) == [("D", "ee.af", Floors(individuals=50), "")]


async def test_a_member_that_never_ends_holds_up_no_other(tmp_path: Path) -> None:
    known = Directory(
        ScriptedMembers({"fi": SILENCE, "ee": published}), ProfileStore(tmp_path), timeout_s=0.01
    )
    async with asyncio.timeout(5):
        await known.refresh([member("fi"), EE])
    assert known.book.floors("D") == Floors(20, 10)


async def test_a_full_disk_is_a_trouble_that_passes_and_floors_are_written_down_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = directory(tmp_path, ScriptedMembers({}))
    told = read_answer(answer(result_set("E", info=DatasetInfo(k_alleles=30))), Granularity.RECORD)

    def full(*_written: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        with pytest.raises(Unavailable):
            known.hear(EE, told, EntryType.GENOMIC_VARIANT)
    known.hear(EE, told, EntryType.GENOMIC_VARIANT)
    assert directory(tmp_path, ScriptedMembers({})).book.floors("E").alleles == 30


async def test_members_are_read_again_after_a_disk_was_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = directory(tmp_path, ScriptedMembers({"ee": published, "fi": published}))
    rooms, written = iter([False]), asyncio.Event()

    def write(path: Path, content: str) -> None:
        if not next(rooms, True):
            raise OSError("No space left on device")
        path.write_bytes(content.encode())
        written.set()

    monkeypatch.setattr(Path, "write_text", write)
    reading = asyncio.create_task(known.keep_fresh(lambda: [EE, member("fi")], SystemClock(), every_s=0.01))
    await asyncio.wait([reading], timeout=0.1)
    assert not reading.done()
    assert written.is_set()
    assert known.book.floors("D") == Floors(20, 10)
    reading.cancel()
