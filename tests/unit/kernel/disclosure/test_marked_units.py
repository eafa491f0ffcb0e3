from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from opengdi.kernel.disclosure.units import MarkedUnits

UNITS = st.integers(-(2**63), 2**63 - 1) | st.integers(-50, 50)
SETS_OF_MARKS = st.integers(1, 7) | st.integers(1, 2**20)


@given(
    st.lists(st.dictionaries(UNITS, SETS_OF_MARKS, max_size=80), max_size=5),
    st.lists(st.booleans(), min_size=5, max_size=5),
    st.lists(UNITS, max_size=80),
)
def test_they_hold_the_marks_that_a_dictionary_holds(
    added: list[dict[int, int]], merged: list[bool], asked: list[int]
) -> None:
    ours, plain = MarkedUnits(), defaultdict[int, int](int)
    for number, (marks, is_merged) in enumerate(zip(added, merged, strict=False)):
        filling = dict.fromkeys(range(1100 * number + 20, 1100 * number + 1120), 1) if is_merged else {}
        for more in (marks, filling):
            ours.add(more)
            for unit, each in more.items():
                plain[unit] |= each
    for unit in asked:
        assert ours.marks(unit) == plain[unit]
    for mark in (1, 2, 1 << 8, 1 << 19, 1 << 200):
        for some in (asked, asked[:3]):
            assert ours.without(mark, some) == {unit for unit in some if not plain[unit] & mark}


def test_merging_loses_and_doubles_nothing() -> None:
    ours = MarkedUnits()
    for start in range(0, 20_000, 500):
        ours.add(dict.fromkeys(range(start, start + 700), 1 << start % 7))
    assert not [unit for unit in range(20_200) if not ours.marks(unit)]
    assert ours.marks(20_200) == ours.marks(-1) == 0


def test_a_million_units_told_of_twenty_datasets_take_little_more_than_eleven_bytes_each() -> None:
    one, twenty = MarkedUnits(), MarkedUnits()
    one.add(dict.fromkeys(range(1_000_000), 1))
    twenty.add(dict.fromkeys(range(1_000_000), (1 << 20) - 1))
    assert one.size_bytes < 10_000_000
    assert twenty.size_bytes < 12_000_000
