"""Form definitions from TOML or JSON, and back as JSON."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from opengdi.access.forms.model import Choice, Condition, Field, FieldType, Form, Words
from opengdi.kernel.errors import Invalid

_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")


class _Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab", omit_defaults=True):
    """What a definition may say; names as REMS writes them."""


class _Choice(_Wire, frozen=True):
    key: str
    label: str | dict[str, str]


class _Condition(_Wire, frozen=True):
    field: str
    values: list[str]


class _Field(_Wire, frozen=True):
    id: str
    type: FieldType
    title: str | dict[str, str]
    optional: bool = False
    privacy: Literal["public", "private"] = "public"
    max_length: int | None = None
    placeholder: str | dict[str, str] = ""
    info_text: str | dict[str, str] = ""
    options: list[_Choice] = msgspec.field(default_factory=list)
    columns: list[_Choice] = msgspec.field(default_factory=list)
    visible_if: _Condition | None = None


class _Form(_Wire, frozen=True):
    id: str
    version: int
    title: str | dict[str, str]
    fields: list[_Field]
    purposes: list[str] = msgspec.field(default_factory=list)


def read_form(content: bytes, name: str) -> Form:
    """The definition in a file, TOML if `name` ends so, else JSON. Raises Invalid, naming file and field."""
    try:
        raw = tomllib.loads(content.decode()) if name.endswith(".toml") else msgspec.json.decode(content)
        told = msgspec.convert(raw, _Form)
    except (ValueError, TypeError, RecursionError) as error:  # msgspec and tomllib raise kinds of ValueError
        raise Invalid(f"form {name}: {error}") from error
    try:
        return _checked(told)
    except Invalid as error:
        raise Invalid(f"form {name}: {error}") from error


def form_as_json(form: Form) -> dict[str, Any]:
    """The definition as `read_form` reads it."""
    told = _Form(
        form.id,
        form.version,
        dict(form.title),
        [_told_field(field) for field in form.fields],
        sorted(form.purposes),
    )
    return dict(msgspec.to_builtins(told))


def _told_field(field: Field) -> _Field:
    condition = field.visible_if
    return _Field(
        field.id,
        field.type,
        dict(field.title),
        field.optional,
        "private" if field.private else "public",
        field.max_length,
        dict(field.placeholder) or "",
        dict(field.info) or "",
        [_Choice(choice.key, dict(choice.label)) for choice in field.options],
        [_Choice(choice.key, dict(choice.label)) for choice in field.columns],
        None if condition is None else _Condition(condition.field, sorted(condition.values)),
    )


def _checked(told: _Form) -> Form:
    if not _ID.match(told.id) or told.version < 1:
        raise Invalid("id must be lower-case letters, digits, '.', '_', '-', and version a number from 1")
    fields: dict[str, Field] = {}
    for field in told.fields:
        if field.id in fields or not _ID.match(field.id):
            raise Invalid(
                f"field id {field.id!r} must be lower-case letters, digits, '.', '_', '-', and unique"
            )
        fields[field.id] = _field(field, fields)
    return Form(
        told.id,
        told.version,
        _words(told.title, "title"),
        tuple(fields.values()),
        frozenset(told.purposes),
    )


def _field(told: _Field, earlier: Mapping[str, Field]) -> Field:
    where = f"field {told.id}"
    if told.max_length is not None and told.max_length < 1:
        raise Invalid(f"{where}: max-length must be 1 or more")
    if bool(told.options) != (told.type in {FieldType.OPTION, FieldType.MULTISELECT}):
        raise Invalid(f"{where}: options belong to option and multiselect, which need them")
    if bool(told.columns) != (told.type is FieldType.TABLE):
        raise Invalid(f"{where}: columns belong to table, which needs them")
    return Field(
        told.id,
        told.type,
        _words(told.title, where),
        told.optional,
        told.privacy == "private",
        told.max_length,
        _words(told.placeholder, where) if told.placeholder else {},
        _words(told.info_text, where) if told.info_text else {},
        _choices(told.options, where),
        _choices(told.columns, where),
        _condition(told.visible_if, earlier, where),
    )


def _choices(told: Iterable[_Choice], where: str) -> tuple[Choice, ...]:
    choices = tuple(Choice(choice.key, _words(choice.label, where)) for choice in told)
    if len({choice.key for choice in choices}) != len(choices):
        raise Invalid(f"{where}: a key is there twice")
    return choices


def _condition(told: _Condition | None, earlier: Mapping[str, Field], where: str) -> Condition | None:
    if told is None:
        return None
    asked = earlier.get(told.field)
    keys = {option.key for option in asked.options} if asked else set()
    if asked is None or not keys or not told.values or not set(told.values) <= keys:
        raise Invalid(
            f"{where}: visible-if must name an earlier option or multiselect and values that it has"
        )
    return Condition(told.field, frozenset(told.values))


def _words(told: str | Mapping[str, str], where: str) -> Words:
    words = {"en": told} if isinstance(told, str) else dict(told)
    if not words.get("en"):
        raise Invalid(f"{where}: a text in English (en) is missing")
    return words
