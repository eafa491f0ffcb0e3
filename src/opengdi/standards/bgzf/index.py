"""Where records begin, as a .tbi or .csi index tells it: the places at which a file may be cut for parallel reading."""

from __future__ import annotations

from struct import Struct
from struct import error as StructError  # noqa: N812  # the module's own name says nothing here
from typing import Final

from opengdi.standards.bgzf.blocks import VirtualOffset
from opengdi.standards.faults import Malformed

_I32 = Struct("<i")
_CSI_HEAD = Struct("<4siii")
_CSI_BIN = Struct("<IQi")
_TBI_BIN = Struct("<Ii")
_CHUNK = Struct("<QQ")
_TBI_PSEUDO_BIN: Final = 37450
_TBI_HEAD_BYTES: Final = 32
_DEEPEST: Final = 20


def record_starts(index: bytes) -> list[VirtualOffset]:
    """Sorted virtual offsets, each the start of a record; not every record has one.

    index: the uncompressed bytes of a .tbi or .csi file. Every chunk of a bin begins at a record
    (SAMv1 §5.1.1), whatever the contig, so the offsets cut the whole file without asking for a region.
    Raises Malformed.
    """
    readers = {b"CSI\x01": _csi_chunks, b"TBI\x01": _tbi_chunks}
    reader = readers.get(index[:4])
    if reader is None:
        raise Malformed("neither a CSI nor a TBI index: the magic bytes are missing")
    try:
        return [VirtualOffset.unpack(packed) for packed in sorted(set(reader(index)))]
    except StructError as error:
        raise Malformed("the index ends in the middle") from error


def _csi_chunks(index: bytes) -> list[int]:
    _, _, depth, aux_length = _CSI_HEAD.unpack_from(index)
    if not 0 <= depth <= _DEEPEST or aux_length < 0:
        raise Malformed(f"depth {depth} or auxiliary length {aux_length} of the index cannot be")
    pseudo_bin = ((1 << 3 * (depth + 1)) - 1) // 7 + 1
    at = _CSI_HEAD.size + aux_length
    (references,) = _I32.unpack_from(index, at)
    at += 4
    starts: list[int] = []
    for _ in range(references):
        (bins,) = _I32.unpack_from(index, at)
        at += 4
        for _ in range(bins):
            number, _, chunks = _CSI_BIN.unpack_from(index, at)
            at = _take_chunks(index, at + _CSI_BIN.size, chunks, starts if number != pseudo_bin else [])
    return starts


def _tbi_chunks(index: bytes) -> list[int]:
    (references,) = _I32.unpack_from(index, 4)
    (names_length,) = _I32.unpack_from(index, _TBI_HEAD_BYTES)
    at = _TBI_HEAD_BYTES + 4 + max(0, names_length)
    starts: list[int] = []
    for _ in range(references):
        (bins,) = _I32.unpack_from(index, at)
        at += 4
        for _ in range(bins):
            number, chunks = _TBI_BIN.unpack_from(index, at)
            at = _take_chunks(index, at + _TBI_BIN.size, chunks, starts if number != _TBI_PSEUDO_BIN else [])
        (intervals,) = _I32.unpack_from(index, at)
        at += 4 + 8 * max(0, intervals)
    return starts


def _take_chunks(index: bytes, at: int, chunks: int, starts: list[int]) -> int:
    """Append the begin of each chunk to `starts`; the offset after the chunks."""
    if chunks < 0:
        raise Malformed("the index counts chunks below zero")
    starts.extend(_CHUNK.unpack_from(index, at + number * _CHUNK.size)[0] for number in range(chunks))
    return at + chunks * _CHUNK.size
