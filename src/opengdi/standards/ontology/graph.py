"""An is-a graph over terms of several vocabularies, with equivalences between them.

Codes of ICD-10 and OPCS-4 carry their hierarchy in themselves (`ICD10:E11.9` is a `ICD10:E11`, which lies in the
block `ICD10:E10-E14`), so no table has to list them. A term of another vocabulary that is marked as an exact
match is the same node of the graph.

Distance between two terms: fewest is-a steps from each to an ancestor they share, added; the ancestor must not be
a root, unless it is one of the two. So parent and child are 1 apart, siblings 2, cousins 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from opengdi.standards.ontology.curie import canonical


@dataclass(frozen=True, slots=True)
class Term:
    """One term as a file lists it: direct parents and exact matches by CURIE."""

    id: str
    label: str
    parents: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()


_ICD10: Final = re.compile(r"(ICD10(?:CM)?):([A-Z]\d\d)(?:\.(\w+))?\Z", re.ASCII)
_BLOCK: Final = re.compile(r"ICD10:([A-Z]\d\d)-([A-Z]\d\d)\Z", re.ASCII)
_OPCS4: Final = re.compile(r"OPCS4:([A-Z])(\d\d)?(?:\.(\w+))?\Z", re.ASCII)


class Ontology:
    """Terms by CURIE; ids may be given in any spelling that `canonical` understands."""

    def __init__(self, terms: Iterable[Term] = ()) -> None:
        listed = list(terms)
        self._leader = _leaders(listed)
        self._labels: dict[str, str] = {}
        self._parents: dict[str, tuple[str, ...]] = {}
        self._blocks: list[tuple[str, str, str]] = []
        for term in listed:
            self._add(term)
        self._ancestors: dict[str, Mapping[str, int]] = {}

    def _add(self, term: Term) -> None:
        own = canonical(term.id)
        node = self.node(own)
        self._labels.setdefault(own, term.label)
        parents = tuple(self.node(parent) for parent in term.parents)
        self._parents[node] = tuple(dict.fromkeys((*self._parents.get(node, ()), *parents)))
        if block := _BLOCK.match(own):
            self._blocks.append((block[1], block[2], own))

    def node(self, term: str) -> str:
        """The CURIE that stands for a term and all its exact matches."""
        own = canonical(term)
        return self._leader.get(own, own)

    def knows(self, term: str) -> bool:
        """True if the term, or an exact match of it, is listed."""
        return canonical(term) in self._labels or self.node(term) in self._parents

    def label(self, term: str) -> str:
        """Label of a listed term, "" if there is none."""
        return self._labels.get(canonical(term), "")

    def ancestors(self, term: str) -> Mapping[str, int]:
        """Nodes above a term with the fewest is-a steps to each; the term's own node is among them, 0 steps away."""
        node = self.node(term)
        found = self._ancestors.get(node)
        if found is None:
            found = self._climb(node)
            if node in self._parents:  # only listed terms are kept: what is asked for has no bound
                self._ancestors[node] = found
        return found

    def _climb(self, node: str) -> dict[str, int]:
        steps = {node: 0}
        queue = [node]
        for current in queue:  # grows while it is walked: breadth first, so the first visit is the nearest
            for parent in self._parents_of(current):
                if parent not in steps:
                    steps[parent] = steps[current] + 1
                    queue.append(parent)
        return steps

    def _parents_of(self, node: str) -> tuple[str, ...]:
        by_code = self._parent_by_code(node)
        listed = self._parents.get(node, ())
        return (*listed, self.node(by_code)) if by_code else listed

    def _parent_by_code(self, node: str) -> str | None:
        """Parent that the code itself tells: category, block or chapter."""
        if code := _ICD10.match(node):
            system, category, detail = code.groups()
            if detail:
                return f"{system}:{category}.{detail[:-1]}" if len(detail) > 1 else f"{system}:{category}"
            return self._block_around(category, category, node) if system == "ICD10" else None
        if block := _BLOCK.match(node):
            return self._block_around(block[1], block[2], node)
        if code := _OPCS4.match(node):
            return f"OPCS4:{code[1]}{code[2]}" if code[3] else (f"OPCS4:{code[1]}" if code[2] else None)
        return None

    def _block_around(self, first: str, last: str, itself: str) -> str | None:
        around = [
            (_width(low, high), name)
            for low, high, name in self._blocks
            if low <= first and last <= high and name != itself
        ]
        return min(around)[1] if around else None

    def is_a(self, term: str, ancestor: str) -> bool:
        """True if `ancestor` is the term itself or lies above it."""
        return self.node(ancestor) in self.ancestors(term)

    def distance(self, one: str, other: str) -> int | None:
        """Steps between two terms as the module's text counts them, None if nothing but a root joins them."""
        up, down = self.ancestors(one), self.ancestors(other)
        ends = {self.node(one), self.node(other)}
        shared = [
            up[node] + down[node]
            for node in up.keys() & down.keys()
            if node in ends or self._parents_of(node)
        ]
        return min(shared, default=None)


def _width(low: str, high: str) -> int:
    return (ord(high[0]) - ord(low[0])) * 100 + int(high[1:]) - int(low[1:])


def _leaders(terms: list[Term]) -> dict[str, str]:
    """For every term with exact matches, the one CURIE (the smallest) that stands for all of them."""
    group: dict[str, set[str]] = {}
    for term in terms:
        if not term.exact:
            continue
        members = {canonical(term.id), *map(canonical, term.exact)}
        for member in tuple(members):
            members |= group.get(member, set())
        for member in members:
            group[member] = members
    return {member: min(members) for member, members in group.items()}
