"""From submitted to ready by durable jobs, on SQLite and on PostgreSQL, with a storage that has its moods."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from sqlalchemy import Engine, text
from tests.archive_kit import STORED, MoodyStorage, Recorded, lay_in, records
from tests.encrypted_uploads import upload_of

from opengdi.archive import places
from opengdi.archive.dispatching import Dispatcher
from opengdi.archive.facts import read_facts
from opengdi.archive.keyring import ArchiveKey, Keyring
from opengdi.archive.model import UNDECLARED, ArchivedFile, Declared, FileState
from opengdi.archive.ports import Received
from opengdi.archive.registry import Registry
from opengdi.archive.service import ArchiveService
from opengdi.archive.taking import StoringIntake
from opengdi.archive.workflows import Patience, TakingIn
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.errors import NotFound, Unavailable
from opengdi.kernel.ids import DatasetId, FileId
from opengdi.kernel.jobs.durable import DurableJobs
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.storage import Storage
from opengdi.kernel.storage.directory import DirectoryStorage
from opengdi.standards.crypt4gh import PrivateKey

CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND state IS NOT NULL"
)
QUICK = Patience(attempts=3, first_rest_s=0.01, longest_rest_s=0.02)


@dataclass
class Works:
    """A whole archive but for its doors."""

    kept: Recorded
    keyring: Keyring
    storage: MoodyStorage
    inbox: DirectoryStorage
    taking_in: TakingIn
    dispatcher: Dispatcher

    @property
    def registry(self) -> Registry:
        return self.kept.registry

    def send(
        self, name: str, plain: bytes, key: PrivateKey | None = None, declared: Declared = UNDECLARED
    ) -> FileId:
        """Upload a file and let its job begin."""
        content = b"".join(upload_of(plain, (key or self.keyring.current.private).public))
        pieces = asyncio.run(lay_in(self.inbox, name, content))
        sent = Received(name, "lab", f"{name}.bin", pieces, "token:lab", declared)
        return self.registry.receive(sent, submit=True).id

    def until(self, id_: FileId, *wanted: FileState) -> ArchivedFile:
        """The file once it is in such a state (or dead)."""
        deadline = time.monotonic() + 60
        while True:
            self.dispatcher._turn_or_say()
            file = self.registry.find(id_)
            if file.state in wanted or (not wanted and file.is_dead):
                return file
            assert time.monotonic() < deadline, file
            time.sleep(0.01)


@pytest.fixture
def works(engine: Engine, location: str, tmp_path: Path) -> Iterator[Works]:
    clock = SystemClock()
    kept = records(engine, clock)
    keyring = Keyring([ArchiveKey(1, PrivateKey(os.urandom(32)))], SigningKey.generate())
    jobs = location if engine.dialect.name == "postgresql" else str(tmp_path / "jobs.sqlite")
    storage, inbox = MoodyStorage(tmp_path / "archive"), DirectoryStorage(tmp_path / "inbox")
    taking_in = TakingIn(kept.registry, inbox, StoringIntake(storage, keyring), clock, QUICK)
    dispatcher = Dispatcher(
        kept.registry, taking_in, lambda: DurableJobs(jobs, executor="test"), clock, at_once=4
    )
    yield Works(kept, keyring, storage, inbox, taking_in, dispatcher)
    dispatcher.close()


def keys(storage: Storage, folder: str = "") -> list[str]:
    async def listed() -> list[str]:
        return [found.key async for found in storage.list(folder)]

    return asyncio.run(listed())


def read(storage: Storage, key: str) -> bytes:
    async def whole() -> bytes:
        return b"".join([piece async for piece in storage.get(key)])

    return asyncio.run(whole())


def store(works: Works, id_: FileId) -> None:
    """One pass over an upload whose process is killed before it is recorded."""
    intake = StoringIntake(works.storage, works.keyring)
    pieces = works.taking_in._bytes_of(works.registry.pieces(id_))
    asyncio.run(intake.take_in(works.registry.find(id_), pieces))


def states(works: Works, id_: FileId) -> list[str]:
    return [event.after for event in works.registry.events(id_)]


def test_without_uploads_no_jobs_are_started(works: Works) -> None:
    assert works.dispatcher.turn() == 0
    assert not works.dispatcher.is_started


def test_while_a_file_is_taken_in_it_is_told_how_much_of_it_was_read(works: Works) -> None:
    file = works.registry.find(works.send("one", os.urandom(300_000)))
    intake = StoringIntake(works.storage, works.keyring)
    told: list[int | None] = []

    async def watched() -> AsyncIterator[bytes]:
        async for piece in works.taking_in._bytes_of(works.registry.pieces(file.id)):
            for first in range(0, len(piece), 65_536):
                yield piece[first : first + 65_536]
                told.append(intake.taken_bytes(file.id))

    assert intake.taken_bytes(file.id) is None
    asyncio.run(intake.take_in(file, watched()))
    assert len(told) > 3
    assert told == sorted(told)
    assert told[-1] == file.size_bytes
    assert intake.taken_bytes(file.id) is None


def test_a_file_becomes_ready_and_its_pieces_go(works: Works) -> None:
    plain = os.urandom(200_000)
    id_ = works.send("one", plain)
    file = works.until(id_, FileState.READY)
    assert file.stored is not None
    assert (file.stored.plain_bytes, file.trouble) == (200_000, "")
    body = read(works.storage, places.body_key(file.place))
    assert len(body) == file.stored.body_bytes
    assert read(works.storage, places.header_key(file.place)) == works.kept.custody.header(id_)
    assert states(works, id_) == ["uploaded", "submitted", "ingested", "archived", "verified", "ready"]
    works.dispatcher.close()
    assert keys(works.inbox) == []
    assert works.registry.pieces(id_) == ()


def test_a_file_for_another_key_is_an_error_at_once_that_the_provider_understands(works: Works) -> None:
    stranger = PrivateKey(os.urandom(32))
    file = works.until(works.send("one", b"x", stranger), FileState.ERROR)
    assert "is not encrypted to this archive's key" in file.reason
    assert (file.attempt, keys(works.storage)) == (1, [])


def test_a_wrong_declared_checksum_ends_as_the_providers_error(works: Works) -> None:
    """Peers never compare what the provider declared."""
    file = works.until(works.send("one", b"x", declared=Declared(plain_sha256="0" * 64)), FileState.ERROR)
    assert "SHA-256 of the decrypted file is 2d711642b726b04401627ca9fbac32f5" in file.reason
    assert keys(works.storage) == []


def test_a_file_in_error_stands_in_nobodys_way(works: Works) -> None:
    """Peers stall when a message is neither acknowledged nor refused."""
    bad = [works.send(f"bad{number}", b"x", PrivateKey(os.urandom(32))) for number in range(6)]
    good = works.send("good", b"y")
    works.until(good, FileState.READY)
    assert {works.until(id_, FileState.ERROR).state for id_ in bad} == {FileState.ERROR}


def test_our_fault_is_tried_again_until_it_is_mended(works: Works) -> None:
    works.storage.failures = 2
    file = works.until(works.send("one", b"x"), FileState.READY)
    assert (file.attempt, file.trouble) == (3, "")


def test_what_we_cannot_do_is_dead_in_the_end_and_can_be_driven_again(works: Works) -> None:
    works.storage.failures = 10**6
    id_ = works.send("one", b"x")
    dead = works.until(id_)
    assert (dead.attempt, dead.state, dead.trouble) == (3, FileState.SUBMITTED, "the store does not answer")
    assert works.dispatcher.turn() == 0
    works.storage.failures = 0
    works.registry.retry(id_, "operator:0")
    assert works.until(id_, FileState.READY).attempt == 4


def test_a_dead_file_delays_no_other(works: Works) -> None:
    works.storage.failures = 3
    dead = works.send("dead", b"x")
    works.until(dead)
    works.until(works.send("one", b"y"), FileState.READY)
    assert works.registry.find(dead).is_dead


def test_a_piece_that_is_gone_or_cut_short_is_our_fault(works: Works) -> None:
    id_ = works.send("one", os.urandom(100_000))
    asyncio.run(works.inbox.delete("one/1"))
    assert "there is no object 'one/1'" in works.until(id_).trouble
    other = works.send("two", os.urandom(100_000))
    (works.inbox._root / "two" / "1").write_bytes(b"short")
    assert "two/1 in the inbox has 5 bytes, not" in works.until(other).trouble


def test_a_file_cancelled_while_it_is_taken_in_leaves_nothing_behind(works: Works) -> None:
    id_ = works.send("one", b"x")

    def cancel(key: str) -> None:
        if key.startswith("headers"):
            works.registry.cancel(id_, "operator:0", "by mistake")

    works.storage.before_put = cancel
    works.until(id_, FileState.DISABLED)
    works.dispatcher.close()
    assert keys(works.storage) == []
    assert keys(works.inbox) == []


def test_a_file_cancelled_after_it_was_stored_by_a_process_that_died_leaves_nothing_behind(
    works: Works,
) -> None:
    id_ = works.send("one", b"x")
    store(works, id_)
    works.registry.cancel(id_, "operator:0", "by mistake")
    works.taking_in.tidy()
    assert (keys(works.storage), keys(works.inbox)) == ([], [])
    assert works.registry.left_in_inbox() == ()


def test_a_job_that_is_taken_up_again_finds_its_file_cancelled_and_leaves_nothing_behind(
    works: Works,
) -> None:
    id_ = works.send("one", b"x")
    store(works, id_)
    works.registry.cancel(id_, "operator:0", "by mistake")
    works.registry.forget_pieces(id_)  # others have cleared the inbox meanwhile
    assert works.taking_in.take_in(id_, 1) == "over"
    assert keys(works.storage) == []


def test_a_job_that_breaks_off_after_its_file_was_cancelled_leaves_nothing_behind(works: Works) -> None:
    id_ = works.send("one", b"x")

    def cancel(key: str) -> None:
        if key.startswith("headers"):
            works.registry.cancel(id_, "operator:0", "by mistake")
            works.storage.before_put = lambda _: None
            tidying = Thread(target=works.taking_in.tidy)
            tidying.start()
            tidying.join()
            raise Unavailable("the store does not answer")

    works.storage.before_put = cancel
    assert works.taking_in.take_in(id_, 1) == "over"
    assert (keys(works.storage), keys(works.inbox)) == ([], [])


def test_what_a_decommissioning_leaves_is_not_taken_for_a_cancelled_file(works: Works) -> None:
    file = works.until(works.send("one", b"x"), FileState.READY)
    works.registry.disable(file.id, "operator:0", "withdrawn")
    works.kept.custody.forget(file.id, "decommissioned")
    assert works.taking_in.take_in(file.id, 1) == "over"
    assert places.facts_key(file.place) in keys(works.storage)


def test_what_cannot_be_removed_of_a_cancelled_file_at_once_is_removed_later(works: Works) -> None:
    id_ = works.send("one", b"x")
    store(works, id_)
    works.registry.cancel(id_, "operator:0", "by mistake")
    works.storage.failures = 1
    works.taking_in.tidy()
    assert works.registry.left_in_inbox() == (id_,)
    works.taking_in.tidy()
    assert (keys(works.storage), keys(works.inbox)) == ([], [])


def test_a_file_that_is_sent_again_after_an_error_leaves_nothing_of_the_first(works: Works) -> None:
    first = works.send("one", b"x")
    store(works, first)
    works.registry.fail(first, "as if its key had been taken away", "node:archive")
    pieces = asyncio.run(
        lay_in(works.inbox, "two", b"".join(upload_of(b"y", works.keyring.current.private.public)))
    )
    again = works.registry.receive(Received("two", "lab", "one.bin", pieces, "token:lab"), submit=True)
    works.until(again.id, FileState.READY)
    works.taking_in.tidy()
    assert works.registry.find(first).place not in {places.place_of(key) for key in keys(works.storage)}


def test_facts_that_cannot_be_written_delay_no_others(works: Works) -> None:
    ids = [works.send(name, b"x") for name in ("one", "two")]
    for id_ in ids:
        works.until(id_, FileState.READY)
    works.kept.mapping.map(DatasetId("GDI-EE-TEST-1"), ids, "operator:0")
    works.storage.failures = 1
    works.taking_in.keep_facts()
    assert [file.id for file, _ in works.registry.unkept()] == ids[:1]
    works.taking_in.keep_facts()
    assert works.registry.unkept() == ()


class OneIsSilent(StoringIntake):
    """Of two volumes, one does not answer."""

    asked = 0

    async def keep_facts(self, file: ArchivedFile) -> None:
        if places.volume_of_place(file.place) == "silent":
            self.asked += 1
            raise Unavailable("the store does not answer")
        await super().keep_facts(file)

    async def answers(self, file: ArchivedFile) -> bool:
        return places.volume_of_place(file.place) != "silent"


def test_a_volume_that_does_not_answer_is_asked_once_and_delays_no_other(
    works: Works, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many of its files are to be written: the one that is not its own comes last, in another page."""
    monkeypatch.setattr("opengdi.archive.workflows.AT_ONCE", 2)
    ids = sorted(works.until(works.send(name, b"x"), FileState.READY).id for name in ("a", "b", "c", "d"))
    works.kept.mapping.map(DatasetId("GDI-EE-TEST-1"), ids, "operator:0")
    with engine.begin() as connection:
        move = text("UPDATE archive_files SET place = place || '-silent' WHERE id < :last")
        connection.execute(move, {"last": ids[-1]})
    intake = OneIsSilent(works.storage, works.keyring)
    TakingIn(works.registry, works.inbox, intake, SystemClock(), QUICK).keep_facts()
    assert [file.id for file, _ in works.registry.unkept()] == ids[:-1]
    assert intake.asked == 1


