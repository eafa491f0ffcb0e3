"""Subjects from a table (TSV or CSV) and a mapping file that says what each column means.

The mapping is TOML; unknown keys are refused. A cell that is empty or listed in `missing` says nothing; a line with
a cell that cannot be understood is left out and named, like any other record that breaks the model.

    delimiter = ";"                                   # default: tab, semicolon or comma, as the header has it
    decimal = ","                                     # default: a point
    dates = "DD.MM.YYYY"                              # default: ISO 8601, which is read besides
    missing = ["#REF!", "Prefer not to answer"]
    individual.id = "Subject id"
    biosample.id = "Accession"                        # optional: one biosample per line
    biosample.fixed.sampleOriginType = { id = "UBERON:0000178", label = "blood" }

    [[columns]]                                       # a term by value
    column = "Sex"
    field = "sex"
    values = { male = { id = "NCIT:C20197", label = "male" }, female = { id = "NCIT:C16576", label = "female" } }

    [[columns]]                                       # a measurement: assay and unit
    column = "BMI"
    field = "measurements"
    assay = { id = "LOINC:35925-4", label = "BMI" }
    unit = { id = "NCIT:C49671", label = "Kilogram per Square Meter" }

    [[columns]]                                       # a code and its text in one cell: "C50.9 Breast, unspecified"
    column = "Cancer"
    field = "diseases"
    prefix = "ICD10"
    age_column = "Age at diagnosis"                   # in years: age of onset

    [[columns]]                                       # an age, text, number or date elsewhere
    column = "Age"
    field = "age"
    as = "years"

`field` is `sex`, a list (`diseases`, `phenotypicFeatures`, `interventionsOrProcedures`, `treatments`,
`measurements`), or a dotted path; `entry = "biosample"` writes it to the biosample; `split = ";"` makes several
values of a cell; `others = "ignore"` passes over cells that `values` does not list; a column may have `dates` of
its own, and a field that the model knows as a date needs no `as`.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Final, Literal

import msgspec

from opengdi.discovery.subjects.records import delimiter_in, lines
from opengdi.discovery.subjects.table_dates import date_pattern, iso_date
from opengdi.kernel.errors import Invalid
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.faults import Malformed
from opengdi.standards.iso8601 import duration_seconds

Document = dict[str, object]
Term = dict[str, str]


class Owner(msgspec.Struct, forbid_unknown_fields=True):
    """Where the id of an entry stands, and members that are the same for all entries."""

    id: str
    fixed: Document = {}


class Column(msgspec.Struct, forbid_unknown_fields=True, rename={"form": "as"}):
    """What one column means; see the module's text."""

    column: str
    field: str
    entry: Literal["individual", "biosample"] = "individual"
    values: dict[str, Term | str] = {}
    others: Literal["report", "ignore"] = "report"
    prefix: str = ""
    form: Literal["text", "number", "years", "months", "days", "duration", "date"] = "text"
    assay: Term | None = None
    unit: Term | None = None
    age_column: str = ""
    split: str = ""
    dates: str = ""

    @property
    def holds_dates(self) -> bool:
        return self.form == "date" or (self.form == "text" and self.field in _DATES)


class TableMapping(msgspec.Struct, forbid_unknown_fields=True):
    """A mapping file; see the module's text."""

    individual: Owner
    columns: list[Column]
    biosample: Owner | None = None
    delimiter: str = ""
    decimal: Literal[".", ","] = "."
    dates: str = ""
    missing: list[str] = []


_CODES: Final = {
    "diseases": ("diseaseCode", "ageOfOnset"),
    "phenotypicFeatures": ("featureType", "onset"),
    "interventionsOrProcedures": ("procedureCode", "ageAtProcedure"),
    "treatments": ("treatmentCode", "ageAtOnset"),
}
_LISTS: Final = frozenset({"measurements", *_CODES})
_DATES: Final = frozenset({"collectionDate", "obtentionProcedure.dateOfProcedure"})
"""Members of the model that are dates, whether the mapping says so or not."""
_AGES: Final = {"years": "Y", "months": "M", "days": "D"}
_NUMBERS: Final = frozenset({"number", *_AGES})

Entry = tuple[str, EntryType, Document | Malformed]
"""Place in the table, entry type, document (or what was wrong with it)."""


