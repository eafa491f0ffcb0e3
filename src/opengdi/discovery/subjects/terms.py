"""Filtering terms: what the data of the published releases can be filtered by, small groups left unsaid.

Spec: Beacon v2.2.0, `beaconFilteringTermsResults.json`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from opengdi.discovery.model import FilteringTerm
from opengdi.discovery.subjects.catalogue import Catalogue, Series
from opengdi.discovery.subjects.facts import AGE, MEASURED_NUMBER, SeriesKind, SeriesName
from opengdi.standards.beacon.questions import EntryType

ONTOLOGY: Final = "ontology"
ALPHANUMERIC: Final = "alphanumeric"

_MOST_VALUES: Final = 50


@dataclass(slots=True)
class _Gathered:
    kind: str
    label: str = ""
    scopes: set[EntryType] = field(default_factory=set)
    values: set[str] = field(default_factory=set)


def listed_terms(releases: Iterable[tuple[Catalogue, int]]) -> list[FilteringTerm]:
    """Terms, fields and assays that at least the floor's number of individuals of one release have, by id.

    releases: catalogue and floor of each. A value of a field is listed by the same rule.
    """
    gathered: dict[str, _Gathered] = {}
    for catalogue, floor in releases:
        for one in catalogue.series:
            if one.carriers >= max(floor, 1):
                _gather(gathered, one)
    return [
        FilteringTerm(
            term.kind,
            name,
            term.label,
            tuple(sorted(term.scopes)),
            tuple(sorted(term.values)) if len(term.values) <= _MOST_VALUES else (),
        )
        for name, term in sorted(gathered.items())
    ]


def _gather(gathered: dict[str, _Gathered], one: Series) -> None:
    name = one.name
    if name.kind is SeriesKind.TERM:
        _add(gathered, ONTOLOGY, name.id, name, name.label)
        _add(gathered, ALPHANUMERIC, name.field, name, value=name.label)
    elif name.kind is SeriesKind.NUMBER and name.field == MEASURED_NUMBER:
        _add(gathered, ALPHANUMERIC, name.label or name.id, name, name.label)
    else:
        label = "age of the individual" if name.field == AGE else ""
        _add(gathered, ALPHANUMERIC, name.field, name, label, name.id if name.kind is SeriesKind.TEXT else "")


def _add(
    gathered: dict[str, _Gathered],
    kind: str,
    term_id: str,
    name: SeriesName,
    label: str = "",
    value: str = "",
) -> None:
    term = gathered.setdefault(term_id, _Gathered(kind))
    term.label = term.label or label
    term.scopes.add(name.scope)
    if value:
        term.values.add(value)
