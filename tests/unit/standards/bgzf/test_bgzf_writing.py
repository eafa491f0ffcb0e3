"""Blocks that are made: of data, and empty ones of a wanted size."""

from __future__ import annotations

import gzip
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.bgzf.blocks import END_OF_FILE, LARGEST_BLOCK, block_size, inflate
from opengdi.standards.bgzf.writing import SMALLEST_FILLER, can_fill, deflate_blocks, filler

SMALL_SIZES = {0, 28, 33, 34, 38, 39, 40, 43, 44, 45, 46}


def blocks(data: bytes) -> list[bytes]:
    found = []
    while data:
        size = block_size(data)
        found.append(data[:size])
        data = data[size:]
    return found


@given(st.integers(0, 70_000))
def test_every_size_from_48_on_and_some_below_can_be_filled(size):
    assert can_fill(size) == (size >= SMALLEST_FILLER or size in SMALL_SIZES)


@pytest.mark.parametrize(
    "size", [*sorted(SMALL_SIZES), *range(48, 200), 65_535, 65_536, 65_537, 131_071, 400_000]
)
def test_a_filler_has_the_wanted_size_and_nothing_in_it(size):
    made = filler(size)
    assert len(made) == size
    assert all(inflate(block) == b"" for block in blocks(made))
    assert gzip.decompress(END_OF_FILE + made) == b""


@pytest.mark.parametrize("size", [1, 27, 29, 35, 47])
def test_sizes_that_no_empty_block_has_are_refused(size):
    with pytest.raises(ValueError, match=str(size)):
        filler(size)


@given(st.binary(max_size=200_000))
def test_deflated_blocks_inflate_to_the_same(data):
    made = deflate_blocks(data)
    assert b"".join(map(inflate, blocks(made))) == data
    assert (gzip.decompress(made) if made else b"") == data


def test_data_that_does_not_shrink_fits_into_blocks():
    data = os.urandom(300_000)
    assert all(len(block) <= LARGEST_BLOCK for block in blocks(deflate_blocks(data)))
    assert b"".join(map(inflate, blocks(deflate_blocks(data)))) == data
