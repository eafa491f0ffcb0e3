"""The folder a demo works in: emptied at the start, but only if a demo made it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from opengdi.apps.disk import make_private_folder
from opengdi.kernel.errors import Conflict

_MARK: Final = ".made-by-gdi-demo"


def empty_folder(folder: Path) -> Path:
    """`folder`, absolute and empty. Raises Conflict if it holds anything that no demo put there."""
    folder = folder.resolve()
    if folder.exists() and any(folder.iterdir()):
        if not (folder / _MARK).is_file():
            raise Conflict(f"{folder} is not empty and was not made by a demo; give --folder another place")
        shutil.rmtree(folder)
    make_private_folder(folder)
    (folder / _MARK).touch()
    return folder
