"""Addresses of data: what somebody was granted, sealed into the address itself.

An address holds no token and tells a bystander nothing, not even the region: the grant in it is encrypted and
authenticated under a secret of the node. It is for one person, one file, one answer, and one span of its bytes, and it
ends. Nothing is kept on our side, so any replica serves it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from opengdi.delivery.htsget.model import Grant
from opengdi.kernel.errors import NotPermitted
from opengdi.kernel.keys import Secret

_NONCE_BYTES: Final = 12
_PURPOSE: Final = b"opengdi htsget data address 2"
"""Another one whenever a grant narrows what older programs would send whole: they must not open it."""

LONGEST_ADDRESS: Final = 12_000
"""Characters of a sealed grant; longer ones would not pass the proxies on the way."""


_decode = msgspec.msgpack.Decoder(Grant).decode
_encode = msgspec.msgpack.Encoder().encode


class GrantSeal:
    """Seals grants and opens them."""

    def __init__(self, secret: Secret) -> None:
        key = hmac.new(secret.reveal(), _PURPOSE, hashlib.sha256).digest()
        self._cipher = ChaCha20Poly1305(key)

    def seal(self, grant: Grant) -> str:
        """The grant as a part of a path: letters, digits, `-` and `_`."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, _encode(grant), _PURPOSE)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")

    def open(self, text: str, now: float) -> Grant:
        """Raises NotPermitted if we did not seal it, or its time is over."""
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            plain = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _PURPOSE)
        except (InvalidTag, ValueError, binascii.Error) as error:
            raise _refused("not an address of this node") from error
        grant = _decode(plain)
        if grant.until <= now:
            raise _refused("its time is over")
        return grant


def _refused(why: str) -> NotPermitted:
    return NotPermitted(
        f"data address: {why}", public="This address does not hold, or no longer; get a new ticket."
    )
