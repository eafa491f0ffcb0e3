"""Durations and dates as ISO 8601 writes them, as far as Beacon and Phenopackets use them.

Spec: ISO 8601-1:2019, 5.5.2 (duration with designators) and 5.2.2 (calendar date).
"""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction
from typing import Final

from opengdi.standards.faults import Malformed

SPEC_VERSION: Final = "ISO 8601-1:2019"

_YEAR: Final = 31_556_952  # mean Gregorian year in seconds; a twelfth of it is a whole number
_SECONDS: Final = (_YEAR, _YEAR // 12, 604_800, 86_400, 3_600, 60, 1)
_NUMBER: Final = r"(\d{1,9}(?:[.,]\d{1,9})?)"
_DURATION: Final = re.compile(
    rf"P(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:T(?=\d)(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?\Z",
    re.ASCII,
)


def is_duration(text: str) -> bool:
    """True if `text` is a duration such as `P40Y1M1D`."""
    found = _DURATION.match(text)
    return found is not None and any(found.groups())


def duration_seconds(text: str) -> int:
    """Length of a duration in seconds, a year counted as 365.2425 days and a month as its twelfth part.

    So `P1Y` equals `P12M`, and `P4W` equals `P28D`. Raises Malformed for anything but a duration.
    """
    found = _DURATION.match(text)
    if found is None or not any(found.groups()):
        raise Malformed(f"{text!r} is not an ISO 8601 duration such as 'P30Y' or 'P1Y6M'")
    return int(
        sum(
            Fraction(number.replace(",", ".")) * seconds
            for number, seconds in zip(found.groups(), _SECONDS, strict=True)
            if number
        )
    )


def years_as_seconds(years: float) -> int:
    """So many years on the same scale as `duration_seconds`."""
    return int(years * _YEAR)


def date_number(text: str) -> int:
    """Ordinal number of a calendar date; a time of day after `T` is left aside. Raises Malformed."""
    try:
        return date.fromisoformat(text.split("T", 1)[0]).toordinal()
    except ValueError as fault:
        raise Malformed(f"{text!r} is not an ISO 8601 date such as '2026-04-09'") from fault
