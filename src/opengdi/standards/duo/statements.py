"""What a dataset may be used for: one permission and its modifiers, with what they need to be decided.

Spec: GA4GH DUO 2021-02-23. How a clause carries its values (`terms`, `countries`, …) is ours; DUO names only the codes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from opengdi.standards.duo.codes import canonical_code, name
from opengdi.standards.faults import Malformed
from opengdi.standards.ontology.curie import canonical

MOST_CLAUSES: Final = 50
MOST_VALUES: Final = 1000

_MEMBERS: Final = frozenset({"code", "terms", "values", "until", "months", "consent", "text"})
_COUNTRY: Final = re.compile(r"[A-Z]{2}\Z")


@dataclass(frozen=True, slots=True)
class Clause:
    """One code with its values.

    terms: diseases of DS, investigations (DUO:0000031 to 40) of RS. values: countries of GS; ROR ids of IS; subjects
    of US; project ids of PS. until: day before which MOR forbids to publish. months: of TS. consent: COL asks for the
    consent of the first investigator, not for an agreement. text: what people wrote; only people can judge it.
    """

    code: str
    terms: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    until: date | None = None
    months: int | None = None
    consent: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """All clauses of a dataset; every one must hold, but several DS clauses are one with all their diseases."""

    clauses: tuple[Clause, ...] = ()


def read_statement(listed: object) -> Statement:
    """A statement from JSON: a list of codes, or of `{"code": …, "terms": […], …}`.

    Raises Malformed, naming the clause. A code that DUO does not have is kept: it is for the match to refuse it.
    """
    if not isinstance(listed, Sequence) or isinstance(listed, str | bytes) or len(listed) > MOST_CLAUSES:
        raise Malformed(f"data use must be a list of at most {MOST_CLAUSES} clauses")
    return Statement(tuple(_clause(each, f"clause {number}") for number, each in enumerate(listed, start=1)))


def _clause(told: object, place: str) -> Clause:
    if isinstance(told, str):
        return _from_words(told, place)
    if not isinstance(told, Mapping) or not isinstance(told.get("code"), str):
        raise Malformed(f"{place} must be a DUO code, or an object with `code`")
    if unknown := sorted(map(str, set(told) - _MEMBERS)):
        raise Malformed(f"{place}: {unknown[0]!r} is not known; known are {', '.join(sorted(_MEMBERS))}")
    return Clause(
        canonical_code(told["code"]),
        frozenset(canonical(text) for text in texts(told, "terms", place)),
        texts(told, "values", place),
        day(told, "until", place),
        _months(told.get("months"), place),
        flag(told, "consent", place) or False,
        _text(told.get("text", ""), place),
    )


def _from_words(told: str, place: str) -> Clause:
    """A code and what belongs to it in one line: `DUO:0000007 MONDO:0004992`, `TS 12`, `GS EE FI`."""
    code, *values = told.split() or [told]
    spelled = canonical_code(code)
    if not values:
        return Clause(spelled)
    match name(spelled):
        case "DS" | "RS":
            more: dict[str, Any] = {"terms": values}
        case "MOR":
            more = {"until": values[0]}
        case "TS":
            more = {"months": int(values[0]) if values[0].isascii() and values[0].isdigit() else values[0]}
        case _:
            more = {"values": values}
    return _clause({"code": spelled, **more}, place)


def texts(told: Mapping[str, Any], member: str, place: str) -> frozenset[str]:
    """Texts of a member that is a list of texts; none: empty. Raises Malformed."""
    found = told.get(member, ())
    if (
        not isinstance(found, list | tuple)
        or len(found) > MOST_VALUES
        or not all(isinstance(each, str) and 0 < len(each) <= 300 for each in found)
    ):
        raise Malformed(f"{place}: {member} must be a list of at most {MOST_VALUES} texts")
    return frozenset(found)


def day(told: Mapping[str, Any], member: str, place: str) -> date | None:
    """A calendar day, None if it is not said. Raises Malformed."""
    found = told.get(member)
    if found is None:
        return None
    try:
        return date.fromisoformat(found)
    except (TypeError, ValueError) as fault:
        raise Malformed(f"{place}: {member} must be a day such as '2027-01-31'") from fault


def flag(told: Mapping[str, Any], member: str, place: str) -> bool | None:
    """True or false, None if it is not said. Raises Malformed."""
    found = told.get(member)
    if found is None or isinstance(found, bool):
        return found
    raise Malformed(f"{place}: {member} must be true or false")


def countries(told: Mapping[str, Any], member: str, place: str) -> frozenset[str]:
    """Two-letter codes of a member. Raises Malformed."""
    found = texts(told, member, place)
    if wrong := sorted(each for each in found if not is_country(each)):
        raise Malformed(f"{place}: {member}: {wrong[0]!r} must be a two-letter country code such as 'EE'")
    return found


def is_country(text: str) -> bool:
    """True for two upper-case letters (ISO 3166-1 alpha-2 by shape)."""
    return _COUNTRY.match(text) is not None


def _months(found: object, place: str) -> int | None:
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int) or not 0 < found <= 1200:
        raise Malformed(f"{place}: months must be a whole number from 1 to 1200")
    return found


def _text(found: object, place: str) -> str:
    if not isinstance(found, str) or len(found) > 5000:
        raise Malformed(f"{place}: text must be a text of at most 5000 characters")
    return found.strip()


def statement_document(statement: Statement) -> list[dict[str, Any]]:
    """The JSON that `read_statement` reads."""
    return [_clause_document(clause) for clause in statement.clauses]


def _clause_document(clause: Clause) -> dict[str, Any]:
    told: dict[str, Any] = {"code": clause.code}
    told |= {"terms": sorted(clause.terms)} if clause.terms else {}
    told |= {"values": sorted(clause.values)} if clause.values else {}
    told |= {"until": clause.until.isoformat()} if clause.until else {}
    told |= {"months": clause.months} if clause.months else {}
    told |= {"consent": True} if clause.consent else {}
    return told | ({"text": clause.text} if clause.text else {})
