"""An archive's records on a database, and encrypted uploads, for the tests of the archive."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from sqlalchemy import Connection, Engine

from opengdi.archive.companions import Companions
from opengdi.archive.custody import Custody
from opengdi.archive.mapping import Mapped, Mapping
from opengdi.archive.model import Change, Digests, Piece, Stored
from opengdi.archive.ports import Received
from opengdi.archive.registry import Registry
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import Unavailable
from opengdi.kernel.ids import numbered_file_id
from opengdi.kernel.storage import Storage, StoredObject, put_whole
from opengdi.kernel.storage.directory import DirectoryStorage

KEY = "ab" * 32
STORED = Stored(KEY, 1028, 1000, Digests("1" * 64, "2" * 64, sha256="3" * 64), format="BAM", index="bai")
OPERATOR = "operator:0"


@dataclass
class Recorded:
    """The records of one archive, and the changes that were heard of."""

    registry: Registry
    mapping: Mapping
    custody: Custody
    companions: Companions
    changes: list[Change] = field(default_factory=list)
    mapped: list[Mapped] = field(default_factory=list)


def records(engine: Engine, clock: Clock, *, first: int = 1) -> Recorded:
    """Accessions and places are numbered from `first`."""
    numbers, places_ = count(first), count(first)
    changes: list[Change] = []
    mapped: list[Mapped] = []

    def hear(change: Change, _: Connection) -> None:
        changes.append(change)

    def hear_mapping(change: Mapped, _: Connection) -> None:
        mapped.append(change)

    registry = Registry(
        engine,
        clock,
        new_id=lambda: numbered_file_id("EE", next(numbers)),
        new_place=lambda *_: f"00/{next(places_):032x}",
        on_change=hear,
    )
    mapping = Mapping(engine, clock, hear_mapping)
    return Recorded(registry, mapping, Custody(engine, clock), Companions(engine), changes, mapped)


def upload(name: str = "u1", path: str = "a.bam", provider: str = "lab", **further) -> Received:
    pieces = (Piece(f"{name}/1", 600), Piece(f"{name}/2", 552))
    return Received(name, provider, path, pieces, "token:lab", **further)


async def lay_in(
    inbox: Storage, name: str, content: bytes, *, piece_bytes: int = 64 * 1024
) -> tuple[Piece, ...]:
    """The pieces of an upload, laid into the inbox."""
    pieces = []
    for number, start in enumerate(range(0, len(content), piece_bytes)):
        part = content[start : start + piece_bytes]
        await put_whole(inbox, f"{name}/{number}", part)
        pieces.append(Piece(f"{name}/{number}", len(part)))
    return tuple(pieces)


class MoodyStorage(DirectoryStorage):
    """A directory that fails at the next `failures` writes or deletions, and calls `before_put` before each write."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.failures = 0
        self.before_put: Callable[[str], None] = lambda _: None

    async def put(
        self, key: str, content: AsyncIterable[bytes], *, fresh: bool = False, size_bytes: int = 0
    ) -> StoredObject:
        self.before_put(key)
        self._fail()
        return await super().put(key, content, fresh=fresh, size_bytes=size_bytes)

    async def delete(self, key: str) -> None:
        self._fail()
        await super().delete(key)

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise Unavailable("the store does not answer")
