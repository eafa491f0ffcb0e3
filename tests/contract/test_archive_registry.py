"""What the archive's records promise, on SQLite and on PostgreSQL, also when several processes change them at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, insert, text, update
from sqlalchemy.exc import IntegrityError
from tests.archive_kit import KEY, OPERATOR, STORED, Recorded, records, upload
from tests.database_work import work_of
from tests.sqlite import migrated_engine

from opengdi.archive.listing import Selection
from opengdi.archive.model import Act, DatasetState, Declared, FileState
from opengdi.archive.registry import Registry
from opengdi.archive.rules import PERMITTED
from opengdi.archive.tables import archive_events, archive_files
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from opengdi.kernel.ids import DatasetId, FileId, ReleaseId, numbered_file_id

DATASET = DatasetId("GDI-EE-TEST-1")
ACTOR = "node:archive"
NOBODY = numbered_file_id("EE", 999)


OTHER = numbered_file_id("EE", 999)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def kept(engine: Engine, clock: FixedClock) -> Recorded:
    return records(engine, clock)


def made_ready(kept: Recorded, name: str = "u1", path: str = "a.bam", provider: str = "lab") -> FileId:
    file = kept.registry.receive(upload(name, path, provider), submit=True)
    kept.registry.deposit(file.id, STORED, header=b"header", chunk_hashes=b"\x01" * 64, actor=ACTOR)
    return file.id


def states(registry: Registry, id_: FileId) -> list[str]:
    return [event.after for event in registry.events(id_)]


# uploads


def test_an_upload_is_recorded_with_its_pieces_and_may_begin(kept: Recorded, clock: FixedClock) -> None:
    declared = Declared(plain_sha256="AB" * 32)
    file = kept.registry.receive(upload(declared=declared, dataset=DATASET), submit=True)
    assert (file.id, file.provider, file.path, file.version) == ("GDIF-EE-0000000001", "lab", "a.bam", 1)
    assert (file.state, file.size_bytes, file.attempt) == (FileState.SUBMITTED, 1152, 1)
    assert (file.declared.plain_sha256, file.dataset) == ("ab" * 32, DATASET)
    assert file.created == file.changed == clock.now()
    assert kept.registry.pieces(file.id) == upload().pieces
    assert kept.registry.due(10) == ((file.id, 1),)
    assert kept.registry.find(file.id) == kept.registry.newest("lab", "a.bam") == file
    assert states(kept.registry, file.id) == ["uploaded", "submitted"]
    assert [change.act for change in kept.changes] == [Act.RECEIVE, Act.SUBMIT]


def test_an_upload_that_is_to_wait_begins_when_it_is_told(kept: Recorded) -> None:
    file = kept.registry.receive(upload(), submit=False)
    assert (file.state, kept.registry.due(10)) == (FileState.UPLOADED, ())
    assert kept.registry.submit(file.id, OPERATOR).state is FileState.SUBMITTED
    assert kept.registry.due(10) == ((file.id, 1),)


def test_the_same_upload_told_again_is_the_same_file_in_every_state(kept: Recorded) -> None:
    """Peers answer a redelivered message about an archived file with an error, for ever."""
    file = kept.registry.receive(upload(), submit=True)
    assert kept.registry.receive(upload(), submit=True) == file
    made = kept.registry.deposit(file.id, STORED, header=b"h", chunk_hashes=b"", actor=ACTOR)
    assert kept.registry.receive(upload(), submit=True) == made
    kept.registry.disable(file.id, OPERATOR, "asked to")
    assert kept.registry.receive(upload(), submit=True).state is FileState.DISABLED
    assert len(kept.registry.events(file.id)) == 7


def test_an_upload_cannot_become_another_file(kept: Recorded) -> None:
    kept.registry.receive(upload(), submit=True)
    with pytest.raises(Conflict, match="u1 is known as another file"):
        kept.registry.receive(upload(path="b.bam"), submit=True)


def test_nothing_archived_is_overwritten(kept: Recorded) -> None:
    id_ = made_ready(kept)
    for attempt in (
        lambda: kept.registry.admit("lab", "a.bam"),
        lambda: kept.registry.receive(upload("u2"), submit=True),
    ):
        with pytest.raises(Conflict, match=f"a.bam is ready as {id_}: nothing archived is overwritten"):
            attempt()
    kept.registry.admit("lab", "b.bam")
    kept.registry.admit("other", "a.bam")


def test_a_disabled_file_makes_room_for_a_new_version(kept: Recorded) -> None:
    first = made_ready(kept)
    kept.registry.disable(first, OPERATOR, "replaced")
    kept.registry.admit("lab", "a.bam")
    second = kept.registry.receive(upload("u2"), submit=True)
    assert (second.version, kept.registry.find(first).reason) == (2, "replaced")
    assert kept.registry.newest("lab", "a.bam").id == second.id
    with pytest.raises(Conflict, match=f"submitted as {second.id}: nothing archived"):
        kept.registry.receive(upload("u3"), submit=True)


def test_a_file_in_error_is_superseded_by_another_upload(kept: Recorded) -> None:
    first = kept.registry.receive(upload(), submit=True)
    kept.registry.fail(first.id, "wrong key", ACTOR)
    second = kept.registry.receive(upload("u2"), submit=True)
    assert kept.registry.find(first.id).state is FileState.DISABLED
    assert (second.version, second.state) == (2, FileState.SUBMITTED)


def test_an_unusable_path_or_digest_is_refused(kept: Recorded) -> None:
    with pytest.raises(Invalid, match="must be printable"):
        kept.registry.receive(upload(path="../a"), submit=True)
    with pytest.raises(Invalid, match="declared md5"):
        kept.registry.receive(upload(declared=Declared(md5="x")), submit=True)
    assert kept.registry.page(Selection()).files == ()


def test_of_one_upload_told_by_several_at_once_there_is_one_file(kept: Recorded) -> None:
    """Peers: two processes, one upload, several messages."""
    with ThreadPoolExecutor(8) as pool:
        found = {
            file.id for file in pool.map(lambda _: kept.registry.receive(upload(), submit=True), range(16))
        }
    assert len(found) == 1
    assert len(kept.registry.page(Selection()).files) == 1


def test_of_several_uploads_of_one_path_at_once_one_is_taken(kept: Recorded) -> None:
    taken = []

    def send(number: int) -> None:
        with suppress(Conflict):
            taken.append(kept.registry.receive(upload(f"u{number}"), submit=True).id)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(8)))
    assert len(taken) == 1


def test_an_accession_that_is_taken_is_not_given_again(engine: Engine, clock: FixedClock) -> None:
    ours, theirs = records(engine, clock), records(engine, clock)
    first = ours.registry.receive(upload("u1", "a"), submit=True)
    second = theirs.registry.receive(upload("u2", "b"), submit=True)
    assert (first.id, second.id) == ("GDIF-EE-0000000001", "GDIF-EE-0000000002")


# jobs


def test_what_was_found_is_recorded_with_every_state_on_the_way(kept: Recorded, clock: FixedClock) -> None:
    file = kept.registry.receive(upload(), submit=True)
    clock.advance(5)
    made = kept.registry.deposit(file.id, STORED, header=b"header", chunk_hashes=b"\x01" * 64, actor=ACTOR)
    assert (made.state, made.stored, made.due) == (FileState.READY, STORED, None)
    assert made.changed - made.created == timedelta(seconds=5)
    assert states(kept.registry, file.id) == [
        "uploaded", "submitted", "ingested", "archived", "verified", "ready"
    ]  # fmt: skip
    assert (kept.custody.header(file.id), kept.custody.chunk_hashes(file.id)) == (b"header", b"\x01" * 64)
    assert kept.registry.due(10) == ()


def test_recording_twice_changes_nothing(kept: Recorded) -> None:
    id_ = made_ready(kept)
    before = kept.registry.find(id_)
    other = replace(STORED, body_bytes=1)
    assert kept.registry.deposit(id_, other, header=b"x", chunk_hashes=b"", actor=ACTOR) == before
    assert kept.registry.fail(id_, "too late", ACTOR) == before
    assert len(kept.registry.events(id_)) == 6


def test_a_providers_fault_is_an_error_at_once_with_the_reason(kept: Recorded) -> None:
    file = kept.registry.receive(upload(), submit=True)
    failed = kept.registry.fail(file.id, "byte 65700: a segment does not decrypt", ACTOR)
    assert (failed.state, failed.reason) == (FileState.ERROR, "byte 65700: a segment does not decrypt")
    assert kept.registry.due(10) == ()
    assert kept.registry.events(file.id)[-1].reason == failed.reason


def test_our_fault_is_another_attempt_later(kept: Recorded, clock: FixedClock) -> None:
    file = kept.registry.receive(upload(), submit=True)
    later = clock.now() + timedelta(seconds=4)
    assert kept.registry.postpone(file.id, 1, "store away", later, actor=ACTOR)
    assert not kept.registry.postpone(file.id, 1, "told twice", later, actor=ACTOR)
    assert kept.registry.due(10) == ()
    clock.advance(4)
    assert kept.registry.due(10) == ((file.id, 2),)
    waiting = kept.registry.find(file.id)
    assert (waiting.state, waiting.trouble, waiting.is_dead) == (FileState.SUBMITTED, "store away", False)


def test_a_file_that_was_given_up_is_dead_until_somebody_tries_again(
    kept: Recorded, clock: FixedClock
) -> None:
    file = kept.registry.receive(upload(), submit=True)
    kept.registry.postpone(file.id, 1, "store away", None, actor=ACTOR)
    assert kept.registry.find(file.id).is_dead
    assert (kept.registry.due(10), kept.registry.backlog()) == ((), (0, 1))
    assert [found.id for found in kept.registry.page(Selection(dead=True)).files] == [file.id]
    assert kept.changes[-1].act is Act.STALL
    tried = kept.registry.retry(file.id, OPERATOR)
    assert (tried.attempt, tried.is_dead, tried.trouble) == (2, False, "")
    assert kept.registry.due(10) == ((file.id, 2),)
    assert kept.registry.backlog() == (1, 0)


def test_a_file_in_error_can_be_tried_again(kept: Recorded) -> None:
    file = kept.registry.receive(upload(), submit=True)
    kept.registry.fail(file.id, "wrong key", ACTOR)
    tried = kept.registry.retry(file.id, OPERATOR)
    assert (tried.state, tried.attempt, tried.reason) == (FileState.SUBMITTED, 2, "")
    assert kept.registry.due(10) == ((file.id, 2),)


def test_what_is_ready_is_neither_tried_again_nor_cancelled(kept: Recorded) -> None:
    id_ = made_ready(kept)
    with pytest.raises(Conflict, match="ready cannot be told to retry"):
        kept.registry.retry(id_, OPERATOR)
    with pytest.raises(Conflict, match="ready cannot be told to cancel"):
        kept.registry.cancel(id_, OPERATOR, "no")


def test_a_job_that_ends_after_its_file_was_cancelled_finds_it_so(kept: Recorded) -> None:
    file = kept.registry.receive(upload(), submit=True)
    kept.registry.cancel(file.id, OPERATOR, "sent by mistake")
    found = kept.registry.deposit(file.id, STORED, header=b"h", chunk_hashes=b"", actor=ACTOR)
    assert (found.state, found.stored, found.reason) == (FileState.DISABLED, None, "sent by mistake")
    assert kept.registry.left_in_inbox() == (file.id,)
    kept.registry.forget_pieces(file.id)
    assert (kept.registry.left_in_inbox(), kept.registry.pieces(file.id)) == ((), ())


def test_a_file_nobody_knows_is_not_found(kept: Recorded) -> None:
    for ask in (
        kept.registry.find,
        kept.custody.header,
        kept.custody.chunk_hashes,
        lambda id_: kept.custody.forget(id_, "x"),
        lambda id_: kept.registry.retry(id_, OPERATOR),
        lambda id_: kept.mapping.map(DATASET, [id_], OPERATOR),
    ):
        with pytest.raises(NotFound, match=NOBODY):
            ask(NOBODY)


def test_what_a_listener_refuses_does_not_happen(engine: Engine, clock: FixedClock) -> None:
    """An act that cannot be audited must not happen."""

    def refuse(_change: object, _connection: object) -> None:
        raise RuntimeError("the audit chain cannot be written")

    numbers = iter(range(1, 9))
    registry = Registry(
        engine,
        clock,
        new_id=lambda: numbered_file_id("EE", next(numbers)),
        new_place=lambda *_: "00/1",
        on_change=refuse,
    )
    with pytest.raises(RuntimeError, match="audit chain"):
        registry.receive(upload(), submit=True)
    assert registry.page(Selection()).files == ()


# the database holds the rules too


def test_the_log_takes_no_other_transition_than_those_of_the_table(
    kept: Recorded, engine: Engine, clock: FixedClock
) -> None:
    file = kept.registry.receive(upload(), submit=False)
    taken = {(None, FileState.UPLOADED)}
    for before, after in product([None, *FileState], FileState):
        row = {"file": file.id, "before_state": before or "", "after_state": after, "at": clock.now()}
        with suppress(IntegrityError), engine.begin() as connection:
            connection.execute(insert(archive_events), {**row, "actor": "x", "reason": ""})
            taken.add((before, after))
    assert taken == PERMITTED


@pytest.mark.parametrize("state", ["archived", "verified", "ready", "error", "nonsense"])
def test_a_state_that_is_not_borne_out_cannot_be_written(kept: Recorded, engine: Engine, state: str) -> None:
    kept.registry.receive(upload(), submit=True)
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(update(archive_files).values(state=state))


def test_two_live_files_of_one_path_cannot_be_written(kept: Recorded, engine: Engine) -> None:
    made_ready(kept, "u1")
    made_ready(kept, "u2", "b.bam")
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text("UPDATE archive_files SET path = 'a.bam', version = 7"))


# lists


def test_files_are_listed_by_pages_in_order_of_arrival(kept: Recorded) -> None:
    ids = [made_ready(kept, f"u{number}", f"f{number}") for number in range(5)]
    first = kept.registry.page(Selection(), most=2)
    second = kept.registry.page(Selection(), after=first.after, most=2)
    third = kept.registry.page(Selection(), after=second.after, most=2)
    assert [file.id for page in (first, second, third) for file in page.files] == ids
    assert (first.after, second.after, third.after) == (ids[1], ids[3], None)
    assert first.files[0].stored == STORED


def test_files_are_listed_by_provider_path_state_and_dataset(kept: Recorded) -> None:
    ours, theirs = made_ready(kept), made_ready(kept, "u2", provider="other")
    waiting = kept.registry.receive(upload("u3", "b.bam"), submit=True).id
    kept.mapping.map(DATASET, [ours, theirs], OPERATOR)

    def listed(**wanted) -> list[FileId]:
        return [file.id for file in kept.registry.page(Selection(**wanted)).files]

    assert listed(provider="lab") == [ours, waiting]
    assert listed(path="a.bam") == [ours, theirs]
    assert listed(state=FileState.SUBMITTED) == [waiting]
    assert listed(dataset=DATASET, provider="other") == [theirs]
    assert listed(dataset="nothing") == []


def test_a_page_of_a_list_costs_the_database_as_much_however_long_the_list_is(tmp_path: Path) -> None:
    def costs(files: int) -> tuple[float, int]:
        """Of a page of a provider's files on average, and of asking whether any file is damaged."""
        engine = migrated_engine(tmp_path / f"{files}.sqlite")
        kept = records(engine, FixedClock())
        for number in range(files):
            made_ready(kept, f"u{number}", f"f{number}")
            made_ready(kept, f"v{number}", f"f{number}", "another")
        after, pages, selection = None, 0, Selection(provider="lab")
        with work_of(engine) as listing:
            while pages == 0 or after:
                after, pages = kept.registry.page(selection, after=after, most=10).after, pages + 1
        with work_of(engine) as damaged:
            assert kept.custody.damaged() == 0
        return listing.steps / pages, damaged.steps

    (few, none_of_few), (many, none_of_many) = costs(20), costs(160)
    assert many < 1.25 * few
    assert none_of_many <= none_of_few + 1


