"""What every storage promises, held against a directory, memory and a real S3 server (moto, on loopback)."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import stat
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import LocalStore, MemoryStore
from tests.s3 import s3_bucket, s3_client, s3_options, s3_storage, unfinished_uploads

from opengdi.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from opengdi.kernel.storage import Storage, StoredObject, checked_key, directory, put_whole
from opengdi.kernel.storage.directory import DirectoryStorage
from opengdi.kernel.storage.object_store import (
    MOST_PARTS,
    ObjectStorage,
    part_bytes_for,
    parts_at_once,
)
from opengdi.kernel.storage.routed import RoutedStorage

PART_BYTES = 8 * 1024 * 1024


@pytest.fixture(params=["directory", "memory", "obstore directory", "s3", "several"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "directory":
        return DirectoryStorage(tmp_path / "objects")
    if request.param == "memory":
        return ObjectStorage(MemoryStore(), part_bytes=PART_BYTES)
    if request.param == "obstore directory":
        return ObjectStorage(LocalStore(tmp_path / "objects", mkdir=True), part_bytes=PART_BYTES)
    if request.param == "several":
        storages = {"even": DirectoryStorage(tmp_path / "even"), "odd": ObjectStorage(MemoryStore())}
        return RoutedStorage(storages, lambda key: ("even", "odd")[len(key) % 2])
    return s3_storage(request.getfixturevalue("s3_server"), tmp_path.name, part_bytes=PART_BYTES)


async def pieces(*content: bytes) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece


async def broken_after(*content: bytes) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece
    raise ConnectionResetError("the sender went away")


async def read(storage: Storage, key: str, first: int = 0, stop: int | None = None) -> bytes:
    return b"".join([piece async for piece in storage.get(key, first, stop)])


async def keys(storage: Storage, folder: str = "") -> list[str]:
    return [found.key async for found in storage.list(folder)]


async def test_what_was_put_is_got(storage: Storage) -> None:
    stored = await storage.put("releases/D1/sites.parquet", pieces(b"PAR1", b"", b"\x00\xff"))
    assert (stored.key, stored.size_bytes) == ("releases/D1/sites.parquet", 6)
    assert await read(storage, "releases/D1/sites.parquet") == b"PAR1\x00\xff"


async def test_an_empty_object_is_an_object(storage: Storage) -> None:
    await storage.put("empty", pieces())
    assert await storage.exists("empty")
    assert (await storage.head("empty")).size_bytes == 0
    assert await read(storage, "empty") == b""


async def test_an_object_of_several_parts_is_whole(storage: Storage) -> None:
    block = os.urandom(1024 * 1024)
    await storage.put("large", pieces(*[block] * 17, b"tail"))
    assert (await storage.head("large")).size_bytes == 17 * len(block) + 4 > 2 * PART_BYTES
    assert await read(storage, "large") == block * 17 + b"tail"
    assert await read(storage, "large", 17 * len(block) - 1, 17 * len(block) + 2) == block[-1:] + b"ta"


GIB = 1 << 30
TIB = 1 << 40


@pytest.mark.parametrize(
    "size_bytes", [0, 1, PART_BYTES, 300 * GIB, 312 * GIB, 313 * GIB, TIB, 5 * TIB - 1, 5 * TIB, 48 * TIB]
)
def test_parts_grow_with_the_object_and_memory_does_not_until_one_part_fills_it(size_bytes: int) -> None:
    part_bytes = part_bytes_for(size_bytes)
    assert part_bytes * MOST_PARTS >= size_bytes
    assert (
        part_bytes == 32 << 20 or (part_bytes - (1 << 20)) * MOST_PARTS < size_bytes
    )  # no larger than they must be
    assert part_bytes <= 5 * GIB  # the largest that S3 takes
    under_way = parts_at_once(part_bytes) * part_bytes
    assert under_way <= max(128 << 20, part_bytes)


async def test_an_object_of_more_parts_than_are_allowed_is_sent_in_larger_ones(
    s3_server: str, tmp_path: Path
) -> None:
    storage = s3_storage(s3_server, tmp_path.name, part_bytes=5 << 20, most_parts=4)
    block = os.urandom(1 << 20)
    size_bytes = 23 * len(block) + 4
    await storage.put("large", pieces(*[block] * 23, b"tail"), size_bytes=size_bytes)
    assert await read(storage, "large") == block * 23 + b"tail"
    stored = await asyncio.to_thread(httpx.head, f"{s3_server}/{s3_bucket(tmp_path.name)}/node/large")
    assert stored.headers["etag"].endswith('-4"')  # parts


async def test_more_than_was_told_is_refused_before_all_of_it_is_sent(s3_server: str, tmp_path: Path) -> None:
    storage = s3_storage(s3_server, tmp_path.name, part_bytes=5 << 20, most_parts=4)
    sent = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            sent.append(1 << 20)
            yield bytes(sent[-1])

    with pytest.raises(Unavailable, match="larger than the 20971520 bytes that its parts can hold"):
        await storage.put("large", endless())
    assert sum(sent) == 21 << 20
    assert await keys(storage) == []


@pytest.mark.parametrize(
    "first, stop, expected",
    [(0, 3, b"012"), (3, 7, b"3456"), (8, None, b"89"), (5, 99, b"56789"), (4, 4, b""), (10, None, b"")],
)
async def test_a_range_is_half_open_and_ends_with_the_object(storage: Storage, first, stop, expected) -> None:
    await storage.put("digits", pieces(b"0123456789"))
    assert await read(storage, "digits", first, stop) == expected


@pytest.mark.parametrize("first, stop", [(11, None), (-1, 5), (5, 4)])
async def test_a_range_outside_the_object_is_refused(storage: Storage, first, stop) -> None:
    await storage.put("digits", pieces(b"0123456789"))
    with pytest.raises(Invalid, match="is not within its 10 bytes"):
        await read(storage, "digits", first, stop)


async def test_putting_again_replaces(storage: Storage) -> None:
    await storage.put("a/b", pieces(b"first, longer"))
    await storage.put("a/b", pieces(b"second"))
    assert await read(storage, "a/b") == b"second"


@pytest.mark.parametrize("sent", [[b"half"], [b"x" * 1024 * 1024] * 17])
async def test_an_upload_that_breaks_leaves_what_was_there(storage: Storage, sent: list[bytes]) -> None:
    await storage.put("kept", pieces(b"before"))
    for key in ("kept", "new"):
        with pytest.raises((ConnectionResetError, Unavailable)):
            await storage.put(key, broken_after(*sent))
    assert await read(storage, "kept") == b"before"
    assert await keys(storage) == ["kept"]


async def test_objects_are_listed_by_folder_in_order(storage: Storage) -> None:
    for key in ("b/2", "b/10", "a", "b/1/x", "bb"):
        await storage.put(key, pieces(b"x"))
    assert await keys(storage) == ["a", "b/1/x", "b/10", "b/2", "bb"]
    assert await keys(storage, "b") == ["b/1/x", "b/10", "b/2"]
    assert await keys(storage, "c") == []


async def test_times_are_aware_and_now(storage: Storage) -> None:
    stored = await storage.put("a", pieces(b"x"))
    assert abs(stored.modified - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_fresh_object_is_stored_as_any_other(storage: Storage) -> None:
    stored = await storage.put("a/b", pieces(b"x", b"y"), fresh=True)
    assert (stored.size_bytes, await read(storage, "a/b")) == (2, b"xy")


@pytest.mark.parametrize("sent", [[b"other"], [b"x" * 1024 * 1024] * 17], ids=["small", "of several parts"])
async def test_a_fresh_object_replaces_nothing(storage: Storage, sent: list[bytes]) -> None:
    await storage.put("a/b", pieces(b"first"))
    with pytest.raises(Conflict, match="'a/b' already"):
        await storage.put("a/b", pieces(*sent), fresh=True)
    assert await read(storage, "a/b") == b"first"


@pytest.mark.parametrize("sent", [[b"other"], [b"x" * 1024 * 1024] * 17], ids=["small", "of several parts"])
async def test_a_fresh_object_does_not_replace_one_that_came_meanwhile(
    storage: Storage, sent: list[bytes]
) -> None:
    async def while_another_comes() -> AsyncIterator[bytes]:
        for piece in sent:
            yield piece
        await storage.put("a/b", pieces(b"first"))

    with pytest.raises(Conflict, match="'a/b' already"):
        await storage.put("a/b", while_another_comes(), fresh=True)
    assert await read(storage, "a/b") == b"first"
    assert await keys(storage) == ["a/b"]


async def test_of_many_who_store_the_same_fresh_object_one_does(storage: Storage) -> None:
    told = await asyncio.gather(
        *(storage.put("a", pieces(bytes([number])), fresh=True) for number in range(8)),
        return_exceptions=True,
    )
    winners = [number for number, stored in enumerate(told) if isinstance(stored, StoredObject)]
    assert [type(refused) for refused in told if not isinstance(refused, StoredObject)] == [Conflict] * 7
    assert await read(storage, "a") == bytes(winners)


async def test_a_small_range_is_read_at_once(storage: Storage) -> None:
    await storage.put("digits", pieces(b"0123456789"))
    assert await storage.read_at("digits", 3, 7) == b"3456"
    assert await storage.read_at("digits", 8, 99) == b"89"
    assert await storage.read_at("digits", 10, 10) == b""
    with pytest.raises(Invalid, match="is not within its 10 bytes"):
        await storage.read_at("digits", 11, 12)
    with pytest.raises(NotFound, match="'absent'"):
        await storage.read_at("absent", 0, 1)


async def test_an_object_put_whole_is_whole(storage: Storage) -> None:
    await put_whole(storage, "a", b"all of it", fresh=True)
    assert await read(storage, "a") == b"all of it"
    with pytest.raises(Conflict):
        await put_whole(storage, "a", b"more", fresh=True)


async def test_a_deleted_object_is_gone_and_deleting_twice_is_no_error(storage: Storage) -> None:
    await storage.put("a/b", pieces(b"x"))
    await storage.delete("a/b")
    await storage.delete("a/b")
    assert not await storage.exists("a/b")
    with pytest.raises(NotFound, match="'a/b'"):
        await storage.head("a/b")
    with pytest.raises(NotFound, match="'a/b'"):
        await read(storage, "a/b")


BAD_KEYS = [
    "",
    "/etc/passwd",
    "../x",
    "a/../../x",
    "a//b",
    "a/",
    ".drafts/x",
    "a/.hidden",
    "a\\b",
    "a b",
    "ä",
    "x" * 600,
    "a\0b",
]


@pytest.mark.parametrize("key", BAD_KEYS)
async def test_a_key_that_could_climb_or_surprise_is_refused(storage: Storage, key: str) -> None:
    for attempt in (
        storage.put(key, pieces(b"x")),
        storage.head(key),
        storage.delete(key),
        storage.exists(key),
    ):
        with pytest.raises(Invalid, match="storage key"):
            await attempt
    with pytest.raises(Invalid, match="storage key"):
        await read(storage, key)


@given(st.text(max_size=40))
def test_an_accepted_key_stays_below_any_root(key: str) -> None:
    try:
        checked_key(key)
    except Invalid:
        return
    assert Path(os.path.normpath(Path("/root-of-all", key))) == Path("/root-of-all", key)
    assert Path("/root-of-all") in Path("/root-of-all", key).parents


async def test_files_of_a_directory_are_readable_by_the_owner_only(tmp_path: Path) -> None:
    await DirectoryStorage(tmp_path / "objects").put("a/b", pieces(b"x"))
    assert stat.S_IMODE((tmp_path / "objects" / "a" / "b").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "objects" / "a").stat().st_mode) == 0o700


@pytest.mark.parametrize("fresh", [False, True])
async def test_an_object_is_on_the_disk_before_it_is_named_and_its_name_before_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: bool
) -> None:
    storage = DirectoryStorage(tmp_path / "objects")
    await storage.put("a/other", pieces(b"x"))
    done = recorded(monkeypatch, tmp_path / "objects")
    await storage.put("a/b", pieces(b"first", b" and last"), fresh=fresh)
    named = "link" if fresh else "rename"
    assert done == ["fsync draft of 14", f"{named} draft to a/b", "fsync a"]


async def test_the_name_of_a_new_folder_is_on_the_disk_before_an_object_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = DirectoryStorage(tmp_path / "objects")
    done = recorded(monkeypatch, tmp_path / "objects")
    await storage.put("a/b/c", pieces(b"x"))
    assert done == ["fsync draft of 1", "fsync .", "fsync a", "rename draft to a/b/c", "fsync a/b"]


def recorded(monkeypatch: pytest.MonkeyPatch, root: Path) -> list[str]:
    """What is synced, renamed and linked below `root` from now on, in order; it is done as well."""
    done: list[str] = []
    fsync = os.fsync

    def synced(descriptor: int) -> None:
        fsync(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink().relative_to(root)
        done.append(f"fsync draft of {os.fstat(descriptor).st_size}" if is_draft(path) else f"fsync {path}")

    def naming(how: str, name: Callable[..., None]) -> Callable[..., None]:
        def named(before: Path, after: Path) -> None:
            name(before, after)
            assert is_draft(Path(before))
            done.append(f"{how} draft to {Path(after).relative_to(root)}")

        return named

    monkeypatch.setattr(os, "fsync", synced)
    for function, how in {"replace": "rename", "rename": "rename", "link": "link"}.items():
        monkeypatch.setattr(os, function, naming(how, getattr(os, function)))
    return done


def is_draft(path: Path) -> bool:
    return ".drafts" in path.parts


async def test_drafts_of_killed_writers_are_removed_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path / "objects")
    drafts = tmp_path / "objects" / ".drafts"
    (drafts / "left-behind").write_bytes(b"half")

    async def while_another_opens() -> AsyncIterator[bytes]:
        yield b"first"
        DirectoryStorage(tmp_path / "objects")
        assert len(list(drafts.iterdir())) == 1
        yield b" and second"

    await storage.put("a", while_another_opens())
    assert await read(storage, "a") == b"first and second"
    assert list(drafts.iterdir()) == []


async def test_a_cancelled_writer_writes_to_nobody_elses_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on, wrote_to = threading.Event(), threading.Event(), list[Path]()

    def slow_write(descriptor: int, content: bytes) -> None:
        began.set()
        go_on.wait()
        wrote_to.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        os.write(descriptor, content)

    monkeypatch.setattr(directory, "write_all", slow_write)
    storage = DirectoryStorage(tmp_path / "objects")
    writing = asyncio.create_task(storage.put("a", pieces(b"x")))
    await asyncio.to_thread(began.wait)
    writing.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert [path.parent.name for path in wrote_to] == [".drafts"]
    assert list((tmp_path / "objects" / ".drafts").iterdir()) == []


async def test_a_reader_that_is_cancelled_while_its_file_is_opened_leaves_nothing_open(
    tmp_path: Path,
) -> None:
    storage = DirectoryStorage(tmp_path / "objects")
    pipe = tmp_path / "objects" / "slow"
    os.mkfifo(pipe)  # to open it waits until somebody writes
    reading = asyncio.create_task(read(storage, "slow"))
    await asyncio.sleep(0.05)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    writer = os.open(pipe, os.O_WRONLY)
    await _until(lambda: open_at(pipe) == 1)
    os.close(writer)
    assert open_at(pipe) == 0


async def test_a_writer_that_is_cancelled_while_its_draft_is_opened_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow_lock(descriptor: int, how: int) -> None:
        began.set()
        go_on.wait()
        fcntl.flock(descriptor, how)

    storage = DirectoryStorage(tmp_path / "objects")
    monkeypatch.setattr(directory, "flock", slow_lock)
    drafts = tmp_path / "objects" / ".drafts"
    writing = asyncio.create_task(storage.put("a", pieces(b"x")))
    await asyncio.to_thread(began.wait)
    (draft,) = drafts.iterdir()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    go_on.set()
    await _until(lambda: not list(drafts.iterdir()) and open_at(draft) == 0)


async def test_a_reader_that_stops_in_the_middle_leaves_nothing_open(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path / "objects")
    await storage.put("a", pieces(bytes(3 * directory.PIECE_BYTES)))
    async for _ in storage.get("a"):
        assert open_at(tmp_path / "objects" / "a") == 1
        break
    await _until(lambda: open_at(tmp_path / "objects" / "a") == 0)


def open_at(path: Path) -> int:
    """How many descriptors of this process are of that file."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # it was closed meanwhile, as is that of this very loop
            found += str(link.readlink()).removesuffix(" (deleted)") == str(path)
    return found


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  no event tells it
            await asyncio.sleep(0.01)


