"""Facts about uploads: what a sender has begun, what of it has arrived, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from opengdi.archive.model import Declared


class Protocol(StrEnum):
    """How an upload comes in."""

    S3 = "s3"
    TUS = "tus"


class UploadState(StrEnum):
    """OPEN takes more; COMPLETING has all and is being handed over; COMPLETED is the archive's."""

    OPEN = "open"
    COMPLETING = "completing"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: the provider for whom, and the subject as audit lines say."""

    provider: str
    actor: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a sender asks for at the beginning. length: bytes that will come; None: not told.

    partial: a part of a file that is put together from several uploads (tus concatenation); it has no path.
    metadata, concat: `Upload-Metadata` and `Upload-Concat` as they came (tus).
    """

    protocol: Protocol
    path: str
    declared: Declared = field(default_factory=Declared)
    dataset: str = ""
    length: int | None = None
    partial: bool = False
    metadata: str = ""
    concat: str = ""

    @property
    def is_final(self) -> bool:
        """True if the file is put together from partial uploads."""
        return bool(self.concat) and not self.partial


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload. Times are aware; `touched` is when something last arrived or happened.

    received: bytes that arrived one after the other (tus). etag: of the completed object, for S3 clients.
    headed: the header at its beginning was seen and opens. refusal: why no more of it is taken; empty: all is well.
    file: accession of the file it became.
    """

    id: str
    sender: Sender
    wish: Wish
    state: UploadState
    begun: datetime
    touched: datetime
    received: int = 0
    size_bytes: int = 0
    etag: str = ""
    headed: bool = False
    refusal: str = ""
    file: str = ""

    @property
    def is_whole(self) -> bool:
        """True if all bytes of a file came, and it is still to be handed over, or somebody was interrupted at that."""
        if self.state is not UploadState.OPEN or self.wish.partial:
            return self.state is UploadState.COMPLETING
        return self.wish.length is not None and self.received == self.wish.length > 0


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an S3 upload that has arrived whole. etag: its MD5. checksums: Base64 by algorithm, computed by us."""

    number: int
    size_bytes: int
    etag: str
    stored: datetime
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PieceSlot:
    """Where a piece is to lie. attempt: which sending of the part it belongs to. place: its order in that.

    seal: the key it lies under (see `archive.seals`).
    """

    key: str
    upload: str
    part: int
    attempt: str
    place: int
    seal: bytes = field(repr=False)
