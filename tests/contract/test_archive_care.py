"""Caring for an archive: scrub, rotation, recovery, reindexing, decommissioning, over every storage and database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from obstore.store import MemoryStore
from tests.archive_house import House, NewDatabase
from tests.database_work import work_of
from tests.encrypted_uploads import (
    archive_key,
    keyring,
    keys_in,
    private_key,
    random_bytes,
    read,
)
from tests.s3 import s3_storage
from tests.sqlite import migrated_engine

from opengdi.archive import places
from opengdi.archive.decommission import Decision
from opengdi.archive.facts import keep_facts, read_facts
from opengdi.archive.intake.indexing import open_index
from opengdi.archive.keyring import Keyring
from opengdi.archive.model import DatasetState, FileState
from opengdi.archive.recovery import Outcome
from opengdi.archive.scrub import Pace
from opengdi.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from opengdi.kernel.ids import DatasetId
from opengdi.kernel.storage import Storage, put_whole
from opengdi.kernel.storage.directory import DirectoryStorage
from opengdi.kernel.storage.object_store import ObjectStorage
from opengdi.standards.crypt4gh import CIPHER_SEGMENT, SEGMENT, EditList, open_header

DECISION = Decision("data access committee", "DAC-2026-17", "consent withdrawn")
VCF = (
    b"##fileformat=VCFv4.2\n##contig=<ID=1,length=1000>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    b"1\t5\t.\tA\tC\t.\t.\t.\n"
)


@pytest.fixture(params=["sqlite, directory", "postgresql, memory", "postgresql, s3"])
def kept_in(request: pytest.FixtureRequest) -> str:
    """Database and storage of an archive."""
    return str(request.param)


@pytest.fixture
def storage(request: pytest.FixtureRequest, kept_in: str, tmp_path: Path) -> Storage:
    if "directory" in kept_in:
        return DirectoryStorage(tmp_path / "objects")
    if "memory" in kept_in:
        return ObjectStorage(MemoryStore())
    return s3_storage(request.getfixturevalue("s3_server"), tmp_path.name)


@pytest.fixture
def database(kept_in: str) -> str:
    return kept_in.partition(",")[0]


@pytest.fixture
def house(new_database: NewDatabase, storage: Storage) -> House:
    return House(new_database, storage, keyring())


async def overwrite(storage: Storage, key: str, change: Callable[[bytearray], object]) -> None:
    content = bytearray(await read(storage, key))
    change(content)
    await put_whole(storage, key, bytes(content))


def flip(at: int) -> Callable[[bytearray], object]:
    def change(content: bytearray) -> None:
        content[at] ^= 0x10

    return change


async def test_a_body_of_more_parts_than_a_store_allows_is_archived_in_larger_ones(
    tmp_path: Path, s3_server: str
) -> None:
    storage = s3_storage(s3_server, tmp_path.name, part_bytes=5 << 20, most_parts=2)
    house = House(lambda: migrated_engine(tmp_path / "state.sqlite"), storage, keyring())
    file = await house.archive(random_bytes(13 << 20))
    assert await house.scrub().check(file) == ""


# scrub


async def test_a_sound_archive_gives_no_finding(house: House) -> None:
    await house.archive(random_bytes(2 * SEGMENT + 5), "a")
    await house.archive(b"", "empty")
    house.clock.advance(10)
    report = await house.scrub().run(house.clock.now())
    assert (report.files, report.findings, house.incidents) == (2, (), [])


DAMAGES: dict[str, tuple[Callable[[str], str], Callable[[bytearray], object], str]] = {
    "a flipped bit": (places.body_key, flip(70_000), f"body: byte {CIPHER_SEGMENT}:"),
    "a truncated body": (
        places.body_key,
        lambda body: body.__delitem__(slice(CIPHER_SEGMENT, None)),
        "body: ",
    ),
    "extra bytes": (places.body_key, lambda body: body.extend(bytes(100)), "body: "),
    "swapped segments": (
        places.body_key,
        lambda body: body.__setitem__(
            slice(None, 2 * CIPHER_SEGMENT),
            body[CIPHER_SEGMENT : 2 * CIPHER_SEGMENT] + body[:CIPHER_SEGMENT],
        ),
        "body: byte 0: the segments",
    ),
    "a damaged header": (places.header_key, flip(60), "header: it does not say"),
    "damaged checks": (places.checks_key, flip(200), "checks: "),
    "damaged facts": (places.facts_key, flip(200), "facts: "),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damage_of_any_object_is_found_told_once_and_remembered(house: House, damage: str) -> None:
    file = await house.archive(random_bytes(3 * SEGMENT), "damaged")
    await house.archive(random_bytes(10), "sound")
    key_of, change, told = DAMAGES[damage]
    await overwrite(house.storage, key_of(file.place), change)
    house.clock.advance(10)
    ((id_, finding),) = (await house.scrub().run(house.clock.now())).findings
    assert id_ == file.id
    assert finding.startswith(told)
    assert [check.finding for check in house.custody.findings()] == [finding]
    house.clock.advance(10)
    await house.scrub().run(house.clock.now())
    assert house.incidents == [(file.id, finding)]


@pytest.mark.parametrize("key_of", [places.body_key, places.header_key, places.checks_key, places.facts_key])
async def test_a_missing_object_is_found(house: House, key_of: Callable[[str], str]) -> None:
    file = await house.archive(random_bytes(100))
    await house.storage.delete(key_of(file.place))
    assert (await house.scrub().check(file)).endswith(": missing")


async def test_the_objects_of_another_file_do_not_pass(house: House) -> None:
    one, other = (
        await house.archive(random_bytes(100), "one"),
        await house.archive(random_bytes(100), "other"),
    )
    for key_of in (places.body_key, places.header_key, places.checks_key, places.facts_key):
        before = await read(house.storage, key_of(one.place))
        await put_whole(house.storage, key_of(one.place), await read(house.storage, key_of(other.place)))
        assert await house.scrub().check(one) != ""
        await put_whole(house.storage, key_of(one.place), before)
    assert await house.scrub().check(one) == ""


async def test_an_index_is_checked_too(house: House, tmp_path: Path) -> None:
    file = await house.archive(_bgzipped(tmp_path, VCF))
    assert file.stored is not None
    assert file.stored.index == "csi"
    assert await house.scrub().check(file) == ""
    await overwrite(house.storage, places.index_key(file.place), flip(20))
    assert (await house.scrub().check(file)).startswith("index: byte 0:")


def _bgzipped(folder: Path, text: bytes) -> bytes:
    import pysam

    (folder / "calls.vcf").write_bytes(text)
    pysam.tabix_compress(str(folder / "calls.vcf"), str(folder / "calls.vcf.gz"), force=True)
    return (folder / "calls.vcf.gz").read_bytes()


async def test_a_mended_file_is_sound_again(house: House) -> None:
    file = await house.archive(random_bytes(100))
    await overwrite(house.storage, places.body_key(file.place), flip(50))
    await house.scrub().check(file)
    await overwrite(house.storage, places.body_key(file.place), flip(50))
    await house.scrub().check(file)
    assert house.custody.findings() == ()


async def test_a_scrub_that_was_stopped_goes_on_with_the_files_it_has_not_seen(house: House) -> None:
    files = [await house.archive(random_bytes(10), name) for name in "abc"]
    house.clock.advance(10)
    before = house.clock.now()
    await house.scrub().check(files[0])
    seen: list[str] = []
    await house.scrub().run(before, heard=lambda file, _finding: seen.append(file.path))
    assert seen == ["b", "c"]


async def test_reading_is_held_down_to_a_rate(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def note(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("asyncio.sleep", note)
    pace = Pace(1000)
    for _ in range(3):
        await pace.spend(500)
    assert sum(waited) == pytest.approx(3.0, abs=0.1)  # 0.5, 1.0 and 1.5 s from now


class Failing:
    """A storage of which the given verbs fail; the others are those of the one behind it."""

    def __init__(self, behind: Storage, *verbs: str) -> None:
        self._behind, self._verbs = behind, verbs

    def __getattr__(self, name: str) -> object:
        if name in self._verbs:
            raise Unavailable("input/output error")
        return getattr(self._behind, name)


async def test_an_object_that_cannot_be_read_is_an_incident_and_does_not_stop_the_scrub(house: House) -> None:
    file = await house.archive(random_bytes(10))
    house.storage = Failing(house.storage, "get")  # type: ignore[assignment]  # the rest comes by __getattr__
    assert "body: it cannot be read: input/output error" in await house.scrub().check(file)
    assert len(house.incidents) == 1


async def test_a_storage_that_is_down_is_no_incident(house: House) -> None:
    file = await house.archive(random_bytes(10))
    house.storage = Failing(house.storage, "get", "exists")  # type: ignore[assignment]  # as above
    with pytest.raises(Unavailable):
        await house.scrub().check(file)
    assert house.incidents == []
    assert house.custody.findings() == ()


async def test_a_scrub_costs_the_database_as_much_for_each_file_however_many_are_damaged(
    tmp_path: Path,
) -> None:
    async def cost_of_a_file(files: int) -> float:
        storage = DirectoryStorage(tmp_path / f"objects of {files}")
        house = House(lambda: migrated_engine(tmp_path / f"{files}.sqlite"), storage, keyring())
        for number in range(files):
            file = await house.archive(b"x", f"{number}")
            await house.storage.delete(places.header_key(file.place))
        house.clock.advance(10)
        with work_of(house.engine) as work:
            report = await house.scrub().run(house.clock.now())
        assert len(report.findings) == house.custody.damaged() == files
        return work.steps / files

    assert await cost_of_a_file(64) < 1.25 * await cost_of_a_file(8)


@pytest.mark.parametrize("folder", ["headers/", "checks/", "facts/", "indexes/", "bodies/"])
async def test_a_file_that_is_decommissioned_while_it_is_read_is_no_incident(
    house: House, tmp_path: Path, folder: str
) -> None:
    going, staying = (
        await house.archive(_bgzipped(tmp_path, VCF), "going"),
        await house.archive(b"x", "staying"),
    )
    storage = house.storage

    async def decommission() -> None:
        await house.decommissioning(storage).run(going.id, DECISION, "cli:operator")

    house.storage = Meanwhile(storage, folder, decommission, first=True)  # type: ignore[assignment]  # as above
    house.clock.advance(10)
    seen: list[str] = []
    report = await house.scrub().run(
        house.clock.now(), heard=lambda file, finding: seen.append(f"{file.id}{finding}")
    )
    assert house.registry.find(going.id).state is FileState.DISABLED
    assert (report.findings, house.incidents, house.custody.findings()) == ((), [], ())
    assert seen == [going.id, staying.id]


async def test_a_file_that_was_decommissioned_before_it_is_read_does_not_end_the_scrub(house: House) -> None:
    file = await house.archive(random_bytes(10))
    await house.decommissioning().run(file.id, DECISION, "cli:operator")
    assert await house.scrub().check(file) == ""  # as the page that the scrub has of before says
    assert (house.incidents, house.custody.findings()) == ([], ())


# reindexing

UNSORTED = VCF + b"1\t4\t.\tA\tC\t.\t.\t.\n"


async def test_why_no_index_could_be_made_is_told_and_another_try_says_so_again(
    house: House, tmp_path: Path
) -> None:
    file = await house.archive(_bgzipped(tmp_path, UNSORTED))
    assert file.stored is not None
    assert (
        file.stored.unindexed
        == "no index could be made: the VCF file is not sorted by position, or is damaged"
    )
    facts = read_facts(await read(house.storage, places.facts_key(file.place)), file.place, house.keyring)
    assert facts.stored == file.stored
    again = await house.reindexing().run(file.id, "cli:operator")
    assert again.stored == file.stored
    assert not await house.storage.exists(places.index_key(file.place))


async def test_an_index_is_made_later_and_is_the_one_that_the_intake_makes(
    house: House, tmp_path: Path
) -> None:
    calls = _bgzipped(tmp_path, VCF)
    file = await house.archive(bytes(9) + calls, edit_list=EditList((9, len(calls))))
    assert file.stored is not None
    header = house.keyring.open(house.custody.header(file.id))
    made = open_index(await read(house.storage, places.index_key(file.place)), header)
    house.registry.indexed(
        file.id, replace(file.stored, index="", without_index="it was killed"), "node:archive"
    )
    await house.storage.delete(places.index_key(file.place))
    again = await house.reindexing().run(file.id, "cli:operator")
    assert again.stored == file.stored
    assert open_index(await read(house.storage, places.index_key(file.place)), header) == made
    assert await house.scrub().check(again) == ""


async def test_an_index_that_the_scrub_finds_damaged_is_made_anew(house: House, tmp_path: Path) -> None:
    file = await house.archive(_bgzipped(tmp_path, VCF))
    await overwrite(house.storage, places.index_key(file.place), flip(20))
    assert await house.scrub().check(file) != ""
    await house.reindexing().run(file.id, "cli:operator")
    assert await house.scrub().check(file) == ""


async def test_a_damaged_body_gets_no_index(house: House, tmp_path: Path) -> None:
    file = await house.archive(_bgzipped(tmp_path, VCF))
    before = await read(house.storage, places.index_key(file.place))
    await overwrite(house.storage, places.body_key(file.place), flip(20))
    with pytest.raises(Conflict, match=f"{file.id} is damaged, see gdi archive scrub"):
        await house.reindexing().run(file.id, "cli:operator")
    assert await read(house.storage, places.index_key(file.place)) == before


async def test_nothing_is_left_of_a_file_that_is_decommissioned_while_its_index_is_made(
    house: House, tmp_path: Path
) -> None:
    file = await house.archive(_bgzipped(tmp_path, VCF))
    storage = house.storage
    house.storage = Meanwhile(  # type: ignore[assignment]  # the rest comes by __getattr__
        storage, "bodies/", lambda: house.decommissioning(storage).run(file.id, DECISION, "cli:operator")
    )
    with pytest.raises(Conflict, match="is disabled"):
        await house.reindexing().run(file.id, "cli:operator")
    assert [key for key in await keys_in(storage) if file.place in key] == [places.facts_key(file.place)]


class Meanwhile:
    """A storage where somebody does something once, before or after an object of a folder is read."""

    def __init__(
        self, behind: Storage, folder: str, act: Callable[[], Awaitable[object]], *, first: bool = False
    ) -> None:
        self._behind, self._folder, self._act, self._first = behind, folder, act, first

    async def get(self, key: str, first: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        if self._first:
            await self._once(key)
        async for piece in self._behind.get(key, first, stop):
            yield piece
        await self._once(key)

    async def _once(self, key: str) -> None:
        if self._folder and key.startswith(self._folder):
            self._folder = ""
            await self._act()

    def __getattr__(self, name: str) -> object:
        return getattr(self._behind, name)


# rotation


def with_another_key(house: House) -> Keyring:
    newest = archive_key(house.keyring.current.number + 1)
    return keyring(*house.keyring.keys, newest, recovery=house.keyring.recovery)


async def test_rotation_seals_headers_and_leaves_bodies_alone(house: House) -> None:
    files = [await house.archive(random_bytes(SEGMENT + 1), name) for name in "abc"]
    before = {file.id: await read(house.storage, places.body_key(file.place)) for file in files}
    old_key_id, house.keyring = house.keyring.current.key_id, with_another_key(house)
    report = await house.rotation().run("cli:operator")
    assert (report.resealed, report.unopened) == (3, ())
    newest = house.keyring.current
    for file in files:
        header = house.custody.header(file.id)
        assert open_header(header, [newest.private]).header.data_keys  # the new key alone opens it
        assert await read(house.storage, places.header_key(file.place)) == header
        ((past_key_id, past),) = house.custody.past_headers(file.id)
        assert past_key_id == old_key_id
        assert await read(house.storage, places.former_header_key(file.place, old_key_id)) == past
        assert await read(house.storage, places.body_key(file.place)) == before[file.id]
        assert await house.scrub().check(file) == ""
    assert [action for action, _ in house.audit.lines] == ["archive.rotate"]


async def test_rotation_keeps_every_data_key_and_can_be_told_twice(house: House) -> None:
    file = await house.archive(random_bytes(2 * SEGMENT))
    before = house.keyring.open(house.custody.header(file.id))
    assert len(before.data_keys) == 2
    house.keyring = with_another_key(house)
    assert (await house.rotation().run("cli:operator")).resealed == 1
    assert (await house.rotation().run("cli:operator")).resealed == 0
    assert house.keyring.open(house.custody.header(file.id)) == before


async def test_a_rotation_that_was_stopped_between_storage_and_database_goes_on(house: House) -> None:
    file = await house.archive(random_bytes(10))
    house.keyring = with_another_key(house)
    opened = house.keyring.open(house.custody.header(file.id))
    await put_whole(house.storage, places.header_key(file.place), house.keyring.seal(opened))
    assert await house.scrub().check(file) == ""  # both headers say the same
    assert (await house.rotation().run("cli:operator")).resealed == 1


async def test_a_header_that_no_key_opens_is_named_and_does_not_stop_the_others(house: House) -> None:
    lost, kept = await house.archive(b"lost", "lost"), None
    house.keyring = keyring(archive_key(2))
    kept = await house.archive(b"kept", "kept")
    house.keyring = with_another_key(house)
    report = await house.rotation().run("cli:operator")
    assert (report.resealed, report.unopened) == (1, (lost.id,))
    assert house.keyring.open(house.custody.header(kept.id))


@pytest.mark.parametrize("retired", [True, False], ids=["retired", "unknown"])
async def test_rotation_goes_only_to_a_key_that_is_there_and_not_retired(house: House, retired: bool) -> None:
    spare = archive_key(7, retired=retired)
    house.keyring = keyring(*house.keyring.keys, *([spare] if retired else []))
    with pytest.raises(Conflict if retired else NotFound):
        await house.rotation().run("cli:operator", key_id=spare.key_id)
    assert house.audit.lines == []


async def test_a_recovery_key_that_was_set_later_opens_what_was_stored_before(house: House) -> None:
    safe = private_key()
    files = [await house.archive(random_bytes(SEGMENT + 1), name) for name in "ab"]
    said = {file.id: house.keyring.open(house.custody.header(file.id)) for file in files}
    bodies = {file.id: await read(house.storage, places.body_key(file.place)) for file in files}
    house.keyring = keyring(*house.keyring.keys, recovery=safe.public)
    files.append(await house.archive(random_bytes(10), "new"))
    assert house.custody.uncovered(house.keyring.recovery_id) == 2
    report = await house.rotation().run("cli:operator")
    assert (report.resealed, report.unopened) == (2, ())
    assert house.custody.uncovered(house.keyring.recovery_id) == 0
    for file in files[:2]:
        for header in (
            house.custody.header(file.id),
            await read(house.storage, places.header_key(file.place)),
        ):
            assert open_header(header, [safe]).header == said[file.id]
            assert open_header(header, [house.keyring.current.private]).header == said[file.id]
        assert await read(house.storage, places.body_key(file.place)) == bodies[file.id]
        assert len(house.custody.past_headers(file.id)) == 1
        assert await house.scrub().check(file) == ""
    assert (await house.rotation().run("cli:operator")).resealed == 0
    house.lose_database()
    house.keyring = keyring(archive_key(1), recovery=safe.public, rescue=safe)  # the keys are lost too
    assert (await house.recovery().run("cli:operator")).count(Outcome.RESTORED) == 3


async def test_a_rotation_without_a_recovery_key_takes_none_away(house: House) -> None:
    keys = house.keyring.keys
    house.keyring = keyring(*keys, recovery=private_key().public)
    await house.archive(random_bytes(10))
    house.keyring = keyring(*keys)
    assert (await house.rotation().run("cli:operator")).resealed == 0


async def test_of_what_was_recovered_nobody_knows_that_the_recovery_key_opens_it(house: House) -> None:
    house.keyring = keyring(*house.keyring.keys, recovery=private_key().public)
    await house.archive(random_bytes(10))
    house.lose_database()
    await house.recovery().run("cli:operator")
    assert house.custody.uncovered(house.keyring.recovery_id) == 1
    assert (await house.rotation().run("cli:operator")).resealed == 1
    assert house.custody.uncovered(house.keyring.recovery_id) == 0


# recovery


async def test_a_lost_database_is_rebuilt_from_what_lies_beside_the_bodies(
    house: House, tmp_path: Path
) -> None:
    files = [
        await house.archive(random_bytes(SEGMENT + 1), "a"),
        await house.archive(_bgzipped(tmp_path, VCF), "b"),
    ]
    house.mapping.map(DatasetId("GDI-EE-UT-1"), [file.id for file in files], "cli:operator")
    for file in files:
        await keep_facts(house.storage, house.keyring, house.registry.find(file.id))
    known = {file.id: house.registry.find(file.id) for file in files}
    headers = {file.id: house.custody.header(file.id) for file in files}
    hashes = {file.id: house.custody.chunk_hashes(file.id) for file in files}
    house.lose_database()
    report = await house.recovery().run("cli:operator")
    assert (report.count(Outcome.RESTORED), report.left_out, report.nameless) == (2, (), ())
    for id_, file in known.items():
        restored = house.registry.find(id_)
        assert replace(restored, changed=file.changed) == replace(file, state=FileState.READY)
        assert house.custody.header(id_) == headers[id_]
        assert house.custody.chunk_hashes(id_) == hashes[id_]
        assert await house.scrub().check(restored) == ""
    (dataset,) = house.mapping.all()
    assert (dataset.id, dataset.state, dataset.files) == ("GDI-EE-UT-1", DatasetState.REGISTERED, 2)
    assert (await house.recovery().run("cli:operator")).count(Outcome.KNOWN) == 2


async def test_after_the_key_folder_is_lost_too_the_key_from_the_safe_opens_everything(
    tmp_path: Path, new_database: NewDatabase, storage: Storage
) -> None:
    safe = private_key()
    house = House(new_database, storage, keyring(recovery=safe.public))
    file = await house.archive(_bgzipped(tmp_path, VCF))
    header = house.keyring.open(house.custody.header(file.id))
    house.lose_database()
    house.keyring = keyring(archive_key(1), recovery=safe.public, rescue=safe)
    assert (await house.recovery().run("cli:operator")).count(Outcome.RESTORED) == 1
    after = keyring(*house.keyring.keys)  # the safe is closed again
    assert after.open(house.custody.header(file.id)) == header
    assert after.open(await read(storage, places.header_key(file.place))) == header
    restored = house.registry.find(file.id)
    assert restored.stored is not None
    assert restored.stored.key_id == after.current.key_id
    assert open_index(await read(storage, places.index_key(file.place)), header)


async def test_what_cannot_be_trusted_or_is_not_whole_is_not_brought_back(house: House) -> None:
    files = {
        name: await house.archive(random_bytes(50), name) for name in ("forged", "short", "bare", "good")
    }
    await overwrite(house.storage, places.facts_key(files["forged"].place), flip(150))
    await overwrite(house.storage, places.body_key(files["short"].place), lambda body: body.pop())
    await house.storage.delete(places.header_key(files["bare"].place))
    house.lose_database()
    report = await house.recovery().run("cli:operator")
    assert (report.count(Outcome.RESTORED), report.count(Outcome.REFUSED)) == (1, 3)
    assert {found.place for found in report.left_out} == {
        files[name].place for name in ("forged", "short", "bare")
    }
    assert house.registry.find(files["good"].id).state is FileState.READY


async def test_a_file_with_another_one_in_its_way_is_named_and_the_others_come_back(house: House) -> None:
    """The database is not empty: since it was lost, providers sent files again, and accessions were told again."""
    lost = [await house.archive(random_bytes(50), name) for name in ("same path", "same accession", "free")]
    by_path, by_accession, free = lost
    house.lose_database()
    sent_again = await house.archive(random_bytes(60), "same path")
    house.tell_accession_next(by_accession.id)
    other = await house.archive(random_bytes(60), "another path")
    before = {id_: house.registry.find(id_) for id_ in (sent_again.id, other.id)}
    report = await house.recovery().run("cli:operator")
    assert {found.place: found.outcome for found in report.files} == {
        by_path.place: Outcome.CLASH,
        by_accession.place: Outcome.CLASH,
        free.place: Outcome.RESTORED,
        sent_again.place: Outcome.KNOWN,
        other.place: Outcome.KNOWN,
    }
    why = {found.place: found.why for found in report.left_out}
    assert why[by_path.place].startswith(f"version 1 of its path is that of {sent_again.id}, ")
    assert why[by_accession.place].startswith(f"its accession is that of {other.id}, at {other.place}")
    assert {id_: house.registry.find(id_) for id_ in before} == before
    assert [objects for action, objects in house.audit.lines if action == "archive.recover"] == [
        (f"file:{free.id}",)
    ]
    again = await house.recovery().run("cli:operator")
    assert (again.count(Outcome.KNOWN), again.left_out) == (3, report.left_out)


async def test_facts_that_cannot_be_read_are_named_and_the_others_come_back(house: House) -> None:
    bad, good = await house.archive(random_bytes(50), "bad"), await house.archive(random_bytes(50), "good")
    house.lose_database()
    house.storage = Unreadable(house.storage, places.facts_key(bad.place))  # type: ignore[assignment]  # as Failing
    report = await house.recovery().run("cli:operator")
    assert {found.place: found.outcome for found in report.files} == {
        bad.place: Outcome.REFUSED,
        good.place: Outcome.RESTORED,
    }
    house.storage = Failing(house.storage, "get", "exists")  # type: ignore[assignment]  # as above
    with pytest.raises(Unavailable):
        await house.recovery().run("cli:operator")


class Unreadable:
    """A storage of which one object cannot be read."""

    def __init__(self, behind: Storage, key: str) -> None:
        self._behind, self._key = behind, key

    def get(self, key: str, first: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        if key == self._key:
            raise Unavailable("input/output error")
        return self._behind.get(key, first, stop)

    def __getattr__(self, name: str) -> object:
        return getattr(self._behind, name)


async def test_bodies_that_nobody_speaks_of_are_named(house: House) -> None:
    file = await house.archive(random_bytes(50))
    await house.storage.delete(places.facts_key(file.place))
    house.lose_database()
    report = await house.recovery().run("cli:operator")
    assert (report.count(Outcome.RESTORED), report.nameless) == (0, (file.place,))


# decommissioning


async def test_a_decommissioned_file_is_a_tombstone_that_says_who_and_why(house: House) -> None:
    file, other = await house.archive(random_bytes(50), "a"), await house.archive(random_bytes(50), "b")
    house.keyring = with_another_key(house)
    await house.rotation().run("cli:operator")
    tombstone = await house.decommissioning().run(file.id, DECISION, "cli:operator")
    assert tombstone.state is FileState.DISABLED
    for word in ("consent withdrawn", "data access committee", "DAC-2026-17"):
        assert word in tombstone.reason
    left = [key for key in await keys_in(house.storage) if file.place in key]
    assert left == [places.facts_key(file.place)]
    assert ("archive.decommission", (f"file:{file.id}",)) in house.audit.lines
    with pytest.raises(NotFound):
        house.custody.header(file.id)
    assert await house.scrub().check(house.registry.find(other.id)) == ""
    assert [event.after for event in house.registry.events(file.id)][-1] is FileState.DISABLED


async def test_a_tombstone_is_not_brought_back_by_a_recovery(house: House) -> None:
    file = await house.archive(random_bytes(50))
    await house.decommissioning().run(file.id, DECISION, "cli:operator")
    house.lose_database()
    report = await house.recovery().run("cli:operator")
    assert (report.count(Outcome.BURIED), report.count(Outcome.RESTORED)) == (1, 0)


async def test_a_disabled_file_is_decommissioned_too_and_an_interrupted_one_goes_on(house: House) -> None:
    file = await house.archive(random_bytes(50))
    house.registry.disable(file.id, "cli:operator", "superseded")
    await house.storage.delete(places.header_key(file.place))  # as far as it came before
    tombstone = await house.decommissioning().run(file.id, DECISION, "cli:operator")
    assert "consent withdrawn" in tombstone.reason
    assert not await house.storage.exists(places.body_key(file.place))
    with pytest.raises(Conflict, match="holds no bytes"):
        await house.decommissioning().run(file.id, DECISION, "cli:operator")


@pytest.mark.parametrize("missing", ["decided_by", "reference", "reason"])
def test_nothing_is_deleted_without_a_decision(missing: str) -> None:
    said = {"decided_by": "a", "reference": "b", "reason": "c", missing: " "}
    with pytest.raises(Invalid, match=missing):
        Decision(**said)
