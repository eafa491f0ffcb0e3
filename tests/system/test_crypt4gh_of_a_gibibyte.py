"""Streams of 1 GiB, both ways with the `crypt4gh` package: no counter wraps, nothing is kept, no disk is needed."""

from __future__ import annotations

import io
import logging
import os
import resource
from collections.abc import Iterator
from typing import Any, Final

import pytest
from crypt4gh import lib as peer

from opengdi.standards.crypt4gh import (
    CIPHER_SEGMENT,
    SEGMENT,
    BodyDecryptor,
    BodyEncryptor,
    DataKey,
    Header,
    HeaderReader,
    PrivateKey,
    open_header,
    seal_header,
)

GIB: Final = 1 << 30
PIECE: Final = 16 * SEGMENT
BODY: Final = GIB // SEGMENT * CIPHER_SEGMENT
READER, WRITER, OTHER = (PrivateKey(bytes([number]) * 32) for number in (1, 2, 3))
PATTERN: Final = os.urandom(PIECE - 8)
ALLOWED_KIB: Final = 64 * 1024


def plain() -> Iterator[bytes]:
    """1 GiB of which no two pieces are the same: each begins with its number."""
    for number in range(GIB // PIECE):
        yield number.to_bytes(8, "big") + PATTERN


class Made(io.RawIOBase):
    """A file to read from, made of pieces while it is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        if not self._held:
            self._held = memoryview(next(self._pieces, b""))
        size = min(len(into), len(self._held))
        into[:size], self._held = self._held[:size], self._held[size:]
        return size


class Compared:
    """A file to write into, which must be given the bytes of `plain`."""

    def __init__(self) -> None:
        self._expected = plain()
        self._held = memoryview(b"")
        self.size = 0

    def write(self, given: bytes | bytearray | memoryview) -> int:
        rest = memoryview(given)
        while rest:
            self._held = self._held or memoryview(next(self._expected))
            size = min(len(rest), len(self._held))
            if bytes(rest[:size]) != bytes(self._held[:size]):  # by far faster than views
                pytest.fail(f"other bytes from {self.size} on")
            rest, self._held = rest[size:], self._held[size:]
            self.size += size
        return len(given)


class Decrypting:
    """A file to write a Crypt4GH file into, which writes on what it decrypts."""

    def __init__(self, beyond: Compared) -> None:
        self._beyond = beyond
        self._header = HeaderReader()
        self._body: BodyDecryptor | None = None
        self.size = 0

    def write(self, given: bytes | bytearray) -> int:
        self.size += len(given)
        if self._body is None:
            if self._header.feed(given) is not None:
                opened = open_header(self._header.raw, [READER]).header
                self._body = BodyDecryptor(opened.data_keys)
                self._beyond.write(self._body.feed(self._header.rest))
        else:
            self._beyond.write(self._body.feed(given))
        return len(given)

    def finish(self) -> None:
        assert self._body is not None
        self._beyond.write(self._body.finish())


@pytest.fixture(autouse=True)
def _in_constant_memory() -> Iterator[None]:
    logging.getLogger("crypt4gh").setLevel(logging.CRITICAL)  # it writes keys to its debug log
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < ALLOWED_KIB


def test_the_package_reads_a_gibibyte_that_we_write() -> None:
    key, sent = DataKey(os.urandom(32)), []

    def file() -> Iterator[bytes]:
        yield seal_header(Header((key,)), [OTHER.public, READER.public], WRITER, lambda: os.urandom(12))
        encryptor = BodyEncryptor(key, os.urandom)
        for piece in plain():
            yield bytes(made := encryptor.feed(piece))
            sent.append(len(made))
        yield bytes(made := encryptor.finish())
        sent.append(len(made))

    compared = Compared()
    peer.decrypt([(0, READER.reveal(), None)], io.BufferedReader(Made(file()), PIECE), compared)
    assert (compared.size, sum(sent)) == (GIB, BODY)


def test_we_read_a_gibibyte_that_the_package_writes() -> None:
    compared = Compared()
    decrypting = Decrypting(compared)
    keys = [(0, WRITER.reveal(), reader.public.raw) for reader in (OTHER, READER)]
    peer.encrypt(keys, io.BufferedReader(Made(plain()), PIECE), decrypting)
    decrypting.finish()
    assert (compared.size, decrypting.size) == (GIB, BODY + 16 + 2 * 108)
