"""Holding a stored body against what is known of it, piece by piece. Pure; needs the file's data keys."""

from __future__ import annotations

from hashlib import sha256

from opengdi.archive.checks import BodyChecks
from opengdi.archive.chunks import CHUNK_BYTES, ChunkHasher, WholeSegments
from opengdi.archive.intake.sides import PLAIN_SEGMENTS
from opengdi.standards.crypt4gh import CIPHER_SEGMENT, SEGMENT, Header, SegmentCipher
from opengdi.standards.faults import Malformed, Unverified


class BodyInspection:
    """Finds the first thing that is wrong with a body: a changed byte, segments out of order, too many or too few.

    Every segment is decrypted, every chunk hashed, and the whole body too; plaintext is dropped at once.
    """

    def __init__(self, header: Header, checks: BodyChecks) -> None:
        self._checks = checks
        self._cipher = SegmentCipher(header.data_keys)
        self._segments = WholeSegments()
        self._chunks = ChunkHasher()
        self._compared = 0
        self._body = sha256()
        self._at = 0
        self._plain = bytearray(PLAIN_SEGMENTS * SEGMENT)

    def take(self, piece: bytes) -> None:
        """The next bytes. Raises Malformed or Unverified and says where."""
        self._body.update(piece)
        for segments in self._segments.feed(piece):
            self._take(segments)

    def finish(self) -> None:
        """There is no more. Raises Malformed, Unverified."""
        self._take(memoryview(self._segments.rest()))
        self._chunks.finish()
        self._compare_chunks()
        if self._at != self._checks.body_bytes:
            raise Malformed(f"it has {self._at} bytes instead of {self._checks.body_bytes}")
        if self._body.hexdigest() != self._checks.body_sha256:
            raise Unverified(
                f"its SHA-256 is {self._body.hexdigest()}; that of the archived body is {self._checks.body_sha256}"
            )

    def _take(self, segments: memoryview) -> None:
        batch = PLAIN_SEGMENTS * CIPHER_SEGMENT
        for start in range(0, len(segments), batch):
            sealed = segments[start : start + batch]
            self._cipher.decrypt_into(sealed, self._plain, at=self._at)
            self._chunks.take(sealed)
            self._at += len(sealed)
        self._compare_chunks()

    def _compare_chunks(self) -> None:
        known = self._checks.chunk_hashes
        for number in range(self._compared, len(self._chunks.hashes)):
            if number >= len(known) or self._chunks.hashes[number] != known[number]:
                raise Unverified(
                    f"byte {number * CHUNK_BYTES}: the segments from here to byte "
                    f"{min((number + 1) * CHUNK_BYTES, self._at)} are not those that were archived, in their order"
                )
        self._compared = len(self._chunks.hashes)
