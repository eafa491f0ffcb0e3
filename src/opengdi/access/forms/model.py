"""Definitions of forms, answers to them, and what may be wrong with an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

Words: TypeAlias = "Mapping[str, str]"
"""A text by language (ISO 639-1); `en` is always there."""

Value: TypeAlias = "str | Sequence[str] | Sequence[Mapping[str, str]]"
"""Text; keys of a multiselect; rows of a table by column."""


class FieldType(StrEnum):
    """Source: REMS, field types."""

    TEXT = "text"
    TEXTA = "texta"
    DATE = "date"
    EMAIL = "email"
    PHONE = "phone-number"
    IP = "ip-address"
    OPTION = "option"
    MULTISELECT = "multiselect"
    TABLE = "table"
    ATTACHMENT = "attachment"
    DESCRIPTION = "description"
    LABEL = "label"
    HEADER = "header"


UNANSWERED = frozenset({FieldType.LABEL, FieldType.HEADER})
"""Fields that only say something."""


class FaultType(StrEnum):
    """What may be wrong with an answer. Source: REMS, names of its form validation."""

    REQUIRED = "t.form.validation/required"
    TOO_LONG = "t.form.validation/toolong"
    DATE = "t.form.validation/invalid-date"
    EMAIL = "t.form.validation/invalid-email"
    PHONE = "t.form.validation/invalid-phone-number"
    IP = "t.form.validation/invalid-ip-address"
    PRIVATE_IP = "t.form.validation/invalid-ip-address-private"
    VALUE = "t.form.validation/invalid-value"
    COLUMNS = "t.form.validation/column-values-missing"
    UNKNOWN = "t.form.validation/unknown-field"


@dataclass(frozen=True, slots=True)
class Choice:
    """An option of a field, or a column of a table."""

    key: str
    label: Words


@dataclass(frozen=True, slots=True)
class Condition:
    """A field is shown only if an earlier option or multiselect has one of these values."""

    field: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Field:
    """private: not shown to reviewers. max_length: in characters, None: the longest that is taken anyway."""

    id: str
    type: FieldType
    title: Words
    optional: bool = False
    private: bool = False
    max_length: int | None = None
    placeholder: Words = field(default_factory=dict)
    info: Words = field(default_factory=dict)
    options: tuple[Choice, ...] = ()
    columns: tuple[Choice, ...] = ()
    visible_if: Condition | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """One version of a form, which never changes. purposes: for which it is asked; empty: for all."""

    id: str
    version: int
    title: Words
    fields: tuple[Field, ...]
    purposes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said to one field; which version of the form it is, the application says."""

    form: str
    field: str
    value: Value


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong with the answer to one field, or (form and field empty) with the application."""

    type: str
    form: str = ""
    field: str = ""
    detail: str = ""
