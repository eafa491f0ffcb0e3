"""The folder a demo works in: emptied at the start, but only if a demo made it, and for one demo at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from opengdi.apps.disk import make_private_folder
from opengdi.kernel.errors import Conflict

_MARK: Final = ".made-by-gdi-demo"


@contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """`folder`, absolute, empty, and nobody else's until the end.

    Raises Conflict if it holds anything that no demo put there, or if another demo works in it.
    """
    folder = folder.resolve()
    mark = folder / _MARK
    if folder.exists() and any(folder.iterdir()) and not mark.is_file():
        raise Conflict(f"{folder} is not empty and was not made by a demo; give --folder another place")
    make_private_folder(folder)
    descriptor = os.open(mark, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict(f"another demo works in {folder}; end it, or give --folder another place") from None
    else:
        _empty(folder)
        yield folder
    finally:
        os.close(descriptor)


def _empty(folder: Path) -> None:
    for each in folder.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        elif each.name != _MARK:
            each.unlink()
