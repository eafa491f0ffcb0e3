"""Deleting archived bytes: only by a decommissioning that somebody decided, and that leaves a record.

The file becomes a tombstone: row, log and facts stay and say who decided, by what, and why. Body, header, index and
checks are gone from the storage, headers and hashes from the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, replace

from opengdi.archive import places
from opengdi.archive.custody import Custody
from opengdi.archive.facts import keep_facts
from opengdi.archive.keyring import Keyring
from opengdi.archive.model import ArchivedFile, FileState
from opengdi.archive.registry import Registry
from opengdi.kernel.audit import AuditLog
from opengdi.kernel.errors import Conflict, Invalid
from opengdi.kernel.ids import FileId
from opengdi.kernel.storage import Storage

DECOMMISSION = "archive.decommission"


@dataclass(frozen=True, slots=True)
class Decision:
    """Why bytes may be deleted. decided_by: the body or office, no person's name; reference: where it is on record."""

    decided_by: str
    reference: str
    reason: str

    def __post_init__(self) -> None:
        missing = [name for name in ("decided_by", "reference", "reason") if not getattr(self, name).strip()]
        if missing:
            raise Invalid(
                f"a decommissioning needs {', '.join(missing)}: bytes are deleted by a decision only"
            )

    def __str__(self) -> str:
        return f"decommissioned: {self.reason} (decided by {self.decided_by}, {self.reference})"


class Decommissioning:
    """Deletes the bytes of files of one archive. volumes: in which a move may have left something."""

    def __init__(
        self,
        registry: Registry,
        custody: Custody,
        storage: Storage,
        keyring: Keyring,
        audit: AuditLog,
        *,
        volumes: Collection[str] = (),
    ) -> None:
        self._registry = registry
        self._custody = custody
        self._storage = storage
        self._keyring = keyring
        self._audit = audit
        self._volumes = volumes

    async def run(self, id_: FileId, decision: Decision, actor: str) -> ArchivedFile:
        """The tombstone. Stopped half way, it goes on when told again. Raises NotFound, Conflict, Unavailable."""
        file = await asyncio.to_thread(self._registry.find, id_)
        if file.state is not FileState.READY and file.stored is None:
            raise Conflict(f"{id_} is {file.state}, and the archive holds no bytes of it")
        await asyncio.to_thread(self._audit.append, DECOMMISSION, actor=actor, objects=[f"file:{id_}"])
        if file.state is FileState.READY:
            file = await asyncio.to_thread(self._registry.disable, id_, actor, str(decision))
        await keep_facts(self._storage, self._keyring, replace(file, reason=str(decision)))
        for key in await self._objects(file):
            await self._storage.delete(key)
        await asyncio.to_thread(self._custody.forget, id_, str(decision))
        return await asyncio.to_thread(self._registry.find, id_)

    async def _objects(self, file: ArchivedFile) -> list[str]:
        """All but the facts; also what a move that was stopped may have left in other volumes."""
        past = await asyncio.to_thread(self._custody.past_headers, file.id)
        at = [file.place, *(places.in_volume(file.place, volume) for volume in self._volumes)]
        former = [places.former_header_key(place, key_id) for place in at for key_id, _ in past]
        all_ = [key for place in at for key in places.all_keys(place)]
        return [*former, *(key for key in all_ if key != places.facts_key(file.place))]
