"""For how long a Beacon that names no edition lets anybody keep its answer: what its `Cache-Control` says, no more.

Nothing is guessed: an answer to a POST is fresh only by explicit word.

Spec: RFC 9111 §4.2.1 (freshness lifetime), §5.1 (Age), §5.2.2 (directives); RFC 9110 §9.3.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_FORBIDDING: Final = frozenset({"no-store", "no-cache", "private"})
"""The hub is a shared cache, and asks no foreign Beacon whether its answer still holds."""


def fresh_s(headers: Mapping[str, str]) -> float:
    """Seconds for which the answer may be told again; 0 if nothing allows it. Names of headers in lower case."""
    told = dict(_directives(headers.get("cache-control", "")))
    if _FORBIDDING & set(told) or headers.get("vary", "").strip() == "*":
        return 0.0
    lifetime, age = _seconds(told.get("s-maxage", told.get("max-age", ""))), _seconds(headers.get("age", "0"))
    return 0.0 if lifetime is None or age is None else max(lifetime - age, 0.0)


def _directives(value: str) -> list[tuple[str, str]]:
    """Name in lower case and argument of each, the first of a name last, so that it holds."""
    parts = (part.partition("=") for part in value.split(","))
    return [(name.strip().lower(), argument.strip().strip('"')) for name, _, argument in parts][::-1]


def _seconds(text: str) -> float | None:
    """A number of seconds; None if it is none, and then the answer is stale (RFC 9111 §4.2.1)."""
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
