"""Whether a purpose fits what datasets may be used for: shown before applying, to bodies, and in the catalogue.

What an applicant says of itself (that it works for no profit, where it is) counts only as far as it was verified.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from opengdi.access.model import Json, Purpose
from opengdi.access.ports import Match as ShortMatch
from opengdi.access.ports import OfferedDataset
from opengdi.kernel.errors import Invalid
from opengdi.standards.duo.codes import name
from opengdi.standards.duo.matching import match
from opengdi.standards.duo.purposes import Organisations, read_purpose
from opengdi.standards.duo.purposes import Purpose as Use
from opengdi.standards.duo.statements import Statement, read_statement
from opengdi.standards.duo.verdicts import Diseases, DutyOfUse, Finding, Match, Verdict
from opengdi.standards.faults import Malformed


@dataclass(frozen=True, slots=True)
class Verified:
    """What is known of those who ask, besides what they say. not_for_profit: None where nobody looked."""

    not_for_profit: bool | None = None
    countries: frozenset[str] = frozenset()
    environments: frozenset[str] = frozenset()
    institutions: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()


NOTHING_VERIFIED: Final = Verified()

_ORGANISATIONS: Final = {
    None: Organisations.UNVERIFIED,
    True: Organisations.NOT_FOR_PROFIT,
    False: Organisations.FOR_PROFIT,
}


def use_of(purpose: Purpose, duo: Json, verified: Verified = NOTHING_VERIFIED) -> Use:
    """The use that an application means. Raises Invalid, naming the member."""
    try:
        said = read_purpose(dict(duo))
    except Malformed as error:
        raise Invalid(str(error)) from error
    return replace(
        said,
        care=said.care or purpose is Purpose.HEALTHCARE,
        beyond=said.beyond or purpose in {Purpose.POLICY, Purpose.QUALITY},
        organisations=_ORGANISATIONS[verified.not_for_profit],
        countries=verified.countries,
        environments=verified.environments,
        institutions=verified.institutions,
        people=verified.people,
    )


def statement_of(duo: Iterable[str | Mapping[str, Any]]) -> Statement:
    """A dataset's statement as it is offered. Raises Invalid."""
    try:
        return read_statement(list(duo))
    except Malformed as error:
        raise Invalid(str(error)) from error


@dataclass(frozen=True, slots=True)
class Precheck:
    """Answers by a hierarchy of diseases. today: the day against which ethics approvals are held."""

    diseases: Diseases
    today: Callable[[], date]

    def full(self, use: Use, duo: Iterable[str | Mapping[str, Any]]) -> Match:
        """The whole answer. Raises Invalid for a statement that cannot be read."""
        return match(use, statement_of(duo), self.diseases, self.today())

    def match(self, purpose: Purpose, duo: Json, offered: OfferedDataset) -> ShortMatch:
        """Implements `access.ports.Matcher`."""
        try:
            found = self.full(use_of(purpose, duo), offered.duo)
        except Invalid as error:
            return ShortMatch("unsure", (str(error),))
        verdict = _SHORT.get(found.verdict, "unsure")
        return ShortMatch(verdict, tuple(each.reason for each in found.findings))


_SHORT: Final[dict[Verdict, Any]] = {Verdict.APPROVE: "yes", Verdict.DENY: "no"}


def match_told(found: Match) -> dict[str, Any]:
    """An answer in JSON, with everything that led to it."""
    return {
        "verdict": found.verdict.word,
        "findings": [_finding(each) for each in found.findings],
        "duties": [_duty(each) for each in found.duties],
        "sources": [
            {"name": each.name, "version": each.version, "checksum": each.checksum} for each in found.sources
        ],
    }


def _finding(each: Finding) -> dict[str, Any]:
    return {
        "code": each.code,
        "shorthand": name(each.code) if each.code else "",
        "verdict": each.verdict.word,
        "reason": each.reason,
        "terms": list(each.terms),
    }


def _duty(each: DutyOfUse) -> dict[str, Any]:
    told: dict[str, Any] = {"code": each.code, "text": each.text}
    told |= {"until": each.until.isoformat()} if each.until else {}
    return told | ({"months": each.months} if each.months else {})
