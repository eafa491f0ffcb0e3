"""What the archive is given and what it offers to whoever receives uploads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from opengdi.archive.model import UNDECLARED, ArchivedFile, Declared, Piece
from opengdi.kernel.ids import FileId


@dataclass(frozen=True, slots=True)
class Received:
    """An upload that is complete and safe in the inbox: its bytes are those of `pieces`, in order.

    upload: unguessable id, letters and digits, 64 at most; the same id is the same upload. path: the provider's own
    name for the file. actor: who sent it, as audit lines say. dataset: where the provider wants it; empty: not told.
    """

    upload: str
    provider: str
    path: str
    pieces: tuple[Piece, ...]
    actor: str
    declared: Declared = UNDECLARED
    dataset: str = ""

    @property
    def size_bytes(self) -> int:
        return sum(piece.size_bytes for piece in self.pieces)


class Reception(Protocol):
    """Takes charge of uploads."""

    async def admit(self, provider: str, path: str) -> None:
        """Before anything is sent: may this provider send a file of this path now?

        Raises Conflict if a file of this path is under way or archived: nothing archived is ever overwritten.
        One that ended in `error` or was disabled does not stand in the way. Raises Invalid for an unusable path.
        """
        ...

    async def received(self, upload: Received) -> FileId:
        """Record an upload and, by `archive.ingest_on_upload`, begin to take it in. It survives any crash from here on,
        and its pieces belong to the archive. Telling the same upload again gives the same file and does nothing.

        Raises Conflict as `admit`, Invalid, Unavailable.
        """
        ...

    async def status(self, provider: str, path: str) -> ArchivedFile:
        """The newest file of this path. Raises NotFound."""
        ...
