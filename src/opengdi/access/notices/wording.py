"""Texts of notices in one language, as data: `texts/<language>.toml`. Another language is another file.

Each table is one line of `rules.NOTICES`, with `subject` and `text`; in them stand facts such as `{application}`.
`[frame]` has what every letter ends with: `duty` where it must be read, else `optional`.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from opengdi.access.notices.facts import COMMON, FACTS
from opengdi.access.notices.model import Rule
from opengdi.access.notices.rules import NOTICES
from opengdi.kernel.errors import Invalid

_FRAME: Final = "frame"
_ENDS: Final = ("duty", "optional")
_PLAIN: Final = string.Formatter()


@dataclass(frozen=True, slots=True)
class Wording:
    """subjects, texts: by the name of the rule; ends: of letters, by whether they are a duty."""

    subjects: Mapping[str, str]
    texts: Mapping[str, str]
    ends: Mapping[bool, str]

    def letter(self, rule: Rule, facts: Mapping[str, str]) -> tuple[str, str]:
        """Subject and text of a notice."""
        body = "\n\n".join(
            text.strip().format_map(facts) for text in (self.texts[rule.name], self.ends[rule.duty])
        )
        return self.subjects[rule.name].format_map(facts), f"{body}\n"


def shipped_wording(language: str) -> Wording:
    """Texts that come with the package. Raises Invalid, naming those there are."""
    folder = files("opengdi.access.notices") / "texts"
    there = sorted(
        file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml")
    )
    if language not in there:
        raise Invalid(f"mail.language {language!r}: there are texts in {', '.join(there)}; or set mail.texts")
    return read_wording((folder / f"{language}.toml").read_text(encoding="utf-8"), f"{language}.toml")


def wording_of(file: Path) -> Wording:
    """An operator's texts. Raises Invalid."""
    try:
        return read_wording(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"mail.texts {file} cannot be read: {error}") from error


def read_wording(content: str, name: str) -> Wording:
    """Texts of a file. Raises Invalid that says all that is wrong with it."""
    try:
        tables = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{name}: {error}") from error
    faults = [*_faults(tables), *(f"[{table}] is no notice" for table in sorted(_strangers(tables)))]
    if faults:
        raise Invalid(f"{name}: {'; '.join(faults)}")
    frame = tables[_FRAME]
    return Wording(
        {rule.name: tables[rule.name]["subject"] for rule in NOTICES},
        {rule.name: tables[rule.name]["text"] for rule in NOTICES},
        {True: frame["duty"], False: frame["optional"]},
    )


def _strangers(tables: Mapping[str, object]) -> set[str]:
    return set(tables) - {rule.name for rule in NOTICES} - {_FRAME}


def _faults(tables: Mapping[str, object]) -> list[str]:
    wanted = [(rule.name, ("subject", "text"), FACTS[rule.story]) for rule in NOTICES]
    return [
        fault
        for table, members, known in (*wanted, (_FRAME, _ENDS, COMMON))
        for fault in _faults_of(table, tables.get(table), members, known)
    ]


def _faults_of(name: str, table: object, members: tuple[str, ...], known: frozenset[str]) -> list[str]:
    if not isinstance(table, dict) or table.keys() != set(members):
        return [f"[{name}] must have {' and '.join(members)}, and nothing else"]
    return [fault for member in members for fault in _unknown(f"[{name}] {member}", table[member], known)]


def _unknown(place: str, text: object, known: frozenset[str]) -> list[str]:
    """Only plain facts may stand in a text: no attributes, no indexes, no formats."""
    if not isinstance(text, str) or not text.strip():
        return [f"{place} must be a text"]
    try:
        parts = list(_PLAIN.parse(text))
    except ValueError as error:
        return [f"{place}: {error}"]
    return [
        f"{place}: {{{field}}} is not known; there are {', '.join(sorted(known))}"
        for _, field, form, conversion in parts
        if field is not None and (field not in known or form or conversion)
    ]
