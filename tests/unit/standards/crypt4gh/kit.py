"""Keys, plaintexts and whole files for the tests of Crypt4GH: the same at each run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import shake_128
from itertools import count

from opengdi.standards.crypt4gh import (
    OVERHEAD,
    SEGMENT,
    BodyDecryptor,
    DataKey,
    EditList,
    Header,
    HeaderReader,
    PrivateKey,
    SegmentCipher,
    open_header,
    seal_header,
)
from opengdi.standards.faults import Malformed

SIZES = [0, 1, 65535, 65536, 65537, 3 * 65536 + 17]


def some_bytes(size: int, name: object = "") -> bytes:
    """Bytes that look random; the same for the same name."""
    return shake_128(repr(name).encode()).digest(size)


def private_key(name: object) -> PrivateKey:
    return PrivateKey(some_bytes(32, ("private", name)))


def data_key(name: object = 0) -> DataKey:
    return DataKey(some_bytes(32, ("data", name)))


ALICE, BOB, WRITER = private_key("alice"), private_key("bob"), private_key("writer")


def fresh_nonces() -> Callable[[], bytes]:
    """12 bytes, other ones at each call."""
    numbers = count()
    return lambda: next(numbers).to_bytes(12, "big")


def body(plain: bytes, keys: Sequence[DataKey]) -> bytes:
    """Segments under the keys by turns."""
    segments = []
    for number in range(-(-len(plain) // SEGMENT)):
        data = plain[number * SEGMENT : (number + 1) * SEGMENT]
        sealed = bytearray(len(data) + OVERHEAD)
        SegmentCipher([keys[number % len(keys)]]).encrypt_into(data, sealed, number.to_bytes(12, "little"))
        segments.append(bytes(sealed))
    return b"".join(segments)


def whole_file(
    plain: bytes,
    readers: Sequence[PrivateKey] = (ALICE,),
    keys: Sequence[DataKey] = (data_key(),),
    edit_list: EditList | None = None,
) -> bytes:
    header = Header(tuple(keys), edit_list)
    return seal_header(header, [reader.public for reader in readers], WRITER, fresh_nonces()) + body(
        plain, keys
    )


def decrypted(file: bytes, *readers: PrivateKey) -> bytes:
    """What the readers see of a whole file. Raises Malformed, Unverified."""
    reader = HeaderReader()
    if reader.feed(file) is None:
        raise Malformed("the file ends within the header")
    header = open_header(reader.raw, readers or (ALICE,)).header
    decryptor = BodyDecryptor(header.data_keys, edit_list=header.edit_list, at=len(reader.raw))
    return bytes(decryptor.feed(reader.rest) + decryptor.finish())


class BytesSource:
    """Bytes in memory, and how many were read."""

    def __init__(self, data: bytes) -> None:
        self.data, self.size, self.read = data, len(data), 0

    def read_at(self, offset: int, size: int) -> bytes:
        found = self.data[offset : offset + size]
        self.read += len(found)
        return found
