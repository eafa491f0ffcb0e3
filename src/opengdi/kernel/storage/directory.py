"""Objects as files of a local directory: written aside, synced, renamed or linked.

File work is done in threads, but for reading what the system holds in memory: that is sooner done than handed over.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import stat
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from fcntl import LOCK_EX, LOCK_NB, flock
from functools import partial
from pathlib import Path
from typing import Final

from opengdi.kernel.errors import Conflict, NotFound, Unavailable
from opengdi.kernel.files import Put, create_private, opened_in_thread, sync_folder, write_all
from opengdi.kernel.storage.ports import StoredObject, checked_key, checked_range

PIECE_BYTES: Final = 1024 * 1024
_DRAFTS: Final = ".drafts"
_READING: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class DirectoryStorage:
    """Files below `root`, which is made if it is missing; directories have mode 0700, files 0600.

    Where the folder is gone, or another one is in its place (its disk is not mounted any more), nothing is missing and
    nothing is written: it does not answer. A key that is a folder of other keys (`a` beside `a/b`) is refused with
    Conflict: a file system has no such thing.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root = root.resolve()
        self._drafts = self._root / _DRAFTS
        self._drafts.mkdir(mode=0o700, exist_ok=True)
        _sweep(self._drafts)

    async def put(
        self,
        key: str,
        content: AsyncIterable[bytes],
        *,
        fresh: bool = False,
        size_bytes: int = 0,  # noqa: ARG002  a file grows by itself
    ) -> StoredObject:
        target = self._path(key)
        if fresh:
            await asyncio.to_thread(_refuse_if_there, key, target)
        with self._said(key):
            draft, descriptor = await opened_in_thread(partial(_open_draft, self._drafts), _drop)
            try:
                async for piece in content:
                    await _to_the_end(write_all, descriptor, piece)
                await _to_the_end(os.fsync, descriptor)
                await _to_the_end(self._publish, draft, target, _link(key) if fresh else Path.replace)
            finally:
                _drop((draft, descriptor))
        return await self.head(key)

    async def get(self, key: str, first: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        with self._said(key):
            descriptor = await opened_in_thread(partial(os.open, self._path(key), _READING), os.close)
            try:
                size_bytes = _regular_size(descriptor, key)
                offset, end = checked_range(key, size_bytes, first, stop)
                while offset < end:
                    piece = await _read(descriptor, min(PIECE_BYTES, end - offset), offset)
                    if not piece:
                        raise Unavailable(f"{key} became shorter while it was read")
                    offset += len(piece)
                    _read_ahead(descriptor, offset, end)
                    yield piece
            finally:
                os.close(descriptor)

    async def read_at(self, key: str, first: int, stop: int) -> bytes:
        path = self._path(key)
        with self._said(key):
            return await asyncio.to_thread(_read_range, path, key, first, stop)

    async def head(self, key: str) -> StoredObject:
        with self._said(key):
            return await asyncio.to_thread(self._describe, self._path(key))

    async def list(self, folder: str = "") -> AsyncIterator[StoredObject]:
        start = self._path(folder) if folder else self._root
        for path in await asyncio.to_thread(self._files_below, start):
            try:
                yield await asyncio.to_thread(self._describe, path)
            except (FileNotFoundError, NotFound):
                continue  # deleted meanwhile

    async def delete(self, key: str) -> None:
        path = self._path(key)
        with self._said(key):
            if await asyncio.to_thread(self._is_there, path):
                await asyncio.to_thread(path.unlink, missing_ok=True)

    async def exists(self, key: str) -> bool:
        with self._said(key):
            return await asyncio.to_thread(self._is_there, self._path(key))

    async def drop_unfinished(self, folder: str, now: datetime, age: timedelta) -> int:  # noqa: ARG002
        """Drafts have neither folder nor age: one that nobody holds the lock of is nobody's any more."""
        with self._said(folder):
            return await asyncio.to_thread(_sweep, self._drafts)

    def _path(self, key: str) -> Path:
        return self._root / checked_key(key)

    def _publish(self, draft: Path, target: Path, put: Put) -> None:
        for folder in reversed(target.relative_to(self._root).parents[:-1]):
            if _make_folder(self._root / folder):
                sync_folder((self._root / folder).parent)
        put(draft, target)
        sync_folder(target.parent)

    def _describe(self, path: Path) -> StoredObject:
        facts = path.lstat()
        key = path.relative_to(self._root).as_posix()
        if not path.is_file():
            raise NotFound(f"there is no object {key!r}")
        return StoredObject(key, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))

    def _is_there(self, path: Path) -> bool:
        if path.is_file():
            return True
        self._check_disk()
        return False

    def _files_below(self, folder: Path) -> Sequence[Path]:
        """In the order of their keys, drafts left out."""
        files = (path for path in folder.rglob("*") if path.is_file() and self._drafts not in path.parents)
        found = sorted(files, key=Path.as_posix)
        self._check_disk()
        return found

    def _check_disk(self) -> None:
        """Where something is missing: is the rest there? Raises Unavailable if the folder is gone, or another one."""
        if not self._drafts.is_dir():
            raise Unavailable(f"{self._root} is not there as it was: is its disk mounted?")

    @contextmanager
    def _said(self, key: str) -> Iterator[None]:
        """What the file system says, in our words."""
        try:
            yield
        except FileNotFoundError as error:
            self._check_disk()
            raise NotFound(f"there is no object {key!r}") from error
        except (IsADirectoryError, NotADirectoryError, FileExistsError) as error:
            raise Conflict(
                f"{key!r} is, or lies below, another key; keys must not be folders of each other"
            ) from error
        except OSError as error:
            raise Unavailable(f"object {key!r}: {error.strerror}") from error


