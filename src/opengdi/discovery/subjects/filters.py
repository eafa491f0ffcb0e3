"""Filters as sets of individuals of one release.

An ontology filter matches a term, its descendants, and terms as near as its similarity allows (`catalogue`).
An alphanumeric filter names a field by its path (`diseases.ageOfOnset.iso8601duration`, `sex`, `libraryStrategy`; an
ending such as `ageOfOnset` is enough), an assay by CURIE or label (`LOINC:35925-4`, `BMI`), or `age`:
texts and terms take `=` and `!` with `%` as wildcard, whatever the case of letters, a term by its CURIE or its label;
numbers, dates and durations take all six operators, and a plain number compared with a duration means years.
`!` holds for everybody in a release with the field for whom `=` does not hold. A custom filter `field:value` is
`field = value`.

What is refused must not tell what a few people have: texts, kinds of numbers and units that fewer have than the floor
on people refuse nothing, and are not compared beside those that more have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from opengdi.discovery.model import Bitmap
from opengdi.discovery.subjects.bitmaps import ArrayCache, bitmap_of, complement, nobody
from opengdi.discovery.subjects.catalogue import Series
from opengdi.discovery.subjects.facts import SeriesKind
from opengdi.discovery.subjects.opened import OpenedSubjects
from opengdi.discovery.subjects.resolution import Field, Leaf, as_custom, field_of, number_of, seconds_of
from opengdi.kernel.errors import Invalid
from opengdi.standards.beacon.questions import (
    AlphanumericFilter,
    Operator,
)
from opengdi.standards.faults import Malformed
from opengdi.standards.iso8601 import date_number
from opengdi.standards.ontology.curie import canonical
from opengdi.standards.ontology.graph import Ontology

_SEX_WORDS: Final = {"f": "NCIT:C16576", "female": "NCIT:C16576", "m": "NCIT:C20197", "male": "NCIT:C20197"}
_ORDERED: Final = frozenset({SeriesKind.NUMBER, SeriesKind.DURATION, SeriesKind.DATE})


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Answers filters over one release; number is the release's, under which arrays are cached.

    floor: the least number of people of whom a refusal may tell that they have something.
    """

    subjects: OpenedSubjects
    ontology: Ontology
    cache: ArrayCache
    number: int
    floor: int

    def bitmap(self, asked: Leaf) -> Bitmap:
        """Individuals who satisfy one filter. Raises Invalid for a wrong operator or value."""
        found: tuple[Bitmap, ...] = self.cache.get((self.number, asked), lambda: (self._made(asked),))
        return found[0]

    def _made(self, asked: Leaf) -> Bitmap:
        if isinstance(asked, AlphanumericFilter):
            return self._compared(asked)
        if found := self.subjects.catalogue.matching_terms(asked):
            return self._anybody_in(found)
        custom = as_custom(asked)
        return self._compared(custom) if custom else nobody(self.subjects.individuals)

    def _compared(self, asked: AlphanumericFilter) -> Bitmap:
        field = field_of(asked, self.subjects.catalogue)
        if not field.series:
            return nobody(self.subjects.individuals)
        if asked.operator is Operator.NOT:
            return complement(
                self._equal(replace(asked, operator=Operator.EQUAL), field), self.subjects.individuals
            )
        return self._equal(asked, field) if asked.operator is Operator.EQUAL else self._ranged(asked, field)

    def _equal(self, asked: AlphanumericFilter, field: Field) -> Bitmap:
        texts = [one for one in field.series if one.name.kind not in _ORDERED]
        matching = [one for one in texts if self._text_matches(one, asked.value, field.part)]
        found = self._anybody_in(matching)
        if len(texts) < len(field.series):
            try:
                found = found | self._ranged(asked, field)
            except Invalid:
                if not self._are_many(texts):
                    raise
        return found

    def _text_matches(self, one: Series, value: str, part: str) -> bool:
        name = one.name
        if name.kind is SeriesKind.TEXT:
            return is_like(name.id, value)
        if part != "label" and (is_like(name.id, value) or name.id == canonical(value)):
            return True
        if part != "id" and is_like(name.label, value):
            return True
        meant = _SEX_WORDS.get(value.casefold()) if name.field == "sex" else None
        return meant is not None and self.ontology.is_a(name.id, meant)

    def _ranged(self, asked: AlphanumericFilter, field: Field) -> Bitmap:
        """Individuals with a number in the range that operator and value describe, in any ordered series."""
        ordered = [one for one in field.series if one.name.kind in _ORDERED]
        scales = groupby(sorted(ordered, key=_scale), key=_scale)
        held = [one for _, scale in scales for one in self._if_many(list(scale))]
        if not held and self._are_many([one for one in field.series if one not in ordered]):
            raise Invalid(
                f"filter {asked.id!r}: {asked.operator} compares numbers, durations or dates, and this field "
                "holds text; use = or !"
            )
        try:
            return self._within(asked, held or ordered)
        except Invalid:
            if held:
                raise
            return nobody(self.subjects.individuals)

    def _within(self, asked: AlphanumericFilter, ordered: Sequence[Series]) -> Bitmap:
        _check_units(asked, ordered)
        bounds = _bounds(asked, {one.name.kind for one in ordered})
        found = nobody(self.subjects.individuals)
        for one in ordered:
            if one.name.kind in bounds:
                found = found | self._in_range(one, asked.operator, bounds[one.name.kind])
        return found

    def _if_many(self, series: Sequence[Series]) -> Sequence[Series]:
        return series if self._are_many(series) else ()

    def _are_many(self, series: Sequence[Series]) -> bool:
        """True if a refusal may tell that people of the release have one of the series."""
        return self.subjects.has_at_least(self.floor, series)

    def _in_range(self, one: Series, operator: Operator, bound: float) -> Bitmap:
        individuals, numbers = self.cache.get(
            (self.number, one.row_group, one.row), lambda: _copied(self.subjects.postings([one])[0])
        )
        left, right = np.searchsorted(numbers, bound, "left"), np.searchsorted(numbers, bound, "right")
        places = {
            Operator.EQUAL: slice(left, right),
            Operator.LESS: slice(0, left),
            Operator.LESS_OR_EQUAL: slice(0, right),
            Operator.GREATER: slice(right, None),
            Operator.GREATER_OR_EQUAL: slice(left, None),
        }[operator]
        return bitmap_of(individuals[places], self.subjects.individuals)

    def _anybody_in(self, series: Sequence[Series]) -> Bitmap:
        if not series:
            return nobody(self.subjects.individuals)
        rows = [individuals for individuals, _ in self.subjects.postings(series)]
        return bitmap_of(np.concatenate(rows), self.subjects.individuals)


