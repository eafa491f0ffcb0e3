"""From a grant to bytes: the composition of an answer, and any span of it as a stream."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from opengdi.delivery.htsget.composition import (
    Clear,
    Composition,
    Copied,
    Output,
    Sealed,
    as_stored,
    filled,
    fresh,
    in_clear,
    with_edit_list,
)
from opengdi.delivery.htsget.layouts import Layouts
from opengdi.delivery.htsget.model import Grant, Mode, Portion
from opengdi.delivery.htsget.pins import Pin, Pins
from opengdi.delivery.htsget.recoding import Recoder
from opengdi.delivery.htsget.source import Bytes, DamagedFile, Source, in_batches
from opengdi.delivery.model import CRAM, HeldFile
from opengdi.delivery.ports import Files
from opengdi.standards.crypt4gh import (
    BATCH_SEGMENTS,
    CIPHER_SEGMENT,
    SEGMENT,
    PublicKey,
    SegmentCipher,
    body_size,
)
from opengdi.standards.htsget.layout import FileLayout
from opengdi.standards.htsget.planning import Literal, Piece, Stretch, header_pieces, pieces_of

_WITH_HEADER: Final = frozenset({Portion.HEADER, Portion.HEADER_AND_END, Portion.ALL})
_PIECE_BYTES: Final = BATCH_SEGMENTS * SEGMENT
_WITH_END: Final = frozenset({Portion.END, Portion.HEADER_AND_END, Portion.ALL})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is ready to be streamed. sealed_header: the Crypt4GH header that belongs before it, or nothing."""

    source: Source
    composition: Composition
    pin: Pin
    sealed_header: bytes

    @property
    def size(self) -> int:
        """Bytes, without the Crypt4GH header."""
        return self.composition.size

    @property
    def etag(self) -> str:
        return self.pin.etag

    async def stream(self, first: int, stop: int) -> AsyncIterator[Bytes]:
        """Bytes [first, stop)."""
        at = 0
        for output in self.composition.outputs:
            begin, until = max(first - at, 0), min(stop - at, output.size)
            if begin < until:
                async with aclosing(self._stream(output, begin, until)) as pieces:
                    async for piece in pieces:
                        yield piece
            at += output.size

    def _stream(self, output: Output, begin: int, until: int) -> AsyncGenerator[Bytes, None]:
        match output:
            case Clear(piece):
                return self._stream_pieces((piece,), begin, until)
            case Copied(first, _):
                return self.source.stored_bytes(first + begin, first + until)
            case Sealed():
                return self._stream_sealed(output, begin, until)

    async def _stream_pieces(
        self, pieces: Sequence[Piece], begin: int, until: int
    ) -> AsyncGenerator[Bytes, None]:
        """Decrypted bytes [begin, until) of pieces joined."""
        at = 0
        for piece in pieces:
            first, stop = max(begin - at, 0), min(until - at, piece.size)
            at += piece.size
            if first >= stop:
                continue
            if isinstance(piece, Literal):
                for at_once in range(first, stop, _PIECE_BYTES):
                    yield memoryview(piece.data)[at_once : min(at_once + _PIECE_BYTES, stop)]
                continue
            async with aclosing(self.source.stream(piece.first + first, piece.first + stop)) as parts:
                async for part in parts:
                    yield part

    async def _stream_sealed(self, output: Sealed, begin: int, until: int) -> AsyncGenerator[Bytes, None]:
        """Segments made anew, whole batches at a time."""
        cipher = SegmentCipher([self.pin.data_key])
        first_segment, last_segment = begin // CIPHER_SEGMENT, -(-until // CIPHER_SEGMENT)
        plain_stop = min(last_segment * SEGMENT, output.plain_size)
        number, at = first_segment, first_segment * CIPHER_SEGMENT
        size = plain_stop - first_segment * SEGMENT
        async with aclosing(
            self._stream_pieces(output.pieces, first_segment * SEGMENT, plain_stop)
        ) as pieces:
            async for batch in in_batches(pieces, min(BATCH_SEGMENTS * SEGMENT, size)):
                nonces = self.pin.nonces(output.number + number, -(-len(batch) // SEGMENT))
                sealed = memoryview(await asyncio.to_thread(_encrypt, cipher, batch, nonces))
                yield sealed[max(0, begin - at) : until - at]
                number += len(batch) // SEGMENT
                at += len(sealed)


def _encrypt(cipher: SegmentCipher, plain: memoryview, nonces: bytes) -> bytearray:
    sealed = bytearray(body_size(len(plain)))
    cipher.encrypt_into(plain, sealed, nonces)
    return sealed


class Answers:
    """Composes answers."""

    def __init__(self, files: Files, layouts: Layouts, pins: Pins, recoder: Recoder) -> None:
        self._files = files
        self._layouts = layouts
        self._pins = pins
        self._recoder = recoder

    async def compose(self, file: HeldFile, grant: Grant, source: Source | None = None) -> Answer:
        """The answer of a grant on `file`. Raises BadRequest, DamagedFile, Unavailable."""
        source = source or await Source.open(self._files, file)
        pieces = [] if grant.portion is Portion.WHOLE else await self.pieces(source, grant)
        made = [await asyncio.to_thread(_digest, pieces)] if grant.regions else []
        pin = self._pins.pin(
            file.id.encode(), file.body_sha256.encode(), file.plain_sha256.encode(), *grant.facts(), *made
        )
        composition = self._composition(source, grant, pin, pieces)
        header = composition.header
        sealed = pin.sealed_header(header, PublicKey(grant.recipient)) if header is not None else b""
        return Answer(source, composition, pin, sealed)

    def _composition(self, source: Source, grant: Grant, pin: Pin, pieces: Sequence[Piece]) -> Composition:
        if grant.portion is Portion.WHOLE:
            return self._whole(source, grant, pin)
        match grant.mode:
            case Mode.PLAIN:
                return in_clear(pieces)
            case Mode.EDIT_LIST:
                return with_edit_list(source.stored, pieces, pin.data_key)
            case Mode.FILLED if source.file.format != CRAM and not source.stored.edits.lengths:
                return filled(source.stored, pieces, pin.data_key)
            case _:
                return fresh(pieces, pin.data_key)

    def _whole(self, source: Source, grant: Grant, pin: Pin) -> Composition:
        everything = [piece for piece in (Stretch(0, source.stored.size),) if piece.size]
        match grant.mode:
            case Mode.PLAIN:
                return in_clear(everything)
            case Mode.EDIT_LIST:
                return as_stored(source.stored)
            case Mode.FILLED if not source.stored.edits.lengths:
                return as_stored(source.stored)
            case _:
                return fresh(everything, pin.data_key)

    async def pieces(self, source: Source, grant: Grant) -> list[Piece]:
        """What a reader of the answer sees, piece by piece."""
        layout = (await self._layouts.of(source.file, source)).layout
        before = header_pieces(layout) if grant.portion in _WITH_HEADER else []
        if grant.regions:
            parts: list[Piece] = [
                Literal(await self._recoder.pick(source, layout, grant.cut(), grant.subject))
            ]
        else:
            parts = await source.run(pieces_of(layout, grant.wanted(), exact=grant.exact))
        _check_places(parts, source)
        return [*before, *parts, *(_end(layout) if grant.portion in _WITH_END else [])]


def _check_places(pieces: Sequence[Piece], source: Source) -> None:
    """Raises DamagedFile if the index points to where the file is not."""
    for piece in pieces:
        if isinstance(piece, Stretch) and not 0 <= piece.first <= piece.stop <= source.stored.size:
            raise DamagedFile(f"{source.file.id}: its index is of another file: it points past the end")


def _digest(pieces: Sequence[Piece]) -> bytes:
    """Of what was encoded anew. Another htslib may encode it otherwise: keys and entity tags must differ then."""
    digest = hashlib.sha256()
    for piece in pieces:
        if isinstance(piece, Literal):
            digest.update(piece.data)
    return digest.digest()


def _end(layout: FileLayout) -> list[Piece]:
    return [Literal(layout.end_marker)] if layout.end_marker else []