def test_a_page_that_begins_at_somebody_elses_file_is_as_empty_as_one_at_nobodys(kept: Recorded) -> None:
    theirs = made_ready(kept, "u1", provider="other")
    made_ready(kept, "u2")
    for after in (theirs, NOBODY):
        assert kept.registry.page(Selection(provider="lab"), after=after).files == ()


def test_files_and_bytes_are_counted_by_state(kept: Recorded) -> None:
    made_ready(kept)
    kept.registry.receive(upload("u2", "b"), submit=True)
    kept.registry.receive(upload("u3", "c"), submit=True)
    assert kept.registry.counts() == {FileState.READY: (1, 1152), FileState.SUBMITTED: (2, 2304)}


# datasets


def test_a_dataset_is_registered_released_and_deprecated(kept: Recorded) -> None:
    one, two = made_ready(kept), made_ready(kept, "u2", "b.bam")
    assert kept.mapping.map(DATASET, [one, two, one], OPERATOR).files == 2
    assert (kept.mapping.released_of(one), kept.mapping.deliverable(DATASET)) == ((), ())
    assert kept.mapping.release(DATASET, OPERATOR).state is DatasetState.RELEASED
    assert kept.mapping.released_of(one) == (ReleaseId(DATASET),)
    assert [file.id for file in kept.mapping.deliverable(DATASET)] == [one, two]
    assert kept.registry.find(one).datasets == (DATASET,)
    kept.registry.disable(two, OPERATOR, "asked to")
    assert [file.id for file in kept.mapping.deliverable(DATASET)] == [one]
    assert kept.mapping.released_of(two) == ()
    kept.mapping.deprecate(DATASET, OPERATOR)
    assert (kept.mapping.released_of(one), kept.mapping.deliverable(DATASET)) == ((), ())
    assert [(found.id, found.state, found.files) for found in kept.mapping.all()] == [
        (DATASET, DatasetState.DEPRECATED, 2)
    ]


