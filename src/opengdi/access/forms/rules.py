"""What of a form is visible, what is wrong with its answers, and which of them are kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from ipaddress import ip_address
from typing import Final

from opengdi.access.forms.model import UNANSWERED, Answer, Fault, FaultType, Field, FieldType, Form, Value

LONGEST_ANSWER: Final = 32_768
"""Characters of a text where its field names no limit."""

MOST_ROWS: Final = 500
"""Rows of a table, or choices of a multiselect."""

_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?\.[A-Za-z]{2,63}\Z")
_PHONE: Final = re.compile(r"\+[1-9][0-9]{1,14}\Z", re.ASCII)  # ITU-T E.164
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", re.ASCII)

Values = Mapping[str, Value]
"""Answers to one form, by field."""


def values_of(form: str, answers: Iterable[Answer]) -> dict[str, Value]:
    """The answers to one form by field; of several to one field the last counts."""
    return {answer.field: answer.value for answer in answers if answer.form == form}


def visible_fields(form: Form, values: Values) -> list[Field]:
    """Fields that are shown, in order. A field whose condition hangs on a hidden one is hidden."""
    shown: dict[str, Field] = {}
    for field in form.fields:
        condition = field.visible_if
        if condition is None or (
            condition.field in shown and _holds(condition.values, values, condition.field)
        ):
            shown[field.id] = field
    return list(shown.values())


def _holds(wanted: Collection[str], values: Values, field: str) -> bool:
    value = values.get(field, "")
    given = {value} if isinstance(value, str) else {item for item in value if isinstance(item, str)}
    return not given.isdisjoint(wanted)


def kept_answers(forms: Iterable[Form], answers: Sequence[Answer]) -> list[Answer]:
    """Answers to visible fields that take one, in the order of the forms; the rest is dropped."""
    kept: list[Answer] = []
    for form in forms:
        values = values_of(form.id, answers)
        kept += (
            Answer(form.id, field.id, values[field.id])
            for field in visible_fields(form, values)
            if field.id in values and field.type not in UNANSWERED
        )
    return kept


def faults_of(forms: Iterable[Form], answers: Sequence[Answer], attachments: Collection[str]) -> list[Fault]:
    """All that keeps the answers from being submitted. attachments: ids of those that are there."""
    forms = list(forms)
    known = {(form.id, field.id) for form in forms for field in form.fields}
    faults = [
        Fault(FaultType.UNKNOWN, answer.form, answer.field)
        for answer in answers
        if (answer.form, answer.field) not in known
    ]
    for form in forms:
        values = values_of(form.id, answers)
        for field in visible_fields(form, values):
            found = _fault(field, values.get(field.id, ""), attachments)
            if found is not None:
                faults.append(Fault(found, form.id, field.id))
    return faults


def shape_faults(forms: Iterable[Form], answers: Sequence[Answer]) -> list[Fault]:
    """What is wrong with a draft: answers of a kind that its field cannot hold, unknown fields, too long texts."""
    fields = {(form.id, field.id): field for form in forms for field in form.fields}
    faults = []
    for answer in answers:
        field = fields.get((answer.form, answer.field))
        if field is None:
            faults.append(Fault(FaultType.UNKNOWN, answer.form, answer.field))
        elif not _has_shape(field, answer.value):
            faults.append(Fault(FaultType.VALUE, answer.form, answer.field))
        elif isinstance(answer.value, str) and len(answer.value) > LONGEST_ANSWER:
            faults.append(Fault(FaultType.TOO_LONG, answer.form, answer.field))
    return faults


def _has_shape(field: Field, value: Value) -> bool:
    if field.type is FieldType.MULTISELECT:
        return _is_list(value) and all(isinstance(item, str) for item in value) and len(value) <= MOST_ROWS
    if field.type is FieldType.TABLE:
        columns = {column.key for column in field.columns}
        return _is_list(value) and len(value) <= MOST_ROWS and all(_is_row(row, columns) for row in value)
    return isinstance(value, str)


def _is_list(value: Value) -> bool:
    return not isinstance(value, str)


def _is_row(row: object, columns: Collection[str]) -> bool:
    return isinstance(row, Mapping) and all(
        key in columns and isinstance(text, str) and len(text) <= LONGEST_ANSWER for key, text in row.items()
    )


def _fault(field: Field, value: Value, attachments: Collection[str]) -> FaultType | None:
    """What is wrong with one visible field, None: nothing."""
    if field.type in UNANSWERED:
        return None
    if _is_empty(value):
        return None if field.optional else FaultType.REQUIRED
    if not _has_shape(field, value):
        return FaultType.VALUE
    if isinstance(value, str) and len(value) > (field.max_length or LONGEST_ANSWER):
        return FaultType.TOO_LONG
    if field.type is FieldType.ATTACHMENT:
        return _attachment_fault(value, attachments)
    check = _CHECKS.get(field.type)
    return check(field, value) if check else None


def _is_empty(value: Value) -> bool:
    return not value.strip() if isinstance(value, str) else not value


def _attachment_fault(value: Value, attachments: Collection[str]) -> FaultType | None:
    named = [part.strip() for part in str(value).split(",")]
    return None if all(part in attachments for part in named) else FaultType.VALUE


def _date_fault(_field: Field, value: Value) -> FaultType | None:
    try:
        day = _DAY.match(str(value)) and date.fromisoformat(str(value))
    except ValueError:
        day = None
    return None if day else FaultType.DATE


def _email_fault(_field: Field, value: Value) -> FaultType | None:
    return None if _EMAIL.match(str(value)) else FaultType.EMAIL


def _phone_fault(_field: Field, value: Value) -> FaultType | None:
    return None if _PHONE.match(re.sub(r"[ ().-]", "", str(value))) else FaultType.PHONE


def _address_fault(_field: Field, value: Value) -> FaultType | None:
    try:
        address = ip_address(str(value).strip())
    except ValueError:
        return FaultType.IP
    return None if address.is_global and not address.is_multicast else FaultType.PRIVATE_IP


def _option_fault(field: Field, value: Value) -> FaultType | None:
    keys = {option.key for option in field.options}
    given = {value} if isinstance(value, str) else {str(item) for item in value}
    return None if given <= keys else FaultType.VALUE


def _table_fault(field: Field, value: Value) -> FaultType | None:
    rows = [row for row in value if isinstance(row, Mapping)]
    whole = all(row.get(column.key, "").strip() for row in rows for column in field.columns)
    return None if whole else FaultType.COLUMNS


_CHECKS: Final[Mapping[FieldType, Callable[[Field, Value], FaultType | None]]] = {
    FieldType.DATE: _date_fault,
    FieldType.EMAIL: _email_fault,
    FieldType.PHONE: _phone_fault,
    FieldType.IP: _address_fault,
    FieldType.OPTION: _option_fault,
    FieldType.MULTISELECT: _option_fault,
    FieldType.TABLE: _table_fault,
}
