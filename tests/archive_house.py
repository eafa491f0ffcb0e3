"""A node's archive without a process around it, over any storage and database, which can be lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from sqlalchemy import Engine
from tests.encrypted_uploads import pieces, upload_of

from opengdi.archive.companions import Companions
from opengdi.archive.custody import Custody
from opengdi.archive.decommission import Decommissioning
from opengdi.archive.judging import Judging
from opengdi.archive.keyring import Keyring
from opengdi.archive.mapping import Mapping
from opengdi.archive.model import ArchivedFile, Companion, Piece
from opengdi.archive.ports import Received
from opengdi.archive.recovery import Recovery
from opengdi.archive.registry import Registry
from opengdi.archive.reindexing import Reindexing
from opengdi.archive.rotation import Rotation
from opengdi.archive.scrub import Pace, Scrub
from opengdi.archive.taking import StoringIntake
from opengdi.kernel import audit
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.ids import FileId, numbered_file_id
from opengdi.kernel.storage import Storage
from opengdi.standards.crypt4gh import EditList


@dataclass
class AuditLines:
    """An audit log that is kept in memory."""

    lines: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def append(
        self,
        action: str,
        *,
        actor: str,
        outcome: audit.Outcome = audit.Outcome.DONE,
        objects: object = (),
        request: str = "",
        details: object = (),
    ) -> int:
        self.lines.append((action, tuple(objects)))  # type: ignore[call-overload]
        return len(self.lines)


NewDatabase = Callable[[], Engine]


class House:
    """A node's archive with a database that can be lost."""

    def __init__(self, new_database: NewDatabase, storage: Storage, ours: Keyring) -> None:
        self.storage, self.keyring = storage, ours
        self.clock, self.audit = FixedClock(), AuditLines()
        self.incidents: list[tuple[str, str]] = []
        self.wrong: list[Companion] = []
        self._numbers, self._new_database = count(1), new_database
        self._next_accession = ""
        self.lose_database()

    def lose_database(self) -> None:
        engine = self.engine = self._new_database()
        self.registry = Registry(
            engine,
            self.clock,
            new_id=self._accession,
            new_place=lambda *_: f"ab/{next(self._numbers):032x}",
        )
        self.custody, self.mapping = Custody(engine, self.clock), Mapping(engine, self.clock)
        self.companions = Companions(engine, lambda companion, _: self.wrong.append(companion))

    def tell_accession_next(self, id_: FileId) -> None:
        self._next_accession = id_

    def _accession(self) -> FileId:
        told, self._next_accession = self._next_accession, ""
        return FileId(told) if told else numbered_file_id("EE", next(self._numbers))

    async def archive(
        self,
        plain: bytes,
        name: str = "file",
        *,
        edit_list: EditList | None = None,
        provider: str = "biobank",
    ) -> ArchivedFile:
        public = self.keyring.current.private.public
        header, body = upload_of(plain, public, keys=2, edit_list=edit_list)
        size = len(header) + len(body)
        received = Received(f"up{next(self._numbers)}", provider, name, (Piece("p", size),), "token:lab")
        file = self.registry.receive(received, submit=True)
        kept = await StoringIntake(self.storage, self.keyring).take_in(file, pieces(header, body))
        return self.registry.deposit(
            file.id, kept.stored, header=kept.header, chunk_hashes=kept.chunk_hashes, actor="node:archive"
        )

    def scrub(self) -> Scrub:
        return Scrub(
            self.custody,
            self.storage,
            self.keyring,
            alarm=lambda id_, finding, _connection: self.incidents.append((id_, finding)),
            pace=Pace(0),
        )

    def rotation(self) -> Rotation:
        return Rotation(self.custody, self.storage, self.keyring, self.audit)

    def reindexing(self) -> Reindexing:
        return Reindexing(self.registry, self.custody, self.storage, self.keyring)

    def judging(self, storage: Storage | None = None) -> Judging:
        return Judging(self.companions, self.custody, storage or self.storage, self.keyring)

    def recovery(self) -> Recovery:
        return Recovery(self.custody, self.storage, self.keyring, self.audit)

    def decommissioning(self, storage: Storage | None = None) -> Decommissioning:
        return Decommissioning(self.registry, self.custody, storage or self.storage, self.keyring, self.audit)