def test_a_stopping_node_waits_for_no_facts_and_no_rests(works: Works) -> None:
    """There may be a hundred thousand; they are looked for again at the next start."""
    file = works.until(works.send("one", b"x"), FileState.READY)
    works.kept.mapping.map(DatasetId("GDI-EE-TEST-1"), [file.id], "operator:0")
    works.registry.cancel(works.send("two", b"y"), "operator:0", "by mistake")
    works.taking_in.stop()
    works.taking_in.keep_facts()
    works.taking_in.tidy()
    assert (len(works.registry.unkept()), len(works.registry.left_in_inbox())) == (1, 1)


def test_files_are_handed_over_whatever_the_state_of_what_is_kept_beside_bodies(works: Works) -> None:
    """A write to a disk that is away may last for minutes."""
    file = works.until(works.send("one", b"x"), FileState.READY)
    works.kept.mapping.map(DatasetId("GDI-EE-TEST-1"), [file.id], "operator:0")
    written: list[str] = []
    works.storage.before_put = written.append
    works.dispatcher._looked = works.dispatcher._tidied = float("-inf")
    works.dispatcher.turn()
    assert written == []


def test_what_a_killed_process_left_in_the_inbox_is_cleared(works: Works) -> None:
    id_ = works.send("one", b"x")
    works.registry.deposit(
        id_, STORED, header=b"h", chunk_hashes=b"", actor="node:archive"
    )  # and killed here
    assert len(keys(works.inbox)) == 1
    works.taking_in.tidy()
    assert keys(works.inbox) == []
    assert works.registry.left_in_inbox() == ()


