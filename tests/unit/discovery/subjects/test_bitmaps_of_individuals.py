"""Sets of individuals as packed bits, against plain Python sets, and the cache that bounds them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.discovery.subjects.bitmaps import (
    ArrayCache,
    bitmap_of,
    complement,
    everybody,
    flags_of,
    nobody,
    rows_of,
    size,
)


@st.composite
def people(draw):
    total = draw(st.integers(1, 70))
    return total, draw(st.sets(st.integers(0, total - 1)))


@given(people())
def test_a_bitmap_is_the_set_it_was_made_of(drawn):
    total, chosen = drawn
    found = bitmap_of(np.array(sorted(chosen) * 2, dtype=np.int32), total)
    assert set(rows_of(found)) == chosen
    assert size(found) == len(chosen)
    assert flags_of(found, total).sum() == len(chosen)
    assert set(rows_of(complement(found, total))) == set(range(total)) - chosen


@given(st.integers(0, 70))
def test_everybody_is_all_and_nobody_is_none(total):
    assert size(everybody(total)) == total
    assert size(nobody(total)) == 0
    assert len(everybody(total)) == len(nobody(total)) == (total + 7) // 8


def test_the_cache_gives_back_what_was_used_last_and_keeps_to_its_bound():
    cache, made = ArrayCache(max_bytes=4_000), []

    def array(name):
        def make():
            made.append(name)
            return (np.zeros(1_000, dtype=np.uint8),)

        return cache.get(name, make)[0]

    for name in ("a", "b", "a", "c", "a", "b"):
        array(name)
        assert cache.used_bytes <= 4_000
    assert made == ["a", "b", "c", "b"]


def test_what_the_cache_shares_cannot_be_changed():
    shared = ArrayCache(10_000).get("a", lambda: (np.zeros(3),))[0]
    with pytest.raises(ValueError, match="read-only"):
        shared[0] = 1


def test_what_is_larger_than_the_bound_is_given_and_not_kept():
    cache = ArrayCache(max_bytes=100)
    assert len(cache.get("a", lambda: (np.zeros(1_000),))[0]) == 1_000
    assert cache.used_bytes == 0