def test_a_file_lies_in_the_versions_into_which_it_was_put(kept: Recorded) -> None:
    one, two = made_ready(kept), made_ready(kept, "u2", "b.bam")
    kept.mapping.map(DATASET, [one], OPERATOR, "1")
    kept.mapping.map(DATASET, [*kept.mapping.files_of(DATASET, "1"), two], OPERATOR, "2")
    kept.mapping.release(DATASET, OPERATOR)
    assert kept.mapping.released_of(one) == (ReleaseId(DATASET, "1"), ReleaseId(DATASET, "2"))
    assert kept.mapping.released_of(two) == (ReleaseId(DATASET, "2"),)
    assert kept.mapping.files_of(DATASET, "1") == (one,)
    assert [(found.files, found.versions) for found in kept.mapping.all()] == [(2, ("1", "2"))]
    assert [file.id for file in kept.mapping.deliverable(DATASET)] == [one, two]
    with pytest.raises(NotFound, match="version '3'"):
        kept.mapping.files_of(DATASET, "3")


def test_of_one_dataset_only_its_own_files_are_read(kept: Recorded, engine: Engine) -> None:
    one, two = made_ready(kept), made_ready(kept, "u2", "b.bam")
    kept.mapping.map(DATASET, [one], OPERATOR, "1")
    kept.mapping.map(DatasetId("GDI-EE-TEST-2"), [two], OPERATOR, "7")
    kept.mapping.release(DATASET, OPERATOR)
    asked: list[tuple[str, str]] = []

    def note(_connection: object, _cursor: object, statement: str, values: object, *_: object) -> None:
        asked.append((statement, str(values)))

    event.listen(engine, "before_cursor_execute", note)
    assert kept.mapping.find(DATASET).versions == ("1",)
    files = [values for statement, values in asked if "archive_release_files" in statement]
    assert files, "its files and versions are read"
    assert all(DATASET in values for values in files), "the files of no other dataset are"
    asked.clear()
    assert kept.mapping.released({DATASET, "GDI-EE-TEST-2"}) == {DATASET}
    assert not any("archive_release_files" in statement for statement, _ in asked)


