"""What can be downloaded of a file: its body, its header for a recipient, or both as one Crypt4GH file.

Spec: GA4GH Crypt4GH v1; RFC 9110 §8.8.3 "ETag".
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from opengdi.delivery.download.faults import Code, Refused
from opengdi.delivery.download.pins import HeaderPins
from opengdi.delivery.model import HeldFile
from opengdi.delivery.ports import Files
from opengdi.standards.crypt4gh import KEY_BYTES, NONCE_BYTES, PrivateKey, PublicKey, seal_header
from opengdi.standards.faults import Malformed

CONTENT: Final = "content"
WHOLE: Final = "whole"
HEADER: Final = "header"
_TAG_DIGITS: Final = 40


@dataclass(frozen=True, slots=True)
class Representation:
    """Bytes of a file that can be asked for by range: `prefix`, then `body_bytes` of its body.

    what: `content`, `whole` or `header`. etag: strong, the same as long as the bytes are.
    """

    file: HeldFile
    what: str
    prefix: bytes
    body_bytes: int
    etag: str

    @property
    def size(self) -> int:
        return len(self.prefix) + self.body_bytes


def content_tag(file: HeldFile) -> str:
    """Entity tag of the body, the same for every recipient."""
    return f'"{file.body_sha256[:_TAG_DIGITS]}"'


class Downloads:
    """Representations of files, and their bytes. It does not decide who may have them."""

    def __init__(self, files: Files, pins: HeaderPins, random: Callable[[int], bytes] = os.urandom) -> None:
        self._files = files
        self._pins = pins
        self._random = random

    def content(self, file: HeldFile) -> Representation:
        """The body: segments as they are stored, the same for everybody."""
        return Representation(file, CONTENT, b"", file.body_bytes, content_tag(file))

    async def header(self, file: HeldFile, recipient: PublicKey) -> Representation:
        """The header that `recipient` can open. Raises Refused if the key is no key to encrypt to."""
        header = await self._header(file, recipient)
        return Representation(file, HEADER, header, 0, _tag(header))

    async def whole(self, file: HeldFile, recipient: PublicKey) -> Representation:
        """One Crypt4GH file for `recipient`: the same bytes each time, while the header is pinned."""
        header = await self._header(file, recipient)
        return Representation(file, WHOLE, header, file.body_bytes, _tag(header + file.body_sha256.encode()))

    async def read(self, what: Representation, first: int, stop: int) -> AsyncIterator[bytes]:
        """Bytes [first, stop) of the representation, in pieces."""
        prefix = what.prefix[first:stop]
        if prefix:
            yield prefix
        begin, end = (max(0, at - len(what.prefix)) for at in (first, stop))
        if begin < end:
            async for piece in self._files.read_body(what.file, begin, end):
                yield piece

    async def _header(self, file: HeldFile, recipient: PublicKey) -> bytes:
        pinned = await self._pins.pinned(file, recipient)
        if pinned is not None:
            return pinned
        opened = await self._files.header(file)
        writer = PrivateKey(self._random(KEY_BYTES))
        try:
            sealed = seal_header(opened, [recipient], writer, lambda: self._random(NONCE_BYTES))
        except Malformed as error:
            raise Refused(Code.KEY_INVALID, f"The recipient's key: {error}.") from error
        return await self._pins.pin(file, recipient, sealed)


def _tag(told: bytes) -> str:
    return f'"{hashlib.sha256(told).hexdigest()[:_TAG_DIGITS]}"'
