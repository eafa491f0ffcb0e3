"""Data segments: where they lie, their sizes, and decrypting and encrypting them in batches or as a stream.

Spec: GA4GH Crypt4GH v1, "Encrypted Data".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from opengdi.standards.crypt4gh.edit_list import EditList
from opengdi.standards.crypt4gh.hidden import DataKey
from opengdi.standards.faults import Malformed, Unverified

SEGMENT: Final = 65536
""""the plain-text is divided into 65536-byte (64KiB) segments"."""

NONCE_BYTES: Final = 12
MAC_BYTES: Final = 16
OVERHEAD: Final = NONCE_BYTES + MAC_BYTES
""""this expansion will be 28 bytes"."""

CIPHER_SEGMENT: Final = SEGMENT + OVERHEAD
""""a 65536 byte plain-text input will become a 65564 byte encrypted and authenticated cipher-text output"."""

BATCH_SEGMENTS: Final = 8
"""Segments worth moving at a time (512 KiB): fewer cost calls, more do not stay in a core's cache, with their results.
To encrypt or decrypt files took a tenth longer with twice as many (2 MiB of second-level cache, 2026-11)."""

ReadBuffer = bytes | bytearray | memoryview
WriteBuffer = bytearray | memoryview
Random = Callable[[int], bytes]
"""That many random bytes; `os.urandom` is one."""


@dataclass(frozen=True, slots=True)
class SegmentSpan:
    """Bytes [start, stop) of a file, whole segments from number `first_segment` on."""

    first_segment: int
    start: int
    stop: int


def span_for(header_bytes: int, first: int, last: int) -> SegmentSpan:
    """Ciphertext span that decrypts to at least plaintext `[first, last)`, in bytes.

    `stop` may lie past the end of the file when the last segment is short.

    Raises ValueError if the plaintext range is empty or negative.
    Spec: GA4GH Crypt4GH v1, "chacha20_ietf_poly1305 Decryption":
    "seg_start = header_len + floor(P/65536) * 65564".
    """
    if not 0 <= first < last:
        raise ValueError(f"plaintext range [{first}, {last}) is empty or negative")
    segment = first // SEGMENT
    start = header_bytes + segment * CIPHER_SEGMENT
    return SegmentSpan(segment, start, header_bytes + -(-last // SEGMENT) * CIPHER_SEGMENT)


def plain_size(body_bytes: int, *, at: int = 0) -> int:
    """Plaintext bytes in a body (the file without its header) of that size.

    at: offset of the body in its file, for the message.

    Raises Malformed if the last segment would have no byte of data: an empty file has no segment.
    """
    whole, rest = divmod(body_bytes, CIPHER_SEGMENT)
    if 0 < rest <= OVERHEAD:
        raise Malformed(
            f"byte {at + whole * CIPHER_SEGMENT}: the last segment has {rest} bytes; at least {OVERHEAD + 1} "
            "are needed, so the file was cut short"
        )
    return whole * SEGMENT + max(0, rest - OVERHEAD)


def body_size(plain_bytes: int) -> int:
    """Bytes of the body that `plain_bytes` of plaintext make."""
    return plain_bytes + -(-plain_bytes // SEGMENT) * OVERHEAD


class SegmentCipher:
    """Decrypts and encrypts whole segments in batches, without a copy.

    Several threads may use one at the same time.
    """

    def __init__(self, data_keys: Sequence[DataKey]) -> None:
        self._ciphers = [ChaCha20Poly1305(key.reveal()) for key in data_keys]
        self._likely = 0

    def decrypt_into(self, cipher: ReadBuffer, plain: WriteBuffer, *, at: int = 0) -> int:
        """Decrypt segments to the begin of `plain`; how many bytes were written.

        cipher: whole segments; the last one may be short.
        plain: at least `plain_size(len(cipher))` bytes. What it holds after an error is nobody's data.
        at: offset of `cipher` in its file, for messages.

        Raises Malformed for a last segment without data, Unverified if no key authenticates a segment.
        """
        source, target = memoryview(cipher), memoryview(plain)
        size, written = plain_size(len(source), at=at), 0
        opened = self._ciphers[self._likely].decrypt_into
        for start in range(0, len(source), CIPHER_SEGMENT):
            data = start + NONCE_BYTES
            stop = min(written + SEGMENT, size)
            sealed, part = source[data : start + CIPHER_SEGMENT], target[written:stop]
            try:
                opened(source[start:data], sealed, None, part)
            except InvalidTag:
                self._find_key(source[start:data], sealed, part, at + start)
                opened = self._ciphers[self._likely].decrypt_into
            written = stop
        return written

    def encrypt_into(self, plain: ReadBuffer, cipher: WriteBuffer, nonces: bytes) -> int:
        """Encrypt `plain` under the first key to the begin of `cipher`; how many bytes were written.

        plain: whole segments; the last one of a file may be short.
        cipher: at least `body_size(len(plain))` bytes.
        nonces: 12 bytes for each segment. "All data segments encrypted with the same key MUST use a unique nonce."
        """
        source, target, fresh = memoryview(plain), memoryview(cipher), memoryview(nonces)
        seal = self._ciphers[0].encrypt_into
        written = taken = 0
        for start in range(0, len(source), SEGMENT):
            data = source[start : start + SEGMENT]
            nonce = fresh[taken : taken + NONCE_BYTES]
            target[written : written + NONCE_BYTES] = nonce
            stop = written + len(data) + OVERHEAD
            seal(nonce, data, None, target[written + NONCE_BYTES : stop])
            written, taken = stop, taken + NONCE_BYTES
        return written

    def _find_key(self, nonce: memoryview, sealed: memoryview, plain: memoryview, at: int) -> None:
        """Decrypt what the likely key does not, and remember the key that does.

        Spec: "each should be tried in turn until either one authenticates correctly or no keys are left to try".
        """
        for number, cipher in enumerate(self._ciphers):
            try:
                cipher.decrypt_into(nonce, sealed, None, plain)
            except InvalidTag:
                continue
            self._likely = number
            return
        plain[:] = bytes(len(plain))
        raise Unverified(
            f"byte {at}: the segment of {len(nonce) + len(sealed)} bytes does not decrypt with any of "
            f"{len(self._ciphers)} data keys: it was changed, cut short, or belongs to another file"
        )


class BodyDecryptor:
    """Plaintext of a body that comes in pieces split anywhere; an edit list is applied."""

    def __init__(
        self, data_keys: Sequence[DataKey], *, edit_list: EditList | None = None, at: int = 0
    ) -> None:
        """at: offset of the body in its file (the bytes of the header), for messages."""
        self._cipher = SegmentCipher(data_keys)
        self._edits = edit_list if edit_list is not None and edit_list.lengths else None
        self._pieces = _WholeUnits(CIPHER_SEGMENT)
        self._at, self._plain_at = at, 0

    def feed(self, data: ReadBuffer) -> bytearray:
        """The plaintext of all segments that `data` completes; the caller's own, may be empty. Raises Unverified."""
        return self._decrypt(self._pieces.feed(data))

    def finish(self) -> bytearray:
        """The plaintext of the last segment, if it is short. Raises Malformed, Unverified."""
        return self._decrypt([self._pieces.rest()])

    def _decrypt(self, pieces: Sequence[ReadBuffer]) -> bytearray:
        plain = bytearray(sum(plain_size(len(piece), at=self._at) for piece in pieces))
        written = 0
        for piece in pieces:
            written += self._cipher.decrypt_into(piece, memoryview(plain)[written:], at=self._at)
            self._at += len(piece)
        began, self._plain_at = self._plain_at, self._plain_at + written
        return plain if self._edits is None else _edited(plain, self._edits, began)


