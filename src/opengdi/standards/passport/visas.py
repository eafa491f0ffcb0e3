"""Visas and their conditions.

Spec: GA4GH Passport 1.2.1, "Visa Format", "Visa Object", "Conditions".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from opengdi.standards.faults import Malformed
from opengdi.standards.jws import read_object
from opengdi.standards.passport.patterns import LONGEST_PATTERN, matches, matches_part
from opengdi.standards.passport.terms import (
    LONGEST_URL,
    NEEDS_BY,
    PASSPORT_CLAIM,
    VISA_CLAIM,
    VisaType,
)
from opengdi.standards.passport.tokens import (
    Claims,
    is_url,
    read_claims,
    text_claim,
    time_claim,
    write_claims,
)
from opengdi.standards.passport.tokens import seconds as numeric_date

LONGEST_LINKS: Final = 8192
"""Characters of the value of a LinkedIdentities visa, which is a list."""

MOST_CLAUSES: Final = 100
"""Clauses in the conditions of one visa."""

_NOT_IN_CLAUSES: Final = frozenset({"conditions", "asserted"})


@dataclass(frozen=True, slots=True)
class Clause:
    """One visa of `type` must have all of `claims`: name, and `const:…`, `pattern:…` or `split_pattern:…`."""

    type: str
    claims: tuple[tuple[str, str], ...]

    def fits(self, visa: VisaObject) -> bool:
        """True if this one visa fits; one with conditions of its own never does, so nothing can go in circles."""
        if visa.conditions or not self.claims or visa.type != self.type:
            return False
        return all(_fits(test, visa.text(name)) for name, test in self.claims)


@dataclass(frozen=True, slots=True)
class VisaObject:
    """What is asserted. by: empty where the visa names nobody. conditions: one of the outer, all of its inner ones."""

    type: str
    value: str
    source: str
    asserted: datetime
    by: str = ""
    conditions: tuple[tuple[Clause, ...], ...] = ()

    def text(self, name: str) -> str | None:
        """A claim of the object that is a text; None for any other name."""
        found = {"type": self.type, "value": self.value, "source": self.source, "by": self.by or None}
        return found.get(name)


@dataclass(frozen=True, slots=True)
class Visa:
    """A visa token: who says so, of whom, for how long, and what."""

    claims: Claims
    object: VisaObject


def _fits(test: str, text: str | None) -> bool:
    if text is None:
        return False
    prefix, _, rest = test.partition(":")
    match prefix:
        case "const":
            return rest == text
        case "pattern":
            return matches(rest, text)
        case "split_pattern":
            return matches_part(rest, text)
    return False  # "an unknown prefix: the clause fails"


@dataclass(slots=True)
class Patience:
    """How many clauses may still be held against visas; beyond that, conditions are not met."""

    left: int = 20_000


def conditions_met(visa: VisaObject, held: Sequence[VisaObject], patience: Patience | None = None) -> bool:
    """True if the visa has no conditions, or `held` (verified visas of the same person) meet one set of them.

    Each clause of the set must be met by one single visa, each perhaps by another one.
    """
    if not visa.conditions:
        return True
    spend = patience or Patience()
    return any(every and all(_met(clause, held, spend) for clause in every) for every in visa.conditions)


def _met(clause: Clause, held: Sequence[VisaObject], spend: Patience) -> bool:
    for visa in islice(held, max(spend.left, 0)):
        spend.left -= 1
        if clause.fits(visa):
            return True
    return False


def read_visa(payload: bytes) -> Visa:
    """A visa from the payload of its token. Raises Malformed."""
    return visa_of(read_object(payload, "visa"))


def visa_of(claims: Mapping[str, object]) -> Visa:
    """A visa from the claims of its token. Raises Malformed.

    The value of a LinkedIdentities visa is a list; any other value has 255 characters at most.
    """
    if "openid" in str(claims.get("scope", "")).split():
        raise Malformed("the visa is an access token (scope openid); such visas are not taken")
    if PASSPORT_CLAIM in claims:
        raise Malformed("the visa contains a passport")
    told = claims.get(VISA_CLAIM)
    if not isinstance(told, dict):
        raise Malformed(f"claim {VISA_CLAIM} is missing or no object")
    return Visa(read_claims(claims), read_visa_object(told))


def read_visa_object(told: Mapping[str, object]) -> VisaObject:
    """The object in claim `ga4gh_visa_v1`. Raises Malformed."""
    kind = text_claim(told, "type")
    links = kind == VisaType.LINKED_IDENTITIES
    return VisaObject(
        type=kind,
        value=text_claim(told, "value", longest=LONGEST_LINKS if links else LONGEST_URL),
        source=text_claim(told, "source", longest=LONGEST_URL),
        asserted=time_claim(told, "asserted"),
        by=text_claim(told, "by") if told.get("by") is not None else "",
        conditions=_conditions(told.get("conditions")),
    )


def _conditions(told: object) -> tuple[tuple[Clause, ...], ...]:
    if told is None or told == []:
        return ()
    if not isinstance(told, list) or not all(isinstance(every, list) for every in told):
        raise Malformed("conditions are no list of lists")
    if sum(len(every) for every in told) > MOST_CLAUSES:
        raise Malformed(f"conditions have more than {MOST_CLAUSES} clauses")
    return tuple(tuple(_clause(each) for each in every) for every in told)


def _clause(told: object) -> Clause:
    if not isinstance(told, dict):
        raise Malformed("a clause of the conditions is no object")
    if forbidden := _NOT_IN_CLAUSES & told.keys():
        raise Malformed(f"a clause of the conditions names {min(forbidden)!r}")
    longest = LONGEST_PATTERN + len("split_pattern:")
    tests = tuple((name, text_claim(told, name, longest=longest)) for name in told if name != "type")
    if not tests:
        raise Malformed("a clause of the conditions has no claim beside its type")
    return Clause(text_claim(told, "type"), tests)


def write_visa(visa: Visa) -> dict[str, object]:
    """Claims of a visa token.

    Raises Malformed where the standard would not take it: value or source that are no URL, no `by` where one is needed.
    """
    _check(visa.object)
    told: dict[str, object] = {
        "type": visa.object.type,
        "asserted": numeric_date(visa.object.asserted),
        "value": visa.object.value,
        "source": visa.object.source,
    }
    if visa.object.by:
        told["by"] = visa.object.by
    if visa.object.conditions:
        told["conditions"] = [
            [{"type": clause.type, **dict(clause.claims)} for clause in every]
            for every in visa.object.conditions
        ]
    return {**write_claims(visa.claims), VISA_CLAIM: told}


def _check(visa: VisaObject) -> None:
    urls = {"source": visa.source}
    if visa.type in {VisaType.CONTROLLED_ACCESS, VisaType.ACCEPTED_TERMS, VisaType.RESEARCHER_STATUS}:
        urls["value"] = visa.value
    for name, text in urls.items():
        if not is_url(text):
            raise Malformed(f"{name} {text[:60]!r} of a visa is no URL of {LONGEST_URL} characters at most")
    if "?" in visa.source or "#" in visa.source:
        raise Malformed("source of a visa has a query or a fragment")
    if visa.type in NEEDS_BY and not visa.by:
        raise Malformed(f"a visa of type {visa.type} must say by whom")
