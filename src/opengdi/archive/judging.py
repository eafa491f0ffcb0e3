"""Judging the index files that providers sent: each is read, decrypted, and held against the archive's own index.

The data are not read. What goes wrong by our fault leaves an index waiting; one that cannot be read is told as such.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from sqlalchemy.exc import DBAPIError

from opengdi.archive import places
from opengdi.archive.companions import Companions, Pair
from opengdi.archive.companions.agreement import LARGEST_BYTES, Verdict, judge
from opengdi.archive.companions.names import index_kind
from opengdi.archive.custody import Custody
from opengdi.archive.intake.indexing import open_index
from opengdi.archive.intake.opening import Opened
from opengdi.archive.intake.sides import PlainSide
from opengdi.archive.keyring import Keyring
from opengdi.archive.model import UNDECLARED, ArchivedFile, Judgement
from opengdi.kernel.errors import NotFound, Unavailable
from opengdi.kernel.ids import FileId
from opengdi.kernel.storage import Storage, answers, read_whole
from opengdi.standards.crypt4gh import Header, body_size
from opengdi.standards.faults import Malformed, Unverified

logger = logging.getLogger(__name__)


AT_ONCE: Final = 100
"""Pairs of index and data that are asked for at a time."""


class Judging:
    """Judges index files of one archive."""

    def __init__(self, companions: Companions, custody: Custody, storage: Storage, keyring: Keyring) -> None:
        self._companions = companions
        self._custody = custody
        self._storage = storage
        self._keyring = keyring
        self._is_stopping = False

    def stop(self) -> None:
        """Let what runs end at the next pair."""
        self._is_stopping = True

    async def run(self) -> int:
        """Judge every index that waits; how many were. One that cannot be judged yet delays no other."""
        judged, after = 0, ""
        silent: set[str] = set()
        while pairs := await asyncio.to_thread(self._companions.pending, after=after, most=AT_ONCE):
            for pair in pairs:
                if self._is_stopping:
                    return judged
                if silent.isdisjoint(places.volume_of_place(file.place) for file in (pair.index, pair.data)):
                    judged += await self._judge(pair, silent)
            after = pairs[-1].index.id
        return judged

    async def _judge(self, pair: Pair, silent: set[str]) -> bool:
        """False if that cannot be done yet; volumes that do not answer are added to those that are silent."""
        try:
            judgement, note = await self._verdict(pair)
            await asyncio.to_thread(self._companions.judged, pair, judgement, note)
        except (Unavailable, DBAPIError) as error:
            logger.warning("the index %s cannot be judged yet: %s", pair.index.id, error)
            for file in (pair.index, pair.data):
                if not await answers(self._storage, places.body_key(file.place)):
                    silent.add(places.volume_of_place(file.place))
            return False
        return True

    async def _verdict(self, pair: Pair) -> Verdict:
        index, data = pair.index, pair.data
        assert index.stored is not None  # both are READY
        assert data.stored is not None
        if index.stored.body_bytes > body_size(LARGEST_BYTES):  # what an edit list leaves out is read, too
            return Judgement.UNKNOWN, f"the node looks at indexes of up to {LARGEST_BYTES:,} bytes"
        try:
            raw = await self._plain(index)
            own = await self._own_index(data) if data.stored.index else None
        except (Malformed, Unverified, NotFound) as error:
            logger.warning("the index %s cannot be judged: %s", index.id, error)
            return (
                Judgement.UNKNOWN,
                "the node cannot read it, or its own index; its operator sees why in a scrub",
            )
        try:
            return await asyncio.to_thread(judge, index_kind(index.path), raw, data.stored, own)
        except Exception:  # a hostile index must not keep those of others waiting, whatever it finds in us
            logger.exception("the index %s cannot be judged", index.id)
            return Judgement.UNKNOWN, "the node stumbles over it; its operator sees where in the log"

    async def _plain(self, file: ArchivedFile) -> bytes:
        """What a file decrypts to. Raises NotFound, Malformed, Unverified."""
        plain = bytearray()
        side = PlainSide(Opened(b"", await self._header(file.id)), UNDECLARED, plain.extend)
        async for piece in self._storage.get(places.body_key(file.place)):
            await asyncio.to_thread(side.take, [piece])
        await asyncio.to_thread(side.finish)
        return bytes(plain)

    async def _own_index(self, file: ArchivedFile) -> bytes:
        header = await self._header(file.id)
        sealed = await read_whole(self._storage, places.index_key(file.place))
        return await asyncio.to_thread(open_index, sealed, header)

    async def _header(self, id_: FileId) -> Header:
        return self._keyring.open(await asyncio.to_thread(self._custody.header, id_))
