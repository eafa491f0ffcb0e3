"""What is kept in a browser or a table that must not be read or changed there: encrypted, bound to a purpose."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from opengdi.kernel.keys import Secret
from opengdi.standards.faults import Unverified

_NONCE_BYTES: Final = 12


class Seal:
    """AES-256-GCM under a key of its own for each purpose."""

    def __init__(self, key: Secret) -> None:
        self._key = key

    def close(self, purpose: str, content: bytes) -> str:
        """`content` sealed, in base64url."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher(purpose).encrypt(nonce, content, purpose.encode())
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, purpose: str, sealed: str) -> bytes:
        """What was sealed. Raises Unverified if it was not sealed here for that purpose."""
        try:
            raw = base64.b64decode(sealed + "=" * (-len(sealed) % 4), altchars=b"-_", validate=True)
            nonce, content = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
            return self._cipher(purpose).decrypt(nonce, content, purpose.encode())
        except (InvalidTag, ValueError, binascii.Error) as error:
            raise Unverified(f"this was not sealed here as {purpose}") from error

    def _cipher(self, purpose: str) -> AESGCM:
        return AESGCM(hmac.new(self._key.reveal(), f"seal\0{purpose}".encode(), hashlib.sha256).digest())
