"""Seals: whatever lies in the inbox lies under a stream cipher with a key of its own.

Nobody knows of a part of an upload whether it is encrypted before all that comes before it was read. Under a seal, what
was sent in clear by mistake never reaches the disk as it came, and is gone for good when its seal is forgotten.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

SEAL_BYTES: Final = 48
"""A key of 32 and a starting point of 16 bytes."""


def new_seal() -> bytes:
    """Unguessable; for one object."""
    return os.urandom(SEAL_BYTES)


async def sealed(content: AsyncIterator[bytes], seal: bytes) -> AsyncIterator[bytes]:
    """The same bytes under the cipher of a seal, or out of it; as they are if the seal is empty."""
    if not seal:
        async for chunk in content:
            yield chunk
        return
    cipher = Cipher(ChaCha20(seal[:32], seal[32:]), mode=None).encryptor()
    async for chunk in content:
        yield cipher.update(chunk)
