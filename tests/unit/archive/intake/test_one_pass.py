"""Taking in an upload: what is stored, what is known of it, and that nothing stays of one that is wrong."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterable, AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.encrypted_uploads import (
    PLACE,
    archive_key,
    body_of,
    cut_at,
    data_key,
    header_for,
    in_memory,
    keyring,
    keys_in,
    pieces,
    private_key,
    random_bytes,
    read,
    upload_of,
)

from opengdi.archive import places
from opengdi.archive.checks import read_checks
from opengdi.archive.chunks import CHUNK_SEGMENTS
from opengdi.archive.intake import Damaged, DigestMismatch, WrongKey, take_in
from opengdi.archive.model import Declared
from opengdi.kernel.errors import Conflict, Invalid, Unavailable
from opengdi.kernel.storage import Storage, put_whole
from opengdi.standards.crypt4gh import (
    CIPHER_SEGMENT,
    SEGMENT,
    EditList,
    NoKeyFits,
    open_header,
)

OURS = keyring()
RECIPIENT = OURS.current.private.public
NOTHING = Declared()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


async def test_body_is_kept_unchanged_and_everything_is_known_of_it() -> None:
    storage, plain = in_memory(), random_bytes(3 * SEGMENT + 17)
    header, body = upload_of(plain, RECIPIENT)
    declared = Declared(sha256(header + body), md5(header + body), sha256(plain), md5(plain))
    taken = await take_in(pieces(header + body), storage, PLACE, OURS, declared)
    assert await read(storage, places.body_key(PLACE)) == body
    stored, digests = taken.stored, taken.stored.digests
    assert (stored.body_bytes, stored.plain_bytes) == (len(body), len(plain))
    assert (stored.key_id, stored.format, stored.index) == (OURS.current.key_id, "", "")
    assert (digests.sha256, digests.md5) == (sha256(header + body), md5(header + body))
    assert digests.body_sha256 == sha256(body)
    assert (digests.plain_sha256, digests.plain_md5) == (sha256(plain), md5(plain))


async def test_no_digest_is_claimed_that_was_not_computed() -> None:
    header, body = upload_of(b"plain", RECIPIENT)
    digests = (await take_in(pieces(header, body), in_memory(), PLACE, OURS, NOTHING)).stored.digests
    assert (digests.sha256, digests.md5, digests.plain_md5) == ("", "", "")
    assert digests.plain_sha256 == sha256(b"plain")


async def test_an_empty_file_has_no_segment_and_is_taken_in() -> None:
    header, body = upload_of(b"", RECIPIENT)
    taken = await take_in(pieces(header, body), in_memory(), PLACE, OURS, NOTHING)
    assert (taken.stored.body_bytes, taken.stored.plain_bytes, taken.chunk_hashes) == (0, 0, ())


@settings(max_examples=40)
@given(st.lists(st.integers(0, 400_000), max_size=12), st.integers(0, 5 * SEGMENT), st.integers(1, 3))
def test_pieces_may_be_split_anywhere(cuts: list[int], size: int, number_of_keys: int) -> None:
    plain = random_bytes(size)
    header, body = upload_of(plain, RECIPIENT, keys=number_of_keys)
    storage = in_memory()
    taken = asyncio.run(take_in(cut_at(header + body, cuts), storage, PLACE, OURS, NOTHING))
    assert taken.stored.digests.plain_sha256 == sha256(plain)
    assert taken.stored.digests.body_sha256 == sha256(body)
    assert asyncio.run(read(storage, places.body_key(PLACE))) == body


async def test_digests_are_of_what_a_reader_gets_after_the_edit_list() -> None:
    plain = random_bytes(3 * SEGMENT)
    kept = plain[10:100] + plain[SEGMENT + 5 : 2 * SEGMENT + 7]
    edits = EditList.from_ranges([(10, 100), (SEGMENT + 5, 2 * SEGMENT + 7)], len(plain))
    header, body = upload_of(plain, RECIPIENT, edit_list=edits)
    taken = await take_in(pieces(header, body), in_memory(), PLACE, OURS, NOTHING)
    assert taken.stored.digests.plain_sha256 == sha256(kept)
    assert taken.stored.plain_bytes == len(kept)
    assert OURS.open(taken.header).edit_list == edits


async def test_a_header_is_sealed_again_with_all_its_data_keys_for_us_and_the_safe() -> None:
    safe = private_key()
    ours = keyring(archive_key(1), archive_key(2), recovery=safe.public)
    data_keys = [data_key(), data_key()]
    header = header_for(ours.keys[-1].private.public, data_keys)  # the older key still opens
    storage = in_memory()
    taken = await take_in(
        pieces(header, body_of(bytes(2 * SEGMENT), data_keys)), storage, PLACE, ours, NOTHING
    )
    for reader in (ours.current.private, safe):
        assert list(open_header(taken.header, [reader]).header.data_keys) == data_keys
    with pytest.raises(NoKeyFits):
        open_header(taken.header, [ours.keys[-1].private])
    assert await read(storage, places.header_key(PLACE)) == taken.header


async def test_a_file_for_another_key_is_refused_before_its_body_is_read() -> None:
    header, _ = upload_of(b"", private_key().public)

    async def only_the_header() -> AsyncIterator[bytes]:
        yield header
        raise AssertionError("the body was read")

    storage = in_memory()
    with pytest.raises(WrongKey, match=str(RECIPIENT).replace("+", r"\+")):
        await take_in(only_the_header(), storage, PLACE, OURS, NOTHING)
    assert await keys_in(storage) == []


@pytest.mark.parametrize(
    "wrong, named",
    [
        (Declared(sha256="0" * 64), "SHA-256 of the encrypted file"),
        (Declared(md5="0" * 32), "MD5 of the encrypted file"),
        (Declared(plain_sha256="0" * 64), "SHA-256 of the decrypted file"),
        (Declared(plain_md5="0" * 32), "MD5 of the decrypted file"),
    ],
)
async def test_a_wrong_declared_digest_is_the_providers_fault_and_nothing_stays(
    wrong: Declared, named: str
) -> None:
    storage = in_memory()
    header, body = upload_of(random_bytes(SEGMENT + 1), RECIPIENT)
    with pytest.raises(DigestMismatch, match=named) as refused:
        await take_in(pieces(header, body), storage, PLACE, OURS, wrong)
    assert isinstance(refused.value, Invalid)
    assert await keys_in(storage) == []


async def test_every_flipped_byte_is_caught_and_nothing_stays() -> None:
    header, body = upload_of(random_bytes(150), RECIPIENT)
    upload = header + body
    for at in range(len(upload)):
        changed = bytearray(upload)
        changed[at] ^= 1 << (at % 8)
        storage = in_memory()
        with pytest.raises((Damaged, WrongKey)):
            await take_in(pieces(bytes(changed)), storage, PLACE, OURS, NOTHING)
        assert await keys_in(storage) == []


async def test_damage_is_named_by_its_offset_in_the_upload() -> None:
    header, body = upload_of(random_bytes(40 * SEGMENT), RECIPIENT)
    changed = bytearray(header + body)
    changed[len(header) + 33 * CIPHER_SEGMENT + 1000] ^= 1
    with pytest.raises(Damaged, match=f"byte {len(header) + 33 * CIPHER_SEGMENT}:"):
        await take_in(pieces(bytes(changed)), in_memory(), PLACE, OURS, NOTHING)


@pytest.mark.parametrize("cut", [0, 7, 50, 123, 124 + 28, 124 + 100, 124 + CIPHER_SEGMENT + 5])
async def test_an_upload_that_was_cut_short_within_header_or_segment_is_damaged(cut: int) -> None:
    header, body = upload_of(random_bytes(SEGMENT + 100), RECIPIENT)
    with pytest.raises(Damaged, match=r"byte \d+:"):
        await take_in(pieces((header + body)[:cut]), in_memory(), PLACE, OURS, NOTHING)


async def test_doing_it_again_is_no_harm() -> None:
    storage = in_memory()
    header, body = upload_of(random_bytes(SEGMENT + 1), RECIPIENT)
    first = await take_in(pieces(header, body), storage, PLACE, OURS, NOTHING)
    again = await take_in(pieces(header, body), storage, PLACE, OURS, NOTHING)
    assert again.stored == first.stored
    assert await read(storage, places.header_key(PLACE)) == again.header


async def test_an_archived_body_is_never_replaced_by_another() -> None:
    storage = in_memory()
    header, body = upload_of(random_bytes(100), RECIPIENT)
    await take_in(pieces(header, body), storage, PLACE, OURS, NOTHING)
    with pytest.raises(Conflict, match="nothing archived is overwritten"):
        await take_in(pieces(*upload_of(random_bytes(100), RECIPIENT)), storage, PLACE, OURS, NOTHING)
    assert await read(storage, places.body_key(PLACE)) == body


async def test_hashes_of_chunks_lie_signed_beside_the_body() -> None:
    storage = in_memory()
    header, body = upload_of(bytes(3 * SEGMENT), RECIPIENT)
    taken = await take_in(pieces(header, body), storage, PLACE, OURS, NOTHING)
    checks = read_checks(await read(storage, places.checks_key(PLACE)), PLACE, OURS)
    assert (checks.body_bytes, checks.body_sha256) == (len(body), sha256(body))
    assert checks.chunk_hashes == taken.chunk_hashes
    assert len(checks.chunk_hashes) == -(-3 // CHUNK_SEGMENTS)


async def test_progress_is_told_in_bytes_of_the_upload() -> None:
    told: list[int] = []
    header, body = upload_of(bytes(1000), RECIPIENT)
    await take_in(pieces(header, body), in_memory(), PLACE, OURS, NOTHING, heard=told.append)
    assert told == [len(header), len(header) + len(body)]


class FullStorage:
    """A storage of which the disk is full after some bytes; all else is memory."""

    def __init__(self, room: int) -> None:
        self._memory = in_memory()
        self._room = room

    def __getattr__(self, name: str) -> object:
        return getattr(self._memory, name)

    async def put(
        self, key: str, content: AsyncIterable[bytes], *, fresh: bool = False, size_bytes: int = 0
    ) -> None:
        async for piece in content:
            self._room -= len(piece)
            if self._room < 0:
                raise Unavailable("no space left")


async def test_a_storage_that_fails_is_our_fault_not_the_providers() -> None:
    header, body = upload_of(random_bytes(10 * SEGMENT), RECIPIENT)
    storage: Storage = FullStorage(100_000)  # type: ignore[assignment]  # the rest comes by __getattr__
    with pytest.raises(Unavailable, match="no space left"):
        await take_in(pieces(header, body), storage, PLACE, OURS, NOTHING)


async def test_a_sender_that_fails_is_not_the_providers_fault_either() -> None:
    header, body = upload_of(random_bytes(10 * SEGMENT), RECIPIENT)

    async def breaking() -> AsyncIterator[bytes]:
        yield header + body[:200_000]
        raise Unavailable("the inbox does not answer")

    storage = in_memory()
    with pytest.raises(Unavailable):
        await take_in(breaking(), storage, PLACE, OURS, NOTHING)
    assert await keys_in(storage) == []


async def test_giving_up_in_the_middle_leaves_nothing() -> None:
    header, body = upload_of(random_bytes(60 * SEGMENT), RECIPIENT)
    storage, began = in_memory(), asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield header + body[: 40 * CIPHER_SEGMENT]
        began.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(take_in(stalling(), storage, PLACE, OURS, NOTHING))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await keys_in(storage) == []


async def test_once_it_is_wrong_nobody_reads_on() -> None:
    header, body = upload_of(random_bytes(80 * SEGMENT), RECIPIENT)
    changed = bytearray(body)
    changed[1000] ^= 1
    closed = False

    async def stalling_after_damage() -> AsyncIterator[bytes]:
        nonlocal closed
        yield header + changed[: 40 * CIPHER_SEGMENT]
        try:
            await asyncio.Event().wait()
        finally:
            closed = True

    with pytest.raises(Damaged):
        await take_in(stalling_after_damage(), in_memory(), PLACE, OURS, NOTHING)
    assert closed


async def test_a_storage_that_fails_does_not_wait_for_a_sender_that_stalls() -> None:
    header, body = upload_of(random_bytes(80 * SEGMENT), RECIPIENT)

    async def stalling() -> AsyncIterator[bytes]:
        yield header + body[: 40 * CIPHER_SEGMENT]
        await asyncio.Event().wait()

    storage: Storage = FullStorage(100_000)  # type: ignore[assignment]  # the rest comes by __getattr__
    with pytest.raises(Unavailable, match="no space left"):
        await take_in(stalling(), storage, PLACE, OURS, NOTHING)


async def test_a_foreign_object_at_the_place_of_the_body_is_a_conflict() -> None:
    storage = in_memory()
    await put_whole(storage, places.body_key(PLACE), b"something else")
    with pytest.raises(Conflict):
        await take_in(pieces(*upload_of(b"x", RECIPIENT)), storage, PLACE, OURS, NOTHING)
