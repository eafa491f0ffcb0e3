"""Durations and dates of ISO 8601."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.standards.faults import Malformed
from opengdi.standards.iso8601 import date_number, duration_seconds, is_duration, years_as_seconds


@pytest.mark.parametrize(
    "one, other",
    [
        ("P1Y", "P12M"),
        ("P4W", "P28D"),
        ("P1D", "PT24H"),
        ("PT1H", "PT60M"),
        ("P0.5Y", "P6M"),
        ("P1,5D", "PT36H"),
    ],
)
def test_equal_durations_are_equal_in_seconds(one, other):
    assert duration_seconds(one) == duration_seconds(other)


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "30Y", "P30", "P-3Y", "P3Y ", "P3YT", "p3y", "P3H", "P٣Y", "P1Y\n"]
)
def test_what_is_no_duration_is_malformed(text):
    assert not is_duration(text)
    with pytest.raises(Malformed, match="P30Y"):
        duration_seconds(text)


@given(st.integers(0, 150), st.integers(0, 11))
def test_ages_order_by_years_then_months(years, months):
    age = duration_seconds(f"P{years}Y{months}M")
    assert years_as_seconds(years) <= age < years_as_seconds(years + 1)


@given(st.text(alphabet="PYMWDTHS0123456789.,", max_size=20))
def test_any_text_is_a_duration_or_malformed(text):
    if is_duration(text):
        assert duration_seconds(text) >= 0
    else:
        with pytest.raises(Malformed):
            duration_seconds(text)


@pytest.mark.parametrize("text", ["2026-04-09", "2026-04-09T23:59:59Z"])
def test_a_time_of_day_does_not_move_the_date(text):
    assert date_number(text) == date_number("2026-04-10") - 1


@pytest.mark.parametrize("text", ["", "2026", "2026-02-30", "09.04.2026", "T12:00"])
def test_what_is_no_date_is_malformed(text):
    with pytest.raises(Malformed, match="2026-04-09"):
        date_number(text)
