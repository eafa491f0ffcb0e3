"""Filters as asked: objects of a POST body, strings of a GET query, nested lists as alternatives.

Which ids exist is not known here: that belongs to the data.

Spec: Beacon v2.2.0, framework `requests/filteringTerms`; documentation "Filters in GET requests".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from opengdi.standards.beacon.entry_types import parse_scope
from opengdi.standards.beacon.questions import (
    AlphanumericFilter,
    AnyOf,
    EntryType,
    Filter,
    OntologyFilter,
    Operator,
    Similarity,
)
from opengdi.standards.faults import Malformed

_MEMBERS: Final = frozenset({"id", "operator", "value", "includeDescendantTerms", "similarity", "scope"})
_MOST: Final = 500
_DEEPEST: Final = 8
"""Filters of one request, and lists in lists of them: a question of a person or a portal has a few."""
# The operator may follow the id with or without a colon: `age:>P70Y`, `HP_0032443:!text`, `age>=P70Y`.
_COMPARISON: Final = re.compile(r"(?P<id>[^<>=!]+?):?(?P<operator>>=|<=|=|<|>|!)(?P<value>.+)\Z", re.DOTALL)


def parse_filters(given: object) -> tuple[Filter, ...]:
    """All filters of a request, in the order given; they all must hold. None is no filter.

    Raises Malformed naming the filter that cannot be read: it is never left out, that would widen the answer.
    """
    if given is None:
        return ()
    if isinstance(given, str):
        given = [part for part in given.split(",") if part.strip()]
    if not isinstance(given, Sequence):
        raise Malformed(f"filters must be a list, not {given!r}")
    found = tuple(_parse_filter(item, f"filters[{place}]") for place, item in enumerate(given))
    if (number := sum(map(_size, found))) > _MOST:
        raise Malformed(f"filters are {number}; {_MOST} at most are answered")
    return found


def _size(asked: Filter) -> int:
    return sum(map(_size, asked.filters)) if isinstance(asked, AnyOf) else 1


def _parse_filter(item: object, where: str, depth: int = 0) -> Filter:
    if depth > _DEEPEST:
        raise Malformed(f"{where} is a list in lists more than {_DEEPEST} deep")
    if isinstance(item, str):
        return _from_text(item, where)
    if isinstance(item, Mapping):
        return _from_object(item, where)
    if isinstance(item, Sequence) and item:
        return AnyOf(
            tuple(_parse_filter(part, f"{where}[{place}]", depth + 1) for place, part in enumerate(item))
        )
    raise Malformed(f"{where} must be an object with an id, a string, or a non-empty list of alternatives")


def _from_text(text: str, where: str) -> Filter:
    if not text.strip():
        raise Malformed(f"{where} is empty")
    if compared := _COMPARISON.match(text.strip()):
        return AlphanumericFilter(compared["id"], Operator(compared["operator"]), compared["value"])
    if any(sign in text for sign in "<>=!"):
        raise Malformed(f"{where}: {text!r} needs an id, an operator and a value, such as age:>P70Y")
    return OntologyFilter(text.strip())


def _from_object(item: Mapping[str, object], where: str) -> Filter:
    if unknown := sorted(set(item) - _MEMBERS):
        raise Malformed(
            f"{where} has the unknown member {unknown[0]!r}; known are {', '.join(sorted(_MEMBERS))}"
        )
    identifier = item.get("id")
    if not isinstance(identifier, str) or not identifier.strip():
        raise Malformed(f"{where}.id must be a non-empty string")
    scope = _scope(item.get("scope"), where)
    if item.get("operator") is not None or item.get("value") is not None:
        return _comparison(identifier.strip(), item, scope, where)
    descendants = item.get("includeDescendantTerms")
    if not (descendants is None or isinstance(descendants, bool)):
        raise Malformed(f"{where}.includeDescendantTerms must be true or false")
    return OntologyFilter(identifier.strip(), descendants is not False, _similarity(item, where), scope)


def _comparison(
    identifier: str, item: Mapping[str, object], scope: EntryType | None, where: str
) -> AlphanumericFilter:
    value, operator = item.get("value"), item.get("operator")
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        raise Malformed(f"{where}.value must be a non-empty string or a number")
    if operator is None:
        operator = Operator.EQUAL.value
    if operator not in [known.value for known in Operator]:
        raise Malformed(f"{where}.operator {operator!r} must be one of {' '.join(Operator)}")
    return AlphanumericFilter(identifier, Operator(operator), str(value), scope)


def _similarity(item: Mapping[str, object], where: str) -> Similarity:
    asked = item.get("similarity")
    if asked is None:
        return Similarity.EXACT
    if asked not in [known.value for known in Similarity]:
        raise Malformed(f"{where}.similarity {asked!r} must be one of {', '.join(Similarity)}")
    return Similarity(asked)


def _scope(asked: object, where: str) -> EntryType | None:
    if asked is None:
        return None
    if not isinstance(asked, str):
        raise Malformed(f"{where}.scope must be the name of an entry type")
    try:
        return parse_scope(asked)
    except Malformed as fault:
        raise Malformed(f"{where}.{fault}") from None


def filter_text(asked: Filter) -> str:
    """A filter in its string form, as `receivedRequestSummary.filters` demands."""
    if isinstance(asked, AnyOf):
        return f"[{','.join(map(filter_text, asked.filters))}]"
    if isinstance(asked, AlphanumericFilter):
        return f"{asked.id}:{asked.operator}{asked.value}"
    return asked.id
