"""GZI: offsets of blocks, or malformed."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.bgzf.gzi import parse_gzi
from opengdi.standards.faults import Malformed

OFFSETS = st.integers(0, 2**64 - 1)


@given(st.lists(st.tuples(OFFSETS, OFFSETS), max_size=9))
def test_offsets_are_read_as_they_were_written(pairs: list[tuple[int, int]]) -> None:
    raw = struct.pack("<Q", len(pairs)) + b"".join(struct.pack("<QQ", *pair) for pair in pairs)
    blocks, offsets = parse_gzi(raw)
    assert list(zip(blocks, offsets, strict=True)) == pairs


@pytest.mark.parametrize(
    "raw", [b"", b"\1", struct.pack("<QQ", 1, 2), struct.pack("<QQQ", 2**63, 1, 2), bytes(9)]
)
def test_a_count_that_is_not_borne_out_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed, match="GZI"):
        parse_gzi(raw)