def test_mapping_and_releasing_twice_is_heard_of_once(kept: Recorded) -> None:
    one = made_ready(kept)
    for _ in range(2):
        kept.mapping.map(DATASET, [one], OPERATOR)
        kept.mapping.release(DATASET, OPERATOR)
    assert [(change.state, change.added) for change in kept.mapped] == [
        (DatasetState.REGISTERED, (one,)),
        (DatasetState.RELEASED, ()),
    ]


def test_only_ready_files_are_mapped_and_nothing_to_a_deprecated_dataset(kept: Recorded) -> None:
    waiting = kept.registry.receive(upload(), submit=True).id
    with pytest.raises(Conflict, match="is submitted; only a file that is ready"):
        kept.mapping.map(DATASET, [waiting], OPERATOR)
    with pytest.raises(NotFound, match=DATASET):
        kept.mapping.find(DATASET)
    ready = made_ready(kept, "u2", "b.bam")
    kept.mapping.map(DATASET, [ready], OPERATOR)
    kept.mapping.deprecate(DATASET, OPERATOR)
    with pytest.raises(Conflict, match="is deprecated; nothing is added"):
        kept.mapping.map(DATASET, [ready], OPERATOR)
    with pytest.raises(Conflict, match="deprecated cannot become released"):
        kept.mapping.release(DATASET, OPERATOR)


