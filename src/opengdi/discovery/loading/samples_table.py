"""The table that tells sex and population of the samples: TSV or CSV, also as a spreadsheet saves it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Final

from opengdi.discovery.loading.populations import FEMALE, MALE, UNKNOWN_SEX
from opengdi.discovery.subjects.records import delimiter_in
from opengdi.kernel.errors import Invalid

_SEX_WORDS: Final = {
    "f": FEMALE, "female": FEMALE, "2": FEMALE, "xx": FEMALE, "ncit:c16576": FEMALE,
    "m": MALE, "male": MALE, "1": MALE, "xy": MALE, "ncit:c20197": MALE,
    "u": UNKNOWN_SEX, "unknown": UNKNOWN_SEX, "0": UNKNOWN_SEX, "na": UNKNOWN_SEX, "": UNKNOWN_SEX, ".": UNKNOWN_SEX,
}  # fmt: skip
_POPULATION: Final = "population"
_NEEDED: Final = ("sample", "sex")


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A line of the samples table, and its number."""

    sex: str
    label: str | None
    line: int


def read_samples(path: Path, column: str | None = None) -> dict[str, SampleRow]:
    """Sex and label by sample from a table with the columns `sample` and `sex`, whatever their case.

    column: where the label stands; None: in `population`, if the table has that.
    Raises Invalid, which names every line that is wrong.
    """
    text = _text(path)
    rows = csv.reader(
        StringIO(text, newline=""), delimiter=delimiter_in(text.partition("\n")[0]), strict=True
    )
    try:
        names = [name.strip().lower() for name in next(rows, [])]
        places = _places(path, names, column)
        lines = [(rows.line_num, [cell.strip() for cell in row]) for row in rows if any(map(str.strip, row))]
    except csv.Error as error:
        raise Invalid(f"{path.name}:{rows.line_num}: cannot be read as a table: {error}") from error
    found: dict[str, SampleRow] = {}
    faults = [
        f"{path.name}:{line}: {fault}"
        for line, row in lines
        for fault in _take(row, line, places, len(names), found)
    ]
    if faults:
        raise Invalid("\n".join(faults))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"{path.name}: is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise Invalid(f"{path.name}: cannot be read: {error.strerror}") from error


def _places(path: Path, names: Sequence[str], column: str | None) -> dict[str, int]:
    """Where sample, sex and label stand in a line. Raises Invalid."""
    told = ", ".join(names) or "none"
    if not set(_NEEDED) <= set(names):
        raise Invalid(f"{path.name}:1: needs the columns {' and '.join(_NEEDED)}; it has {told}")
    label = (column or _POPULATION).strip().lower()
    if column is not None and label not in names:
        raise Invalid(f"{path.name}:1: has no column {column}; it has {told}")
    places = {}
    for meaning, name in (*zip(_NEEDED, _NEEDED, strict=True), (_POPULATION, label)):
        if names.count(name) > 1:
            raise Invalid(f"{path.name}:1: has two columns {name}")
        if name in names:
            places[meaning] = names.index(name)
    return places


def _take(
    row: Sequence[str], line: int, places: dict[str, int], columns: int, found: dict[str, SampleRow]
) -> Iterator[str]:
    """Add the sample of a line, or tell what is wrong with it."""
    if len(row) != columns:
        yield f"{len(row)} columns; the header has {columns}"
        return
    sample, sex = (row[places[name]] for name in _NEEDED)
    if not sample:
        yield "names no sample"
    elif sample in found:
        yield f"sample {sample!r} stands in line {found[sample].line} too"
    if sex.lower() not in _SEX_WORDS:
        yield f"sex {sex!r} is not one of F, M, U"
    label = row[places[_POPULATION]] if _POPULATION in places else ""
    found.setdefault(sample, SampleRow(_SEX_WORDS.get(sex.lower(), UNKNOWN_SEX), label or None, line))