def read_mapping(path: Path) -> TableMapping:
    """The mapping file. Raises Invalid naming the file and the key that is wrong."""
    try:
        mapping = msgspec.convert(tomllib.loads(b"\n".join(lines(path)).decode()), TableMapping)
        if mapping.dates:
            date_pattern(mapping.dates)
        for column in mapping.columns:
            _check(column, mapping)
            column.dates = column.dates or mapping.dates
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError, Malformed) as fault:
        raise Invalid(f"{path.name}: {fault}") from fault
    return mapping


def _check(column: Column, mapping: TableMapping) -> None:
    """Raises Malformed for what types cannot say."""
    if column.field == "measurements" and (column.assay is None or column.unit is None):
        raise Malformed(f"column {column.column!r} is a measurement; it needs `assay` and `unit`")
    if column.entry == "biosample" and mapping.biosample is None:
        raise Malformed(f"column {column.column!r} is of biosamples; say [biosample] id")
    if column.split and column.field not in _LISTS:
        raise Malformed(
            f"column {column.column!r}: `split` makes several values, and {column.field} holds one"
        )
    if column.dates and not column.holds_dates:
        raise Malformed(
            f"column {column.column!r} holds no dates; `dates` of the whole table stands before the first [[columns]]"
        )
    if column.dates:
        date_pattern(column.dates)


def table_entries(table: Path, mapping_file: Path) -> Iterator[Entry]:
    """Individuals, and biosamples if the mapping names their id, line by line; places are `line N` from 1.

    Raises Invalid if the mapping is wrong, the file cannot be read, or a column of the mapping is not in the header.
    """
    mapping = read_mapping(mapping_file)
    texts = _texts(table)
    first = next(texts, "")
    rows = csv.reader(chain([first], texts), delimiter=mapping.delimiter or delimiter_in(first), strict=True)
    began = 1
    try:
        header = _header([name.strip() for name in next(rows, [])], table, mapping)
        began = rows.line_num + 1
        for row in rows:
            yield from _row_entries(f"line {rows.line_num}", header, row, mapping)
            began = rows.line_num + 1
    except csv.Error as fault:
        hint = "look for a quotation mark that is not closed"
        raise Invalid(f"{table.name}, line {began}: {fault}; {hint}") from fault


