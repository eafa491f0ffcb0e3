"""Answers as REMS writes them, and back: a multiselect is one text of keys, a table is rows of named cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opengdi.access.applications.content import WireValue
from opengdi.access.forms.model import Field, FieldType
from opengdi.kernel.errors import Invalid


def read_value(field: Field, value: object, attachment: Callable[[int], str]) -> WireValue:
    """An answer to that field in our words. attachment: our id by number. Raises Invalid that names the field."""
    if field.type is FieldType.TABLE:
        return [_read_row(field, row) for row in _list(field, value or [])]
    if not isinstance(value, str):
        raise Invalid(f"value of field {field.id} must be text")
    if field.type is FieldType.MULTISELECT:
        return list(value.split())
    if field.type is FieldType.ATTACHMENT:
        return ",".join(attachment(_number(field, part)) for part in value.split(",") if part.strip())
    return value


def write_value(field: Field, value: Any, number: Callable[[str], int]) -> Any:
    """An answer as REMS writes it. number: of an attachment by our id."""
    match field.type:
        case FieldType.TABLE:
            order = [column.key for column in field.columns]
            return [
                [{"column": key, "value": row[key]} for key in order if key in row] for row in value or []
            ]
        case FieldType.MULTISELECT:
            return " ".join(value or [])
        case FieldType.ATTACHMENT:
            return ",".join(str(number(part.strip())) for part in str(value or "").split(",") if part.strip())
        case _:
            return value or ""


def duo_purpose(codes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A stated purpose out of DUO codes as REMS has them on an application.

    Source: GA4GH DUO 2021-02-23; restrictions as in REMS `duo.clj` (mondo, project, institute, location).
    """
    told: dict[str, Any] = {}
    for code in codes:
        id_ = str(code.get("id", "")).upper()
        for name, value in _SAYS.get(id_, {}).items():
            told[name] = sorted({*told.get(name, ()), value}) if isinstance(value, str) else value
        if id_ in _INVESTIGATIONS:
            told["investigations"] = sorted({*told.get("investigations", ()), id_})
        for restriction in code.get("restrictions", ()):
            member = _RESTRICTIONS.get(str(restriction.get("type", "")))
            values = [_spelled(each) for each in restriction.get("values", ())]
            if member and values:
                told[member] = sorted({*told.get(member, ()), *values})
    return told


_INVESTIGATIONS = frozenset(f"DUO:{number:07d}" for number in range(31, 41))
_SAYS: Mapping[str, Mapping[str, Any]] = {
    "DUO:0000042": {"topics": "any"},
    "DUO:0000006": {"topics": "health"},
    "DUO:0000011": {"topics": "ancestry"},
    "DUO:0000043": {"care": True},
    "DUO:0000046": {"commercial": False},
    "DUO:0000018": {"commercial": False},
}
_RESTRICTIONS: Mapping[str, str] = {
    "mondo": "diseases",
    "project": "projects",
    "institute": "institutions",
    "location": "countries",
}


def _spelled(value: object) -> str:
    if isinstance(value, Mapping):
        return str(value.get("id") or value.get("value") or "")
    return str(value)


def _read_row(field: Field, row: object) -> dict[str, str]:
    cells = _list(field, row)
    if not all(isinstance(cell, Mapping) and {"column", "value"} <= cell.keys() for cell in cells):
        raise Invalid(f"rows of field {field.id} must be lists of {{column, value}}")
    return {str(cell["column"]): str(cell["value"]) for cell in cells}


def _list(field: Field, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise Invalid(f"value of field {field.id} must be a list of rows")
    return value


def _number(field: Field, text: str) -> int:
    if not (text.strip().isascii() and text.strip().isdigit() and len(text) < 12):
        raise Invalid(f"value of field {field.id} must be numbers of attachments, such as 3 or 3,4")
    return int(text)
