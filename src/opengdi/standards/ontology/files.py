"""Hierarchies written as OBO or CSV text."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import Final

from opengdi.standards.faults import Malformed
from opengdi.standards.ontology.graph import Term

_COLUMNS: Final = {"id", "label", "parents", "exact"}
_TAG: Final = re.compile(r"(id|name|is_a|xref|is_obsolete):\s*(.*?)\s*(?:(?<!\\)!.*)?\Z")


def parse_csv(text: str) -> list[Term]:
    """Terms of a CSV with the columns `id`, `label`, and optionally `parents` and `exact` (CURIEs split by `|`).

    Lines that begin with `#` are comments. Raises Malformed, naming the line.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    rows = csv.DictReader(lines)
    if not {"id", "label"} <= set(rows.fieldnames or ()) <= _COLUMNS:
        raise Malformed(f"the header must be id,label and any of parents,exact; it is {rows.fieldnames}")
    terms = []
    try:
        for number, row in enumerate(rows, start=2):
            terms.append(_csv_term(row, number))
    except csv.Error as fault:
        raise Malformed(f"not a CSV table: {fault}") from fault
    return terms


def _csv_term(row: dict[str, str | None], number: int) -> Term:
    name, label = row.get("id"), row.get("label")
    if not name or label is None or None in row:
        raise Malformed(f"line {number} without comments must hold as many columns as the header, and an id")
    return Term(name, label, _split(row.get("parents")), _split(row.get("exact")))


def _split(cell: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (cell or "").split("|") if part.strip())


def parse_obo(text: str) -> list[Term]:
    """Terms of an OBO file that are not obsolete, with their is-a parents; cross-references are not taken as equal.

    Raises Malformed if a `[Term]` stanza has no id, or there is no such stanza.
    """
    terms = [term for stanza in _stanzas(text) if (term := _obo_term(stanza)) is not None]
    if not terms:
        raise Malformed("holds no [Term] stanza; expected OBO 1.2 or 1.4")
    return terms


def _stanzas(text: str) -> Iterator[list[str]]:
    """Lines of each `[Term]` stanza."""
    current: list[str] | None = None
    for line in text.splitlines():
        if line.startswith("["):
            if current is not None:
                yield current
            current = [] if line.strip() == "[Term]" else None
        elif current is not None:
            current.append(line)
    if current is not None:
        yield current


def _obo_term(stanza: list[str]) -> Term | None:
    tags: dict[str, list[str]] = {}
    for line in stanza:
        if found := _TAG.match(line):
            tags.setdefault(found[1], []).append(found[2])
    if not tags.get("id", [""])[0]:
        raise Malformed(f"a [Term] stanza has no id: {' / '.join(stanza)[:80]!r}")
    if tags.get("is_obsolete") == ["true"]:
        return None
    parents = tuple(value.split(" ", 1)[0] for value in tags.get("is_a", ()) if value)
    return Term(tags["id"][0], tags.get("name", [""])[0], parents)
