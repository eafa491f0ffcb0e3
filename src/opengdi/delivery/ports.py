"""What delivery needs of an archive. Every adapter passes `tests/contract/test_deliverable_files.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from opengdi.delivery.model import Extent, HeldFile
from opengdi.kernel.ids import ReleaseId
from opengdi.standards.crypt4gh import Header


class TakenBack(Protocol):
    """Knows what was taken back after somebody got an address of data. Answers from memory."""

    def __call__(
        self, subject: str, datasets: Collection[str], visas: Collection[str], since: datetime
    ) -> bool:
        """True if one of these visas, their permits, or the person's use of one of these datasets ended since."""
        ...


def nothing_taken_back(
    subject: str,  # noqa: ARG001
    datasets: Collection[str],  # noqa: ARG001
    visas: Collection[str],  # noqa: ARG001
    since: datetime,  # noqa: ARG001
) -> bool:
    """`TakenBack` where nothing is told: addresses end by their time alone."""
    return False


class References(Protocol):
    """Reference sequences that lie at this node, for readers of CRAM."""

    @property
    def folder(self) -> Path:
        """Where their files are: upper-case bases and nothing else. It need not be there while there are none."""
        ...

    def name_of(self, md5: str) -> str | None:
        """The name of the file of the sequence with that MD5 (lower-case hex); None: it is not here.

        Raises Unavailable.
        """
        ...


class NoReferences:
    """`References` where none were loaded: only a CRAM that holds its own can be read."""

    folder = Path("/")

    def name_of(self, md5: str) -> str | None:  # noqa: ARG002
        return None


NO_REFERENCES: Final = NoReferences()


class Files(Protocol):
    """The deliverable files of a node: those that are verified and lie in a released dataset.

    It tells of every such file; whether a caller may know of one is decided before the answer (`kernel.doors`).
    All methods raise Unavailable if the archive does not answer.
    """

    async def find(self, file_id: str) -> HeldFile:
        """The file with that accession. Raises NotFound, also for any text that is no accession."""
        ...

    async def header(self, file: HeldFile) -> Header:
        """Its data keys, and its edit list if the provider gave it one."""
        ...

    async def index(self, file: HeldFile) -> bytes | None:
        """Its index as a file (BAI, CSI, TBI, CRAI, compressed as they are), decrypted; None: there is none."""
        ...

    def read_body(self, file: HeldFile, first: int, stop: int) -> AsyncIterator[bytes]:
        """Bytes [first, stop) of the stored segments, in pieces of any size.

        Raises Invalid if the range does not lie within the body.
        """
        ...

    async def in_dataset(self, dataset: str) -> Sequence[HeldFile]:
        """Its deliverable files of all versions, ordered by id; none if it is not released or not there.

        For who needs all of them at once; others read pages, or the extent.
        """
        ...

    async def versions_of(self, dataset: str) -> Sequence[str]:
        """Its versions that hold deliverable files, sorted; none if it is not released or not there."""
        ...

    async def page(
        self,
        dataset: str,
        versions: Collection[str],
        *,
        name: str = "",
        prefix: str = "",
        after: str = "",
        most: int,
    ) -> Sequence[HeldFile]:
        """Deliverable files in these versions of a dataset, ordered by id, from behind `after`, each once.

        name, prefix: only those of that name, or whose name begins so; empty: any.
        """
        ...

    async def extent(self, dataset: str, versions: Collection[str]) -> Extent:
        """Of the deliverable files in these versions of a dataset, each counted once."""
        ...

    async def extent_of_all(self) -> Extent:
        """Of all deliverable files, each counted once."""
        ...

    async def releases(self) -> Sequence[ReleaseId]:
        """Versions of released datasets that have files, sorted."""
        ...
