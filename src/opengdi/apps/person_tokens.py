"""Where `gdi login` keeps what it got: one file of the user's own, mode 0600, that one command at a time changes.

It holds refresh tokens only; access tokens are asked for when they are used, and live for minutes.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from opengdi.apps.disk import make_private_folder, open_to_others, write_private
from opengdi.kernel.errors import Invalid, NotAuthenticated

FILE: Final = "login.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """A login at one hub. name: for people; may be empty."""

    hub: str
    subject: str
    name: str
    refresh_token: str = field(repr=False)


class TokenFile:
    """The logins of one user, by hub; the last one is the one that counts where none is named."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / FILE

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else reads or writes meanwhile: a refresh token is good for one use."""
        make_private_folder(self._folder)
        descriptor = os.open(self._folder / f"{FILE}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def all(self) -> list[Kept]:
        """Every login, the last one last. Raises Invalid if others may read the file, or it is not ours."""
        if not self._file.exists():
            return []
        if open_to_others(self._file):
            raise Invalid(
                f"{self._file} may be read by others: chmod 600 it, then `gdi logout` and `gdi login`"
            )
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=list[Kept])
        except msgspec.MsgspecError as error:
            raise Invalid(f"{self._file} is not a file of `gdi login`; move it away") from error

    def find(self, hub: str = "") -> Kept:
        """The login at that hub, or the last one. Raises NotAuthenticated."""
        found = [kept for kept in self.all() if hub in {"", kept.hub}]
        if not found:
            raise NotAuthenticated(f"you are not logged in: gdi login --hub {hub or 'https://…'}")
        return found[-1]

    def keep(self, kept: Kept) -> None:
        """Keep a login in place of the one before at the same hub."""
        self._write([each for each in self.all() if each.hub != kept.hub] + [kept])

    def renew(self, kept: Kept) -> None:
        """Keep a new refresh token; which login is the last one does not change."""
        self._write([kept if each.hub == kept.hub else each for each in self.all()])

    def forget(self, kept: Kept) -> None:
        """Remove a login."""
        self._write([each for each in self.all() if each.hub != kept.hub])

    def _write(self, logins: list[Kept]) -> None:
        write_private(self._file, json.dumps([asdict(each) for each in logins], indent=1) + "\n")