async def test_a_link_out_of_the_directory_is_not_followed(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path / "objects")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "objects" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises((NotFound, Unavailable)):
        await read(storage, "link")


async def test_a_key_that_is_a_folder_of_others_is_refused_by_a_directory(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path / "objects")
    await storage.put("a", pieces(b"x"))
    with pytest.raises(Conflict, match="'a/b'"):
        await storage.put("a/b", pieces(b"x"))
    await storage.put("c/d", pieces(b"x"))
    with pytest.raises(Conflict, match="'c'"):
        await storage.put("c", pieces(b"x"))


async def test_a_store_that_does_not_answer_is_unavailable() -> None:
    nobody = s3_options("http://127.0.0.1:9")
    storage = ObjectStorage.at("s3://bucket", nobody, {"allow_http": True, "timeout": "1s"}, retries=0)
    with pytest.raises(Unavailable, match="the store failed"):
        await storage.head("a")


def test_an_unknown_kind_of_store_is_named() -> None:
    with pytest.raises(Invalid, match="ftp://host"):
        ObjectStorage.at("ftp://host/x", {})


async def megabytes(number: int, pause_s: float = 0.0) -> AsyncIterator[bytes]:
    for _ in range(number):
        yield os.urandom(1 << 20)
        await asyncio.sleep(pause_s)


