"""Moving archived files from one volume to another: whole at every moment, wherever it is stopped."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable
from itertools import count
from pathlib import Path

import pytest
from obstore.store import MemoryStore
from tests.archive_house import House, NewDatabase
from tests.archive_kit import upload
from tests.encrypted_uploads import archive_key, keyring, random_bytes, read

from opengdi.apps.deliverable import ArchiveFiles
from opengdi.archive import places
from opengdi.archive.decommission import Decision, Decommissioning
from opengdi.archive.facts import keep_facts, read_facts
from opengdi.archive.model import ArchivedFile, Judgement
from opengdi.archive.moving import Moving
from opengdi.kernel.errors import Conflict, Unavailable
from opengdi.kernel.ids import DatasetId
from opengdi.kernel.storage import Storage, StoredObject, put_whole
from opengdi.kernel.storage.directory import DirectoryStorage
from opengdi.kernel.storage.object_store import ObjectStorage
from opengdi.kernel.storage.routed import RoutedStorage
from opengdi.standards.bgzf.blocks import END_OF_FILE
from opengdi.standards.bgzf.writing import deflate_blocks

DECISION = Decision("data access committee", "DAC-2026-17", "consent withdrawn")
VCF = (
    b"##fileformat=VCFv4.2\n##contig=<ID=1,length=1000>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    b"1\t5\t.\tA\tC\t.\t.\t.\n"
)


class Killed(BaseException):
    """The process is gone at this moment."""


class Mortal(RoutedStorage):
    """Volumes of a process that dies around its so-and-so-many-eth write or deletion; `seen` hears of each before."""

    def __init__(self, volumes: dict[str, Storage]) -> None:
        super().__init__(volumes, places.volume_of)
        self.volumes = volumes
        self.left: float = float("inf")
        self.dies_before = True
        self.seen: Callable[[str], None] = lambda _: None

    async def put(
        self, key: str, content: AsyncIterable[bytes], *, fresh: bool = False, size_bytes: int = 0
    ) -> StoredObject:
        self._live(key, before=True)
        stored = await super().put(key, content, fresh=fresh, size_bytes=size_bytes)
        self._live(key, before=False)
        return stored

    async def delete(self, key: str) -> None:
        self._live(key, before=True)
        await super().delete(key)
        self._live(key, before=False)

    def _live(self, key: str, *, before: bool) -> None:
        if before:
            self.seen(key)
            self.left -= 1
        if self.left < 0 and before is self.dies_before:
            raise Killed


@pytest.fixture
def storage(tmp_path: Path) -> Mortal:
    return Mortal({name: DirectoryStorage(tmp_path / (name or "first")) for name in ("", "second", "third")})


@pytest.fixture
def house(new_database: NewDatabase, storage: Mortal) -> House:
    return House(new_database, storage, keyring())


def moving(house: House) -> Moving:
    assert isinstance(house.storage, Mortal)
    return Moving(house.registry, house.custody, house.storage.volumes, house.storage, house.keyring)


async def keys(storage: Mortal, volume: str) -> list[str]:
    return [found.key async for found in storage.volumes[volume].list()]


async def counts(storage: Mortal) -> list[int]:
    """Objects in each volume."""
    return [len(await keys(storage, name)) for name in storage.volumes]


async def bytes_of(house: House, file: ArchivedFile) -> bytes:
    return await read(house.storage, places.body_key(file.place))


async def archived(house: House) -> ArchivedFile:
    """A file with everything that there can be: an index, a former header, a dataset."""
    file = await house.archive(deflate_blocks(VCF) + END_OF_FILE)
    assert file.stored is not None
    assert file.stored.index == "csi"
    house.keyring = keyring(*house.keyring.keys, archive_key(2))
    await house.rotation().run("operator")
    house.mapping.map(DatasetId("GDI-EE-TEST-1"), [file.id], "operator")
    await keep_what_is_unkept(house)
    return house.registry.find(file.id)


async def keep_what_is_unkept(house: House) -> None:
    """As a serving node does within a second."""
    for file, changes in house.registry.unkept():
        await keep_facts(house.storage, house.keyring, file)
        house.registry.kept(file.id, changes)


async def test_a_file_lies_whole_where_it_was_moved_and_nowhere_else(house: House, storage: Mortal) -> None:
    file = await archived(house)
    body, header, objects = await bytes_of(house, file), house.custody.header(file.id), await counts(storage)
    assert objects == [6, 0, 0]
    heard: list[int] = []
    moved = await moving(house).run(file.id, "second", "operator", heard=heard.append)
    assert (moved.place, sum(heard)) == (f"{file.place}-second", len(body))
    assert await counts(storage) == [0, 6, 0]
    assert (await bytes_of(house, moved), house.custody.header(file.id)) == (body, header)
    assert await house.scrub().check(moved) == ""
    told = read_facts(await read(storage, places.facts_key(moved.place)), moved.place, house.keyring)
    assert (told.id, told.place, told.datasets) == (file.id, moved.place, ("GDI-EE-TEST-1",))
    await keep_what_is_unkept(house)
    assert await moving(house).run(file.id, "second", "operator") == moved
    assert (await moving(house).run(file.id, "", "operator")).place == file.place
    assert await counts(storage) == objects


async def test_a_move_that_is_killed_anywhere_loses_nothing_and_goes_on(
    house: House, storage: Mortal
) -> None:
    """Before and after every write, and every deletion; and the database is lost, too."""
    file = await archived(house)
    body, kills, targets = await bytes_of(house, file), 0, {"": "second", "second": ""}
    for storage.dies_before in (True, False):
        for left in count():
            target, storage.left = targets[places.volume_of_place(file.place)], left
            try:
                await moving(house).run(file.id, target, "operator")
                break
            except Killed:
                kills += 1
            finally:
                storage.left = float("inf")
                file = house.registry.find(file.id)
            assert await bytes_of(house, file) == body
            assert await house.scrub().check(file) == ""
            if house.engine.dialect.name == "sqlite" and storage.dies_before:
                house.lose_database()
                report = await house.recovery().run("operator")
                assert (report.left_out, house.registry.find(file.id).id) == ((), file.id)
                house.mapping.release(DatasetId("GDI-EE-TEST-1"), "operator")
            file = await moving(house).run(file.id, target, "operator")
            for other in storage.volumes.keys() - {
                target
            }:  # a former header, of which the new database does not know
                await moving(house).sweep(other)
            assert sorted(await counts(storage)) == [0, 0, len(await keys(storage, target))]
            assert await house.scrub().check(file) == ""
    assert kills > 30
    assert await bytes_of(house, file) == body


async def test_a_file_of_several_parts_is_moved_to_a_store_and_back(house: House, storage: Mortal) -> None:
    storage.volumes["second"] = ObjectStorage(MemoryStore(), part_bytes=1 << 16)
    file = await house.archive(random_bytes(300_000))
    body = await bytes_of(house, file)
    for volume in ("second", ""):
        file = await moving(house).run(file.id, volume, "operator")
        assert (await bytes_of(house, file), await house.scrub().check(file)) == (body, "")


async def test_a_damaged_file_stays_where_it_is(house: House, storage: Mortal) -> None:
    file = await house.archive(random_bytes(300_000))
    body = bytearray(await bytes_of(house, file))
    body[-40] ^= 1
    await put_whole(storage, places.body_key(file.place), bytes(body))
    with pytest.raises(Conflict, match="damaged"):
        await moving(house).run(file.id, "second", "operator")
    assert (house.registry.find(file.id).place, await keys(storage, "second")) == (file.place, [])


@pytest.mark.parametrize("folder", ["bodies", "headers"])
async def test_a_copy_that_is_not_what_was_written_is_no_copy(
    house: House, storage: Mortal, folder: str
) -> None:
    class Lossy(DirectoryStorage):
        async def put(
            self, key: str, content: AsyncIterable[bytes], *, fresh: bool = False, size_bytes: int = 0
        ) -> StoredObject:
            async def changed() -> AsyncIterator[bytes]:
                async for piece in content:
                    yield bytes(len(piece)) if key.startswith(folder) else piece

            return await super().put(key, changed(), fresh=fresh, size_bytes=size_bytes)

    file = await archived(house)
    storage.volumes["second"] = Lossy(storage.volumes["second"]._root)
    with pytest.raises(Unavailable, match="not what was written"):
        await moving(house).run(file.id, "second", "operator")
    assert house.registry.find(file.id).place == file.place


async def test_what_changed_while_it_was_copied_is_not_told_of_there(house: House, storage: Mortal) -> None:
    file = await archived(house)

    def maps(key: str) -> None:
        if key == places.facts_key(f"{file.place}-second"):
            storage.seen = lambda _: None
            house.mapping.map(DatasetId("GDI-EE-TEST-2"), [file.id], "operator")

    storage.seen = maps
    with pytest.raises(Conflict, match="move it again"):
        await moving(house).run(file.id, "second", "operator")
    assert (house.registry.find(file.id).place, await counts(storage)) == (file.place, [6, 0, 0])
    moved = await moving(house).run(file.id, "second", "operator")
    await keep_what_is_unkept(house)
    told = read_facts(await read(storage, places.facts_key(moved.place)), moved.place, house.keyring)
    assert told.datasets == ("GDI-EE-TEST-1", "GDI-EE-TEST-2")


async def test_facts_that_were_just_being_written_are_written_again_there(house: House) -> None:
    """By a serving node, which had asked before the file was moved and writes where it was."""
    file = await archived(house)
    house.mapping.map(DatasetId("GDI-EE-TEST-2"), [file.id], "operator")
    ((known, changes),) = house.registry.unkept()
    await moving(house).run(file.id, "second", "operator")
    await keep_facts(house.storage, house.keyring, known)
    house.registry.kept(file.id, changes)
    assert [each.id for each, _ in house.registry.unkept()] == [file.id]


async def test_what_others_were_doing_with_a_file_that_was_moved_does_not_count(house: House) -> None:
    index = await house.archive(b"no index", "a.bam.bai")
    file = await house.archive(deflate_blocks(VCF) + END_OF_FILE, "a.bam")
    (pair,) = house.companions.pending()
    await moving(house).run(file.id, "second", "operator")
    house.companions.judged(pair, Judgement.UNKNOWN, "it was not found")
    assert [each.index.id for each in house.companions.pending()] == [index.id]
    assert not house.custody.checked(file, "body: missing")
    assert not house.custody.reseal(file, header=b"header", key_id="ab" * 32)
    with pytest.raises(Conflict, match="index it again"):
        house.registry.indexed(file.id, file.stored, "operator", place=file.place)


async def test_only_what_the_archive_holds_is_moved(house: House) -> None:
    under_way = house.registry.receive(upload("u1", "under-way"), submit=True)
    given_up = house.registry.receive(upload("u2", "given-up"), submit=True)
    house.registry.cancel(given_up.id, "operator", "by mistake")
    for file in (under_way, given_up):
        with pytest.raises(Conflict, match="holds nothing of it"):
            await moving(house).run(file.id, "second", "operator")


async def test_a_disabled_file_is_moved_with_its_bytes_and_a_tombstone_with_its_facts(
    house: House, storage: Mortal
) -> None:
    file = await archived(house)
    house.registry.disable(file.id, "operator", "a mistake")
    await moving(house).run(file.id, "second", "operator")
    assert await counts(storage) == [0, 6, 0]
    await house.decommissioning().run(file.id, DECISION, "operator")
    moved = await moving(house).run(file.id, "third", "operator")
    assert await counts(storage) == [0, 0, 1]
    told = read_facts(await read(storage, places.facts_key(moved.place)), moved.place, house.keyring)
    assert (told.reason, told.stored is None) == (str(DECISION), False)


async def test_a_decommissioning_deletes_what_a_killed_move_left_too(house: House, storage: Mortal) -> None:
    file = await archived(house)
    storage.left = 3
    with pytest.raises(Killed):
        await moving(house).run(file.id, "second", "operator")
    storage.left = float("inf")
    assert len(await keys(storage, "second")) == 3
    decommissioning = Decommissioning(
        house.registry, house.custody, storage, house.keyring, house.audit, volumes=tuple(storage.volumes)
    )
    await decommissioning.run(file.id, DECISION, "operator")
    assert await counts(storage) == [1, 0, 0]


async def test_what_came_late_to_an_emptied_volume_is_swept_and_nothing_else(
    house: House, storage: Mortal
) -> None:
    moved, stays = await archived(house), await house.archive(b"another", "another")
    await moving(house).run(moved.id, "second", "operator")
    before = await keys(storage, "")
    await keep_facts(storage, house.keyring, moved)
    assert await keys(storage, "") != before
    assert await moving(house).sweep("") == 1
    assert await keys(storage, "") == before
    assert await house.scrub().check(stays) == ""


async def test_a_file_is_delivered_while_it_is_moved(house: House) -> None:
    """Its place is believed for a second, and an answer under way reads on."""
    file = await archived(house)
    house.mapping.release(DatasetId("GDI-EE-TEST-1"), "operator")
    files = ArchiveFiles(
        house.registry,
        house.mapping,
        house.custody,
        storage=house.storage,
        keyring=house.keyring,
        clock=house.clock,
    )
    held, body = await files.find(file.id), await bytes_of(house, file)
    index = await files.index(held)
    for volume in ("second", "third"):
        await moving(house).run(file.id, volume, "operator")
        assert b"".join([piece async for piece in files.read_body(held, 0, len(body))]) == body
    await moving(house).run(file.id, "", "operator")
    assert await files.index(held) == index is not None