def is_like(text: str, pattern: str) -> bool:
    """True if `text` is the pattern, `%` standing for any characters, whatever the case; linear in both lengths."""
    text, parts = text.casefold(), pattern.casefold().split("%")
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    place, end = len(first), len(text) - len(last)
    for part in middle:
        place = text.find(part, place, end)
        if place < 0:
            return False
        place += len(part)
    return True


def _scale(one: Series) -> tuple[str, str]:
    return one.name.kind, one.name.context if one.name.kind is SeriesKind.NUMBER else ""


def _check_units(asked: AlphanumericFilter, series: Sequence[Series]) -> None:
    units = {one.name.context for one in series if one.name.kind is SeriesKind.NUMBER}
    if len(units) > 1:
        raise Invalid(
            f"filter {asked.id!r}: measured in several units ({', '.join(sorted(units))}); not comparable"
        )


def _bounds(asked: AlphanumericFilter, kinds: set[SeriesKind]) -> dict[SeriesKind, float]:
    """The value on the scale of each kind that can understand it. Raises Invalid if none can."""
    bounds: dict[SeriesKind, float] = {}
    reasons = []
    for kind in sorted(kinds):
        try:
            bounds[kind] = _on_scale(asked.value, kind)
        except Malformed as fault:
            reasons.append(str(fault))
    if not bounds:
        raise Invalid(f"filter {asked.id!r}: {'; '.join(reasons)}")
    return bounds


def _on_scale(value: str, kind: SeriesKind) -> float:
    if kind is SeriesKind.DATE:
        return float(date_number(value))
    return seconds_of(value) if kind is SeriesKind.DURATION else number_of(value)


def _copied(
    posting: tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]],
) -> tuple[npt.NDArray[Any], ...]:
    """Arrays of their own, so that the cache does not hold the whole row group they were read with."""
    return tuple(array.copy() for array in posting)