def test_taking_in_twice_gives_the_same_file(works: Works) -> None:
    """As after a kill between the last byte stored and the first line recorded."""
    plain = os.urandom(100_000)
    id_ = works.send("one", plain)
    place = works.registry.find(id_).place
    store(works, id_)
    before = read(works.storage, places.body_key(place))
    file = works.until(id_, FileState.READY)
    assert read(works.storage, places.body_key(place)) == before
    assert [key for key in keys(works.storage) if key.startswith("bodies")] == [places.body_key(file.place)]


def test_what_is_mapped_is_soon_told_beside_the_body(works: Works) -> None:
    file = works.until(works.send("one", b"x"), FileState.READY)
    works.kept.mapping.map(DatasetId("GDI-EE-TEST-1"), [file.id], "operator:0")
    works.taking_in.keep_facts()
    told = read_facts(read(works.storage, places.facts_key(file.place)), file.place, works.keyring)
    assert told.datasets == ("GDI-EE-TEST-1",)
    assert works.registry.unkept() == ()


def test_a_stopping_node_puts_a_long_job_off_to_its_next_start(works: Works) -> None:
    id_ = works.send("one", os.urandom(300_000))
    works.taking_in.stop()
    assert works.taking_in.take_in(id_, 1) == "later"
    file = works.registry.find(id_)
    assert (file.attempt, file.trouble) == (2, "the node is being stopped")
    assert works.registry.due(5) == ((id_, 2),)
    assert works.dispatcher.turn() == 0  # or it would be begun and put off until the process is gone