async def test_a_body_may_be_read_for_longer_than_one_request_lasts(s3_server: str, tmp_path: Path) -> None:
    written = s3_storage(s3_server, tmp_path.name)
    await written.put("large", megabytes(8))
    storage = ObjectStorage.at(
        f"s3://{s3_bucket(tmp_path.name)}/node",
        s3_options(s3_server),
        {"allow_http": True, "timeout": "1s"},
        retries=0,
        read_bytes=1 << 20,
    )
    read = hashlib.sha256()
    async for piece in storage.get("large"):
        read.update(piece)
        await asyncio.sleep(0.4 * len(piece) / (1 << 20))
    assert read.digest() == hashlib.sha256(b"".join([piece async for piece in written.get("large")])).digest()
    ranges = [(0, 1), (1 << 20, 3 << 20), ((3 << 20) - 1, (3 << 20) + 1), (7 << 20, 8 << 20)]
    for first, stop in ranges:
        assert await storage.read_at("large", first, stop) == await written.read_at("large", first, stop)


MOTO_BEGAN = datetime(2010, 11, 10, 20, 48, 33, tzinfo=UTC)
"""moto says this of every multipart upload; a node's own endpoint, in the system tests, says the truth."""


@pytest.mark.parametrize("is_empty_there", [False, True], ids=["nothing there", "an empty mount point"])
async def test_a_folder_whose_disk_is_gone_does_not_answer_and_nothing_is_written_beside(
    tmp_path: Path,
    is_empty_there: bool,
) -> None:
    """No object of it is missing, and none was deleted: it is all there once the disk is back."""
    root = tmp_path / "disk"
    storage = DirectoryStorage(root)
    await put_whole(storage, "bodies/a", b"text")
    root.rename(tmp_path / "unplugged")
    if is_empty_there:
        root.mkdir()
    asked = (
        lambda: read(storage, "bodies/a"),
        lambda: storage.read_at("bodies/a", 0, 1),
        lambda: storage.head("bodies/a"),
        lambda: storage.exists("bodies/a"),
        lambda: storage.delete("bodies/a"),
        lambda: put_whole(storage, "bodies/b", b"text"),
        lambda: put_whole(storage, "bodies/b", b"text", fresh=True),
        lambda: keys(storage),
        lambda: keys(storage, "bodies"),
    )
    for ask in asked:
        with pytest.raises(Unavailable, match="is its disk mounted"):
            await ask()
    assert not is_empty_there or list(root.iterdir()) == []
    if is_empty_there:
        root.rmdir()
    (tmp_path / "unplugged").rename(root)
    assert await keys(storage) == ["bodies/a"]