def _texts(table: Path) -> Iterator[str]:
    for number, line in enumerate(lines(table), start=1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8") + "\n"
        except UnicodeDecodeError as fault:
            raise Invalid(f"{table.name}, line {number}: is not UTF-8 text; save it as UTF-8") from fault


def _header(header: list[str], table: Path, mapping: TableMapping) -> list[str]:
    """The header, which has each column of the mapping once. Raises Invalid."""
    wanted = [mapping.individual.id, *(column.column for column in mapping.columns)]
    wanted += [column.age_column for column in mapping.columns if column.age_column]
    wanted += [mapping.biosample.id] if mapping.biosample else []
    if absent := [name for name in wanted if name not in header]:
        told = ", ".join(map(repr, header)) or "none"
        raise Invalid(
            f"{table.name}, line 1: the header has no column {absent[0]!r}, which the mapping names; it has {told}"
        )
    if twice := [name for name in wanted if header.count(name) > 1]:
        raise Invalid(f"{table.name}, line 1: the header has two columns {twice[0]!r}")
    return header


def _row_entries(place: str, header: list[str], row: list[str], mapping: TableMapping) -> Iterator[Entry]:
    if not any(cell.strip() for cell in row):
        return
    if len(row) != len(header):
        yield place, EntryType.INDIVIDUAL, Malformed(f"{len(row)} columns; the header has {len(header)}")
        return
    missing = {"", *mapping.missing}
    cells = {
        name: text for name, cell in zip(header, row, strict=True) if (text := cell.strip()) not in missing
    }
    try:
        cells = cells | _with_points(cells, mapping)
    except Malformed as fault:
        yield place, EntryType.INDIVIDUAL, fault
    else:
        yield from _entries_of(place, cells, mapping)


def _with_points(cells: Mapping[str, str], mapping: TableMapping) -> dict[str, str]:
    """The numbers of a table with decimal commas, each with a point instead.

    Raises Malformed for one that has a point already: of thousands, or decimal after all.
    """
    if mapping.decimal == ".":
        return {}
    numbers = {name: cells[name] for name in _numeric(mapping) if name in cells}
    if pointed := [f"column {name!r}: {text!r}" for name, text in sorted(numbers.items()) if "." in text]:
        raise Malformed(f"{'; '.join(pointed)} has a point in a table with decimal commas; take it away")
    return {name: text.replace(",", ".") for name, text in numbers.items()}


def _numeric(mapping: TableMapping) -> set[str]:
    """Columns that hold numbers."""
    numbers = {one.column for one in mapping.columns if one.field == "measurements" or one.form in _NUMBERS}
    return numbers | {one.age_column for one in mapping.columns if one.age_column}


def _entries_of(place: str, cells: Mapping[str, str], mapping: TableMapping) -> Iterator[Entry]:
    owner = cells.get(mapping.individual.id)
    if owner is None:
        yield place, EntryType.INDIVIDUAL, Malformed(f"column {mapping.individual.id!r} is empty: who is it?")
        return
    documents: dict[str, Document] = {"individual": {"id": owner, **_copy(mapping.individual.fixed)}}
    if mapping.biosample and (sample := cells.get(mapping.biosample.id)):
        documents["biosample"] = {"id": sample, "individualId": owner, **_copy(mapping.biosample.fixed)}
    faults: list[str] = []
    for column in mapping.columns:
        if column.entry in documents and column.column in cells:
            _write_cell(column, cells, documents[column.entry], faults)
    if faults:
        yield place, EntryType.INDIVIDUAL, Malformed("; ".join(faults))
        return
    for name, document in documents.items():
        yield place, EntryType(name), document


def _write_cell(column: Column, cells: Mapping[str, str], document: Document, faults: list[str]) -> None:
    cell = cells[column.column]
    for text in cell.split(column.split) if column.split else (cell,):
        try:
            _write_value(column, text.strip(), cells.get(column.age_column), document)
        except Malformed as fault:
            faults.append(f"column {column.column!r}: {fault}")


def _write_value(column: Column, text: str, age: str | None, document: Document) -> None:
    value = _value(column, text)
    if value is None:
        return
    if column.field == "measurements":
        quantity = {"unit": column.unit, "value": value if isinstance(value, float) else _number(text)}
        _append(document, "measurements", {"assayCode": column.assay, "measurementValue": quantity})
    elif column.field in _CODES:
        code, time = _CODES[column.field]
        onset = {time: {"iso8601duration": _duration(age, "Y")}} if age is not None else {}
        _append(document, column.field, {code: value, **onset})
    else:
        _set_at(document, column.field.split("."), value)


def _value(column: Column, text: str) -> object:
    """What a cell means; None if the mapping passes over it."""
    if column.values:
        if text in column.values:
            return column.values[text] or None
        if column.others == "ignore":
            return None
        raise Malformed(f"{text!r} is none of the values of the mapping ({', '.join(column.values)})")
    if column.prefix:
        code, _, label = text.partition(" ")
        return {"id": f"{column.prefix}:{code}", **({"label": label} if label else {})}
    return iso_date(text, column.dates) if column.holds_dates else _formed(column.form, text)


def _formed(form: str, text: str) -> object:
    if form in _AGES:
        return {"iso8601duration": _duration(text, _AGES[form])}
    if form == "number":
        return _number(text)
    if form == "duration":
        duration_seconds(text)
        return {"iso8601duration": text}
    return text


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if number - number != 0:  # not a number, or infinite
        hint = '; if the table has decimal commas, say decimal = "," in the mapping' if "," in text else ""
        raise Malformed(f"{text!r} is not a number{hint}")
    return number


def _duration(text: str, unit: str) -> str:
    number = _number(text)
    if not 0 <= number < 100_000:
        raise Malformed(f"{text!r} is no age")
    return f"P{int(number)}{unit}" if number == int(number) else f"P{number:.4f}{unit}"


def _append(document: Document, name: str, item: Document) -> None:
    items = document.setdefault(name, [])
    assert isinstance(items, list)
    items.append(item)


def _set_at(document: Document, steps: list[str], value: object) -> None:
    for step in steps[:-1]:
        inner = document.setdefault(step, {})
        if not isinstance(inner, dict):
            raise Malformed(f"the mapping writes both {step!r} and below it")
        document = inner
    document[steps[-1]] = value


def _copy(document: Document) -> Document:
    return msgspec.json.decode(msgspec.json.encode(document), type=Document)
