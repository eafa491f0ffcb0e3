"""How commands print for people: what is data is printed as it is, and names are never cut."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table

_WIDE: Final = 10_000
"""Cells. More than any table has: a terminal that is narrower wraps the line, and an id can still be copied whole."""


def console(*, stderr: bool = False) -> Console:
    """Where sentences go. Rich would read `:A:` in an allele as an emoji and `[` in a breakend as markup."""
    return Console(stderr=stderr, emoji=False, markup=False, highlight=False)


def plain_table(title: str | None = None) -> Table:
    """A table without lines."""
    return Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)


def print_table(table: Table) -> None:
    """Print a table as wide as its cells are."""
    Console(width=_WIDE, emoji=False, markup=False, highlight=False).print(table)