# care


def test_a_rotation_changes_headers_one_by_one_and_keeps_the_old_ones(kept: Recorded) -> None:
    ids = sorted(made_ready(kept, f"u{number}", f"f{number}") for number in range(3))
    new = "cd" * 32
    assert [file.id for file in kept.custody.sealed_for_others(new, most=2)] == ids[:2]
    assert [file.id for file in kept.custody.sealed_for_others(new, after=ids[1])] == ids[2:]
    before = kept.registry.find(ids[0])
    assert kept.custody.reseal(before, header=b"new", key_id=new)
    assert not kept.custody.reseal(before, header=b"newer", key_id=new)
    assert kept.custody.header(ids[0]) == b"new"
    assert kept.custody.past_headers(ids[0]) == ((KEY, b"header"),)
    assert [file.id for file in kept.custody.sealed_for_others(new)] == ids[1:]
    assert kept.custody.sealed_for_others(KEY)[0].stored.key_id == new


def test_headers_that_the_recovery_key_does_not_open_are_known(kept: Recorded) -> None:
    safe = "cd" * 32
    ids = [made_ready(kept, f"u{number}", f"f{number}") for number in range(2)]
    assert (kept.custody.uncovered(""), kept.custody.uncovered(safe)) == (0, 2)
    assert kept.custody.sealed_for_others(KEY) == ()
    before = kept.registry.find(ids[0])
    assert kept.custody.reseal(before, header=b"new", key_id=KEY, recovery_id=safe)
    assert not kept.custody.reseal(kept.registry.find(ids[0]), header=b"newer", key_id=KEY, recovery_id=safe)
    assert [file.id for file in kept.custody.sealed_for_others(KEY, safe)] == ids[1:]
    assert kept.custody.uncovered(safe) == 1
    assert kept.custody.past_headers(ids[0]) == ((KEY, b"header"),)


