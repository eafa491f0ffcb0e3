"""Dates as a table writes them, brought into ISO 8601: `31.12.1980` by the form `DD.MM.YYYY`."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Final

from opengdi.standards.faults import Malformed
from opengdi.standards.iso8601 import date_number

_PARTS: Final = {"DD": "day", "MM": "month", "YYYY": "year"}
_TIME_OF_DAY: Final = r"(?:[T ]\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?)?\Z"


@lru_cache(maxsize=64)
def date_pattern(form: str) -> re.Pattern[str]:
    """What dates of a form look like; days and months may have one digit where signs part them from others.

    Raises Malformed unless the form has `DD`, `MM` and `YYYY` once each, and besides them only signs and spaces.
    """
    pieces = re.split("(YYYY|MM|DD)", form)
    signs = pieces[0::2]
    if sorted(pieces[1::2]) != sorted(_PARTS) or any(sign.isalnum() for sign in "".join(signs)):
        raise Malformed(f"dates = {form!r} is no form of dates; it has DD, MM and YYYY, as DD.MM.YYYY")
    short = r"\d{1,2}" if all(signs[1:3]) else r"\d\d"
    digits = {"DD": short, "MM": short, "YYYY": r"\d{4}"}
    text = "".join(
        f"(?P<{_PARTS[piece]}>{digits[piece]})" if piece in _PARTS else re.escape(piece) for piece in pieces
    )
    return re.compile(text + _TIME_OF_DAY, re.ASCII)


def iso_date(text: str, form: str) -> str:
    """A date in ISO 8601, of a cell in this form, or in ISO 8601 already; a time of day after one in the form goes.

    form: "" for a table whose dates are all in ISO 8601. Raises Malformed for anything else: which of two numbers
    is the month is never guessed.
    """
    found = date_pattern(form).match(text) if form else None
    try:
        if found is not None:
            return date(*(int(found[part]) for part in ("year", "month", "day"))).isoformat()
        date_number(text)
    except Malformed as fault:
        if form:
            raise Malformed(f"{text!r} is neither a date of the form {form} nor one in ISO 8601") from fault
        hint = 'if the table writes dates in another form, say which in the mapping: dates = "DD.MM.YYYY"'
        raise Malformed(f"{fault}; {hint}") from fault
    except ValueError as fault:
        raise Malformed(f"{text!r} is no date of the form {form}: {fault}") from fault
    return text