async def _to_the_end(work: Callable[..., object], *arguments: object) -> None:
    """Run in a thread that is waited for even if we are cancelled: its descriptor must not be closed under it, and
    become another file's.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        await asyncio.shield(running)
    finally:
        await asyncio.wait([running])


def _open_draft(drafts: Path) -> tuple[Path, int]:
    """A new draft and its descriptor. It is locked while somebody writes it, so that none is swept away under them."""
    while True:
        draft = drafts / secrets.token_hex(16)
        descriptor = create_private(draft)
        flock(descriptor, LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return draft, descriptor
        os.close(descriptor)  # swept between the two


def _drop(opened: tuple[Path, int]) -> None:
    """Close a draft; its name is gone, whether or not it was published."""
    draft, descriptor = opened
    draft.unlink(missing_ok=True)
    os.close(descriptor)


def _sweep(drafts: Path) -> int:
    """Remove the drafts that nobody writes any more: those of writers that were killed; how many."""
    removed = 0
    for draft in drafts.iterdir():
        with suppress(FileNotFoundError, BlockingIOError):
            descriptor = os.open(draft, _READING)
            try:
                flock(descriptor, LOCK_EX | LOCK_NB)
                draft.unlink()
                removed += 1
            finally:
                os.close(descriptor)
    return removed


async def _read(descriptor: int, size: int, offset: int) -> bytes:
    """The next bytes: at once if they are in memory, else in a thread, so that nobody waits for the disk with us."""
    if _is_cached(descriptor, offset) and _is_cached(descriptor, offset + size - 1):
        return os.pread(descriptor, size, offset)
    return await asyncio.to_thread(os.pread, descriptor, size, offset)


def _is_cached(descriptor: int, offset: int) -> bool:
    """True if the byte there can be read without waiting."""
    try:
        return os.preadv(descriptor, [bytearray(1)], offset, os.RWF_NOWAIT) == 1
    except OSError:  # not in memory, or a file system that cannot tell
        return False


def _read_ahead(descriptor: int, offset: int, end: int) -> None:
    """Let the system fetch the next piece while this one is on its way."""
    if offset < end:
        os.posix_fadvise(descriptor, offset, min(PIECE_BYTES, end - offset), os.POSIX_FADV_WILLNEED)


def _read_range(path: Path, key: str, first: int, stop: int) -> bytes:
    descriptor = os.open(path, _READING)
    try:
        offset, end = checked_range(key, _regular_size(descriptor, key), first, stop)
        pieces = []
        while offset < end:
            piece = os.pread(descriptor, end - offset, offset)
            if not piece:
                raise Unavailable(f"{key} became shorter while it was read")
            offset += len(piece)
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def _refuse_if_there(key: str, target: Path) -> None:
    if target.is_file():
        raise Conflict(f"there is an object {key!r} already; it is not replaced")


def _link(key: str) -> Put:
    """Gives the draft its name only if nothing else has it: a link, unlike a rename, replaces nothing."""

    def link(draft: Path, target: Path) -> None:
        try:
            target.hardlink_to(draft)
        except FileExistsError:
            _refuse_if_there(key, target)
            raise

    return link


def _regular_size(descriptor: int, key: str) -> int:
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        raise NotFound(f"there is no object {key!r}")
    return facts.st_size


def _make_folder(folder: Path) -> bool:
    """True if it was not there before."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not folder.is_dir():
            raise
        return False
    return True
