"""What OpenGDI nodes say about a dataset beside each of its results, in `resultSets[].info` and `collections[].info`.

An extension (the specification leaves `info` free): it lets a reader tell "none" from "too few to say", and lets a
hub apply the strictest floor of all nodes that serve one dataset, keep one budget over them, and know whether two
datasets hold the same people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from opengdi.standards.faults import Malformed

_UNLIMITED: Final = 1e6
_MOST: Final = 10**12
"""There are not so many alleles or people: a knob of more means no more."""


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """One dataset version as its node describes it.

    digest: of the release's content, so that equal digests mean the same people; "" if not told.
    individuals: people behind it, 0 if not told. The rest are the knobs of disclosure control in force.
    """

    version: str = ""
    digest: str = ""
    assembly: str = ""
    individuals: int = 0
    k_alleles: int = 0
    k_individuals: int = 0
    count_rounding: int = 1
    af_budget_factor: float = _UNLIMITED
    individual_budget: float = _UNLIMITED

    def as_document(self) -> dict[str, object]:
        """The `info` object."""
        return {
            "version": self.version,
            "digest": self.digest,
            "assembly": self.assembly,
            "individuals": self.individuals,
            "disclosure": {
                "kAlleles": self.k_alleles,
                "kIndividuals": self.k_individuals,
                "countRounding": self.count_rounding,
                "afBudgetFactor": self.af_budget_factor,
                "individualBudget": self.individual_budget,
            },
        }

    @classmethod
    def parse(cls, info: object) -> Self:
        """From an `info` object of anybody; what is not told keeps its default.

        Raises Malformed if a knob that is told has another type or is negative: a floor must not get lost.
        """
        told = info if isinstance(info, Mapping) else {}
        disclosure = told.get("disclosure", {})
        if not isinstance(disclosure, Mapping):
            raise Malformed("info.disclosure must be an object")
        return cls(
            version=_text(told, "version"),
            digest=_text(told, "digest"),
            assembly=_text(told, "assembly"),
            individuals=_individuals(told),
            k_alleles=int(_number(disclosure, "kAlleles", 0)),
            k_individuals=int(_number(disclosure, "kIndividuals", 0)),
            count_rounding=max(int(_number(disclosure, "countRounding", 1)), 1),
            af_budget_factor=_number(disclosure, "afBudgetFactor", _UNLIMITED),
            individual_budget=_number(disclosure, "individualBudget", _UNLIMITED),
        )


NOT_TOLD: Final = DatasetInfo()


def _text(told: Mapping[str, object], name: str) -> str:
    """Text, or "" for anything else: foreign Beacons use these names for things of their own."""
    value = told.get(name)
    return value if isinstance(value, str) else ""


def _individuals(told: Mapping[str, object]) -> int:
    value = told.get("individuals")
    return min(value, _MOST) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _number(told: Mapping[str, object], name: str, default: float) -> float:
    value = told.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise Malformed(f"info.disclosure.{name} is {value!r}, expected a number that is not negative")
    return min(value, _MOST)
