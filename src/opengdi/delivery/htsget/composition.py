"""How an answer is put together from stored segments and fresh ones. Pure: sizes and places, not a byte is read.

Five ways. *Clear*: decrypted bytes. *Edit list*: segments as they are stored, trimmed by an edit list. *Filled*: inner
segments as they are stored, those at the borders encrypted anew and filled up with empty BGZF blocks, so that no edit
list is needed. *Fresh*: all of it encrypted under a key of its own. *As stored*: the whole body. In each, every segment
but the last has its full size, as the specification of Crypt4GH wants it.

Stretches count what a reader of the file sees, after an edit list of its provider.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from opengdi.standards.bgzf.writing import can_fill, filler
from opengdi.standards.crypt4gh import CIPHER_SEGMENT, SEGMENT, DataKey, EditList, Header, body_size
from opengdi.standards.htsget.planning import Literal, Piece, Stretch

MOST_RANGES: Final = 27
"""htslib's reader takes edit lists of up to 54 lengths."""


@dataclass(frozen=True, slots=True)
class Clear:
    """Decrypted bytes."""

    piece: Piece

    @property
    def size(self) -> int:
        return self.piece.size


@dataclass(frozen=True, slots=True)
class Copied:
    """Bytes [first, stop) of the stored body: whole segments."""

    first: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.first


@dataclass(frozen=True, slots=True)
class Sealed:
    """Pieces encrypted under the fresh key, in segments numbered from `number` on; no number is used twice."""

    pieces: tuple[Piece, ...]
    number: int

    @property
    def size(self) -> int:
        return body_size(self.plain_size)

    @property
    def plain_size(self) -> int:
        return sum(piece.size for piece in self.pieces)


Output = Clear | Copied | Sealed


@dataclass(frozen=True, slots=True)
class Composition:
    """An answer. header: what the Crypt4GH header before it must say; None for decrypted bytes."""

    outputs: tuple[Output, ...]
    header: Header | None

    @property
    def size(self) -> int:
        """Bytes, without the Crypt4GH header."""
        return sum(output.size for output in self.outputs)


@dataclass(frozen=True, slots=True)
class Stored:
    """The file that answers are made from. plain_size: decrypted bytes, before its edit list."""

    header: Header
    plain_size: int

    @property
    def edits(self) -> EditList:
        return self.header.edit_list or EditList()

    @property
    def size(self) -> int:
        """Bytes that a reader sees."""
        return self.edits.edited_size(self.plain_size)


def in_clear(pieces: Iterable[Piece]) -> Composition:
    """Decrypted bytes."""
    return Composition(tuple(Clear(piece) for piece in pieces), None)


def as_stored(stored: Stored) -> Composition:
    """The whole body and the provider's edit list, if there is one: only the header is made anew."""
    return Composition((Copied(0, body_size(stored.plain_size)),), stored.header)


def fresh(pieces: Iterable[Piece], key: DataKey) -> Composition:
    """Everything under `key`."""
    return Composition((Sealed(tuple(pieces), 0),), Header((key,)))


def with_edit_list(stored: Stored, pieces: Sequence[Piece], key: DataKey) -> Composition:
    """Stored segments trimmed by an edit list; what is not in the file, in segments under `key`."""
    making = _EditListMaking(stored)
    for piece in _few_ranges(pieces):
        making.take(piece)
    outputs, edits = making.result()
    keys = stored.header.data_keys
    if any(isinstance(output, Sealed) for output in outputs):
        keys = (*keys, key)
    return Composition(outputs, Header(keys, edits))


def filled(stored: Stored, pieces: Iterable[Piece], key: DataKey) -> Composition:
    """Whole inner segments as they are stored, the rest under `key` with empty BGZF blocks in between.

    For BGZF, and for files without an edit list, whose bytes lie in segments as a reader counts them.
    """
    making = _FilledMaking()
    for piece in pieces:
        making.take(piece)
    outputs = making.result()
    is_copied = any(isinstance(output, Copied) for output in outputs)
    return Composition(outputs, Header((key, *stored.header.data_keys) if is_copied else (key,)))


def _few_ranges(pieces: Sequence[Piece]) -> list[Piece]:
    """Small gaps between stretches closed: those below a segment, which saves nothing, and the smallest of too many.

    A gap is whole blocks of other records, which may be sent as well.
    """
    gaps = sorted(_gaps(pieces))
    widest = max([SEGMENT, *gaps[: max(0, len(gaps) + 1 - MOST_RANGES)]])
    closed: list[Piece] = []
    for piece in pieces:
        held = closed[-1] if closed else None
        if (
            isinstance(piece, Stretch)
            and isinstance(held, Stretch)
            and 0 <= piece.first - held.stop <= widest
        ):
            closed[-1] = Stretch(held.first, piece.stop)
        else:
            closed.append(piece)
    return closed


