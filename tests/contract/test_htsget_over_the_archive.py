"""Regions of files that an archive took in, with the indexes that it made itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.archive_shelf import ArchiveShelf
from tests.htsget_kit import DATASET, REGIONAL, Delivering, ask, fetch
from tests.indexed_files import IndexedFile, na12878, read_records, synthetic_bam, thousand_genomes
from tests.s3 import s3_storage

from opengdi.kernel.database import metadata, open_engine
from opengdi.standards.crypt4gh import EditList


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(tmp_path / "state.sqlite")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=["BAM", "CRAM", "VCF", "BCF", "long contig"])
def file(request: pytest.FixtureRequest, shared: Path, tmp_path: Path) -> IndexedFile:
    if request.param in {"BAM", "CRAM"}:
        return na12878(shared, request.param)
    if request.param == "long contig":
        return synthetic_bam(tmp_path)
    return thousand_genomes(shared, tmp_path, request.param, people=20)


@pytest.mark.parametrize("stored", ["in memory", "on s3"])
async def test_every_window_has_its_records(
    file: IndexedFile, engine: Engine, stored: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    on_s3 = stored == "on s3"
    storage = s3_storage(request.getfixturevalue("s3_server"), tmp_path.name) if on_s3 else None
    shelf = ArchiveShelf(engine, storage)
    held = await shelf.hold(file.data, datasets=[DATASET], file_format=file.format)
    kind = "variants" if file.format in {"VCF", "BCF"} else "reads"
    async with Delivering(files=shelf.files).client() as client:
        for contig, start, end in file.windows(20, seed=31):
            found = await fetch(client, f"{kind}/{held}", referenceName=contig, start=start, end=end)
            records = read_records(file.format, found.data)
            assert [r for r in records if r.overlaps(contig, start, end)] == file.region(contig, start, end)


@pytest.mark.parametrize("file_format", ["BAM", "CRAM"])
async def test_a_caller_with_regions_gets_their_records_and_no_other(
    shared: Path, engine: Engine, file_format: str
) -> None:
    file, shelf = na12878(shared, file_format), ArchiveShelf(engine)
    held = await shelf.hold(file.data, datasets=[DATASET], file_format=file_format)
    async with Delivering(files=shelf.files).client(REGIONAL) as client:
        for start, end in ((5_015_000, 5_050_000), (5_020_000, 5_020_001)):
            found = await fetch(client, f"reads/{held}", referenceName="11", start=start, end=end)
            assert read_records(file_format, found.data) == file.region("11", start, end)


async def test_a_region_is_served_as_soon_as_a_missing_index_is_made(shared: Path, engine: Engine) -> None:
    file, shelf = na12878(shared, "BAM"), ArchiveShelf(engine)
    held = await shelf.hold(file.data, datasets=[DATASET])
    await shelf.lose_index(held)
    window = {"referenceName": "11", "start": 5_015_000, "end": 5_050_000}
    async with Delivering(files=shelf.files).client() as client:
        assert "this file has no index" in (await ask(client, f"reads/{held}", **window)).text
        await shelf.reindex(held)
        assert len((await fetch(client, f"reads/{held}", **window)).data) < len(file.data)


async def test_the_index_is_that_of_what_a_reader_sees_after_an_edit_list(
    shared: Path, engine: Engine
) -> None:
    file, shelf = na12878(shared, "BAM"), ArchiveShelf(engine)
    edits = EditList((70_000, len(file.data)))
    held = await shelf.hold(bytes(70_000) + file.data, datasets=[DATASET], edit_list=edits)
    async with Delivering(files=shelf.files).client() as client:
        found = await fetch(client, f"reads/{held}", referenceName="11", start=5_015_000, end=5_050_000)
        assert (await fetch(client, f"reads/{held}")).data == file.data
    records = read_records("BAM", found.data)
    window = ("11", 5_015_000, 5_050_000)
    assert [record for record in records if record.overlaps(*window)] == file.region(*window)
