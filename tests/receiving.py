"""An inbox before an archive's real registry, without a server around it: for contract and unit tests of uploads."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from sqlalchemy import Engine
from tests.archive_kit import MoodyStorage

from opengdi.archive.intake.opening import HeaderGate
from opengdi.archive.keyring import ArchiveKey, Keyring
from opengdi.archive.registry import Registry
from opengdi.archive.service import ArchiveService
from opengdi.archive.uploads.model import Protocol, Sender, Wish
from opengdi.archive.uploads.service import Inbox, Options
from opengdi.archive.uploads.store import UploadStore
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.ids import FileId, numbered_file_id
from opengdi.kernel.keys import SigningKey
from opengdi.standards.crypt4gh import (
    BodyEncryptor,
    DataKey,
    Header,
    PrivateKey,
    PublicKey,
    seal_header,
)

SIGNING = SigningKey.generate()
OURS = PrivateKey(b"\x01" * 32)
SENDER = Sender("charite", "token:anna")


class Place:
    """What several processes of one node share, and inboxes over it: each is as if in a process of its own."""

    def __init__(self, engine: Engine, folder: Path, clock: FixedClock | None = None) -> None:
        self.engine = engine
        self.folder = folder / "inbox"
        self.clock = clock or FixedClock()
        numbers = count(1)
        self.registry = Registry(
            engine,
            self.clock,
            new_id=lambda: numbered_file_id("EE", next(numbers)),
            new_place=lambda *_: f"00/{next(numbers):032x}",
        )
        self.store = UploadStore(engine, self.clock)
        self.storage = MoodyStorage(self.folder)

    def inbox(self, **options: Any) -> Inbox:
        keyring = Keyring([ArchiveKey(1, OURS)], SIGNING)

        async def held(provider: str) -> int:
            return self.registry.held_bytes(provider)

        return Inbox(
            self.store,
            self.storage,
            ArchiveService(self.registry, ingest_on_upload=False, begin=lambda: None),
            partial(HeaderGate, keyring),
            held,
            clock=self.clock,
            options=Options(**{"piece_bytes": 1 << 20, "idle": timedelta(days=7), **options}),
        )

    def objects(self) -> dict[str, bytes]:
        """Everything that lies in the inbox, by key."""
        files = (path for path in (self.folder / "pieces").rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in files}

    def taken(self, file_id: str) -> bytes:
        """The bytes of a file as the archive will read them."""
        pieces = self.registry.pieces(FileId(file_id))
        return b"".join(unsealed((self.folder / piece.key).read_bytes(), piece.seal) for piece in pieces)


def unsealed(content: bytes, seal: bytes) -> bytes:
    return Cipher(ChaCha20(seal[:32], seal[32:]), mode=None).decryptor().update(content)


def wish(path: str = "a.c4gh", protocol: Protocol = Protocol.S3, **facts: Any) -> Wish:
    return Wish(protocol, path, **facts)


async def body(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def breaking(*chunks: bytes, error: Exception) -> AsyncIterator[bytes]:
    """A body that breaks off after the chunks."""
    for chunk in chunks:
        yield chunk
    raise error


def cut(data: bytes, *places: int) -> list[bytes]:
    edges = [0, *places, len(data)]
    return [data[start:stop] for start, stop in pairwise(edges)]


def chunks(data: bytes, size: int = 100_000) -> Iterable[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def encrypted(size: int, key: PublicKey = OURS.public, seed: int = 1) -> bytes:
    """A Crypt4GH file of noise for one recipient, the same for the same seed."""
    fresh = random.Random(seed)
    data_key = DataKey(fresh.randbytes(32))
    writer = PrivateKey(fresh.randbytes(32))
    header = seal_header(Header((data_key,)), [key], writer, lambda: fresh.randbytes(12))
    encryptor = BodyEncryptor(data_key, fresh.randbytes)
    return header + bytes(encryptor.feed(fresh.randbytes(size))) + bytes(encryptor.finish())
