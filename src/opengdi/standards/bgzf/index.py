"""Where records begin, as a .tbi or .csi index tells it: the places at which a file may be cut for parallel reading."""

from __future__ import annotations

from opengdi.standards.bgzf.binning import chunk_begins, parse_index
from opengdi.standards.bgzf.blocks import VirtualOffset


def record_starts(index: bytes) -> list[VirtualOffset]:
    """Sorted virtual offsets, each the start of a record; not every record has one.

    index: a .tbi, .csi or .bai file, compressed or not. Every chunk of a bin begins at a record
    (SAMv1 §5.1.1), whatever the contig, so the offsets cut the whole file without asking for a region.
    Raises Malformed.
    """
    return [VirtualOffset.unpack(packed) for packed in chunk_begins(parse_index(index))]
