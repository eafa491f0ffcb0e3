"""Periods in which access is decided: working days by national holidays, calendar days, months. Pure: time comes in.

Spec: Regulation (EEC, Euratom) 1182/71, Article 3: the day of the event is not counted; a period ends with the last
hour of its last day; working days are all days but public holidays, Sundays and Saturdays. Days are those of the
country's own time zone (of several, the capital's).
"""

from __future__ import annotations

import calendar as gregorian
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import holidays

INSTANT: Final = timedelta(seconds=1)
"""A period ends at the midnight behind its last day, which is the first hour of another day already."""

EUROPE: Final = "EU"
"""Bodies of the Union keep the days on which its payments rest (TARGET closing days of the European Central Bank)."""

_BRUSSELS: Final = "Europe/Brussels"

_ZONES: Final = {
    EUROPE: _BRUSSELS,
    "AT": "Europe/Vienna", "BE": _BRUSSELS, "BG": "Europe/Sofia", "CH": "Europe/Zurich", "CY": "Asia/Nicosia",
    "CZ": "Europe/Prague", "DE": "Europe/Berlin", "DK": "Europe/Copenhagen", "EE": "Europe/Tallinn",
    "ES": "Europe/Madrid", "FI": "Europe/Helsinki", "FR": "Europe/Paris", "GB": "Europe/London",
    "GR": "Europe/Athens", "HR": "Europe/Zagreb", "HU": "Europe/Budapest", "IE": "Europe/Dublin",
    "IS": "Atlantic/Reykjavik", "IT": "Europe/Rome", "LI": "Europe/Vaduz", "LT": "Europe/Vilnius",
    "LU": "Europe/Luxembourg", "LV": "Europe/Riga", "MT": "Europe/Malta", "NL": "Europe/Amsterdam",
    "NO": "Europe/Oslo", "PL": "Europe/Warsaw", "PT": "Europe/Lisbon", "RO": "Europe/Bucharest",
    "SE": "Europe/Stockholm", "SI": "Europe/Ljubljana", "SK": "Europe/Bratislava", "UA": "Europe/Kyiv",
}  # fmt: skip

_SATURDAY: Final = 5
_DAY: Final = timedelta(days=1)


def is_working_day(day: date, country: str) -> bool:
    """False on Saturdays, Sundays and public holidays; of a country that is not known, on weekends only."""
    return day.weekday() < _SATURDAY and day not in _holidays(country, day.year)


def add_working_days(start: datetime, number: int, country: str) -> datetime:
    """The end of the last of so many working days after the day of `start`: midnight behind it, in UTC.

    0: the end of that day itself, or of the next working day. Raises ValueError if `number` is negative.
    """
    if number < 0:
        raise ValueError(f"{number} working days: a period runs forwards")
    day = local_day(start, country)
    left = number
    while left > 0:
        day += _DAY
        left -= is_working_day(day, country)
    return end_of(_working(day, country), country)


def add_days(start: datetime, number: int, country: str) -> datetime:
    """The end of the last of so many calendar days after the day of `start`; put off to a working day."""
    return end_of(_working(local_day(start, country) + number * _DAY, country), country)


def add_months(start: datetime, number: int, country: str) -> datetime:
    """The end of the day with the same date so many months later, or of that month's last; put off to a working day."""
    day = local_day(start, country)
    years, month = divmod(day.month - 1 + number, 12)
    year, month = day.year + years, month + 1
    last = gregorian.monthrange(year, month)[1]
    return end_of(_working(date(year, month, min(day.day, last)), country), country)


def working_days_between(start: datetime, end: datetime, country: str) -> int:
    """How many working days after the day of `start` end no later than `end`: `add_working_days` undone."""
    day, count = local_day(start, country) + _DAY, 0
    while end_of(day, country) <= end:
        count += is_working_day(day, country)
        day += _DAY
    return count


def local_day(moment: datetime, country: str) -> date:
    """The date in that country. Raises ValueError for a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone is on no day in particular")
    return moment.astimezone(_zone(country)).date()


def end_of(day: date, country: str) -> datetime:
    """The expiry of the last hour of a day there, in UTC."""
    return datetime.combine(day + _DAY, time(), _zone(country)).astimezone(UTC)


def _working(day: date, country: str) -> date:
    while not is_working_day(day, country):
        day += _DAY
    return day


def _zone(country: str) -> ZoneInfo:
    return ZoneInfo(_ZONES.get(country, "UTC"))


@lru_cache(maxsize=1024)
def _holidays(country: str, year: int) -> frozenset[date]:
    if country == EUROPE:
        return frozenset(holidays.financial_holidays("ECB", years=year))
    try:
        return frozenset(holidays.country_holidays(country, years=year))
    except NotImplementedError:  # no such country, such as XX, where a node stands that was not told
        return frozenset()
