"""Facts about individuals out of Beacon documents: which filter ids they answer to, and with which values.

A fact belongs to a series: one term of one field, one text of one field, or all numbers of one field and assay.
Left aside are identifiers, free notes, units, `info`, pedigrees, and features a person is said not to have.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.faults import Malformed
from opengdi.standards.iso8601 import date_number, duration_seconds, is_duration
from opengdi.standards.ontology.curie import canonical

AGE: Final = "age"
"""Field of the age of an individual: as told, else at the last encounter, else when a biosample was collected."""

MEASURED_NUMBER: Final = "measurements.measurementValue.value"
MEASURED_TERM: Final = "measurements.measurementValue"
_UNSAID: Final = frozenset(
    {"info", "notes", "individualId", "biosampleId", "runId", "pedigrees", "excludedDiseases", "unit",
     "referenceRange", "reference", "pipelineRef"}
)  # fmt: skip
_AGES: Final = (AGE, "timeAtLastEncounter")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:T.*)?\Z", re.ASCII | re.DOTALL)
_MAX_TEXT: Final = 200


class SeriesKind(StrEnum):
    """What the facts of a series are; `number`, `duration` (seconds) and `date` (ordinal days) are ordered."""

    TERM = "term"
    TEXT = "text"
    NUMBER = "number"
    DURATION = "duration"
    DATE = "date"


class SeriesName(NamedTuple):
    """What tells a series from others.

    field: dotted path in the document. id: CURIE of a term or of the assay of a number, the text itself for texts,
    "" otherwise. label: of the term or assay. context: CURIE of the unit of a number, of the assay of a measured term.
    """

    scope: EntryType
    field: str
    kind: SeriesKind
    id: str = ""
    label: str = ""
    context: str = ""


@dataclass(slots=True)
class Postings:
    """Individuals of a series with their numbers (0 for terms and texts), in the order in which they were met."""

    individuals: array[int]
    numbers: array[float]


class FactTable:
    """All series of a release while its documents are read."""

    def __init__(self) -> None:
        self.series: dict[SeriesName, Postings] = {}
        self._aged: set[int] = set()

    def add(self, kind: EntryType, individual: int, document: dict[str, object]) -> None:
        """Take the facts of one entry of an individual; add individuals before their biosamples."""
        for name, number in facts_of(kind, document):
            self._post(name, individual, number)
            if kind is EntryType.INDIVIDUAL and name.field == AGE:
                self._aged.add(individual)
        if kind is EntryType.BIOSAMPLE and individual not in self._aged:
            self._age_at_collection(individual, document.get("collectionMoment"))

    def _age_at_collection(self, individual: int, moment: object) -> None:
        if isinstance(moment, str) and is_duration(moment):
            name = SeriesName(EntryType.INDIVIDUAL, AGE, SeriesKind.DURATION)
            self._post(name, individual, duration_seconds(moment))

    def _post(self, name: SeriesName, individual: int, number: float) -> None:
        postings = self.series.get(name)
        if postings is None:
            postings = self.series[name] = Postings(array("i"), array("d"))
        postings.individuals.append(individual)
        postings.numbers.append(number)


def facts_of(kind: EntryType, document: dict[str, object]) -> Iterator[tuple[SeriesName, float]]:
    """Facts of one document, each with its number; an individual's age comes once, under `AGE`."""
    for name, value in document.items():
        if name == "id" or name in _UNSAID or (kind is EntryType.INDIVIDUAL and name in _AGES):
            continue
        yield from _facts(kind, name, value)
    if kind is EntryType.INDIVIDUAL and (seconds := _age(document)) is not None:
        yield SeriesName(kind, AGE, SeriesKind.DURATION), seconds


def _facts(kind: EntryType, path: str, value: object) -> Iterator[tuple[SeriesName, float]]:
    if isinstance(value, dict):
        yield from _object_facts(kind, path, value)
    elif isinstance(value, list):
        for item in value:
            yield from _facts(kind, path, item)
    elif isinstance(value, bool):
        yield SeriesName(kind, path, SeriesKind.TEXT, "true" if value else "false"), 0.0
    elif isinstance(value, int | float):
        yield SeriesName(kind, path, SeriesKind.NUMBER), float(value)
    elif isinstance(value, str):
        yield _text_fact(kind, path, value)


def _object_facts(kind: EntryType, path: str, value: dict[str, object]) -> Iterator[tuple[SeriesName, float]]:
    if value.get("excluded") is True:
        return
    if isinstance(term := value.get("id"), str):
        yield SeriesName(kind, path, SeriesKind.TERM, canonical(term), _label(value)), 0.0
    if path == "measurements":
        yield from _measured(kind, value)
    for name, item in value.items():
        if name in ("id", "label", "excluded") or name in _UNSAID:
            continue
        if path == "measurements" and name == "measurementValue":
            continue
        yield from _facts(kind, f"{path}.{name}", item)


def _measured(kind: EntryType, measurement: dict[str, object]) -> Iterator[tuple[SeriesName, float]]:
    """The value of a measurement: numbers under the assay they belong to, so that units are never mixed."""
    assay, value = measurement.get("assayCode"), measurement.get("measurementValue")
    if not isinstance(assay, dict) or not isinstance(value, dict):
        return
    if isinstance(term := value.get("id"), str):
        about = canonical(str(assay.get("id", "")))
        yield SeriesName(kind, MEASURED_TERM, SeriesKind.TERM, canonical(term), _label(value), about), 0.0
    if isinstance(number := value.get("value"), int | float):
        yield _number_name(kind, assay, value), float(number)
    parts = value.get("typedQuantities")
    for part in parts if isinstance(parts, list) else ():
        quantity, quantity_type = part["quantity"], part["quantityType"]
        yield _number_name(kind, quantity_type, quantity), float(quantity["value"])


def _number_name(kind: EntryType, assay: dict[str, object], quantity: dict[str, object]) -> SeriesName:
    unit = quantity.get("unit")
    unit_id = str(unit.get("id", "")) if isinstance(unit, dict) else ""
    return SeriesName(
        kind, MEASURED_NUMBER, SeriesKind.NUMBER, str(assay.get("id", "")), _label(assay), unit_id
    )


def _text_fact(kind: EntryType, path: str, text: str) -> tuple[SeriesName, float]:
    if is_duration(text):
        return SeriesName(kind, path, SeriesKind.DURATION), float(duration_seconds(text))
    if _DATE.match(text):
        try:
            return SeriesName(kind, path, SeriesKind.DATE), float(date_number(text))
        except Malformed:
            pass  # looks like a date and is none: it stays a text
    return SeriesName(kind, path, SeriesKind.TEXT, text[:_MAX_TEXT]), 0.0


def _age(document: dict[str, object]) -> float | None:
    """Age in seconds as an individual's document tells it: `age`, `timeAtLastEncounter`, `info.age`."""
    info = document.get("info")
    told = [document.get(name) for name in _AGES]
    told.append(info.get(AGE) if isinstance(info, dict) else None)
    for value in told:
        text = value.get("iso8601duration") if isinstance(value, dict) else value
        if isinstance(text, str) and is_duration(text):
            return float(duration_seconds(text))
    return None


def _label(term: dict[str, object]) -> str:
    label = term.get("label")
    return label if isinstance(label, str) else ""
