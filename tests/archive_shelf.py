"""An archive and its records in a database, filled as a node fills them; for every suite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from sqlalchemy import Engine
from tests.encrypted_uploads import in_memory, keyring, pieces, upload_of

from opengdi.apps.deliverable import ArchiveFiles
from opengdi.archive.custody import Custody
from opengdi.archive.intake.indexing import nonce_bytes_for, seal_index
from opengdi.archive.mapping import Mapping
from opengdi.archive.model import Piece
from opengdi.archive.places import index_key
from opengdi.archive.ports import Received
from opengdi.archive.registry import Registry
from opengdi.archive.reindexing import Reindexing
from opengdi.archive.taking import StoringIntake
from opengdi.delivery.ports import Files
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.ids import DatasetId, FileId, ReleaseId, numbered_file_id
from opengdi.kernel.storage import Storage, put_whole
from opengdi.standards.crypt4gh import EditList


class ArchiveShelf:
    """The archive of a node. `hold` takes a file in as an upload is, and releases it.

    storage: where bodies are; None: in memory.
    """

    def __init__(self, engine: Engine, storage: Storage | None = None) -> None:
        self._clock, self._numbers = (clock := FixedClock()), count(1)
        self._storage, self._keyring = storage or in_memory(), keyring()
        self._registry = Registry(
            engine,
            clock,
            new_id=lambda: numbered_file_id("XX", next(self._numbers)),
            new_place=lambda *_: f"ab/{next(self._numbers)}",
        )
        self._mapping, self._custody = Mapping(engine, clock), Custody(engine, clock)
        self.files: Files = ArchiveFiles(
            self._registry,
            self._mapping,
            self._custody,
            storage=self._storage,
            keyring=self._keyring,
            clock=clock,
        )

    async def hold(
        self,
        content: bytes,
        *,
        datasets: Sequence[str | ReleaseId],
        index: bytes | None = None,
        edit_list: EditList | None = None,
        file_format: str = "BAM",
        name: str = "",
    ) -> str:
        """Id of the file. index: beside the file instead of the one that the intake makes, if it can make one."""
        header, body = upload_of(content, self._keyring.current.private.public, keys=2, edit_list=edit_list)
        upload = f"upload{next(self._numbers)}"
        received = Received(upload, "lab", name or f"{upload}.bam.c4gh", (Piece("p", 1),), actor="token:lab")
        file = self._registry.receive(received, submit=True)
        kept = await StoringIntake(self._storage, self._keyring).take_in(file, pieces(header + body))
        if index is not None:
            opened = self._keyring.open(kept.header)
            sealed = seal_index(index, opened, bytes(nonce_bytes_for(index)))
            await put_whole(self._storage, index_key(file.place), sealed)
        stored = replace(kept.stored, format=file_format)
        self._registry.deposit(
            file.id, stored, header=kept.header, chunk_hashes=kept.chunk_hashes, actor="node"
        )
        for dataset in datasets:
            named = ReleaseId(dataset) if isinstance(dataset, str) else dataset
            self._mapping.map(DatasetId(named.dataset), [file.id], "operator", named.version)
            self._mapping.release(named.dataset, "operator")
        return file.id

    async def disable(self, id_: str) -> None:
        """Take a file out of use."""
        self._registry.disable(FileId(id_), "operator", "asked to")

    async def lose_index(self, id_: str) -> None:
        """As if none could be made when the file was taken in."""
        file = self._registry.find(FileId(id_))
        assert file.stored is not None
        self._registry.indexed(file.id, replace(file.stored, index="", without_index="it was killed"), "node")
        await self._storage.delete(index_key(file.place))

    async def reindex(self, id_: str) -> None:
        """Some time later; what delivery remembers of the file is old by then."""
        self._clock.advance(10)
        await Reindexing(self._registry, self._custody, self._storage, self._keyring).run(
            FileId(id_), "operator"
        )
