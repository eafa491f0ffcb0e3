"""What somebody wants to use data for, in terms that can be held against a statement.

Spec: GA4GH DUO 2021-02-23, classes 31 to 40 (investigations); the rest is what its modifiers ask of a requester.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final, TypeVar

from opengdi.standards.duo.codes import CODES, Kind, canonical_code
from opengdi.standards.duo.statements import countries, day, flag, texts
from opengdi.standards.faults import Malformed
from opengdi.standards.ontology.curie import canonical


class Topic(StrEnum):
    """What research is about. A purpose of several topics needs all of them allowed.

    ANY is every research there is; HEALTH is health, medical or biomedical research of whatever disease; OTHER is
    neither health nor ancestry. Single diseases are named by their terms.
    """

    ANY = "any"
    HEALTH = "health"
    ANCESTRY = "ancestry"
    OTHER = "other"


class Sensitive(StrEnum):
    """What only people can weigh. Source: sensitive purposes of DUOS, and DUO's population groups."""

    PAEDIATRIC = "paediatric"
    VULNERABLE = "vulnerable"
    STIGMATISING = "stigmatising"
    BEHAVIOURAL = "behavioural"
    POPULATION = "population"
    RECONTACT = "recontact"


class Organisations(StrEnum):
    """Whether those who use data were found to work for no profit."""

    NOT_FOR_PROFIT = "not-for-profit"
    FOR_PROFIT = "for-profit"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class EthicsApproval:
    """What a committee approved. until: last day it holds; None: no end."""

    id: str
    committee: str
    given: date
    until: date | None = None

    def holds_on(self, today: date) -> bool:
        """True from the day it was given to its last day."""
        return self.given <= today and (self.until is None or today <= self.until)


@dataclass(frozen=True, slots=True)
class Purpose:
    """A use of data. None where something was not said.

    diseases: CURIEs; all of them are studied. investigations: DUO:0000031 to 40. care: used in clinical care.
    beyond: neither research nor care, such as policy or quality management.
    methods: methods are developed; a purpose of methods and nothing else is research of any topic.
    genetic: genotypes are studied, alone or with phenotypes; False: phenotypes only.
    commercial: used for profit. institutions: ROR ids; countries: where they are; environments: countries of where the
    data will be processed; people: subjects; projects: ids.
    """

    topics: frozenset[Topic] = frozenset()
    diseases: frozenset[str] = frozenset()
    investigations: frozenset[str] = frozenset()
    care: bool = False
    beyond: bool = False
    methods: bool = False
    genetic: bool | None = None
    commercial: bool | None = None
    organisations: Organisations = Organisations.UNVERIFIED
    institutions: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    environments: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    ethics: EthicsApproval | None = None
    sensitive: frozenset[Sensitive] = frozenset()

    @property
    def researches(self) -> frozenset[Topic]:
        """Topics beside the single diseases; methods for nothing in particular are research of any topic."""
        if self.methods and not (self.topics or self.diseases or self.care or self.beyond):
            return frozenset({Topic.ANY})
        return self.topics

    @property
    def is_said(self) -> bool:
        """True if it names any use at all."""
        return bool(self.researches or self.diseases or self.care or self.beyond)


_FLAGS: Final = ("care", "beyond", "methods")
_MEMBERS: Final = frozenset(
    {
        "topics",
        "diseases",
        "investigations",
        *_FLAGS,
        "genetic",
        "commercial",
        "organisations",
        "institutions",
    }
    | {"countries", "environments", "people", "projects", "ethics", "sensitive"}
)

_TOLD_BY: Final[Mapping[str, Mapping[str, Any]]] = {
    "DUO:0000031": {"methods": True},
    "DUO:0000032": {"sensitive": Sensitive.POPULATION},
    "DUO:0000033": {"topics": Topic.ANCESTRY},
    "DUO:0000037": {"topics": Topic.HEALTH},
    "DUO:0000038": {"topics": Topic.HEALTH, "genetic": True},
    "DUO:0000039": {"topics": Topic.HEALTH},
}
"""What an investigation says beside its name. DUO:0000040 says only what its diseases say."""

E = TypeVar("E", bound=StrEnum)


def read_purpose(told: object) -> Purpose:
    """A purpose from JSON with the members of `Purpose`. Raises Malformed, naming the member."""
    place = "the purpose"
    if not isinstance(told, Mapping):
        raise Malformed(f"{place} must be a JSON object")
    if unknown := sorted(map(str, set(told) - _MEMBERS)):
        raise Malformed(f"{place}: {unknown[0]!r} is not known; known are {', '.join(sorted(_MEMBERS))}")
    investigations = frozenset(_investigation(text) for text in texts(told, "investigations", place))
    implied = [_TOLD_BY.get(each, {}) for each in investigations]
    diseases = frozenset(canonical(text) for text in texts(told, "diseases", place))
    topics = _members(Topic, told, "topics") | {each["topics"] for each in implied if "topics" in each}
    if diseases and "topics" not in told:  # genetic research of one disease is not of all diseases
        topics -= {Topic.HEALTH}
    flags = {name: flag(told, name, place) or False for name in _FLAGS}
    genetic = flag(told, "genetic", place)
    return Purpose(
        topics=topics,
        diseases=diseases,
        investigations=investigations,
        care=flags["care"],
        beyond=flags["beyond"],
        methods=flags["methods"] or any("methods" in each for each in implied),
        genetic=True if genetic is None and any("genetic" in each for each in implied) else genetic,
        commercial=flag(told, "commercial", place),
        organisations=_organisations(told.get("organisations", Organisations.UNVERIFIED)),
        institutions=texts(told, "institutions", place),
        countries=countries(told, "countries", place),
        environments=countries(told, "environments", place),
        people=texts(told, "people", place),
        projects=texts(told, "projects", place),
        ethics=_ethics(told.get("ethics")),
        sensitive=_members(Sensitive, told, "sensitive")
        | {each["sensitive"] for each in implied if "sensitive" in each},
    )


def _investigation(text: str) -> str:
    code = canonical_code(text)
    known = CODES.get(code)
    if known is None or known.kind is not Kind.INVESTIGATION:
        raise Malformed(f"the purpose: investigation {text!r} must be one of DUO:0000031 to DUO:0000040")
    return code


def _members(kind: type[E], told: Mapping[str, Any], member: str) -> frozenset[E]:
    try:
        return frozenset(kind(text) for text in texts(told, member, "the purpose"))
    except ValueError as fault:
        raise Malformed(f"the purpose: {member}: {fault}; known are {', '.join(kind)}") from fault


def _organisations(found: object) -> Organisations:
    try:
        return Organisations(str(found))
    except ValueError as fault:
        known = ", ".join(Organisations)
        raise Malformed(f"the purpose: organisations must be one of {known}") from fault


def _ethics(found: object) -> EthicsApproval | None:
    if found is None:
        return None
    place = "the purpose: ethics"
    if not isinstance(found, Mapping) or not all(
        isinstance(found.get(name), str) and found[name] for name in ("id", "committee")
    ):
        raise Malformed(f"{place} must have the texts id and committee, and the day given")
    given = day(found, "given", place)
    if given is None:
        raise Malformed(f"{place}: given must be a day such as '2026-01-31'")
    return EthicsApproval(found["id"], found["committee"], given, day(found, "until", place))