class BodyEncryptor:
    """Segments of plaintext that comes in pieces split anywhere."""

    def __init__(self, data_key: DataKey, random: Random) -> None:
        """random: gives the nonces, 12 bytes for each segment, asked for once in a batch."""
        self._cipher = SegmentCipher([data_key])
        self._pieces = _WholeUnits(SEGMENT)
        self._random = random

    def feed(self, data: ReadBuffer) -> bytearray:
        """The segments that `data` completes; the caller's own, may be empty."""
        return self._encrypt(self._pieces.feed(data))

    def finish(self) -> bytearray:
        """The last segment, if it is short."""
        return self._encrypt([self._pieces.rest()])

    def _encrypt(self, pieces: Sequence[ReadBuffer]) -> bytearray:
        cipher = bytearray(sum(body_size(len(piece)) for piece in pieces))
        written = 0
        for piece in pieces:
            nonces = self._random(-(-len(piece) // SEGMENT) * NONCE_BYTES)
            written += self._cipher.encrypt_into(piece, memoryview(cipher)[written:], nonces)
        return cipher


class _WholeUnits:
    """Pieces split anywhere, re-cut into whole units; only what crosses a border between pieces is copied."""

    def __init__(self, unit: int) -> None:
        self._unit = unit
        self._held = bytearray()

    def feed(self, data: ReadBuffer) -> list[ReadBuffer]:
        """What is whole now, in order."""
        source = memoryview(data).cast("B")
        whole: list[ReadBuffer] = []
        if self._held:
            missing = self._unit - len(self._held)
            self._held += source[:missing]
            source = source[missing:]
            if len(self._held) < self._unit:
                return whole
            whole.append(self.rest())
        aligned = len(source) // self._unit * self._unit
        if aligned:
            whole.append(source[:aligned])
        self._held += source[aligned:]
        return whole

    def rest(self) -> bytearray:
        """What is held back, which is less than a unit at the end."""
        held, self._held = self._held, bytearray()
        return held


def _edited(plain: bytearray, edits: EditList, began: int) -> bytearray:
    """What is kept of the plaintext that begins at plain offset `began`."""
    view = memoryview(plain)
    parts = edits.kept_within(began, began + len(plain))
    return bytearray().join(view[start - began : stop - began] for start, stop in parts)
