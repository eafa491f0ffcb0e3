"""BAI, CSI and TBI: what they say of regions, held against a slow oracle; and whatever else they may hold."""

from __future__ import annotations

import gzip
import struct
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.indexed_files import na12878

from opengdi.standards.bgzf.binning import joined, parse_index
from opengdi.standards.cram import UNMAPPED, parse_crai
from opengdi.standards.faults import Malformed

SHIFT, DEPTH = 14, 5


def bin_of(start: int, end: int) -> int:
    """`reg2bin` of the specification, word by word."""
    end -= 1
    for level, first in ((14, 4681), (17, 585), (20, 73), (23, 9), (26, 1)):
        if start >> level == end >> level:
            return first + (start >> level)
    return 0


def bins_of(start: int, end: int) -> list[int]:
    """`reg2bins` of the specification."""
    end -= 1
    found = [0]
    for level, first in ((26, 1), (23, 9), (20, 73), (17, 585), (14, 4681)):
        found += range(first + (start >> level), first + (end >> level) + 1)
    return found


records = st.lists(
    st.tuples(st.integers(0, 2**29 - 300_000), st.integers(1, 300_000)), min_size=1, max_size=40
).map(lambda places: [(start, start + size) for start, size in sorted(places)])


def index_of(places: list[tuple[int, int]], kind: str) -> bytes:
    """The index of records that lie 1000 compressed bytes apart."""
    by_bin: dict[int, list[tuple[int, int]]] = {}
    windows: dict[int, int] = {}
    for number, (start, end) in enumerate(places):
        begin = number * 1000 << 16 | 7
        by_bin.setdefault(bin_of(start, end), []).append((begin, begin + (1000 << 16)))
        for window in range(start >> 14, (end - 1 >> 14) + 1):
            windows.setdefault(window, begin)
    if kind == "csi":
        return _csi(by_bin, windows)
    linear = [windows.get(window, 0) for window in range(max(windows) + 1)]
    body = struct.pack("<i", len(by_bin))
    for number, chunks in by_bin.items():
        body += struct.pack("<Ii", number, len(chunks)) + b"".join(struct.pack("<QQ", *c) for c in chunks)
    body += struct.pack(f"<i{len(linear)}Q", len(linear), *linear)
    if kind == "bai":
        return b"BAI\1" + struct.pack("<i", 1) + body
    return gzip.compress(b"TBI\1" + struct.pack("<8i", 1, 2, 1, 2, 0, 35, 0, 5) + b"chrA\0" + body)


def _csi(by_bin: dict[int, list[tuple[int, int]]], windows: dict[int, int]) -> bytes:
    body = struct.pack("<i", len(by_bin))
    for number, chunks in by_bin.items():
        lowest = min(
            (at for window, at in windows.items() if number in bins_of(window << 14, (window + 1) << 14)),
            default=0,
        )
        body += struct.pack("<IQi", number, lowest, len(chunks))
        body += b"".join(struct.pack("<QQ", *chunk) for chunk in chunks)
    return gzip.compress(b"CSI\1" + struct.pack("<4i", SHIFT, DEPTH, 0, 1) + body)


@given(records, st.sampled_from(["bai", "csi", "tbi"]), st.integers(0, 2**29 - 1), st.integers(1, 10**7))
def test_chunks_hold_every_record_that_overlaps_and_come_from_its_bins(places, kind, start, size):
    index = parse_index(index_of(places, kind))
    end = min(start + size, 2**29)
    chunks = index.chunks(0, start, end)
    assert chunks == sorted(chunks)
    wanted = set(bins_of(start, end))
    for number, (first, last) in enumerate(places):
        begin = number * 1000 << 16 | 7
        is_there = any(low <= begin < high for low, high in chunks)
        if first < end and start < last:
            assert is_there
        if is_there:
            assert bin_of(first, last) in wanted


@given(records, st.sampled_from(["bai", "csi", "tbi"]), st.integers(0, 2**29 - 1))
def test_nothing_left_of_the_lower_bound_reaches_the_position(places, kind, position):
    bound = parse_index(index_of(places, kind)).lower_bound(0, position)
    for number, (_, end) in enumerate(places):
        if end > position:
            assert number * 1000 << 16 | 7 >= bound


@given(st.lists(st.tuples(st.integers(0, 2**20), st.integers(1, 2**20))))
def test_joined_chunks_share_no_block(chunks):
    merged = joined(sorted((begin, begin + size) for begin, size in chunks))
    for before, after in pairwise(merged):
        assert before[1] >> 16 < after[0] >> 16
    for begin, size in chunks:
        assert any(low <= begin and begin + size <= high for low, high in merged)


def test_names_of_a_tabix_index_are_read():
    assert parse_index(index_of([(5, 9)], "tbi")).names == ("chrA",)


def test_a_reference_beyond_the_index_has_nothing():
    index = parse_index(index_of([(5, 9)], "bai"))
    assert index.chunks(1, 0, 10) == []
    assert index.chunks(-1, 0, 10) == []
    assert index.chunks(0, 2**29, 2**30) == []


@given(st.sampled_from([b"BAI\1", b"CSI\1", b"TBI\1", b""]), st.binary(max_size=300))
def test_any_bytes_are_an_index_or_malformed(magic, data):
    for raw in (magic + data, gzip.compress(magic + data), b"\x1f\x8b" + data):
        with suppress(Malformed):
            index = parse_index(raw)
            for reference in range(len(index.references[:3])):
                index.chunks(reference, 0, 10**6)
                index.lower_bound(reference, 10**6)


@given(st.data())
def test_a_real_index_with_a_changed_byte_is_an_index_or_malformed(shared, data):
    raw = bytearray(na12878(shared, "BAM").index)
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] = data.draw(st.integers(0, 255))
    with suppress(Malformed):
        index = parse_index(bytes(raw))
        index.chunks(10, 5_000_000, 6_000_000)


@given(st.binary(max_size=200) | st.text("0123456789-\t\n", max_size=200).map(str.encode))
def test_any_bytes_are_a_crai_or_malformed(data):
    for raw in (data, gzip.compress(data)):
        with suppress(Malformed):
            parse_crai(raw).spans([(0, 0, 10**9), (UNMAPPED, 0, 1)], 10**9)


def test_a_crai_finds_slices_that_overlap():
    lines = "0\t101\t100\t1000\t10\t50\n0\t101\t5000\t2000\t10\t50\n1\t1\t10\t2000\t10\t50\n-1\t0\t0\t3000\t10\t50\n"
    index = parse_crai(gzip.compress(lines.encode()))
    assert index.spans([(0, 150, 151)], 4000) == [(1000, 3000)]
    assert index.spans([(0, 200, 300)], 4000) == [(2000, 3000)]
    assert index.spans([(0, 0, 100)], 4000) == []
    assert index.spans([(1, 0, 5), (UNMAPPED, 0, 9)], 4000) == [(2000, 4000)]


@pytest.mark.parametrize(
    "line", ["0\t1\t1\t1\t1", "a\t1\t1\t26\t1\t1", "0\t1\t1\t3\t1\t1", f"0\t1\t1\t{10**30}\t1\t1"]
)
def test_lines_that_are_no_slice_are_malformed(line):
    with pytest.raises(Malformed):
        parse_crai(line.encode())
