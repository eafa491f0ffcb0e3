"""Taking in over every storage, bodies of several parts too: all of it or nothing, and never over what is there."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from obstore.store import MemoryStore
from tests.encrypted_uploads import PLACE, cut_at, keyring, keys_in, random_bytes, read, upload_of
from tests.s3 import s3_storage

from opengdi.archive import places
from opengdi.archive.intake import Damaged, DigestMismatch, take_in
from opengdi.archive.model import Declared
from opengdi.kernel.errors import Conflict
from opengdi.kernel.storage import Storage
from opengdi.kernel.storage.directory import DirectoryStorage
from opengdi.kernel.storage.object_store import ObjectStorage
from opengdi.standards.crypt4gh import SEGMENT

PART_BYTES = 5 * 1024 * 1024
OURS = keyring()
RECIPIENT = OURS.current.private.public
SIZES = [1000, 2 * PART_BYTES + 77]


@pytest.fixture(params=["directory", "memory", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "directory":
        return DirectoryStorage(tmp_path / "objects")
    if request.param == "memory":
        return ObjectStorage(MemoryStore(), part_bytes=PART_BYTES)
    return s3_storage(request.getfixturevalue("s3_server"), tmp_path.name, part_bytes=PART_BYTES)


@pytest.mark.parametrize("size", SIZES)
async def test_a_body_is_kept_as_it_came_and_again_without_harm(storage: Storage, size: int) -> None:
    plain = random_bytes(size)
    header, body = upload_of(plain, RECIPIENT)
    cuts = [100, 200, 70_000, PART_BYTES - 1, 2 * PART_BYTES]
    for _ in range(2):
        taken = await take_in(cut_at(header + body, cuts), storage, PLACE, OURS, Declared())
        assert taken.stored.digests.plain_sha256 == hashlib.sha256(plain).hexdigest()
    assert await read(storage, places.body_key(PLACE)) == body


@pytest.mark.parametrize("size", SIZES)
async def test_nothing_is_kept_of_what_is_not_as_declared(storage: Storage, size: int) -> None:
    header, body = upload_of(random_bytes(size), RECIPIENT)
    with pytest.raises(DigestMismatch):
        await take_in(cut_at(header + body, []), storage, PLACE, OURS, Declared(plain_sha256="0" * 64))
    assert await keys_in(storage) == []


@pytest.mark.parametrize("size", SIZES)
async def test_nothing_is_kept_of_what_is_damaged_at_its_very_end(storage: Storage, size: int) -> None:
    header, body = upload_of(random_bytes(size), RECIPIENT)
    changed = header + body[:-1] + bytes([body[-1] ^ 1])
    with pytest.raises(Damaged, match="byte "):
        await take_in(cut_at(changed, range(0, len(changed), 300_000)), storage, PLACE, OURS, Declared())
    assert await keys_in(storage) == []


@pytest.mark.parametrize("size", SIZES)
async def test_a_body_that_is_there_is_not_replaced(storage: Storage, size: int) -> None:
    header, body = upload_of(random_bytes(SEGMENT), RECIPIENT)
    await take_in(cut_at(header + body, []), storage, PLACE, OURS, Declared())
    other = b"".join(upload_of(random_bytes(size), RECIPIENT))
    with pytest.raises(Conflict):
        await take_in(cut_at(other, []), storage, PLACE, OURS, Declared())
    assert await read(storage, places.body_key(PLACE)) == body
