"""The two sides of a body that goes by, sealed and plain: all that is computed of them, without input or output.

Each side takes the same pieces, split anywhere, in order, and shares nothing with the other: they run in two threads
at once. Hashing and decrypting give other threads room.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from opengdi.archive.chunks import ChunkHasher, WholeSegments
from opengdi.archive.intake.opening import Opened
from opengdi.archive.model import Declared
from opengdi.standards.crypt4gh import CIPHER_SEGMENT, SEGMENT, EditList, SegmentCipher

PLAIN_SEGMENTS: Final = 8
"""Decrypted and hashed at a time, 512 KiB: they stay in the processor's cache in between."""

Sink = Callable[[memoryview], None]
"""Sees the plaintext go by; what it is given is overwritten after it returns."""


class SealedSide:
    """Digests of what was sent and of what is stored, both as they came."""

    def __init__(self, header: bytes, declared: Declared) -> None:
        self.body_bytes = 0
        self._body = hashlib.sha256()
        self._upload = hashlib.sha256(header) if declared.sha256 else None
        self._upload_md5 = _md5(header) if declared.md5 else None

    def take(self, pieces: Sequence[bytes]) -> None:
        hashes = [hashed for hashed in (self._body, self._upload, self._upload_md5) if hashed is not None]
        for piece in pieces:
            self.body_bytes += len(piece)
            for hashed in hashes:
                hashed.update(piece)

    @property
    def body_sha256(self) -> str:
        return self._body.hexdigest()

    @property
    def upload_sha256(self) -> str:
        """Of header and body; empty if the provider declared none, for it costs as much as the body's again."""
        return self._upload.hexdigest() if self._upload else ""

    @property
    def upload_md5(self) -> str:
        """Empty unless the provider declared one."""
        return self._upload_md5.hexdigest() if self._upload_md5 else ""


class PlainSide:
    """Decrypts every segment, and digests what a reader of the file gets: the plaintext after the edit list."""

    def __init__(self, opened: Opened, declared: Declared, sink: Sink) -> None:
        self.plain_bytes = 0
        self.chunks: Final = ChunkHasher()
        self._cipher = SegmentCipher(opened.header.data_keys)
        self._edits = opened.header.edit_list or EditList()
        self._segments = WholeSegments()
        self._buffer = memoryview(bytearray(PLAIN_SEGMENTS * SEGMENT))
        self._at, self._plain_at = len(opened.raw), 0
        self._plain = hashlib.sha256()
        self._plain_md5 = _md5(b"") if declared.plain_md5 else None
        self._sink = sink

    def take(self, pieces: Sequence[bytes]) -> None:
        """Raises Unverified for a segment that does not decrypt."""
        for piece in pieces:
            for segments in self._segments.feed(piece):
                self._take_segments(segments)

    def finish(self) -> None:
        """The last segment, if it is short. Raises Unverified, and Malformed if it was cut short."""
        self._take_segments(memoryview(self._segments.rest()))
        self.chunks.finish()

    @property
    def plain_sha256(self) -> str:
        return self._plain.hexdigest()

    @property
    def plain_md5(self) -> str:
        """Empty unless the provider declared one."""
        return self._plain_md5.hexdigest() if self._plain_md5 else ""

    def _take_segments(self, segments: memoryview) -> None:
        batch = PLAIN_SEGMENTS * CIPHER_SEGMENT
        for start in range(0, len(segments), batch):
            sealed = segments[start : start + batch]
            size = self._cipher.decrypt_into(sealed, self._buffer, at=self._at)
            self.chunks.take(sealed)
            self._at += len(sealed)
            for part in self._kept(size):
                self._take_plain(part)

    def _kept(self, size: int) -> Iterator[memoryview]:
        began, self._plain_at = self._plain_at, self._plain_at + size
        for start, stop in self._edits.kept_within(began, self._plain_at):
            yield self._buffer[start - began : stop - began]

    def _take_plain(self, part: memoryview) -> None:
        self.plain_bytes += len(part)
        self._plain.update(part)
        if self._plain_md5 is not None:
            self._plain_md5.update(part)
        self._sink(part)


def _md5(beginning: bytes) -> hashlib._Hash:
    """The provider's own checksum, compared, and never trusted with anything else."""
    return hashlib.md5(beginning, usedforsecurity=False)