async def test_what_is_finished_is_no_leftover(storage: Storage) -> None:
    await put_whole(storage, "bodies/a", b"text")
    assert await storage.drop_unfinished("bodies", datetime.now(UTC) + timedelta(days=1), timedelta(0)) == 0
    assert await read(storage, "bodies/a") == b"text"


async def test_a_storage_that_fails_keeps_no_other_from_being_swept(tmp_path: Path) -> None:
    class Silent(DirectoryStorage):
        async def drop_unfinished(self, folder: str, now: datetime, age: timedelta) -> int:
            raise Unavailable("the store does not answer")

    storages = {"": Silent(tmp_path / "silent"), "second": DirectoryStorage(tmp_path / "second")}
    left = tmp_path / "second" / ".drafts" / "left"
    left.write_bytes(b"half of an object")
    with pytest.raises(Unavailable):
        await RoutedStorage(storages, lambda _: "").drop_unfinished("bodies", datetime.now(UTC), timedelta(0))
    assert not left.exists()


async def test_parts_that_nobody_joined_are_removed_below_their_folder_once_they_are_old(
    s3_server: str, tmp_path: Path
) -> None:
    storage, bucket = s3_storage(s3_server, tmp_path.name), s3_bucket(tmp_path.name)
    for key in ("node/bodies/ab/c", "node/bodies/d e+f", "node/bodies2/a", "else/bodies/a"):
        id_ = s3_client(s3_server).create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        s3_client(s3_server).upload_part(Bucket=bucket, Key=key, UploadId=id_, PartNumber=1, Body=b"part")
    now = MOTO_BEGAN + timedelta(days=2)
    assert await storage.drop_unfinished("bodies", now, timedelta(days=3)) == 0
    assert len(unfinished_uploads(s3_server, bucket)) == 4
    assert await storage.drop_unfinished("bodies", now, timedelta(days=1)) == 2
    assert unfinished_uploads(s3_server, bucket) == ["else/bodies/a", "node/bodies2/a"]


