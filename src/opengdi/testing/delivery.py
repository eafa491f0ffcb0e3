"""An archive in memory, for tests of what delivers from one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from opengdi.delivery.model import Extent, HeldFile
from opengdi.kernel.errors import Invalid, NotFound
from opengdi.kernel.ids import ReleaseId
from opengdi.standards.crypt4gh import (
    KEY_BYTES,
    SEGMENT,
    BodyEncryptor,
    DataKey,
    EditList,
    Header,
)

THEN: Final = datetime(2026, 1, 1, tzinfo=UTC)
PIECE_BYTES: Final = 100_000
"""Bodies come in pieces that do not end where segments end."""


@dataclass(frozen=True, slots=True)
class _Kept:
    file: HeldFile
    header: Header
    body: bytes
    index: bytes | None


class MemoryFiles:
    """`Files` that are put in by `hold`; `bytes_read` tells how much of all bodies was asked for."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self.bytes_read = 0

    def hold(
        self,
        file_id: str,
        content: bytes,
        *,
        file_format: str = "",
        datasets: Sequence[str | ReleaseId] = ("GDI-XX-TEST-1",),
        name: str = "",
        index: bytes | None = None,
        data_keys: int = 1,
        edit_list: EditList | None = None,
    ) -> HeldFile:
        """Encrypt `content` and keep it as a deliverable file.

        datasets: what it lies in, without versions or with. data_keys: how many to use in turn, a segment each.
        edit_list: over `content`.
        """
        keys = tuple(DataKey(os.urandom(KEY_BYTES)) for _ in range(data_keys))
        body = _encrypted(content, keys)
        seen = _edited(content, edit_list)
        file = HeldFile(
            id=file_id,
            name=name or file_id,
            format=file_format,
            releases=tuple(ReleaseId(each) if isinstance(each, str) else each for each in datasets),
            body_bytes=len(body),
            plain_bytes=len(seen),
            body_sha256=hashlib.sha256(body).hexdigest(),
            plain_sha256=hashlib.sha256(seen).hexdigest(),
            created=THEN,
            updated=THEN,
        )
        self._kept[file_id] = _Kept(file, Header(keys, edit_list), body, index)
        return file

    def drop(self, file_id: str) -> None:
        """The file is no longer deliverable."""
        del self._kept[file_id]

    async def find(self, file_id: str) -> HeldFile:
        return self._of(file_id).file

    async def header(self, file: HeldFile) -> Header:
        return self._of(file.id).header

    async def index(self, file: HeldFile) -> bytes | None:
        return self._of(file.id).index

    async def read_body(self, file: HeldFile, first: int, stop: int) -> AsyncIterator[bytes]:
        body = self._of(file.id).body
        if not 0 <= first <= stop <= len(body):
            raise Invalid(f"range [{first}, {stop}) is not within the {len(body)} bytes of {file.id}")
        for start in range(first, stop, PIECE_BYTES):
            piece = body[start : min(start + PIECE_BYTES, stop)]
            self.bytes_read += len(piece)
            yield piece

    async def in_dataset(self, dataset: str) -> Sequence[HeldFile]:
        found = (kept.file for kept in self._kept.values() if dataset in kept.file.datasets)
        return sorted(found, key=lambda file: file.id)

    async def versions_of(self, dataset: str) -> Sequence[str]:
        found = await self.in_dataset(dataset)
        return sorted({release.version for file in found for release in file.within(dataset)})

    async def page(
        self,
        dataset: str,
        versions: Collection[str],
        *,
        name: str = "",
        prefix: str = "",
        after: str = "",
        most: int,
    ) -> Sequence[HeldFile]:
        found = await self._in_versions(dataset, versions)
        meant = (file for file in found if (not name or file.name == name) and file.name.startswith(prefix))
        return [file for file in meant if file.id > after][:most]

    async def extent(self, dataset: str, versions: Collection[str]) -> Extent:
        return _extent(await self._in_versions(dataset, versions))

    async def extent_of_all(self) -> Extent:
        return _extent([kept.file for kept in self._kept.values()])

    async def _in_versions(self, dataset: str, versions: Collection[str]) -> list[HeldFile]:
        found = await self.in_dataset(dataset)
        return [file for file in found if any(each.version in versions for each in file.within(dataset))]

    async def releases(self) -> Sequence[ReleaseId]:
        return sorted({release for kept in self._kept.values() for release in kept.file.releases})

    def _of(self, file_id: str) -> _Kept:
        kept = self._kept.get(file_id)
        if kept is None:
            raise NotFound(f"there is no deliverable file {file_id!r}")
        return kept


def _extent(files: Sequence[HeldFile]) -> Extent:
    updated = max((file.updated for file in files), default=None)
    return Extent(len(files), sum(file.body_bytes for file in files), updated)


def _encrypted(content: bytes, keys: Sequence[DataKey]) -> bytes:
    body = bytearray()
    for number, start in enumerate(range(0, len(content), SEGMENT)):
        encryptor = BodyEncryptor(keys[number % len(keys)], os.urandom)
        body += encryptor.feed(content[start : start + SEGMENT])
        body += encryptor.finish()
    return bytes(body)


def _edited(content: bytes, edit_list: EditList | None) -> bytes:
    if edit_list is None:
        return content
    return b"".join(content[start:stop] for start, stop in edit_list.kept_within(0, len(content)))
