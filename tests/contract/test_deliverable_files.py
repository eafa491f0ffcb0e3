"""What every archive promises to delivery."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest
from tests.archive_shelf import ArchiveShelf

from opengdi.delivery.model import HeldFile
from opengdi.delivery.ports import Files
from opengdi.kernel.database import metadata, open_engine
from opengdi.kernel.errors import Invalid, NotFound
from opengdi.kernel.ids import ReleaseId
from opengdi.standards.crypt4gh import SEGMENT, BodyDecryptor, EditList
from opengdi.testing.delivery import MemoryFiles

CONTENT = bytes(range(256)) * 600  # two segments and a part of a third
DATASET, OTHER = "GDI-XX-TEST-1", "GDI-XX-TEST-2"


class Shelf(Protocol):
    """An archive into which a test puts deliverable files."""

    files: Files

    async def hold(
        self,
        content: bytes,
        *,
        datasets: Sequence[str],
        index: bytes | None = None,
        edit_list: EditList | None = None,
    ) -> str:
        """Id of the new file, whose format is BAM whatever it holds."""
        ...


class MemoryShelf:
    def __init__(self) -> None:
        self._memory = MemoryFiles()
        self.files: Files = self._memory
        self._count = 0

    async def hold(
        self,
        content: bytes,
        *,
        datasets: Sequence[str],
        index: bytes | None = None,
        edit_list: EditList | None = None,
    ) -> str:
        self._count += 1
        file_id = f"GDIF-XX-{self._count:010}"
        self._memory.hold(
            file_id, content, file_format="BAM", datasets=datasets, index=index, edit_list=edit_list
        )
        return file_id


@pytest.fixture(params=["memory", "archive"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    if request.param == "memory":
        yield MemoryShelf()
        return
    engine = open_engine(tmp_path / "state.sqlite")
    metadata.create_all(engine)
    yield ArchiveShelf(engine)
    engine.dispose()


async def read(files: Files, file: HeldFile, first: int, stop: int) -> bytes:
    return b"".join([piece async for piece in files.read_body(file, first, stop)])


async def plain(files: Files, file: HeldFile) -> bytes:
    header = await files.header(file)
    decryptor = BodyDecryptor(header.data_keys, edit_list=header.edit_list)
    return bytes(decryptor.feed(await read(files, file, 0, file.body_bytes)) + decryptor.finish())


async def test_a_file_that_is_held_is_found_with_its_facts(shelf: Shelf) -> None:
    file = await shelf.files.find(await shelf.hold(CONTENT, datasets=[DATASET]))
    body = await read(shelf.files, file, 0, file.body_bytes)
    assert (file.format, file.releases, file.plain_bytes) == ("BAM", (ReleaseId(DATASET),), len(CONTENT))
    assert file.plain_sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert (file.body_bytes, file.body_sha256) == (len(body), hashlib.sha256(body).hexdigest())
    assert file.created.tzinfo is not None
    assert file.created <= file.updated


@pytest.mark.parametrize("nonsense", ["", "GDIF-XX-9999999999", "../state.sqlite", "a/b", "\0", "é" * 600])
async def test_what_is_not_there_is_not_found(shelf: Shelf, nonsense: str) -> None:
    with pytest.raises(NotFound):
        await shelf.files.find(nonsense)


async def test_body_and_header_make_the_content(shelf: Shelf) -> None:
    file = await shelf.files.find(await shelf.hold(CONTENT, datasets=[DATASET]))
    assert await plain(shelf.files, file) == CONTENT


async def test_an_edit_list_of_the_provider_is_kept(shelf: Shelf) -> None:
    edits = EditList((10, 100, SEGMENT, 50))
    file = await shelf.files.find(await shelf.hold(CONTENT, datasets=[DATASET], edit_list=edits))
    kept = CONTENT[10:110] + CONTENT[110 + SEGMENT : 160 + SEGMENT]
    assert (await shelf.files.header(file)).edit_list == edits
    assert (file.plain_bytes, file.plain_sha256) == (150, hashlib.sha256(kept).hexdigest())
    assert await plain(shelf.files, file) == kept


@pytest.mark.parametrize(
    ("first", "stop"), [(0, 0), (0, 1), (65_563, 65_565), (1, 131_128), (153_683, 153_684)]
)
async def test_any_range_of_a_body_is_read(shelf: Shelf, first: int, stop: int) -> None:
    file = await shelf.files.find(await shelf.hold(CONTENT, datasets=[DATASET]))
    body = await read(shelf.files, file, 0, file.body_bytes)
    assert len(body) == 153_684
    assert await read(shelf.files, file, first, stop) == body[first:stop]


@pytest.mark.parametrize(("first", "stop"), [(-1, 5), (5, 4), (0, 153_685), (153_685, 153_685)])
async def test_a_range_that_leaves_the_body_is_refused(shelf: Shelf, first: int, stop: int) -> None:
    file = await shelf.files.find(await shelf.hold(CONTENT, datasets=[DATASET]))
    with pytest.raises(Invalid):
        await read(shelf.files, file, first, stop)


async def test_an_empty_file_has_an_empty_body(shelf: Shelf) -> None:
    file = await shelf.files.find(await shelf.hold(b"", datasets=[DATASET]))
    assert (file.body_bytes, file.plain_bytes) == (0, 0)
    assert await read(shelf.files, file, 0, 0) == b""


async def test_an_index_comes_back_as_it_was_or_not_at_all(shelf: Shelf) -> None:
    index = b"BAI\1" + bytes(4)
    with_index = await shelf.files.find(await shelf.hold(CONTENT, datasets=[DATASET], index=index))
    without = await shelf.files.find(await shelf.hold(CONTENT + b"2", datasets=[DATASET]))
    assert await shelf.files.index(with_index) == index
    assert await shelf.files.index(without) is None


async def test_datasets_list_their_files_in_order(shelf: Shelf) -> None:
    first = await shelf.hold(CONTENT, datasets=[DATASET])
    second = await shelf.hold(CONTENT + b"2", datasets=[OTHER, DATASET])
    assert [file.id for file in await shelf.files.in_dataset(DATASET)] == sorted([first, second])
    assert [file.id for file in await shelf.files.in_dataset(OTHER)] == [second]
    assert await shelf.files.in_dataset("GDI-XX-NONE-1") == []
    assert await shelf.files.releases() == [ReleaseId(DATASET), ReleaseId(OTHER)]


async def test_a_file_of_a_dataset_that_is_not_released_is_not_there(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "state.sqlite")
    metadata.create_all(engine)
    shelf = ArchiveShelf(engine)
    held = await shelf.hold(CONTENT, datasets=[])
    with pytest.raises(NotFound):
        await shelf.files.find(held)
    assert await shelf.files.releases() == []
    engine.dispose()