async def test_parts_that_are_just_being_sent_stay(s3_server: str, tmp_path: Path) -> None:
    storage = s3_storage(s3_server, tmp_path.name, part_bytes=5 << 20)
    putting = asyncio.ensure_future(storage.put("bodies/large", megabytes(12, pause_s=0.1)))
    while not await asyncio.to_thread(unfinished_uploads, s3_server, s3_bucket(tmp_path.name)):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    assert await storage.drop_unfinished("bodies", datetime.now(UTC), timedelta(days=1)) == 0
    assert (await putting).size_bytes == 12 << 20


async def test_a_store_without_a_key_of_its_own_is_not_asked(s3_server: str) -> None:
    options = {"endpoint": s3_server, "skip_signature": "true"}
    storage = ObjectStorage.at("s3://nowhere/node", options, {"allow_http": True})
    assert await storage.drop_unfinished("bodies", datetime.now(UTC), timedelta(0)) == 0


async def test_a_store_that_does_not_list_its_uploads_is_said_so(s3_server: str) -> None:
    storage = ObjectStorage.at("s3://nowhere/node", s3_options(s3_server), {"allow_http": True})
    with pytest.raises(Unavailable, match="s3:ListBucketMultipartUploads"):
        await storage.drop_unfinished("bodies", datetime.now(UTC), timedelta(0))


async def test_who_is_cancelled_leaves_no_parts_in_the_store(s3_server: str, tmp_path: Path) -> None:
    storage = s3_storage(s3_server, tmp_path.name, part_bytes=5 << 20)
    putting = asyncio.ensure_future(storage.put("large", megabytes(1000, pause_s=0.05)))
    begun = partial(unfinished_uploads, s3_server, s3_bucket(tmp_path.name))
    while not await asyncio.to_thread(begun):  # noqa: ASYNC110  # it happens in the server
        await asyncio.sleep(0.1)
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert not await asyncio.to_thread(begun)
    assert not await storage.exists("large")


def test_an_option_that_the_store_cannot_take_is_refused_in_words(s3_server: str) -> None:
    for name in ("timeout", "endpont"):
        with pytest.raises(Invalid, match="storage s3://bucket"):
            ObjectStorage.at("s3://bucket", s3_options(s3_server) | {name: "600s"}, {"allow_http": True})
