"""What the archive offers to whoever receives uploads, and what its jobs need of one pass over an upload."""

from __future__ import annotations

from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import Protocol

from opengdi.archive.model import UNDECLARED, ArchivedFile, Declared, Piece, Stored
from opengdi.kernel.errors import Invalid
from opengdi.kernel.ids import FileId


class ProvidersFault(Invalid):
    """Something is wrong with what was sent, and only who sent it can mend it: the file ends in ERROR."""


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


@dataclass(frozen=True, slots=True)
class Kept:
    """What one pass over an upload found and stored. header: as stored; chunk_hashes: one after the other."""

    stored: Stored
    header: bytes
    chunk_hashes: bytes


class Intake(Protocol):
    """One pass over an upload: verified, digested, and stored at the place of the file."""

    async def take_in(self, file: ArchivedFile, pieces: AsyncIterable[bytes]) -> Kept:
        """Everything of the file is safe in the storage when this returns. May be done again after it was cut short.

        Raises ProvidersFault, with a sentence for the provider and nothing left in the storage; anything else is ours.
        """
        ...

    async def keep_facts(self, file: ArchivedFile) -> None:
        """Write what the registry knows of an archived file beside its body, for when the database is lost."""
        ...

    async def answers(self, file: ArchivedFile) -> bool:
        """False if the place in which the file lies, or is to lie, does not answer at all."""
        ...

    async def discard(self, file: ArchivedFile) -> None:
        """Remove what lies at the place of a file that was given up before it was recorded as archived."""
        ...
