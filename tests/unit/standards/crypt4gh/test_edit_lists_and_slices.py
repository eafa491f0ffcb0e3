"""Edit lists against the algorithm of the specification, and slices that need no decrypting."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.standards.crypt4gh.kit import ALICE, data_key, decrypted, fresh_nonces, some_bytes, whole_file

from opengdi.standards.crypt4gh import (
    ENDLESS,
    SEGMENT,
    EditList,
    Header,
    body_size,
    compose,
    plan_slice,
    seal_header,
)
from opengdi.standards.faults import Malformed

LENGTHS = st.lists(st.integers(0, 30), max_size=7).map(tuple)
PLAIN = bytes(range(100))


def apply_edit_list(lengths: tuple[int, ...], text: bytes) -> bytes:
    """ApplyEditList of the specification, word for word."""
    edits = list(lengths)
    if not edits:
        return text
    output, pos = b"", 0
    while True:
        pos += edits.pop(0)
        if not edits:
            output += text[pos:]
        else:
            keep = edits.pop(0)
            output += text[pos : pos + keep]
            pos += keep
        if not edits:
            return output


def applied(edits: EditList, text: bytes) -> bytes:
    return b"".join(text[start:stop] for start, stop in edits.kept_within(0, len(text)))


@given(LENGTHS)
def test_what_is_kept_is_what_the_specification_keeps(lengths):
    edits = EditList(lengths)
    assert applied(edits, PLAIN) == apply_edit_list(lengths, PLAIN)
    assert edits.edited_size(len(PLAIN)) == len(apply_edit_list(lengths, PLAIN))


@given(LENGTHS, st.lists(st.integers(0, 100), max_size=4))
def test_windows_of_the_plaintext_give_the_same_together(lengths, cuts):
    edits, places = EditList(lengths), [0, *sorted(cuts), len(PLAIN)]
    windows = pairwise(places)
    kept = b"".join(PLAIN[a:b] for first, last in windows for a, b in edits.kept_within(first, last))
    assert kept == apply_edit_list(lengths, PLAIN)


@given(LENGTHS, st.integers(0, 110), st.integers(0, 110))
def test_edited_ranges_are_found_in_the_plaintext(lengths, first, last):
    parts = EditList(lengths).plain_ranges(first, last)
    assert b"".join(PLAIN[start:stop] for start, stop in parts) == apply_edit_list(lengths, PLAIN)[first:last]


@given(LENGTHS, LENGTHS)
def test_two_edit_lists_are_one(outer, inner):
    both = compose(EditList(outer), EditList(inner))
    assert applied(both, PLAIN) == apply_edit_list(outer, apply_edit_list(inner, PLAIN))
    assert apply_edit_list(both.lengths, PLAIN) == applied(both, PLAIN)


@given(st.lists(st.integers(0, 100), max_size=8))
def test_a_list_made_of_ranges_keeps_them(places):
    ordered = sorted(places)
    ranges = list(zip(ordered[::2], ordered[1::2], strict=False))
    wanted = b"".join(PLAIN[start:stop] for start, stop in ranges)
    assert apply_edit_list(EditList.from_ranges(ranges, 100).lengths, PLAIN) == wanted


@pytest.mark.parametrize("ranges", [[(5, 3)], [(0, 10), (5, 20)], [(20, 30), (0, 10)], [(0, 101)], [(-1, 5)]])
def test_ranges_out_of_order_or_beyond_the_end_make_no_list(ranges):
    with pytest.raises(ValueError, match="sorted, disjoint and within 100 bytes"):
        EditList.from_ranges(ranges, 100)


def test_everything_and_nothing_have_lists_of_their_own():
    assert EditList.from_ranges([(0, 60), (60, 100)], 100) == EditList()
    assert apply_edit_list(EditList.from_ranges([], 100).lengths, PLAIN) == b""
    assert EditList.from_ranges([(10, ENDLESS)], ENDLESS) == EditList((10,))


@pytest.mark.parametrize("length", [-1, 1 << 64])
def test_a_length_is_a_64_bit_number(length):
    with pytest.raises(Malformed, match="64-bit"):
        EditList((length,))


def test_lengths_as_large_as_can_be_written_are_understood():
    huge = EditList(((1 << 64) - 1, (1 << 64) - 1, 5))
    assert huge.edited_size(1 << 50) == 0


def test_the_slice_of_the_specification_s_example():
    plan = plan_slice([(0, 7853), (145110, 453039), (5485074, 5485112)], 5485112)
    assert plan.runs == ((0, 1), (2, 7), (83, 84))
    assert plan.edit_list == EditList((0, 7853, 71721, 307929, 51299, 38))


def sliced(file: bytes, plain_size: int, plan) -> bytes:
    header_bytes = len(file) - body_size(plain_size)
    header = seal_header(Header(KEYS, plan.edit_list), [ALICE.public], ALICE, fresh_nonces())
    return header + b"".join(file[start:stop] for start, stop in plan.byte_ranges(header_bytes))


KEYS = (data_key(0), data_key(1))
SIZE = 4 * SEGMENT + 1000
BIG = some_bytes(SIZE)
FILE = whole_file(BIG, keys=KEYS)
RANGES = st.lists(
    st.tuples(st.integers(0, SIZE + 5), st.integers(0, SIZE + 5)).map(sorted).map(tuple), max_size=3
)


@settings(max_examples=60, deadline=None)
@given(RANGES)
def test_a_slice_holds_the_ranges_and_no_segment_more(ranges):
    plan = plan_slice(ranges, SIZE)
    wanted = sorted({place for start, stop in ranges for place in range(start, min(stop, SIZE))})
    assert {at for first, last in plan.runs for at in range(first, last)} == {at // SEGMENT for at in wanted}
    made = sliced(FILE, SIZE, plan)
    assert decrypted(made) == bytes(BIG[place] for place in wanted)
    assert plan.body_bytes == sum(stop - start for start, stop in plan.byte_ranges(0))


@settings(max_examples=40, deadline=None)
@given(RANGES, st.lists(st.integers(0, 2 * SEGMENT), max_size=5).map(tuple))
def test_a_slice_of_an_edited_file_counts_as_its_reader_does(ranges, lengths):
    seen = apply_edit_list(lengths, BIG)
    plan = plan_slice(ranges, SIZE, EditList(lengths))
    wanted = sorted({place for start, stop in ranges for place in range(start, min(stop, len(seen)))})
    assert decrypted(sliced(FILE, SIZE, plan)) == bytes(seen[place] for place in wanted)


def test_a_slice_along_segments_needs_no_edit_list():
    assert plan_slice([(SEGMENT, 3 * SEGMENT)], SIZE).edit_list is None
    assert plan_slice([(3 * SEGMENT, SIZE)], SIZE).edit_list is None
    assert plan_slice([(0, ENDLESS)], SIZE).runs == ((0, 5),)
    assert plan_slice([(0, ENDLESS)], 0).runs == ()


def test_a_negative_range_has_no_slice():
    for ranges in ([(-1, 5)], [(5, 3)]):
        with pytest.raises(ValueError, match="negative"):
            plan_slice(ranges, SIZE)
