"""What the subjects of one release can be asked: its series of facts, found by term, by field and by assay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from opengdi.discovery.subjects.facts import SeriesKind, SeriesName
from opengdi.standards.beacon.questions import EntryType, OntologyFilter, Similarity
from opengdi.standards.ontology.graph import Ontology

_REACH: Mapping[Similarity, int] = {
    Similarity.EXACT: 0, Similarity.HIGH: 1, Similarity.MEDIUM: 2, Similarity.LOW: 4,
}  # fmt: skip
"""Greatest distance (see `standards.ontology.graph`) at which a term still matches."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of `terms.parquet` without its lists: its name, its distinct individuals, and where it lies."""

    name: SeriesName
    carriers: int
    row_group: int
    row: int


class Catalogue:
    """Series of one release under the names a filter may give them."""

    def __init__(self, series: Sequence[Series], ontology: Ontology) -> None:
        self.series = tuple(series)
        self._ontology = ontology
        self._by_node: defaultdict[str, list[Series]] = defaultdict(list)
        self._by_ancestor: defaultdict[str, list[Series]] = defaultdict(list)
        self._by_field: defaultdict[str, list[Series]] = defaultdict(list)
        self._by_assay: defaultdict[str, list[Series]] = defaultdict(list)
        for one in self.series:
            self._file(one)

    def _file(self, one: Series) -> None:
        name = one.name
        self._by_field[name.field].append(one)
        if name.kind is SeriesKind.TERM:
            self._by_node[self._ontology.node(name.id)].append(one)
            for ancestor in self._ontology.ancestors(name.id):
                self._by_ancestor[ancestor].append(one)
            if name.context:
                self._by_assay[self._ontology.node(name.context)].append(one)
        elif name.kind is SeriesKind.NUMBER and name.id:
            self._by_assay[self._ontology.node(name.id)].append(one)
            self._by_assay[name.label.casefold()].append(one)

    def matching_terms(self, asked: OntologyFilter) -> list[Series]:
        """Series of the term, of its descendants if asked for, and of terms as near as the similarity allows."""
        node = self._ontology.node(asked.id)
        index = self._by_ancestor if asked.include_descendants else self._by_node
        found = dict.fromkeys(index.get(node, ()))
        if reach := _REACH[asked.similarity]:
            found.update(dict.fromkeys(self._within(node, reach)))
        return in_scope(found, asked.scope)

    def _within(self, node: str, reach: int) -> Iterable[Series]:
        for other, series in self._by_node.items():
            distance = self._ontology.distance(node, other)
            if distance is not None and distance <= reach:
                yield from series

    def at_field(self, field: str, scope: EntryType | None) -> list[Series]:
        """Series of a field by its path."""
        return in_scope(self._by_field.get(field, ()), scope)

    def ending_in(self, field: str, scope: EntryType | None) -> list[Series]:
        """Series of all fields whose path ends in `field`: `ageOfOnset.iso8601duration` is at home in diseases."""
        paths = (path for path in self._by_field if path.endswith(f".{field}"))
        return in_scope((one for path in paths for one in self._by_field[path]), scope)

    def of_assay(self, assay: str, scope: EntryType | None) -> list[Series]:
        """Series of what was measured, by CURIE or label of the assay."""
        found = self._by_assay.get(self._ontology.node(assay)) or self._by_assay.get(assay.casefold())
        return in_scope(found or (), scope)


def in_scope(series: Iterable[Series], scope: EntryType | None) -> list[Series]:
    """Those that come from entries of the type, all of them for None."""
    return [one for one in series if scope is None or one.name.scope is scope]
