"""Facts about files in the archive: what was declared, what arrived, what is kept, and where each file stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from opengdi.kernel.ids import FileId, ReleaseId


class FileState(StrEnum):
    """Where a file stands. The names are those the field's operators know (Sensitive Data Archive, schema v24)."""

    UPLOADED = "uploaded"
    SUBMITTED = "submitted"
    INGESTED = "ingested"
    ARCHIVED = "archived"
    VERIFIED = "verified"
    READY = "ready"
    ERROR = "error"
    DISABLED = "disabled"


class Act(StrEnum):
    """What may be done about a file. RETRY, CANCEL and DISABLE are people's; the others may be told twice.

    STALL, INDEX and MOVE change no state: our side gave up on a file for now; another try at its index was made; it
    lies in another volume.
    """

    RECEIVE = "receive"
    SUBMIT = "submit"
    INGEST = "ingest"
    ARCHIVE = "archive"
    VERIFY = "verify"
    FINISH = "finish"
    FAIL = "fail"
    SUPERSEDE = "supersede"
    STALL = "stall"
    INDEX = "index"
    MOVE = "move"
    RETRY = "retry"
    CANCEL = "cancel"
    DISABLE = "disable"


class DatasetState(StrEnum):
    """Where the mapping of a dataset stands; its files can be delivered while it is RELEASED."""

    REGISTERED = "registered"
    RELEASED = "released"
    DEPRECATED = "deprecated"


@dataclass(frozen=True, slots=True)
class Declared:
    """Digests that a provider says its file has, lower-case hexadecimal; empty: not told.

    sha256, md5: of the encrypted file as it was sent, header and body; plain_*: of what it decrypts to.
    """

    sha256: str = ""
    md5: str = ""
    plain_sha256: str = ""
    plain_md5: str = ""


UNDECLARED: Final = Declared()
"""What a provider says who says nothing."""


@dataclass(frozen=True, slots=True)
class Digests:
    """What was computed while a file was taken in, lower-case hexadecimal; an empty one was not computed.

    body_sha256: of what is stored; plain_*: decrypted; sha256, md5: of the upload, header and body as they came.
    """

    body_sha256: str
    plain_sha256: str
    sha256: str = ""
    md5: str = ""
    plain_md5: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """One immutable object in the inbox that holds the next `size_bytes` bytes of an upload.

    seal: the key it lies under (see `seals`); empty: it lies as it came.
    """

    key: str
    size_bytes: int
    seal: bytes = field(default=b"", repr=False)


NOT_KNOWN: Final = "no index was made when the file was taken in"
"""Said of files that were taken in before the reason was remembered."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the archive holds of a file once it is verified; the bytes lie at its place in the storage.

    key_id: the key the stored header is sealed for; recovery_id: the recovery key that it is sealed for too, empty if
    none is known. format: `BAM`, `CRAM`, `VCF` (bgzipped) or `BCF`; empty: another.
    index: kind of the stored index, `csi` or `crai`; empty: there is none. without_index: why, if a format has one.
    """

    key_id: str
    body_bytes: int
    plain_bytes: int
    digests: Digests
    format: str = ""
    index: str = ""
    without_index: str = ""
    recovery_id: str = ""

    @property
    def unindexed(self) -> str:
        """Why it cannot be served by region though its format could be; empty if it can, or has no such format."""
        return (self.without_index or NOT_KNOWN) if self.format and not self.index else ""


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """One file, or one version of it. Times are aware.

    upload: id of the upload it came by. path: the provider's own name for it; `version` counts uploads of the same
    path. place: names its objects in the storage, `<2 hex>/<id>`. dataset: where the provider wants it; releases:
    where it is mapped. reason: why it is in ERROR or DISABLED, in words for the provider. attempt: number of its
    present job. trouble: what our side last failed of, for the operator. due: when its job may begin; None: it is
    dead, or nothing is to be done. stored: None before it is verified.
    """

    id: FileId
    upload: str
    provider: str
    path: str
    version: int
    state: FileState
    place: str
    size_bytes: int
    created: datetime
    changed: datetime
    declared: Declared = UNDECLARED
    dataset: str = ""
    releases: tuple[ReleaseId, ...] = ()
    reason: str = ""
    attempt: int = 0
    trouble: str = ""
    due: datetime | None = None
    stored: Stored | None = None

    @property
    def datasets(self) -> tuple[str, ...]:
        """Of its releases, in order."""
        return tuple(dict.fromkeys(release.dataset for release in self.releases))

    @property
    def is_dead(self) -> bool:
        """True if our side gave up on it; an operator looks and tries again."""
        return self.state in UNDER_WAY and self.due is None


UNDER_WAY: Final = frozenset(
    {FileState.SUBMITTED, FileState.INGESTED, FileState.ARCHIVED, FileState.VERIFIED}
)
"""States of a file that a job must take further."""


class Judgement(StrEnum):
    """Whether an index that a provider sent fits the file beside it. UNKNOWN: there is nothing to hold it against."""

    PENDING = "pending"
    FITS = "fits"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Companion:
    """An index file and the file that it lies beside. note: why it is WRONG or UNKNOWN, in words for the provider."""

    index: FileId
    index_path: str
    data: FileId
    data_path: str
    judgement: Judgement
    note: str = ""


@dataclass(frozen=True, slots=True)
class FileEvent:
    """One transition in the log of a file; `before` is None for its first. actor: as in audit lines."""

    number: int
    file: FileId
    before: FileState | None
    after: FileState
    at: datetime
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What one act did to a file, from the state before it (None: it was not there) to the state now."""

    act: Act
    file: ArchivedFile
    before: FileState | None
    actor: str


@dataclass(frozen=True, slots=True)
class MappedDataset:
    """A dataset that files are mapped to. versions: with files, in the order of their names."""

    id: str
    state: DatasetState
    files: int
    changed: datetime
    versions: tuple[str, ...] = ()
