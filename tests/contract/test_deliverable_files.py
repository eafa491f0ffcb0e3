"""What every archive promises to delivery."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest
from tests.archive_kit import OPERATOR, STORED, records, upload
from tests.archive_shelf import ArchiveShelf
from tests.database_work import work_of
from tests.sqlite import migrated_engine

from opengdi.delivery.model import Extent, HeldFile
from opengdi.delivery.named import NamedPath, named
from opengdi.delivery.ports import Files
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.database import open_engine
from opengdi.kernel.errors import Invalid, NotFound, NotPermitted
from opengdi.kernel.ids import DatasetId, ReleaseId
from opengdi.kernel.principal import Principal, Visa
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
        datasets: Sequence[str | ReleaseId],
        index: bytes | None = None,
        edit_list: EditList | None = None,
        name: str = "",
    ) -> str:
        """Id of the new file, whose format is BAM whatever it holds. name: as its provider gives it, with `.c4gh`."""
        ...

    async def disable(self, id_: str) -> None:
        """Take a file out of use."""
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
        datasets: Sequence[str | ReleaseId],
        index: bytes | None = None,
        edit_list: EditList | None = None,
        name: str = "",
    ) -> str:
        self._count += 1
        file_id = f"GDIF-XX-{self._count:010}"
        self._memory.hold(
            file_id,
            content,
            file_format="BAM",
            datasets=datasets,
            index=index,
            edit_list=edit_list,
            name=name.removesuffix(".c4gh"),
        )
        return file_id

    async def disable(self, id_: str) -> None:
        self._memory.drop(id_)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    if request.param == "memory":
        yield MemoryShelf()
        return
    sqlite = request.param == "sqlite"
    engine = (
        migrated_engine(tmp_path / "state.sqlite")
        if sqlite
        else open_engine(request.getfixturevalue("postgres_url"))
    )
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


async def test_files_of_versions_come_by_pages_each_once(shelf: Shelf) -> None:
    first, second, third = (ReleaseId(DATASET, version) for version in "123")
    both = [await shelf.hold(CONTENT, datasets=[first, second, OTHER]) for _ in range(3)]
    later = [await shelf.hold(CONTENT, datasets=[second]) for _ in range(2)]
    gone = await shelf.hold(CONTENT, datasets=[third])
    await shelf.disable(gone)
    assert list(await shelf.files.versions_of(DATASET)) == ["1", "2"]
    wanted, found, after = sorted(both + later), list[str](), ""
    while page := await shelf.files.page(DATASET, ["1", "2", "3"], after=after, most=2):
        assert len(page) <= 2
        found, after = found + [file.id for file in page], page[-1].id
    assert found == wanted
    (one,) = await shelf.files.page(DATASET, ["1"], most=1)
    assert one == (await shelf.files.in_dataset(DATASET))[0]
    assert [file.id for file in await shelf.files.page(DATASET, ["1"], most=9)] == sorted(both)


async def test_files_are_found_by_name(shelf: Shelf) -> None:
    names = ("a/x.bam.c4gh", "a/y.bam", "A/x.bam", "a/x.c4", "b_%.c4gh.c4gh", "ä/é.bam.c4gh")
    for name in names:
        await shelf.hold(CONTENT, datasets=[DATASET], name=name)

    async def found(**wanted: str) -> set[str]:
        return {file.name for file in await shelf.files.page(DATASET, [""], most=99, **wanted)}

    assert await found(prefix="a/") == {"a/x.bam", "a/y.bam", "a/x.c4"}
    assert await found(prefix="a/x.c4") == {"a/x.c4"}
    assert await found(prefix="a/x.bam.c") == set()
    assert await found(prefix="b_%.c4gh") == {"b_%.c4gh"}
    assert await found(prefix="_") == await found(prefix="%") == await found(prefix="\0") == set()
    assert await found(prefix="ä/é") == {"ä/é.bam"}
    assert await found(name="a/x.bam") == {"a/x.bam"}
    assert await found(name="a/x.bam.c4gh") == await found(name="a/") == await found(name="\0") == set()
    assert await found(name="b_%.c4gh") == {"b_%.c4gh"}


async def test_a_file_is_found_by_dataset_and_path_in_the_version_that_one_holds(shelf: Shelf) -> None:
    dataset = "https://doi.org/10.5555/x"
    versions = [ReleaseId(dataset, version) for version in "12"]
    first = await shelf.hold(CONTENT, datasets=versions[:1], name="a/x.bam.c4gh")
    second = await shelf.hold(CONTENT, datasets=versions[1:], name="a/x.bam")
    bare = await shelf.hold(CONTENT, datasets=versions, name="y.bam")
    now = FixedClock().now()

    async def found(path: str, *held: str) -> str:
        asker = Principal(
            "ada", visas=tuple(Visa(dataset, version=version) for version in held), logged_in=True
        )
        wanted = NamedPath.from_segments(f"{dataset}/{path}".split("/"))
        return (await named(shelf.files, asker, wanted, now)).id

    assert await found("a/x.bam", "1") == await found("a/x.bam.c4gh", "1") == first
    assert await found("a/x.bam", "2") == second
    assert await found("a/x.bam", "1", "2") in {first, second}
    assert await found("y.bam", "1") == await found("y.bam.c4gh", "2") == bare
    for path, held in (("a/x.bam", "3"), ("a/x", "1"), ("", "1"), (".c4gh", "1"), ("a%00b", "1")):
        with pytest.raises(NotPermitted):
            await found(path, held)


async def test_what_there_is_is_added_up(shelf: Shelf) -> None:
    assert await shelf.files.extent_of_all() == Extent(0, 0, None)
    first, second = ReleaseId(DATASET, "1"), ReleaseId(DATASET, "2")
    held = [
        await shelf.hold(CONTENT, datasets=[first, second, OTHER]),
        await shelf.hold(b"x", datasets=[second]),
        await shelf.hold(b"", datasets=[OTHER]),
    ]
    files = [await shelf.files.find(id_) for id_ in held]
    updated = max(file.updated for file in files)
    large, small = files[0].body_bytes, files[1].body_bytes
    assert await shelf.files.extent(DATASET, ["1"]) == Extent(1, large, updated)
    assert await shelf.files.extent(DATASET, ["1", "2"]) == Extent(2, large + small, updated)
    assert await shelf.files.extent_of_all() == Extent(3, large + small, updated)
    assert (
        await shelf.files.extent(DATASET, ["3"])
        == await shelf.files.extent("none", [""])
        == Extent(0, 0, None)
    )


@pytest.mark.parametrize("nonsense", ["", "GDI-XX-NONE-1", "\0", "é" * 600])
async def test_a_dataset_that_is_not_there_has_nothing(shelf: Shelf, nonsense: str) -> None:
    assert list(await shelf.files.versions_of(nonsense)) == []
    assert list(await shelf.files.in_dataset(nonsense)) == []
    assert list(await shelf.files.page(nonsense, [""], most=9)) == []


async def test_the_pages_of_a_large_dataset_cost_as_much_each_as_those_of_a_small_one(tmp_path: Path) -> None:
    async def cost_of_a_page(files: int) -> float:
        """Of all pages of a dataset, on average."""
        engine = migrated_engine(tmp_path / f"{files}.sqlite")
        kept = records(engine, FixedClock())
        ids = []
        for number in range(files):
            file = kept.registry.receive(upload(f"u{number}", f"f{number}.bam"), submit=True)
            kept.registry.deposit(file.id, STORED, header=b"h", chunk_hashes=b"", actor=OPERATOR)
            ids.append(file.id)
        kept.mapping.map(DatasetId(DATASET), ids, OPERATOR, "1")
        kept.mapping.release(DATASET, OPERATOR)
        with work_of(engine) as work:
            after, pages = "", 0
            while page := kept.mapping.page(DATASET, kept.mapping.versions_of(DATASET), after=after, most=10):
                after, pages = page[-1].id, pages + 1
        return work.steps / pages

    assert await cost_of_a_page(160) < 1.25 * await cost_of_a_page(20)


async def test_a_file_of_a_dataset_that_is_not_released_is_not_there(tmp_path: Path) -> None:
    engine = migrated_engine(tmp_path / "state.sqlite")
    shelf = ArchiveShelf(engine)
    held = await shelf.hold(CONTENT, datasets=[])
    with pytest.raises(NotFound):
        await shelf.files.find(held)
    assert await shelf.files.releases() == []
    engine.dispose()
