"""Writing files so that a crash leaves the old one or the new one, never a half, and nobody else may read them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

Put = Callable[[Path, Path], object]


def write_whole(path: Path, content: bytes) -> None:
    """Put `content` at `path` (mode 0600), replacing what is there; it is on the disk when this returns."""
    _write_aside(path, content, Path.replace)


def write_once(path: Path, content: bytes) -> None:
    """The same, but what is there already stays: of several processes that try, the first one wins."""
    try:
        _write_aside(path, content, _link)
    except FileExistsError:
        return


def sync_folder(folder: Path) -> None:
    """Put the names of the files in `folder` on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes | memoryview) -> None:
    """All of `content`, however little the system takes at a time."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def create_private(path: Path) -> int:
    """Descriptor of a new file of mode 0600, for writing. Raises FileExistsError."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _write_aside(path: Path, content: bytes, put: Put) -> None:
    draft = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    descriptor = create_private(draft)
    try:
        try:
            write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        put(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def _link(draft: Path, path: Path) -> None:
    path.hardlink_to(draft)
