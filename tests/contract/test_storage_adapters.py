"""What every storage promises, held against a directory, memory and a real S3 server (moto, on loopback)."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import LocalStore, MemoryStore

from opengdi.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from opengdi.kernel.storage import Storage, checked_key
from opengdi.kernel.storage.directory import DirectoryStorage
from opengdi.kernel.storage.object_store import PART_BYTES, ObjectStorage


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Address of an S3 server in a process of its own; skips where `moto` is not installed."""
    pytest.importorskip("moto.server", reason="moto[s3,server] is not installed", exc_type=ImportError)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    server = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_until_it_answers(server, f"http://127.0.0.1:{port}/")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def _wait_until_it_answers(server: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(address)
        except httpx.TransportError:
            assert server.poll() is None, "the S3 server ended at once"
            assert time.monotonic() < deadline, "the S3 server did not answer"
            time.sleep(0.05)
        else:
            return


@pytest.fixture(params=["directory", "memory", "obstore directory", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "directory":
        return DirectoryStorage(tmp_path / "objects")
    if request.param == "memory":
        return ObjectStorage(MemoryStore())
    if request.param == "obstore directory":
        return ObjectStorage(LocalStore(tmp_path / "objects", mkdir=True))
    address = request.getfixturevalue("s3_server")
    bucket = f"bucket-{tmp_path.name.replace('_', '-')[:50].lower().strip('-')}"
    httpx.put(f"{address}/{bucket}").raise_for_status()
    return ObjectStorage.at(f"s3://{bucket}/node", _s3_options(address), {"allow_http": True})


def _s3_options(address: str) -> dict[str, str]:
    return {
        "endpoint": address,
        "access_key_id": "test",
        "secret_access_key": "test",
        "region": "us-east-1",
    }


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
    nobody = _s3_options("http://127.0.0.1:9")
    storage = ObjectStorage.at("s3://bucket", nobody, {"allow_http": True, "timeout": "1s"}, retries=0)
    with pytest.raises(Unavailable, match="the store failed"):
        await storage.head("a")


def test_an_unknown_kind_of_store_is_named() -> None:
    with pytest.raises(Invalid, match="ftp://host"):
        ObjectStorage.at("ftp://host/x", {})
