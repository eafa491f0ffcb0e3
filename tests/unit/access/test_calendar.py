"""Working days are those on which people of that country work, and a period ends with its last day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opengdi.access.calendar import (
    EUROPE,
    add_days,
    add_months,
    add_working_days,
    end_of,
    is_working_day,
    local_day,
    working_days_between,
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "country", "works"),
    [
        ("2026-02-24", "EE", False),  # Independence Day of Estonia
        ("2026-02-24", "FI", True),
        ("2026-12-07", "FI", True),  # 6 December, Finland's, is a Sunday in 2026
        ("2026-06-19", "FI", False),  # the eve of Midsummer: banks and offices are closed
        ("2027-05-17", "NO", False),  # Constitution Day
        ("2026-10-03", "DE", False),
        ("2026-11-11", "BE", False),  # Armistice
        ("2026-04-25", "IT", False),
        ("2026-04-03", EUROPE, False),  # Good Friday
        ("2026-04-03", "IT", True),
        ("2026-12-26", "XX", False),  # a Saturday
        ("2026-12-25", "XX", True),  # nowhere has no holidays
    ],
)
def test_people_rest_on_the_holidays_of_their_country(day: str, country: str, works: bool) -> None:
    assert is_working_day(date.fromisoformat(day), country) is works


def test_the_day_of_the_event_is_not_counted_and_the_last_day_is_whole() -> None:
    # Monday, 1 June 2026, noon in Tallinn: five working days are over at midnight behind Monday, 8 June
    assert add_working_days(at("2026-06-01T09:00"), 5, "EE") == at("2026-06-08T21:00")


def test_holidays_make_a_period_longer() -> None:
    # Thursday, 2 April 2026: Good Friday and Easter Monday follow in Germany
    assert local_day(add_working_days(at("2026-04-02T10:00"), 1, "DE") - timedelta(hours=1), "DE") == date(
        2026, 4, 7
    )


def test_the_days_are_those_of_the_country() -> None:
    late = at("2026-06-01T22:30")  # already Tuesday in Helsinki, not yet in Lisbon
    assert local_day(late, "FI") == date(2026, 6, 2)
    assert local_day(late, "PT") == date(2026, 6, 1)


def test_summer_time_does_not_move_the_end_of_a_day() -> None:
    # Clocks go forward on 29 March 2026
    assert add_days(at("2026-03-27T12:00"), 3, "BE") == at("2026-03-30T22:00")


def test_a_last_day_that_is_no_working_day_is_put_off() -> None:
    assert add_days(at("2026-12-19T12:00"), 6, "EE") == end_of(date(2026, 12, 28), "EE")


def test_months_end_on_the_same_date_or_the_last_there_is() -> None:
    assert add_months(at("2026-01-30T12:00"), 1, "XX") == end_of(
        date(2026, 3, 2), "XX"
    )  # 28 February: Saturday
    assert add_months(at("2026-11-12T12:00"), 2, "XX") == end_of(date(2027, 1, 12), "XX")


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        add_working_days(datetime(2026, 1, 1), 1, "EE")  # noqa: DTZ001
    with pytest.raises(ValueError, match="forwards"):
        add_working_days(at("2026-01-01T00:00"), -1, "EE")


FIRST, LAST = datetime(2024, 1, 1), datetime(2029, 12, 31)  # noqa: DTZ001  # Hypothesis adds the zone


@given(
    st.datetimes(FIRST, LAST, timezones=st.just(UTC)),
    st.integers(0, 60),
    st.sampled_from(["EE", "FI", "DE", "PT", EUROPE, "XX"]),
)
def test_periods_can_be_counted_back(start: datetime, number: int, country: str) -> None:
    end = add_working_days(start, number, country)
    assert end > start
    assert is_working_day(local_day(end - timedelta(seconds=1), country), country)
    counted = working_days_between(start, end, country)
    assert counted == number or (number == 0 and counted == 1)
