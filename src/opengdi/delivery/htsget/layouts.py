"""Layouts of files, kept in memory up to a limit: an index is read, decrypted and parsed once, off the event loop."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from opengdi.delivery.htsget.source import DamagedFile, Source
from opengdi.delivery.model import HeldFile
from opengdi.delivery.ports import Files
from opengdi.standards.faults import Malformed
from opengdi.standards.htsget.layout import FileLayout, Index, parse_index_of, read_layout
from opengdi.standards.htsget.planning import Literal, Piece, header_pieces

LARGEST_INLINE: Final = 1 << 16
"""Bytes of a header that tickets hold themselves; a larger one is fetched like any data."""


_Key = tuple[str, str, datetime]


@dataclass(frozen=True, slots=True)
class Known:
    """A file's layout, and its header as it is sent if that is small."""

    layout: FileLayout
    header: bytes | None

    @property
    def size_bytes(self) -> int:
        return self.layout.size_bytes + len(self.header or b"")


class Layouts:
    """What was needed last, of `limit_bytes` together, or of one file."""

    def __init__(self, files: Files, limit_bytes: int) -> None:
        self._files = files
        self._limit = limit_bytes
        self._kept: OrderedDict[_Key, Known] = OrderedDict()
        self._sizes = 0
        self._coming: dict[_Key, asyncio.Task[Known]] = {}

    async def of(self, file: HeldFile, source: Source | None = None) -> Known:
        """What is known of the file. Raises DamagedFile, Unavailable."""
        key = _key(file)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        task = self._coming.get(key)
        if task is None:  # of many who ask at once, one reads; none of them giving up ends it for the others
            task = self._coming[key] = asyncio.ensure_future(self._read(file, source))
            task.add_done_callback(lambda _: self._coming.pop(key, None))
        return await asyncio.shield(task)

    async def _read(self, file: HeldFile, source: Source | None) -> Known:
        index = await self._index(file)
        source = source or await Source.open(self._files, file)
        layout = await source.run(read_layout(file.format, source.stored.size, index))
        pieces = header_pieces(layout)
        is_small = sum(piece.size for piece in pieces) <= LARGEST_INLINE
        known = Known(layout, await _joined(source, pieces) if is_small else None)
        self._keep(_key(file), known)
        return known

    async def _index(self, file: HeldFile) -> Index | None:
        raw = await self._files.index(file)
        if raw is None:
            return None
        try:
            return await asyncio.to_thread(parse_index_of, file.format, raw)
        except Malformed as error:
            raise DamagedFile(f"index of {file.id}: {error}") from error

    def _keep(self, key: _Key, known: Known) -> None:
        self._kept[key] = known
        self._sizes += known.size_bytes
        while self._sizes > self._limit and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._sizes -= dropped.size_bytes


def _key(file: HeldFile) -> _Key:
    """Another one once anything about the file has changed: it may have an index now."""
    return file.id, file.body_sha256, file.updated


async def _joined(source: Source, pieces: Iterable[Piece]) -> bytes:
    parts = [
        piece.data if isinstance(piece, Literal) else await source.read(piece.first, piece.stop)
        for piece in pieces
    ]
    return b"".join(parts)
