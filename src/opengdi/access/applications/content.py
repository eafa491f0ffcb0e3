"""What people write in an application: its shape, and the digest of what was submitted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import msgspec

from opengdi.access.applications.cohorts import Cohort
from opengdi.access.applications.model import Application
from opengdi.access.forms.model import Answer
from opengdi.access.model import Purpose
from opengdi.kernel.canonical import canonical_json
from opengdi.kernel.errors import Invalid

LONGEST_TITLE: Final = 300
LONGEST_DUO: Final = 16_384
"""Bytes of the structured purpose as JSON."""

_DEEPEST: Final = 6

JsonText = str | int | bool | None
WireValue = str | list[str | dict[str, str]]


class WireAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An answer as it travels and as it is kept."""

    form: str
    field: str
    value: WireValue


class Content(msgspec.Struct, frozen=True):
    """What an application says. duo: the structured research purpose; until: ISO date; environment: where it runs.

    cohort: whose data, if not those of everybody in the datasets.
    """

    title: str = ""
    purpose: Purpose = Purpose.RESEARCH
    duo: dict[str, Any] = msgspec.field(default_factory=dict)
    answers: list[WireAnswer] = msgspec.field(default_factory=list)
    environment: str = ""
    until: str = ""
    cohort: Cohort | msgspec.UnsetType = msgspec.UNSET

    @property
    def digest(self) -> str:
        return hashlib.sha256(canonical_json(self)).hexdigest()


def read_content(text: str) -> Content:
    """What was kept; an erased text reads as an empty one."""
    return msgspec.json.decode(text, type=Content) if text else Content()


def write_content(content: Content) -> str:
    """What is kept, in one spelling."""
    return canonical_json(content).decode()


def answers_of(content: Content) -> list[Answer]:
    return [Answer(answer.form, answer.field, answer.value) for answer in content.answers]  # type: ignore[arg-type]  # a list of both is refused by the form's rules


def wire_answers(answers: Iterable[Answer]) -> list[WireAnswer]:
    return [msgspec.convert(msgspec.to_builtins(answer), WireAnswer) for answer in answers]


def checked_content(content: Content) -> Content:
    """The content itself. Raises Invalid, naming the field."""
    if len(content.title) > LONGEST_TITLE:
        raise Invalid(f"title must be {LONGEST_TITLE} characters at most")
    if len(content.environment) > LONGEST_TITLE:
        raise Invalid(f"environment must be {LONGEST_TITLE} characters at most")
    if content.until:
        _day(content.until)
    _check_plain(content.duo, "duo", _DEEPEST)
    if isinstance(content.cohort, Cohort):
        _check_plain(content.cohort.filters, "filters", _DEEPEST)
    if len(canonical_json(content.duo)) > LONGEST_DUO:
        raise Invalid(f"duo must be {LONGEST_DUO} bytes at most")
    return content


def _day(text: str) -> date:
    try:
        if len(text) != len("2030-12-31"):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("until must be a date such as 2030-12-31") from error


def _check_plain(value: object, name: str, depth: int) -> None:
    """No number but integers, so that the digest is the same wherever it is taken."""
    if depth == 0:
        raise Invalid(f"{name} is nested too deeply")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _check_plain(inner, f"{name}.{key}", depth - 1)
    elif isinstance(value, list):
        for inner in value:
            _check_plain(inner, name, depth - 1)
    elif not isinstance(value, str | int | bool | None):
        raise Invalid(f"{name} must be text, an integer, true, false, null, a list or an object")


def version_document(application: Application, content: Content, organisation: str) -> dict[str, Any]:
    """Everything that a submission says, in the shape whose digest cases and decisions name."""
    return {
        "application": application.id,
        "version": len(application.versions) + 1,
        "content": msgspec.to_builtins(content),
        "applicant": {"subject": application.applicant, "organisation": organisation},
        "members": msgspec.to_builtins(application.members),
        "datasets": msgspec.to_builtins(application.datasets),
        "forms": msgspec.to_builtins(application.forms),
        "attachments": [
            {"id": file.id, "sha256": file.sha256} for file in application.attachments if not file.redacted
        ],
    }


def digest_of(document: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical_json(document)).hexdigest()


def changed_fields(before: Content, after: Content) -> Sequence[tuple[str, str]]:
    """(form, field) whose answers differ, in order."""
    old = {(answer.form, answer.field): answer.value for answer in before.answers}
    new = {(answer.form, answer.field): answer.value for answer in after.answers}
    return sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
