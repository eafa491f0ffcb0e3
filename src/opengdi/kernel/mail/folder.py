"""Letters as files `*.eml` in a folder: what a laptop has instead of an SMTP server. Any mail program opens them."""

from __future__ import annotations

from collections.abc import Collection
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import SMTP
from pathlib import Path
from typing import Final

from opengdi.kernel.errors import Unavailable
from opengdi.kernel.files import write_whole
from opengdi.kernel.mail.letters import Letter

_HEADERS: Final = BytesHeaderParser(EmailMessage, policy=SMTP)


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

    def forget(self, ids: Collection[str], addresses: Collection[str]) -> None:
        """Delete the letters of these ids, and those to these addresses. Raises Unavailable."""
        to = {address.lower() for address in addresses}
        trouble: OSError | None = None
        for file in self._folder.glob("*.eml"):
            try:
                if file.stem.partition("-")[2] in ids or (to and _recipient(file) in to):
                    file.unlink(missing_ok=True)
            except OSError as error:  # the others are deleted nonetheless
                trouble = error
        if trouble is not None:
            raise Unavailable(f"letters in {self._folder} cannot be deleted: {trouble.strerror}") from trouble


def _recipient(file: Path) -> str:
    """Empty for a header that is none: we wrote no such letter."""
    with file.open("rb") as content:
        try:
            return str(_HEADERS.parse(content)["To"]).lower()
        except (ValueError, LookupError, TypeError, AttributeError):
            return ""