def _gaps(pieces: Sequence[Piece]) -> Iterable[int]:
    for before, after in pairwise(pieces):
        if isinstance(before, Stretch) and isinstance(after, Stretch):
            yield after.first - before.stop


class _EditListMaking:
    """Gathers segments and what is kept of them, counted in the decrypted bytes of what is sent."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._outputs: list[Copied | Sealed] = []
        self._kept: list[tuple[int, int]] = []
        self._sent = 0
        self._number = 0
        self._pending: list[Piece] = []

    def take(self, piece: Piece) -> None:
        """The next bytes of the answer."""
        if isinstance(piece, Literal):
            self._pending.append(piece)
            return
        seen = piece.first
        for start, stop in self._stored.edits.plain_ranges(piece.first, piece.stop):
            self._take_plain(start, stop, seen)
            seen += stop - start

    def result(self) -> tuple[tuple[Output, ...], EditList | None]:
        """What is sent, and the edit list over it. Only here, at the end, a segment may be short."""
        self._seal(is_last=True)
        edits = EditList.from_ranges(self._kept, self._sent)
        return tuple(self._outputs), edits if edits.lengths and self._sent else None

    def _take_plain(self, start: int, stop: int, seen: int) -> None:
        """Plain range [start, stop), which a reader sees from `seen` on; the short last segment is sealed anew."""
        whole = self._stored.plain_size // SEGMENT * SEGMENT
        if start < whole:
            self._seal(is_last=False)
            self._copy(start, min(stop, whole))
        if stop > whole:
            beyond = max(start, whole)
            self._pending.append(Stretch(seen + beyond - start, seen + stop - start))

    def _copy(self, start: int, stop: int) -> None:
        first, last = start // SEGMENT, -(-stop // SEGMENT)
        held = self._outputs[-1] if self._outputs else None
        if isinstance(held, Copied) and held.stop in {first * CIPHER_SEGMENT, (first + 1) * CIPHER_SEGMENT}:
            origin = self._sent - held.stop // CIPHER_SEGMENT * SEGMENT
            self._outputs[-1] = Copied(held.first, last * CIPHER_SEGMENT)
        else:
            origin = self._sent - first * SEGMENT
            self._outputs.append(Copied(first * CIPHER_SEGMENT, last * CIPHER_SEGMENT))
        self._kept.append((origin + start, origin + stop))
        self._sent = origin + last * SEGMENT

    def _seal(self, *, is_last: bool) -> None:
        """What is pending goes into segments of its own; unless it is the end, zeros fill up the last of them."""
        size = sum(piece.size for piece in self._pending)
        if not size:
            return
        room = 0 if is_last else -size % SEGMENT
        padding = [Literal(bytes(room))] if room else []
        self._outputs.append(Sealed((*self._pending, *padding), self._number))
        self._kept.append((self._sent, self._sent + size))
        self._sent += size + room
        self._number += -(-size // SEGMENT)
        self._pending = []


class _FilledMaking:
    """Gathers what must be encrypted anew, until whole segments can be copied."""

    def __init__(self) -> None:
        self._outputs: list[Output] = []
        self._number = 0
        self._pending: list[Piece] = []

    def take(self, piece: Piece) -> None:
        """The next blocks of the answer."""
        if isinstance(piece, Stretch):
            first, last = -(-piece.first // SEGMENT), piece.stop // SEGMENT
            if first < last:
                self._fill_up_to(Stretch(piece.first, first * SEGMENT))
                self._outputs.append(Copied(first * CIPHER_SEGMENT, last * CIPHER_SEGMENT))
                piece = Stretch(last * SEGMENT, piece.stop)
        if piece.size:
            self._pending.append(piece)

    def result(self) -> tuple[Output, ...]:
        self._seal()
        return tuple(self._outputs)

    def _fill_up_to(self, border: Stretch) -> None:
        """Seal what is pending and `border`, with empty blocks between them so that whole segments come out."""
        size = sum(piece.size for piece in self._pending) + border.size
        room = -size % SEGMENT
        if not can_fill(room):
            room += SEGMENT
        self._pending += [piece for piece in (Literal(filler(room)), border) if piece.size]
        self._seal()

    def _seal(self) -> None:
        if not self._pending:
            return
        sealed = Sealed(tuple(self._pending), self._number)
        self._outputs.append(sealed)
        self._number += -(-sealed.plain_size // SEGMENT)
        self._pending = []
