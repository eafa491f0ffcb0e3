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
from opengdi.standards.crypt4gh import (
    KEY_BYTES,
    NONCE_BYTES,
    Header,
    PrivateKey,
    PublicKey,
    plain_size,
    plan_slice,
    seal_header,
)
from opengdi.standards.faults import Malformed

CONTENT: Final = "content"
WHOLE: Final = "whole"
HEADER: Final = "header"
PART: Final = "part"
_TAG_DIGITS: Final = 40


@dataclass(frozen=True, slots=True)
class Representation:
    """Bytes of a file that can be asked for by range: `prefix`, then `spans` of its body, half-open, in bytes.

    what: `content`, `whole`, `header` or `part`. etag: strong, the same as long as the bytes are; empty if they are
    others each time.
    """

    file: HeldFile
    what: str
    prefix: bytes
    spans: tuple[tuple[int, int], ...]
    etag: str

    @property
    def size(self) -> int:
        return len(self.prefix) + sum(stop - first for first, stop in self.spans)


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
        return Representation(file, CONTENT, b"", ((0, file.body_bytes),), content_tag(file))

    async def header(self, file: HeldFile, recipient: PublicKey) -> Representation:
        """The header that `recipient` can open. Raises Refused if the key is no key to encrypt to."""
        header = await self._header(file, recipient)
        return Representation(file, HEADER, header, (), _tag(header))

    async def whole(self, file: HeldFile, recipient: PublicKey) -> Representation:
        """One Crypt4GH file for `recipient`: the same bytes each time, while the header is pinned."""
        header = await self._header(file, recipient)
        spans = ((0, file.body_bytes),)
        return Representation(file, WHOLE, header, spans, _tag(header + file.body_sha256.encode()))

    async def part(self, file: HeldFile, recipient: PublicKey, first: int, stop: int) -> Representation:
        """A Crypt4GH file for `recipient` of the bytes [first, stop) that a reader of the whole would see.

        Stored segments, trimmed by an edit list. Raises Refused if the key is no key to encrypt to.
        """
        opened = await self._files.header(file)
        plan = plan_slice([(first, stop)], plain_size(file.body_bytes), opened.edit_list)
        header = self._sealed(Header(opened.data_keys, plan.edit_list), recipient)
        return Representation(file, PART, header, tuple(plan.byte_ranges(0)), "")

    async def read(self, what: Representation, first: int, stop: int) -> AsyncIterator[bytes]:
        """Bytes [first, stop) of the representation, in pieces."""
        prefix = what.prefix[first:stop]
        if prefix:
            yield prefix
        at = len(what.prefix)
        for begin, end in what.spans:
            skipped, left = max(0, first - at), max(0, at + end - begin - stop)
            if begin + skipped < end - left:
                async for piece in self._files.read_body(what.file, begin + skipped, end - left):
                    yield piece
            at += end - begin

    async def _header(self, file: HeldFile, recipient: PublicKey) -> bytes:
        pinned = await self._pins.pinned(file, recipient)
        if pinned is not None:
            return pinned
        sealed = self._sealed(await self._files.header(file), recipient)
        return await self._pins.pin(file, recipient, sealed)

    def _sealed(self, header: Header, recipient: PublicKey) -> bytes:
        writer = PrivateKey(self._random(KEY_BYTES))
        try:
            return seal_header(header, [recipient], writer, lambda: self._random(NONCE_BYTES))
        except Malformed as error:
            raise Refused(Code.KEY_INVALID, f"The recipient's key: {error}.") from error


def _tag(told: bytes) -> str:
    return f'"{hashlib.sha256(told).hexdigest()[:_TAG_DIGITS]}"'
