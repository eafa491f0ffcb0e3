"""Writing files so that a crash leaves the old one or the new one, never a half, and nobody else may read them.

And their digests; and opening them in a thread, so that who gives up meanwhile leaves nothing open.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import Final, Generic, TypeVar

Put = Callable[[Path, Path], object]
T = TypeVar("T")

_PIECE_BYTES: Final = 1 << 20


def write_whole(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Put `content`, whole or in pieces, at `path` (mode 0600), replacing what is there; then it is on the disk."""
    _write_aside(path, content, Path.replace)


def write_once(path: Path, content: bytes) -> None:
    """The same, but what is there already stays: of several processes that try, the first one wins."""
    try:
        _write_aside(path, content, _link)
    except FileExistsError:
        return


def sha256_of(path: Path, heard: Callable[[int], object] | None = None) -> str:
    """Hexadecimal SHA-256 of a file; `heard` is told how many bytes were read, as they are."""
    total = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE_BYTES):
            total.update(piece)
            if heard is not None:
                heard(len(piece))
    return total.hexdigest()


def sync_folder(folder: Path) -> None:
    """Put the names of the files in `folder` on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes | bytearray | memoryview) -> None:
    """All of `content`, however little the system takes at a time."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def create_private(path: Path) -> int:
    """Descriptor of a new file of mode 0600, for writing. Raises FileExistsError."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


async def opened_in_thread(open_: Callable[[], T], close: Callable[[T], object]) -> T:
    """What `open_` gives, called in a thread. If we are cancelled while it is at it, what it opens is closed."""
    opening = _Opening(open_, close)
    try:
        return await asyncio.to_thread(opening.run)
    except asyncio.CancelledError:
        opening.give_up()
        raise


class _Opening(Generic[T]):
    """Something that a thread opens for somebody who may not wait for it. Needs no loop to be closed."""

    def __init__(self, open_: Callable[[], T], close: Callable[[T], object]) -> None:
        self._open, self._close = open_, close
        self._opened: list[T] = []
        self._given_up = False
        self._guard = Lock()

    def run(self) -> T:
        thing = self._open()
        with self._guard:
            if self._given_up:
                self._close(thing)
            else:
                self._opened.append(thing)
        return thing

    def give_up(self) -> None:
        with self._guard:
            self._given_up = True
            for thing in self._opened:
                self._close(thing)


def _write_aside(path: Path, content: bytes | Iterable[bytes], put: Put) -> None:
    draft = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    descriptor = create_private(draft)
    try:
        try:
            for piece in (content,) if isinstance(content, bytes) else content:
                write_all(descriptor, piece)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        put(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def _link(draft: Path, path: Path) -> None:
    path.hardlink_to(draft)
