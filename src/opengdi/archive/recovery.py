"""After the database is lost: the registry rebuilt from what lies beside the bodies.

Facts and checks are signed, headers open with a key of the archive or with the recovery key from the safe. A file
comes back with its id, digests and datasets; the datasets come back as registered, and people release them again.
Bodies are not read: the scrub does that, and it has every recovered file to check.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from opengdi.archive import places
from opengdi.archive.checks import BodyChecks, read_checks
from opengdi.archive.custody import Custody
from opengdi.archive.facts import read_facts
from opengdi.archive.keyring import Keyring
from opengdi.archive.model import ArchivedFile, FileState
from opengdi.kernel.audit import AuditLog
from opengdi.kernel.errors import Conflict, NotFound
from opengdi.kernel.storage import Storage, put_whole
from opengdi.standards.faults import Malformed, Unverified

RECOVER = "archive.recover"


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What was found in the storage.

    restored: files that the registry has again. known: that it had. buried: decommissioned or disabled, not brought
    back. refused: (place, why) of what cannot be trusted or is not whole. nameless: places of bodies without facts.
    """

    restored: int = 0
    known: int = 0
    buried: int = 0
    refused: tuple[tuple[str, str], ...] = ()
    nameless: tuple[str, ...] = ()


class Recovery:
    """Rebuilds the registry of one archive."""

    def __init__(self, custody: Custody, storage: Storage, keyring: Keyring, audit: AuditLog) -> None:
        self._custody = custody
        self._storage = storage
        self._keyring = keyring
        self._audit = audit

    async def run(
        self, actor: str, *, heard: Callable[[str, str], None] = lambda _place, _outcome: None
    ) -> RecoveryReport:
        """Bring back every file that the storage speaks of. Doing it again does no harm. Raises Unavailable."""
        outcomes: dict[str, str] = {}
        refused: list[tuple[str, str]] = []
        async for found in self._storage.list("facts"):
            place = places.place_of(found.key)
            try:
                outcomes[place] = await self._bring_back(place, actor)
            except (Malformed, Unverified, NotFound, Conflict) as error:
                outcomes[place] = "refused"
                refused.append((place, str(error)))
            heard(place, outcomes[place])
        told = list(outcomes.values())
        return RecoveryReport(
            restored=told.count("restored"),
            known=told.count("known"),
            buried=told.count("buried"),
            refused=tuple(refused),
            nameless=tuple([place async for place in self._bodies() if place not in outcomes]),
        )

    async def _bring_back(self, place: str, actor: str) -> str:
        """What became of the file at a place. Raises what is wrong with it."""
        file = read_facts(await self._small(places.facts_key(place)), place, self._keyring)
        if file.state is not FileState.READY or file.stored is None:
            return "buried"
        checks = read_checks(await self._small(places.checks_key(place)), place, self._keyring)
        await self._check_body(file, checks)
        header, key_id = await self._header(place)
        await asyncio.to_thread(self._audit.append, RECOVER, actor=actor, objects=[f"file:{file.id}"])
        restored = await asyncio.to_thread(
            self._custody.restore,
            replace(file, stored=replace(file.stored, key_id=key_id)),
            header=header,
            chunk_hashes=b"".join(checks.chunk_hashes),
            actor=actor,
        )
        return "restored" if restored else "known"

    async def _check_body(self, file: ArchivedFile, checks: BodyChecks) -> None:
        """Raises NotFound, Malformed, Unverified."""
        assert file.stored is not None
        if checks.body_sha256 != file.stored.digests.body_sha256:
            raise Unverified("facts and checks speak of different bodies")
        size_bytes = (await self._storage.head(places.body_key(file.place))).size_bytes
        if size_bytes != checks.body_bytes:
            raise Malformed(f"the body has {size_bytes} bytes instead of {checks.body_bytes}")

    async def _header(self, place: str) -> tuple[bytes, str]:
        """The header, and the key it is sealed for: the current one, if only the recovery key opened it."""
        raw = await self._small(places.header_key(place))
        opener = self._keyring.opener(raw)
        if opener is not None:
            return raw, opener.key_id
        sealed = self._keyring.seal(self._keyring.open(raw))
        await put_whole(self._storage, places.header_key(place), sealed)
        return sealed, self._keyring.current.key_id

    async def _bodies(self) -> AsyncIterator[str]:
        async for found in self._storage.list("bodies"):
            yield places.place_of(found.key)

    async def _small(self, key: str) -> bytes:
        return b"".join([piece async for piece in self._storage.get(key)])