def test_files_are_checked_in_turn_and_findings_are_remembered(kept: Recorded, clock: FixedClock) -> None:
    one, two = made_ready(kept), made_ready(kept, "u2", "b.bam")
    clock.advance(100)
    assert [file.id for file in kept.custody.to_check(clock.now(), 5)] == [one, two]
    alarms: list[tuple[str, str]] = []

    def alarm(file: FileId, finding: str, _: Connection) -> None:
        alarms.append((file, finding))

    first = kept.registry.find(one)
    for _ in range(2):
        assert kept.custody.checked(first, "segment 7 does not decrypt", alarm)
    assert alarms == [(one, "segment 7 does not decrypt")], "it is news once"
    assert [file.id for file in kept.custody.to_check(clock.now(), 5)] == [two]
    assert [(check.file, check.at, check.finding) for check in kept.custody.findings()] == [
        (one, clock.now(), "segment 7 does not decrypt")
    ]
    kept.custody.checked(first, "", alarm)
    assert kept.custody.findings() == ()
    assert len(alarms) == 1


def test_nothing_is_found_wrong_with_a_file_that_was_disabled_since_it_was_read(kept: Recorded) -> None:
    read = kept.registry.find(made_ready(kept))
    disabled = kept.registry.disable(read.id, OPERATOR, "asked to")
    assert not kept.custody.checked(read, "body: missing")
    assert kept.custody.checked(disabled, "body: missing"), "it lies there still"
    kept.custody.forget(read.id, "decommissioned")
    assert not kept.custody.checked(disabled, "body: missing")
    assert kept.custody.findings() == ()


