"""Hashes over the segments of a body, chunk by chunk: what holds segments in their order.

A segment's own tag shows any change within it to whoever knows the data key, but not that it was swapped, doubled or
taken away. So the hash of a chunk is SHA-256 over the nonces and tags of its segments, in order: together with
decrypting it says as much about 64 MiB as a hash over all of their bytes, and costs nothing. The body as a whole has a
SHA-256 of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from opengdi.standards.crypt4gh import CIPHER_SEGMENT, NONCE_BYTES

CHUNK_SEGMENTS: Final = 1024
CHUNK_BYTES: Final = CHUNK_SEGMENTS * CIPHER_SEGMENT

_TAG_BYTES: Final = 16


class ChunkHasher:
    """Takes whole segments in order; `hashes` are those of the chunks so far, 32 bytes each."""

    def __init__(self) -> None:
        self.hashes: list[bytes] = []
        self._hash = sha256()
        self._segments = 0  # of the chunk that is not complete

    def take(self, segments: memoryview) -> None:
        """Whole segments; only the last one of the body may be short."""
        while segments:
            room = (CHUNK_SEGMENTS - self._segments) * CIPHER_SEGMENT
            self._take_within_chunk(segments[:room])
            segments = segments[room:]

    def finish(self) -> list[bytes]:
        """The hashes of all chunks; the last one may be of fewer segments."""
        if self._segments:
            self._end_chunk()
        return self.hashes

    def _take_within_chunk(self, segments: memoryview) -> None:
        marks = []
        for start in range(0, len(segments), CIPHER_SEGMENT):
            segment = segments[start : start + CIPHER_SEGMENT]
            marks += [segment[:NONCE_BYTES], segment[-_TAG_BYTES:]]
        self._hash.update(b"".join(marks))
        self._segments += len(marks) // 2
        if self._segments == CHUNK_SEGMENTS:
            self._end_chunk()

    def _end_chunk(self) -> None:
        self.hashes.append(self._hash.digest())
        self._hash, self._segments = sha256(), 0


class WholeSegments:
    """Pieces split anywhere, re-cut into whole segments; only what crosses a border between pieces is copied."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, piece: bytes) -> Iterator[memoryview]:
        """What is whole now, in order."""
        source = memoryview(piece)
        if self._held:
            missing = CIPHER_SEGMENT - len(self._held)
            self._held += source[:missing]
            source = source[missing:]
            if len(self._held) == CIPHER_SEGMENT:
                yield memoryview(self.rest())
        aligned = len(source) // CIPHER_SEGMENT * CIPHER_SEGMENT
        if aligned:
            yield source[:aligned]
        self._held += source[aligned:]

    def rest(self) -> bytearray:
        """What is held back, which is less than a segment at the end."""
        held, self._held = self._held, bytearray()
        return held
