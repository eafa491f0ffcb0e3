"""Where the serving index lies on disk: `index/current-2` names the folder in force, so it can be swapped in one step.

`index/incoming/<release number>-2/` holds files built aside and not yet taken in. All of it can be deleted at any time.
2 is the format of keys and rows: what another version left in another format is not seen, and deleted at the start.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from opengdi.kernel.errors import Conflict
from opengdi.kernel.files import write_whole

_FORMAT: Final = 2
"""2: counts of genotypes are in a row only where they may be told (2026-11). 1, without a number: before."""
_CURRENT: Final = f"current-{_FORMAT}"
_LOCK: Final = "rebuild.lock"
_SITES: Final = "sites-"


class IndexFolder:
    """The `index/` folder of a node."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def current(self) -> Path | None:
        """The index in force; None if there is none, it is gone, or what should name it names no index."""
        try:
            name = (self.path / _CURRENT).read_text(encoding="ascii").strip()
        except (FileNotFoundError, UnicodeDecodeError):
            return None
        return next((folder for folder in self.path.glob(f"{_SITES}*") if folder.name == name), None)

    def incoming(self, number: int) -> Path:
        """Where the files of a release are built aside."""
        return self.path / "incoming" / f"{number}-{_FORMAT}"

    def begin(self) -> Path:
        """A new folder for another index; nobody knows it before `adopt`."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=_SITES, dir=self.path))

    def adopt(self, folder: Path) -> None:
        """Put an index in force, in one step."""
        write_whole(self.path / _CURRENT, folder.name.encode())

    def clear_leftovers(self) -> None:
        """Delete indexes that are not in force, unless one of them is being rebuilt just now."""
        try:
            with self.rebuilding():
                current = self.current()
                for folder in self.path.glob(f"{_SITES}*"):
                    if folder != current:
                        shutil.rmtree(folder)
        except Conflict:
            return

    @contextmanager
    def rebuilding(self) -> Iterator[None]:
        """One rebuild at a time. Raises Conflict if there is another one."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise Conflict(f"the index in {self.path} is being rebuilt by another process") from None
        finally:
            os.close(descriptor)
