"""Uploads as a provider would send them, made small and seeded, for every suite of the archive."""

from __future__ import annotations

import itertools
import random
from collections.abc import AsyncIterator, Sequence

from obstore.store import MemoryStore

from opengdi.archive.keyring import ArchiveKey, Keyring
from opengdi.kernel.keys import SigningKey
from opengdi.kernel.storage import Storage
from opengdi.kernel.storage.object_store import ObjectStorage
from opengdi.standards.crypt4gh import (
    SEGMENT,
    BodyEncryptor,
    DataKey,
    EditList,
    Header,
    PrivateKey,
    PublicKey,
    seal_header,
)

PLACE = "ab/abcdef0123456789"
_RANDOM = random.Random(20260101)  # of tests; nothing secret is in them
SIGNING = SigningKey.generate()


def private_key() -> PrivateKey:
    return PrivateKey(_RANDOM.randbytes(32))


def archive_key(number: int = 1, *, retired: bool = False) -> ArchiveKey:
    return ArchiveKey(number, private_key(), retired)


def keyring(
    *keys: ArchiveKey, recovery: PublicKey | None = None, rescue: PrivateKey | None = None
) -> Keyring:
    return Keyring(keys or (archive_key(),), SIGNING, recovery=recovery, rescue=rescue)


def in_memory() -> Storage:
    return ObjectStorage(MemoryStore())


def random_bytes(size: int) -> bytes:
    return _RANDOM.randbytes(size)


def data_key() -> DataKey:
    return DataKey(random_bytes(32))


def header_for(
    recipient: PublicKey, data_keys: Sequence[DataKey], edit_list: EditList | None = None
) -> bytes:
    nonces = lambda: random_bytes(12)  # noqa: E731
    return seal_header(Header(tuple(data_keys), edit_list), [recipient], private_key(), nonces)


def body_of(plain: bytes, data_keys: Sequence[DataKey]) -> bytes:
    """Segments of `plain`; with several keys, each segment is under the next one."""
    body = bytearray()
    for number, start in enumerate(range(0, len(plain), SEGMENT)):
        encryptor = BodyEncryptor(data_keys[number % len(data_keys)], random_bytes)
        segment = plain[start : start + SEGMENT]
        body += encryptor.feed(segment) + encryptor.finish()
    return bytes(body)


def upload_of(
    plain: bytes, recipient: PublicKey, *, keys: int = 1, edit_list: EditList | None = None
) -> tuple[bytes, bytes]:
    """(header, body) of a Crypt4GH file."""
    data_keys = [data_key() for _ in range(keys)]
    return header_for(recipient, data_keys, edit_list), body_of(plain, data_keys)


async def pieces(*content: bytes) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece


async def cut_at(content: bytes, cuts: Sequence[int]) -> AsyncIterator[bytes]:
    """The same bytes in pieces that end at `cuts`."""
    places = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    for start, stop in itertools.pairwise(places):
        yield content[start:stop]


async def read(storage: Storage, key: str) -> bytes:
    return b"".join([piece async for piece in storage.get(key)])


async def keys_in(storage: Storage) -> list[str]:
    return [found.key async for found in storage.list()]
