"""Key pairs of readers and writers, and the key that two of them share.

Spec: GA4GH Crypt4GH v1, "X25519_chacha20_ietf_poly1305 Encryption"; RFC 7748 §5 and §6.1.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from hashlib import blake2b, sha512
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from opengdi.standards.crypt4gh.hidden import KEY_BYTES, Hidden
from opengdi.standards.faults import Malformed

_FIELD: Final = 2**255 - 19
_ED25519_Y: Final = 2**255 - 1
"""The low 255 bits of an Ed25519 key are y; the top one is the sign of x, which u does not need (RFC 8032 §5.1.2)."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half, 32 bytes ("K_p"); its Base64 is what a PEM file of it holds."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise Malformed(f"a public key of {len(self.raw)} bytes; {KEY_BYTES} are needed")

    @classmethod
    def from_ed25519(cls, raw: bytes) -> Self:
        """The X25519 key of the same person's Ed25519 key, by u = (1 + y) / (1 - y). Raises Malformed."""
        y = int.from_bytes(raw, "little") & _ED25519_Y
        if len(raw) != KEY_BYTES or y >= _FIELD or y == 1:
            raise Malformed(
                "not an Ed25519 public key: 32 bytes of a point other than the neutral one are needed"
            )
        u = (1 + y) * pow(1 - y, -1, _FIELD) % _FIELD
        return cls(u.to_bytes(KEY_BYTES, "little"))

    def __str__(self) -> str:
        return base64.b64encode(self.raw).decode("ascii")


class PrivateKey(Hidden):
    """The private half ("K_s"). Whoever makes a new one hands in 32 random bytes."""

    __slots__ = ("_key", "public")

    def __init__(self, value: bytes) -> None:
        super().__init__(value)
        self._key = X25519PrivateKey.from_private_bytes(self._value)
        self.public: Final = PublicKey(self._key.public_key().public_bytes_raw())

    @classmethod
    def from_ed25519(cls, seed: bytes) -> Self:
        """The X25519 key of an Ed25519 seed; X25519 clamps it by itself (RFC 8032 §5.1.5)."""
        return cls(sha512(seed).digest()[:KEY_BYTES])

    def shared_as_reader(self, writer: PublicKey) -> bytes:
        """The key of packets that `writer` sealed for us. Raises Malformed for a writer's key of small order."""
        return _shared_key(self._exchange(writer), self.public, writer)

    def shared_as_writer(self, reader: PublicKey) -> bytes:
        """The key of packets that we seal for `reader`. Raises Malformed for a reader's key of small order."""
        return _shared_key(self._exchange(reader), reader, self.public)

    def _exchange(self, other: PublicKey) -> bytes:
        try:
            return self._key.exchange(X25519PublicKey.from_public_bytes(other.raw))
        except ValueError as error:  # an all-zero result would be known to everybody (RFC 7748 §6.1)
            raise Malformed(
                f"public key {other} is of small order: nothing sealed for it is secret"
            ) from error


def _shared_key(exchanged: bytes, reader: PublicKey, writer: PublicKey) -> bytes:
    """K_shared = Blake2b(K_dh || K_pr || K_pw); "only the first 32 bytes of K_shared are used"."""
    return blake2b(exchanged + reader.raw + writer.raw, digest_size=64).digest()[:KEY_BYTES]