def test_an_incident_that_cannot_be_raised_is_news_at_the_next_check(kept: Recorded) -> None:
    file = kept.registry.find(made_ready(kept))

    def full(*_: object) -> None:
        raise Unavailable("the disk is full")

    with pytest.raises(Unavailable):
        kept.custody.checked(file, "body: missing", full)
    assert kept.custody.findings() == ()


WHY = "no index could be made: the BAM file is not sorted by position, or is damaged"


def test_why_a_file_has_no_index_is_remembered_until_one_is_made(kept: Recorded, clock: FixedClock) -> None:
    made_ready(kept)
    file = kept.registry.receive(upload("u2", "b.bam"), submit=True)
    bare = replace(STORED, index="", without_index=WHY)
    kept.registry.deposit(file.id, bare, header=b"header", chunk_hashes=b"", actor=ACTOR)
    (found,) = kept.registry.page(Selection(unindexed=True)).files
    assert (found.id, found.stored) == (file.id, bare)
    assert bare.unindexed == WHY
    clock.advance(60)
    done = kept.registry.indexed(file.id, STORED, OPERATOR)
    assert (done.stored, done.changed) == (STORED, clock.now())
    assert STORED.unindexed == ""
    assert kept.registry.page(Selection(unindexed=True)).files == ()
    assert (kept.changes[-1].act, kept.changes[-1].actor) == (Act.INDEX, OPERATOR)
    assert [file for file, _ in kept.registry.unkept()] == [done], (
        "the facts beside the body are written again"
    )


def test_a_file_that_was_disabled_meanwhile_gets_no_index(kept: Recorded) -> None:
    id_ = made_ready(kept)
    kept.registry.disable(id_, OPERATOR, "asked to")
    with pytest.raises(Conflict, match="is disabled; only a file that is ready is indexed"):
        kept.registry.indexed(id_, STORED, OPERATOR)


