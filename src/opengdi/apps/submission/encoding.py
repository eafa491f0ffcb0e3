"""The bytes that are sent for a source: made batch by batch, and the same whenever they are made by one recipe."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from opengdi.apps.submission.notes import Mark, Recipe, packed, unpacked
from opengdi.standards.crypt4gh import (
    NONCE_BYTES,
    SEGMENT,
    BodyEncryptor,
    DataKey,
    Header,
    PrivateKey,
    PublicKey,
    body_size,
    seal_header,
)

BATCH_BYTES: Final = 256 * SEGMENT
"""16 MiB of the source: a request, and a note, each."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The next bytes to send, from `start` on. mark: what of the source they cover, with all before them.

    sha256: of all that is sent up to here; of the source it is the mark's.
    """

    start: int
    data: bytes
    mark: Mark
    sha256: str
    is_last: bool

    @property
    def stop(self) -> int:
        return self.start + len(self.data)


def with_fresh_keys(recipe: Recipe, recipient: PublicKey) -> Recipe:
    """The recipe with a data key, a first nonce and a header for the recipient that no other has."""
    data_key = os.urandom(32)
    header = seal_header(
        Header((DataKey(data_key),)), [recipient], PrivateKey(os.urandom(32)), lambda: os.urandom(NONCE_BYTES)
    )
    return replace(
        recipe,
        data_key=packed(data_key),
        first_nonce=packed(os.urandom(NONCE_BYTES)),
        header=packed(header),
    )


def sent_bytes(recipe: Recipe) -> int:
    """How many bytes are sent in all."""
    return len(unpacked(recipe.header)) + body_size(recipe.size) if recipe.data_key else recipe.size


def batches(recipe: Recipe, source: BinaryIO) -> Iterator[Batch]:
    """All of it from the beginning; also what has been sent is made again, for the digests and to be compared."""
    encoder = _Encrypting(recipe) if recipe.data_key else _AsItIs()
    plain, sent = hashlib.sha256(), hashlib.sha256()
    start = taken = 0
    while True:
        piece = source.read(min(BATCH_BYTES, recipe.size - taken))
        taken += len(piece)
        is_last = taken >= recipe.size or not piece
        plain.update(piece)
        data = encoder.encode(piece, is_last=is_last)
        sent.update(data)
        yield Batch(start, data, Mark(taken, plain.hexdigest()), sent.hexdigest(), is_last)
        start += len(data)
        if is_last:
            return


class _AsItIs:
    """For a file that is encrypted already."""

    def encode(self, piece: bytes, *, is_last: bool) -> bytes:  # noqa: ARG002  as `_Encrypting`
        return piece


class _Encrypting:
    """Header and segments, with counted nonces under a data key that no other file has."""

    def __init__(self, recipe: Recipe) -> None:
        self._header = unpacked(recipe.header)
        self._nonce = int.from_bytes(unpacked(recipe.first_nonce), "little")
        self._body = BodyEncryptor(DataKey(unpacked(recipe.data_key)), self._nonces)

    def encode(self, piece: bytes, *, is_last: bool) -> bytes:
        header, self._header = self._header, b""
        return header + self._body.feed(piece) + (self._body.finish() if is_last else b"")

    def _nonces(self, size: int) -> bytes:
        """12 bytes for each segment; unique, and the same for the same segment of the same recipe."""
        first, count = self._nonce, size // NONCE_BYTES
        self._nonce += count
        end = 1 << 8 * NONCE_BYTES
        return b"".join(((first + place) % end).to_bytes(NONCE_BYTES, "little") for place in range(count))
