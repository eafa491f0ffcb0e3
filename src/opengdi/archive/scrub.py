"""The scrub: what lies in the storage is read again and held against what is known of it.

A flipped bit, a truncated, swapped, missing or foreign object is found in the body, and so it is in what lies beside
it: header, checks, facts, index. Files that were checked longest ago come first, so that a scrub that was stopped goes
on where it was. A finding that is new is an incident; none is ever mended in silence.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from opengdi.archive import places
from opengdi.archive.checks import BodyChecks, read_checks
from opengdi.archive.custody import Alarm, Custody
from opengdi.archive.facts import read_facts
from opengdi.archive.inspection import BodyInspection
from opengdi.archive.intake.indexing import open_index
from opengdi.archive.keyring import Keyring
from opengdi.archive.model import ArchivedFile
from opengdi.kernel.errors import NotFound, Unavailable
from opengdi.kernel.ids import FileId
from opengdi.kernel.storage import Storage, read_whole
from opengdi.standards.crypt4gh import Header
from opengdi.standards.faults import Malformed, Unverified

if TYPE_CHECKING:
    from sqlalchemy import Connection

logger = logging.getLogger(__name__)

HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class ScrubReport:
    """What a scrub did. findings: (file, what is wrong with it) among those that it checked."""

    files: int = 0
    body_bytes: int = 0
    findings: tuple[tuple[FileId, str], ...] = ()


class Pace:
    """Holds reading down to so many bytes in a second on average; 0: as fast as it goes."""

    def __init__(self, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._free_at = 0.0

    async def spend(self, size: int) -> None:
        """Wait until that many bytes may have been read."""
        if self._bytes_per_s <= 0:
            return
        now = asyncio.get_running_loop().time()
        self._free_at = max(now, self._free_at) + size / self._bytes_per_s
        await asyncio.sleep(max(0.0, self._free_at - now))


class Scrub:
    """Checks files of one archive."""

    def __init__(
        self, custody: Custody, storage: Storage, keyring: Keyring, *, alarm: Alarm, pace: Pace
    ) -> None:
        self._custody = custody
        self._storage = storage
        self._keyring = keyring
        self._alarm = alarm
        self._pace = pace

    async def run(
        self, before: datetime, *, heard: Callable[[ArchivedFile, str], None] = lambda _file, _finding: None
    ) -> ScrubReport:
        """Check every file that was last checked before that time, which has passed.

        Raises Unavailable if a storage as a whole does not answer, once the files in all others were checked.
        """
        checked = body_bytes = 0
        findings: list[tuple[FileId, str]] = []
        silent: dict[str, Unavailable] = {}
        while files := await asyncio.to_thread(self._custody.to_check, before, but_in=tuple(silent)):
            for file in files:
                volume = places.volume_of_place(file.place)
                if volume in silent:
                    continue
                try:
                    finding = await self.check(file)
                except Unavailable as error:
                    silent[volume] = error
                    continue
                heard(file, finding)
                checked, body_bytes = checked + 1, body_bytes + (file.stored.body_bytes if file.stored else 0)
                findings += [(file.id, finding)] if finding else []
        for trouble in silent.values():
            raise trouble
        return ScrubReport(checked, body_bytes, tuple(findings))

    async def check(self, file: ArchivedFile) -> str:
        """What is wrong with one file, empty if nothing is. It is remembered, and an incident if it is news.

        Of a file that is disabled or decommissioned while it is read, what is missing is no finding.
        """
        finding = "; ".join(await self._wrong_with(file))
        is_kept = await asyncio.to_thread(self._custody.checked, file, finding, self._alarmed)
        return finding if is_kept else ""

    def _alarmed(self, file: FileId, finding: str, connection: Connection) -> None:
        logger.error("file %s: %s", file, finding)
        self._alarm(file, finding, connection)

    async def _wrong_with(self, file: ArchivedFile) -> list[str]:
        """Everything that is wrong with a file, in words for the operator."""
        found: list[str] = []

        async def look(what: str, at: Callable[[], Awaitable[None]]) -> None:
            try:
                await at()
            except NotFound:
                found.append(f"{what}: missing")
            except (Malformed, Unverified) as error:
                found.append(f"{what}: {error}")
            except Unavailable as error:
                await self._storage.exists(
                    places.body_key(file.place)
                )  # raises if it is the storage, not the object
                found.append(f"{what}: it cannot be read: {error}")

        try:
            header = self._keyring.open(await asyncio.to_thread(self._custody.header, file.id))
        except (Malformed, Unverified, NotFound) as error:
            return [f"header in the database: {error}"]
        await look("header", lambda: self._check_header(file, header))
        await look("checks", lambda: self._check_checks(file))
        await look("facts", lambda: self._check_facts(file))
        if file.stored is not None and file.stored.index:
            await look("index", lambda: self._check_index(file, header))
        await look("body", lambda: self._check_body(file, header))
        return found

    async def _check_header(self, file: ArchivedFile, known: Header) -> None:
        """By what it says, not by its bytes: a rotation may have been stopped between the two."""
        if self._keyring.open(await read_whole(self._storage, places.header_key(file.place))) != known:
            raise Unverified("it does not say what the header in the database says")

    async def _check_checks(self, file: ArchivedFile) -> None:
        raw = await read_whole(self._storage, places.checks_key(file.place))
        if read_checks(raw, file.place, self._keyring) != await self._checks(file):
            raise Unverified("they are not those in the database")

    async def _check_facts(self, file: ArchivedFile) -> None:
        raw = await read_whole(self._storage, places.facts_key(file.place))
        if read_facts(raw, file.place, self._keyring).id != file.id:
            raise Unverified("they are those of another file")

    async def _check_index(self, file: ArchivedFile, header: Header) -> None:
        sealed = await read_whole(self._storage, places.index_key(file.place))
        await asyncio.to_thread(open_index, sealed, header)

    async def _check_body(self, file: ArchivedFile, header: Header) -> None:
        inspection = BodyInspection(header, await self._checks(file))
        async for piece in self._storage.get(places.body_key(file.place)):
            await asyncio.to_thread(inspection.take, piece)
            await self._pace.spend(len(piece))
        await asyncio.to_thread(inspection.finish)

    async def _checks(self, file: ArchivedFile) -> BodyChecks:
        """What the database says, for that is what the storage is held against."""
        assert file.stored is not None  # of every file that is to be checked
        raw = await asyncio.to_thread(self._custody.chunk_hashes, file.id)
        hashes = tuple(raw[start : start + HASH_BYTES] for start in range(0, len(raw), HASH_BYTES))
        return BodyChecks(file.stored.body_bytes, file.stored.digests.body_sha256, hashes)
