"""Index files that providers send: each is held against its data, whichever came first; what does not fit is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Barrier, BrokenBarrierError

import pysam
import pytest
from sqlalchemy import Connection, Engine, delete
from tests.archive_house import House, NewDatabase
from tests.archive_kit import STORED, upload
from tests.encrypted_uploads import keyring
from tests.indexed_files import synthetic_bam

from opengdi.archive import judging, places
from opengdi.archive.companions import Companions
from opengdi.archive.companions.agreement import Verdict, judge
from opengdi.archive.decommission import Decision
from opengdi.archive.model import Act, ArchivedFile, Change, Companion, Judgement
from opengdi.archive.registry import Registry
from opengdi.archive.tables import archive_companions
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Unavailable
from opengdi.kernel.ids import FileId, numbered_file_id
from opengdi.kernel.storage import Storage, put_whole
from opengdi.kernel.storage.directory import DirectoryStorage
from opengdi.standards.crypt4gh import EditList

DATA, INDEX = "run/a.bam.c4gh", "run/a.bam.bai.c4gh"
PENDING, FITS, WRONG, UNKNOWN = Judgement
DECISION = Decision("data access committee", "DAC-2026-17", "consent withdrawn")


@pytest.fixture
def house(new_database: NewDatabase, tmp_path: Path) -> House:
    return House(new_database, DirectoryStorage(tmp_path / "objects"), keyring())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Two BAMs, and their indexes."""
    found = {}
    for name, seed in (("a", 1), ("b", 2)):
        folder = tmp_path_factory.mktemp(name)
        path = synthetic_bam(folder, references=(("1", 3_000_000),), reads=300, seed=seed).path
        pysam.index("-b", "-o", str(folder / "bai"), str(path))
        found |= {f"{name}.bam": path.read_bytes(), f"{name}.bai": (folder / "bai").read_bytes()}
    return found


def beside(house: House, file: ArchivedFile) -> tuple[Companion, ...]:
    return house.companions.of([file.id]).get(file.id, ())


def judgements(house: House, file: ArchivedFile) -> list[Judgement]:
    return [companion.judgement for companion in beside(house, file)]


@pytest.mark.parametrize("names", [(DATA, INDEX), (INDEX, DATA)], ids=["data first", "index first"])
async def test_an_index_that_fits_is_told_as_such_whichever_came_first(house, files, names) -> None:
    content = {DATA: files["a.bam"], INDEX: files["a.bai"]}
    first = await house.archive(content[names[0]], names[0])
    assert (beside(house, first), await house.judging().run()) == ((), 0)
    second = await house.archive(content[names[1]], names[1])
    assert judgements(house, first) == [PENDING]
    assert await house.judging().run() == 1
    (companion,) = beside(house, first)
    assert (companion,) == beside(house, second)
    assert (companion.index_path, companion.data_path) == (INDEX, DATA)
    assert (companion.judgement, companion.note, house.wrong) == (FITS, "", [])
    assert await house.judging().run() == 0


async def test_an_index_of_another_file_is_told_once_and_stays_a_file_like_others(house, files) -> None:
    index, data = await house.archive(files["b.bai"], INDEX), await house.archive(files["a.bam"], DATA)
    await house.judging().run()
    await house.judging().run()
    (companion,) = beside(house, data)
    assert companion.judgement is WRONG
    assert "of another file, or of another version of this one" in companion.note
    assert house.wrong == [companion]
    assert (companion.index, companion.data) == (index.id, data.id)
    assert house.registry.find(index.id).state == house.registry.find(data.id).state == "ready"


async def test_a_new_version_of_the_data_is_held_against_the_index_that_is_there(house, files) -> None:
    index, old = await house.archive(files["a.bai"], INDEX), await house.archive(files["a.bam"], DATA)
    await house.judging().run()
    house.registry.disable(old.id, "operator", "a mistake")
    assert beside(house, old) == beside(house, index) == ()
    new = await house.archive(files["b.bam"], DATA)
    assert judgements(house, index) == [PENDING]
    await house.judging().run()
    assert [(each.data, each.judgement) for each in beside(house, index)] == [(new.id, WRONG)]
    house.registry.disable(index.id, "operator", "it does not fit")
    await house.archive(files["b.bai"], INDEX)
    await house.judging().run()
    assert judgements(house, new) == [FITS]


async def test_another_index_of_ours_is_another_judgement(house, files) -> None:
    index, data = await house.archive(files["a.bai"], INDEX), await house.archive(files["a.bam"], DATA)
    await house.judging().run()
    await house.reindexing().run(data.id, "operator")
    assert judgements(house, index) == [PENDING]
    (pair,) = house.companions.pending()
    await house.reindexing().run(data.id, "operator")
    house.companions.judged(pair, WRONG, "of an index that is there no more")
    assert (judgements(house, index), house.wrong) == ([PENDING], [])


async def test_only_the_same_providers_data_of_that_name_count(house, files) -> None:
    index = await house.archive(files["a.bai"], INDEX)
    await house.archive(files["a.bam"], DATA, provider="another")
    await house.archive(files["b.bam"], "run/ab.bam.c4gh")
    assert beside(house, index) == ()
    nearer, other = await house.archive(files["a.bam"], "x.csi.c4gh"), None
    for name in ("x.bam.c4gh", "x.c4gh"):
        other = await house.archive(files["a.bam"], name)
    assert [each.data_path for each in beside(house, nearer)] == ["x.c4gh"]
    assert beside(house, nearer) == beside(house, other)


