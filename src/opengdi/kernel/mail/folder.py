"""Letters as files `*.eml` in a folder: what a laptop has instead of an SMTP server. Any mail program opens them."""

from __future__ import annotations

from pathlib import Path

from opengdi.kernel.errors import Unavailable
from opengdi.kernel.files import write_whole
from opengdi.kernel.mail.letters import Letter


class FolderPost:
    """Writes letters into a folder, private and made with the first one. A letter that comes again is the same file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deliver(self, letter: Letter) -> None:
        content = letter.message().as_bytes()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self._folder / f"{letter.at:%Y%m%dT%H%M%S}-{letter.id}.eml", content)
        except OSError as error:
            raise Unavailable(f"letters cannot be written to {self._folder}: {error.strerror}") from error
