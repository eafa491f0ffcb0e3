"""Ranges of bytes as RFC 9110 writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.byte_ranges import (
    ByteRange,
    Unsatisfiable,
    may_continue,
    parse_range,
    unsatisfied_range,
)
from opengdi.standards.faults import Malformed


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", ByteRange(0, 1)),
        ("bytes=2-5", ByteRange(2, 6)),
        ("bytes=2-", ByteRange(2, 10)),
        ("bytes=2-99", ByteRange(2, 10)),
        ("bytes=-3", ByteRange(7, 10)),
        ("bytes=-99", ByteRange(0, 10)),
        ("Bytes = 9-9 ", ByteRange(9, 10)),
        ("lines=1-2", None),
    ],
)
def test_a_range_of_ten_bytes(header, expected):
    assert parse_range(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-11", "bytes=-0"])
def test_a_range_that_has_no_byte_is_not_satisfiable(header):
    with pytest.raises(Unsatisfiable):
        parse_range(header, 10)


@pytest.mark.parametrize(
    "header",
    [
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-2",
        "bytes=0-1,3-4",
        "bytes=--1",
        "bytes",
        "",
        "bytes=٣-٤",
        "bytes=0-" + "9" * 40,
    ],
)
def test_what_is_no_single_range_is_refused(header):
    with pytest.raises(Malformed) as refusal:
        parse_range(header, 10)
    assert not isinstance(refusal.value, Unsatisfiable)


@given(
    st.text(max_size=40) | st.from_regex(r"bytes=\d{0,5}-\d{0,5}(,\d-)?", fullmatch=True),
    st.integers(0, 2000),
)
def test_any_header_is_a_range_within_the_bytes_or_nothing_or_malformed(header, size):
    try:
        found = parse_range(header, size)
    except Malformed:
        return
    assert found is None or 0 <= found.first < found.stop <= size


@given(st.data())
def test_a_written_range_is_read_back(data):
    size = data.draw(st.integers(1, 10**12))
    first = data.draw(st.integers(0, size - 1))
    stop = data.draw(st.integers(first + 1, size))
    assert parse_range(f"bytes={first}-{stop - 1}", size) == ByteRange(first, stop)
    assert ByteRange(first, stop).content_range(size) == f"bytes {first}-{stop - 1}/{size}"


def test_an_unsatisfied_range_tells_the_size():
    assert unsatisfied_range(7) == "bytes */7"


@pytest.mark.parametrize(
    ("if_range", "continues"),
    [
        (None, True),
        ('"a"', True),
        (' "a"', True),
        ('"b"', False),
        ('W/"a"', False),
        ("Sun, 06 Nov 1994 08:49:37 GMT", False),
    ],
)
def test_a_range_continues_only_the_very_same_bytes(if_range, continues):
    assert may_continue(if_range, '"a"') is continues


def test_a_weak_tag_continues_nothing():
    assert not may_continue('W/"a"', 'W/"a"')
