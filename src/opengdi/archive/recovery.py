"""After the database is lost: the registry rebuilt from what lies beside the bodies.

Facts and checks are signed, headers open with a key of the archive or with the recovery key from the safe. A file
comes back with its id, digests and datasets; the datasets come back as registered, and people release them again.
Bodies are not read: the scrub does that, and it has every recovered file to check. Nothing in the registry is
overwritten: a file for which another one stands in the way is named, and the others come back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from opengdi.archive import places
from opengdi.archive.checks import BodyChecks, read_checks
from opengdi.archive.custody import Custody
from opengdi.archive.facts import read_facts
from opengdi.archive.keyring import Keyring
from opengdi.archive.model import ArchivedFile, FileState
from opengdi.kernel.audit import AuditLog
from opengdi.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from opengdi.kernel.storage import Storage, put_whole, read_whole
from opengdi.standards.faults import Malformed, Unverified

RECOVER = "archive.recover"


class Outcome(StrEnum):
    """What became of a file that the storage speaks of.

    RESTORED: the registry has it again. KNOWN: it had it. BURIED: it was decommissioned or disabled, and is not brought
    back. CLASH: another file in the registry stands in its way. REFUSED: it cannot be trusted, read, or is not whole.
    """

    RESTORED = "restored"
    KNOWN = "known"
    BURIED = "buried"
    CLASH = "clash"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Found:
    """A file that the storage speaks of. id: empty if its facts cannot be trusted. why: of CLASH and REFUSED."""

    place: str
    outcome: Outcome
    id: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What was found in the storage. nameless: places of bodies without facts."""

    files: tuple[Found, ...] = ()
    nameless: tuple[str, ...] = ()

    def count(self, outcome: Outcome) -> int:
        """How many files became that."""
        return sum(found.outcome is outcome for found in self.files)

    @property
    def left_out(self) -> tuple[Found, ...]:
        """Files that should be in the registry and are not brought back."""
        return tuple(found for found in self.files if found.outcome in {Outcome.CLASH, Outcome.REFUSED})


class Recovery:
    """Rebuilds the registry of one archive."""

    def __init__(self, custody: Custody, storage: Storage, keyring: Keyring, audit: AuditLog) -> None:
        self._custody = custody
        self._storage = storage
        self._keyring = keyring
        self._audit = audit

    async def run(
        self, actor: str, *, heard: Callable[[Found], None] = lambda _found: None
    ) -> RecoveryReport:
        """Bring back every file that the storage speaks of. Doing it again does no harm.

        Raises Unavailable if the storage as a whole does not answer.
        """
        files: list[Found] = []
        async for facts in self._storage.list("facts"):
            files.append(await self._look(places.place_of(facts.key), actor))
            heard(files[-1])
        spoken_of = {found.place for found in files}
        return RecoveryReport(
            tuple(files), tuple([place async for place in self._bodies() if place not in spoken_of])
        )

    async def _look(self, place: str, actor: str) -> Found:
        """What became of the file at a place."""
        id_ = ""
        try:
            file = read_facts(await read_whole(self._storage, places.facts_key(place)), place, self._keyring)
            id_ = file.id
            return Found(place, await self._bring_back(file, actor), id_)
        except Conflict as error:
            return Found(place, Outcome.CLASH, id_, str(error))
        except (Malformed, Unverified, NotFound, Invalid) as error:
            return Found(place, Outcome.REFUSED, id_, str(error))
        except Unavailable as error:
            await self._storage.exists(places.body_key(place))  # raises if it is the storage, not the object
            return Found(place, Outcome.REFUSED, id_, str(error))

    async def _bring_back(self, file: ArchivedFile, actor: str) -> Outcome:
        """Raises what is wrong with the file, Conflict if another one stands in its way."""
        if file.state is not FileState.READY or file.stored is None:
            return Outcome.BURIED
        if await asyncio.to_thread(self._custody.knows, file):
            return Outcome.KNOWN
        checks = read_checks(
            await read_whole(self._storage, places.checks_key(file.place)), file.place, self._keyring
        )
        await self._check_body(file, checks)
        header, key_id, recovery_id = await self._header(file.place)
        await asyncio.to_thread(self._audit.append, RECOVER, actor=actor, objects=[f"file:{file.id}"])
        restored = await asyncio.to_thread(
            self._custody.restore,
            replace(file, stored=replace(file.stored, key_id=key_id, recovery_id=recovery_id)),
            header=header,
            chunk_hashes=b"".join(checks.chunk_hashes),
            actor=actor,
        )
        return Outcome.RESTORED if restored else Outcome.KNOWN

    async def _check_body(self, file: ArchivedFile, checks: BodyChecks) -> None:
        """Raises NotFound, Malformed, Unverified."""
        assert file.stored is not None
        if checks.body_sha256 != file.stored.digests.body_sha256:
            raise Unverified("facts and checks speak of different bodies")
        size_bytes = (await self._storage.head(places.body_key(file.place))).size_bytes
        if size_bytes != checks.body_bytes:
            raise Malformed(f"the body has {size_bytes} bytes instead of {checks.body_bytes}")

    async def _header(self, place: str) -> tuple[bytes, str, str]:
        """The header, the key it is sealed for, and the recovery key if that is known.

        It is sealed for the current key, if only the recovery key opened it.
        """
        raw = await read_whole(self._storage, places.header_key(place))
        opener = self._keyring.opener(raw)
        if opener is not None:
            return raw, opener.key_id, ""
        sealed = self._keyring.seal(self._keyring.open(raw))
        await put_whole(self._storage, places.header_key(place), sealed)
        return sealed, self._keyring.current.key_id, self._keyring.recovery_id

    async def _bodies(self) -> AsyncIterator[str]:
        async for found in self._storage.list(places.BODIES):
            yield places.place_of(found.key)
