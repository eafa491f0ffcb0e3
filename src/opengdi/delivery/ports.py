"""What delivery needs of an archive. Every adapter passes `tests/contract/test_deliverable_files.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from opengdi.delivery.model import HeldFile
from opengdi.standards.crypt4gh import Header


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
        """Its deliverable files, ordered by id; none for a dataset that is not released or not there."""
        ...

    async def datasets(self) -> Sequence[str]:
        """Ids of released datasets that have files, sorted."""
        ...
