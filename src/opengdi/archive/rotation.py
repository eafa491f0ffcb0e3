"""Going over to another key, or to a recovery key that was set later: headers are sealed again, bodies stay.

File by file, so that it can be stopped at any time and goes on where it was; both keys open files meanwhile. The
header before is kept, in the database and in the storage.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from opengdi.archive import places
from opengdi.archive.custody import Custody
from opengdi.archive.keyring import ArchiveKey, Keyring
from opengdi.archive.model import ArchivedFile
from opengdi.kernel.audit import AuditLog
from opengdi.kernel.ids import FileId
from opengdi.kernel.storage import Storage, put_whole
from opengdi.standards.faults import Malformed, Unverified

BATCH: Final = 100
ROTATE: Final = "archive.rotate"


@dataclass(frozen=True, slots=True)
class RotationReport:
    """How many headers were sealed again, and whose header none of our keys opens."""

    resealed: int = 0
    unopened: tuple[FileId, ...] = ()


class Rotation:
    """Seals the headers of one archive for one of its keys."""

    def __init__(self, custody: Custody, storage: Storage, keyring: Keyring, audit: AuditLog) -> None:
        self._custody = custody
        self._storage = storage
        self._keyring = keyring
        self._audit = audit

    async def run(
        self, actor: str, *, key_id: str = "", heard: Callable[[int], None] = lambda _resealed: None
    ) -> RotationReport:
        """Seal every header that is not for the key and the recovery key, if there is one.

        key_id: the key to go over to, the current one if empty.

        Raises NotFound or Conflict if there is no such key or it is retired; Unavailable.
        """
        target = self._keyring.target(key_id)
        after, resealed = None, 0
        unopened: list[FileId] = []
        while files := await asyncio.to_thread(
            self._custody.sealed_for_others,
            target.key_id,
            self._keyring.recovery_id,
            after=after,
            most=BATCH,
        ):
            keys = filter(None, (target.key_id, self._keyring.recovery_id))
            acted_on = [*(f"key:{key}" for key in keys), *(f"file:{file.id}" for file in files)]
            await asyncio.to_thread(self._audit.append, ROTATE, actor=actor, objects=acted_on)
            for file in files:
                done = await self._reseal(file, target)
                resealed += bool(done)
                unopened += [file.id] if done is None else []
            heard(resealed)
            after = files[-1].id
        return RotationReport(resealed, tuple(unopened))

    async def _reseal(self, file: ArchivedFile, target: ArchiveKey) -> bool | None:
        """True if it is done, False if somebody else did it, None if no key opens the header.

        The storage first: stopped before the database has it, we do both again.
        """
        assert file.stored is not None  # of every file that has a header
        before = await asyncio.to_thread(self._custody.header, file.id)
        try:
            header = self._keyring.seal(self._keyring.open(before), target)
        except (Malformed, Unverified):
            return None
        await put_whole(self._storage, places.former_header_key(file.place, file.stored.key_id), before)
        await put_whole(self._storage, places.header_key(file.place), header)
        return await asyncio.to_thread(
            self._custody.reseal,
            file,
            header=header,
            key_id=target.key_id,
            recovery_id=self._keyring.recovery_id,
        )