class Failing(DirectoryStorage):
    """One object cannot be read for now."""

    key = ""

    def get(self, key: str, first: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        if key == self.key:
            raise Unavailable("the store does not answer")
        return super().get(key, first, stop)


@pytest.mark.parametrize("at_once", [1, 100], ids=["more than are looked at at once", "few"])
async def test_what_cannot_be_judged_yet_waits_and_delays_no_other(
    house, files, tmp_path, monkeypatch, at_once: int
) -> None:
    monkeypatch.setattr(judging, "AT_ONCE", at_once)
    storage: Storage = Failing(tmp_path / "objects")
    first = await house.archive(files["a.bai"], INDEX)
    await house.archive(files["a.bam"], DATA)
    second = await house.archive(files["b.bai"], "b.bai")
    await house.archive(files["b.bam"], "b.bam")
    storage.key = places.body_key(first.place)
    assert await house.judging(storage).run() == 1
    assert (judgements(house, first), judgements(house, second)) == ([PENDING], [FITS])
    storage.key = ""
    assert await house.judging(storage).run() == 1
    assert judgements(house, first) == [FITS]


async def test_an_index_that_is_a_little_of_much_is_not_read(house, files, monkeypatch) -> None:
    """An edit list may leave a few bytes of a hundred gigabytes."""
    monkeypatch.setattr(judging, "LARGEST_BYTES", 70_000)
    index = await house.archive(bytes(200_000), INDEX, edit_list=EditList((0, 100)))
    assert index.stored.plain_bytes == 100
    await house.archive(files["a.bam"], DATA)
    await house.judging().run()
    (companion,) = beside(house, index)
    assert (companion.judgement, "up to 70,000 bytes" in companion.note) == (UNKNOWN, True)


async def test_a_stopping_node_waits_for_no_judgement(house, files) -> None:
    index = await house.archive(files["a.bai"], INDEX)
    await house.archive(files["a.bam"], DATA)
    stopping = house.judging()
    stopping.stop()
    assert await stopping.run() == 0
    assert judgements(house, index) == [PENDING]


async def test_an_index_that_we_stumble_over_is_not_called_wrong_and_delays_no_other(
    house, files, monkeypatch
) -> None:
    first = await house.archive(files["a.bai"], INDEX)
    await house.archive(files["a.bam"], DATA)
    second = await house.archive(files["b.bai"], "b.bai")
    await house.archive(files["b.bam"], "b.bam")

    def stumbles(kind: str, raw: bytes, data: object, own: bytes) -> Verdict:
        if raw == files["a.bai"]:
            raise IndexError("array index out of range")
        return judge(kind, raw, data, own)

    monkeypatch.setattr(judging, "judge", stumbles)
    assert await house.judging().run() == 2
    assert (judgements(house, first), judgements(house, second)) == ([UNKNOWN], [FITS])


async def test_an_index_that_the_archive_cannot_read_is_not_called_wrong(house, files) -> None:
    index, _ = await house.archive(files["a.bai"], INDEX), await house.archive(files["a.bam"], DATA)
    await put_whole(house.storage, places.body_key(index.place), b"x" * 200)
    await house.judging().run()
    (companion,) = beside(house, index)
    assert companion.judgement is UNKNOWN
    assert "cannot read it" in companion.note


async def test_after_a_loss_of_the_database_indexes_are_judged_again(house, files) -> None:
    index, _ = await house.archive(files["b.bai"], INDEX), await house.archive(files["a.bam"], DATA)
    house.lose_database()
    await house.recovery().run("operator")
    assert judgements(house, index) == [PENDING]
    await house.judging().run()
    assert judgements(house, index) == [WRONG]


async def test_of_indexes_that_were_there_before_the_scrub_asks_once(house, files) -> None:
    index, data = await house.archive(files["a.bai"], INDEX), await house.archive(files["a.bam"], DATA)
    with house.engine.begin() as connection:
        connection.execute(delete(archive_companions))
    assert beside(house, index) == ()
    await house.scrub().check(data)
    await house.judging().run()
    assert judgements(house, index) == [FITS]
    for file in (index, data):
        await house.scrub().check(file)
    assert judgements(house, index) == [FITS]


async def test_of_a_decommissioned_index_nothing_is_kept(house, files) -> None:
    index, data = await house.archive(files["a.bai"], INDEX), await house.archive(files["a.bam"], DATA)
    await house.decommissioning().run(index.id, DECISION, "operator")
    assert beside(house, data) == ()
    assert await house.judging().run() == 0
    await house.decommissioning().run(data.id, DECISION, "operator")


@pytest.mark.parametrize("round_", range(5))
def test_an_index_and_its_data_that_become_ready_at_the_same_moment_find_each_other(
    engine: Engine, round_: int
) -> None:
    """On PostgreSQL neither transaction sees the other's file; on SQLite one waits for the other."""
    both = Barrier(2, timeout=2.0 if engine.dialect.name == "postgresql" else 0.1)

    def meet(change: Change, _: Connection) -> None:
        if change.act is Act.FINISH:
            with suppress(BrokenBarrierError):
                both.wait()

    numbers = count(1)
    registry = Registry(
        engine,
        FixedClock(),
        new_id=lambda: numbered_file_id("EE", next(numbers)),
        new_place=lambda *_: f"00/{next(numbers):032x}",
        on_change=meet,
    )
    ids = [
        registry.receive(upload(f"u{number}", path), submit=True).id
        for number, path in enumerate((DATA, INDEX))
    ]

    def finish(id_: FileId) -> None:
        registry.deposit(id_, STORED, header=b"header", chunk_hashes=b"", actor="node:archive")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(finish, ids))
    assert [(pair.index.id, pair.data.id) for pair in Companions(engine).pending()] == [(ids[1], ids[0])]
