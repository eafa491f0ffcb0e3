from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from opengdi.kernel.disclosure.units import UnitSet

UNITS = st.integers(-(2**63), 2**63 - 1) | st.integers(-50, 50)


@given(st.lists(st.lists(UNITS, max_size=80), max_size=5), st.lists(UNITS, max_size=80))
def test_it_holds_what_a_set_of_the_same_units_holds(added: list[list[int]], asked: list[int]) -> None:
    ours, plain = UnitSet(), set[int]()
    for units in added:
        ours.update(units)
        plain.update(units)
    assert len(ours) == len(plain)
    assert set(ours.as_list()) == plain
    assert ours.missing(asked) == set(asked) - plain
    assert ours.issuperset(asked) == plain.issuperset(asked)
    assert ours.shared(asked) == len(plain & set(asked))


def test_merging_loses_and_doubles_nothing() -> None:
    ours = UnitSet()
    for start in range(0, 20_000, 500):
        ours.update(range(start, start + 700))
    assert len(ours) == len(set(ours.as_list())) == 20_200
    assert ours.issuperset(range(20_200))
    assert 20_200 not in ours
    assert -1 not in ours


def test_a_million_units_take_little_more_than_eight_bytes_each() -> None:
    assert UnitSet(range(1_000_000)).size_bytes < 10_000_000