def test_a_lost_registry_is_filled_again_with_what_was_archived(
    kept: Recorded, engine: Engine, clock: FixedClock
) -> None:
    id_ = made_ready(kept)
    for version in ("", "2026.1"):
        kept.mapping.map(DATASET, [id_], OPERATOR, version)
    file = kept.registry.find(id_)
    assert file.releases == (ReleaseId(DATASET), ReleaseId(DATASET, "2026.1"))
    with engine.begin() as connection:
        for table in ("release_files", "events", "chunks", "digests", "pieces", "datasets", "files"):
            connection.execute(text(f"DELETE FROM archive_{table}"))
    clock.advance(60)
    for expected in (True, False):
        done = kept.custody.restore(file, header=b"header", chunk_hashes=b"\x01" * 64, actor=OPERATOR)
        assert done is expected
    found = kept.registry.find(id_)
    assert replace(found, changed=file.changed) == file
    assert (kept.custody.header(id_), kept.custody.chunk_hashes(id_)) == (b"header", b"\x01" * 64)
    assert states(kept.registry, id_)[-1] == "ready"
    assert kept.mapping.find(DATASET).state is DatasetState.REGISTERED


@pytest.mark.parametrize(
    "differing, what",
    [
        ({"place": "00/aa"}, "its accession"),
        ({"id": OTHER, "place": "00/aa"}, "its upload"),
        ({"id": OTHER, "upload": "u9"}, "its place in the storage"),
        ({"id": OTHER, "upload": "u9", "place": "00/aa"}, "version 1 of its path"),
        ({"id": OTHER, "upload": "u9", "place": "00/aa", "version": 2}, "its path"),
    ],
)
def test_a_file_is_not_restored_over_another_one(
    kept: Recorded, differing: dict[str, Any], what: str
) -> None:
    id_ = made_ready(kept)
    before = kept.registry.find(id_)
    lost = replace(before, **differing)
    for ask in (
        kept.custody.knows,
        partial(kept.custody.restore, header=b"", chunk_hashes=b"", actor=OPERATOR),
    ):
        with pytest.raises(Conflict, match=f"^{what} is that of {id_}"):
            ask(lost)
    assert kept.registry.page(Selection()).files == (before,)


def test_of_two_who_restore_at_once_one_does(kept: Recorded) -> None:
    there = kept.registry.find(made_ready(kept))
    lost = replace(there, id=OTHER, upload="u9", place="00/aa", path="b.bam")
    with ThreadPoolExecutor(4) as threads:
        told = list(
            threads.map(
                lambda _: kept.custody.restore(lost, header=b"h", chunk_hashes=b"", actor=OPERATOR), range(4)
            )
        )
    assert sorted(told) == [False, False, False, True]


def test_what_the_facts_beside_a_body_lack_is_known_until_they_are_written(kept: Recorded) -> None:
    id_ = made_ready(kept)
    assert kept.registry.unkept() == ()
    kept.mapping.map(DATASET, [id_], OPERATOR)
    ((file, changes),) = kept.registry.unkept()
    assert file.datasets == (DATASET,)
    kept.registry.disable(id_, OPERATOR, "asked to")
    kept.registry.kept(id_, changes)  # too late: something has changed since
    ((file, changes),) = kept.registry.unkept()
    assert file.state is FileState.DISABLED
    kept.registry.kept(id_, changes)
    assert kept.registry.unkept() == ()


def test_only_what_is_disabled_is_forgotten_and_its_row_and_log_stay(kept: Recorded) -> None:
    id_ = made_ready(kept)
    with pytest.raises(Conflict, match="is ready; only what is disabled"):
        kept.custody.forget(id_, "decommissioned")
    kept.registry.disable(id_, OPERATOR, "consent withdrawn")
    for _ in range(2):
        kept.custody.forget(id_, "decommissioned")
    found = kept.registry.find(id_)
    assert (found.state, found.stored, found.reason) == (FileState.DISABLED, None, "decommissioned")
    assert len(kept.registry.events(id_)) == 7
    with pytest.raises(NotFound):
        kept.custody.header(id_)


@pytest.mark.parametrize("name", ["\0", "a\0b", "\udcff"], ids=["nul", "a nul within", "no character"])
def test_nothing_is_listed_of_a_name_that_no_database_can_hold(kept: Recorded, name: str) -> None:
    for selection in (Selection(path=name), Selection(dataset=name), Selection(sent_for=name)):
        assert kept.registry.page(selection).files == ()
