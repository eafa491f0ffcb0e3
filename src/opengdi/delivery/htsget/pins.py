"""Keys and nonces of what is encrypted for a caller: made anew from a secret of the node whenever they are needed.

The same answer to the same recipient has the same bytes each time, so an interrupted download goes on where it broke
off, on any replica and after a restart, and no key needs to be kept. Whatever could change the plaintext (the stored
body, what is asked, how blocks are compressed) is part of what the key is derived from: no nonce seals two texts.
"""

from __future__ import annotations

import hashlib
import hmac
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final

from opengdi.kernel.keys import Secret
from opengdi.standards.crypt4gh import (
    KEY_BYTES,
    NONCE_BYTES,
    DataKey,
    Header,
    PrivateKey,
    PublicKey,
    seal_header,
)

_FORM: Final = f"opengdi htsget 1 zlib {zlib.ZLIB_RUNTIME_VERSION}".encode()
"""Changes whenever the same request may be answered with other bytes."""


@dataclass(frozen=True, slots=True)
class Pin:
    """What belongs to one answer."""

    _seed: bytes

    @property
    def data_key(self) -> DataKey:
        """The fresh key."""
        return DataKey(self._derived(b"data key"))

    @property
    def etag(self) -> str:
        """Strong entity tag, with its quotes."""
        return f'"{self._derived(b"entity tag").hex()[:32]}"'

    def sealed_header(self, header: Header, recipient: PublicKey) -> bytes:
        """The Crypt4GH header for the recipient, the same each time."""
        nonces = self._nonces()
        writer = PrivateKey(self._derived(b"writer key"))
        return seal_header(header, [recipient], writer, lambda: next(nonces))

    def nonces(self, number: int, segments: int) -> bytes:
        """Nonces of the fresh segments from `number` on."""
        return b"".join((number + i).to_bytes(NONCE_BYTES, "little") for i in range(segments))

    def _nonces(self) -> Iterator[bytes]:
        """Of header packets, under a writer's key that is this answer's own."""
        for number in count():
            yield self._derived(b"packet %d" % number)[:NONCE_BYTES]

    def _derived(self, purpose: bytes) -> bytes:
        return hmac.new(self._seed, purpose, hashlib.sha256).digest()[:KEY_BYTES]


class Pins:
    """Makes them."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def pin(self, *facts: bytes) -> Pin:
        """For an answer of which `facts` say all that matters."""
        told = b"".join(len(fact).to_bytes(8, "little") + fact for fact in (_FORM, *facts))
        return Pin(hmac.new(self._secret.reveal(), told, hashlib.sha256).digest())
