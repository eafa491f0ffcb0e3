"""Parameters of a query, read alike by all APIs of access."""

from __future__ import annotations

from collections.abc import Mapping

from opengdi.access.ledger import read_place
from opengdi.kernel.errors import Invalid


def is_set(query: Mapping[str, str], name: str) -> bool:
    """True for `true`, False for `false` or nothing. Raises Invalid."""
    text = query.get(name, "false")
    if text not in {"true", "false"}:
        raise Invalid(f"{name} is {text[:20]!r}; expected true or false")
    return text == "true"


def is_dry_run(query: Mapping[str, str]) -> bool:
    """True if it is only asked whether a command is possible. Raises Invalid."""
    return is_set(query, "dry-run")


def size_of_page(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    """How many lines at most. Raises Invalid."""
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= most):
        raise Invalid(f"{name} is {text[:20]!r}; expected a number from 1 to {most}")
    return int(text)


def place_of(query: Mapping[str, str]) -> str | None:
    """`after`: what a page goes on after; None: it begins at the newest. Raises Invalid."""
    after = query.get("after")
    return None if after is None else read_place(after)