def test_a_job_that_ended_without_a_word_is_followed_by_another(
    works: Works, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away when the job wants to record how it ended."""
    monkeypatch.setattr("opengdi.archive.dispatching.DOUBT_S", 0.3)
    id_ = works.send("one", b"x")
    broken = True

    def breaks(_key: str) -> None:
        if broken:
            with engine.begin() as connection:
                connection.execute(text("ALTER TABLE archive_files RENAME TO away"))

    works.storage.before_put = breaks
    works.dispatcher.turn()
    deadline = time.monotonic() + 20
    while works.dispatcher._under_way:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    broken = False
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO archive_files"))
    file = works.until(id_, FileState.READY)
    assert file.attempt == 2


def test_a_job_that_nobody_knows_any_more_holds_up_nothing(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opengdi.archive.dispatching.DOUBT_S", 0.0)
    works.until(works.send("one", b"x"), FileState.READY)
    lost = works.send("two", b"y")
    works.dispatcher._under_way[lost, 1] = float("-inf")
    monkeypatch.setattr("opengdi.archive.dispatching.LOOK_S", 0.0)
    works.dispatcher._turn_or_say()
    assert works.dispatcher.trouble == ""
    assert works.until(lost, FileState.READY).attempt == 2


def test_a_database_that_cuts_connections_at_any_statement_costs_no_file(
    engine: Engine, location: str, works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Peers acknowledge a message whose database call failed: its work is lost."""
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no connections that could be cut")
    monkeypatch.setattr("opengdi.archive.dispatching.DOUBT_S", 0.5)
    ids = [works.send(f"f{number}", os.urandom(1000 * number)) for number in range(12)]
    works.dispatcher.turn()
    cuts = 0
    with psycopg.connect(location, autocommit=True) as butcher:
        while cuts < 40:
            cuts += butcher.execute(CUT).rowcount
            works.dispatcher._turn_or_say()
            time.sleep(0.03)
    for id_ in ids:
        assert works.until(id_, FileState.READY).state is FileState.READY
        assert states(works, id_).count("ready") == 1
    assert len([key for key in keys(works.storage) if key.startswith("bodies")]) == len(ids)


def test_many_files_at_once_are_each_taken_in_once(works: Works) -> None:
    ids = [works.send(f"f{number}", os.urandom(number)) for number in range(40)]
    for id_ in ids:
        assert works.until(id_, FileState.READY).attempt == 1
        assert states(works, id_).count("ready") == 1
    assert len([key for key in keys(works.storage) if key.startswith("bodies")]) == 40


async def test_the_dispatcher_goes_on_after_the_database_was_away(works: Works, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE archive_files RENAME TO away"))
    works.dispatcher._turn_or_say()
    assert "archive_files" in works.dispatcher.trouble
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO archive_files"))
    running = asyncio.create_task(works.dispatcher.run())
    id_ = await asyncio.to_thread(works.send, "one", b"x")
    works.dispatcher.nudge()
    for _ in range(1000):
        if (await asyncio.to_thread(works.registry.find, id_)).state is FileState.READY:
            break
        await asyncio.sleep(0.01)
    assert works.dispatcher.trouble == ""
    assert works.registry.find(id_).state is FileState.READY
    running.cancel()


async def test_the_service_knows_what_is_whose(works: Works) -> None:
    begun = []
    service = ArchiveService(works.registry, True, lambda: begun.append(1))
    id_ = await service.received(Received("u1", "lab", "a.bam", (), "token:lab"))
    assert (await service.status("lab", "a.bam")).id == id_
    assert [event.after for event in (await service.find("lab", id_))[1]] == ["uploaded", "submitted"]
    with pytest.raises(NotFound):
        await service.find("other", id_)
    assert begun == [1]
