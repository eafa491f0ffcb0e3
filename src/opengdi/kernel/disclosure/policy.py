"""The knobs of disclosure control as data: one policy per dataset, versioned and signed with its release."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Final, Self

from opengdi.kernel.errors import Invalid

OFF: Final = 1e6
"""A budget of so much or more is none."""
_WORDS: Final = {int: "whole number", float: "number"}


@dataclass(frozen=True, slots=True)
class DisclosurePolicy:
    """What one dataset may disclose; every control is on by default.

    k_alleles: two-sided floor; a cell with AC < k or AN - AC < k is hidden.
    k_individuals: floor on counts of people, two-sided against the cohort.
    count_rounding: step to which counts of people are rounded, 1 = off.
    af_budget_factor: frequency answers per requester <= factor * individuals (0.46: power <= 5 % at 1 % FPR;
        a million or more for both factors: the data are open and nothing is booked).
    global_budget_factor: the same for all anonymous callers together.
    individual_budget: how much one requester may learn about any one individual by rare alleles, in nats: -log(p), p
        the false positives of the test it allows (3.0: 5 %). Bites where floors are under 10; a million or more: off.
    min_cohort_public_af: smallest number of individuals for which frequencies may be PUBLIC.
    min_update_batch: fewest new individuals a new version may add.
    differencing_floor: two count questions of one requester may not differ by fewer people than this.
    tells_public, tells_registered: what is told about people to everybody, and to registered researchers: 0 nothing,
        1 whether there are any, 2 how many. Records take a visa for the dataset.
    """

    k_alleles: int = 10
    k_individuals: int = 10
    count_rounding: int = 5
    af_budget_factor: float = 0.46
    global_budget_factor: float = 9.2
    min_cohort_public_af: int = 40
    min_update_batch: int = 10
    differencing_floor: int = 10
    tells_public: int = 0
    tells_registered: int = 2
    individual_budget: float = 3.0

    def __post_init__(self) -> None:
        for item in fields(self):
            kind = float if item.type == "float" else int
            value = _canonical(item.name, getattr(self, item.name), kind)
            if value < 0 or (item.name == "count_rounding" and value < 1):
                raise Invalid(
                    f"disclosure.{item.name} = {value} must be finite and not negative (count_rounding: at least 1)"
                )
            object.__setattr__(self, item.name, value)
        for name in ("tells_public", "tells_registered"):
            if getattr(self, name) not in (0, 1, 2):
                raise Invalid(f"disclosure.{name} = {getattr(self, name)} must be 0, 1 or 2")

    def strictest(self, other: Self) -> DisclosurePolicy:
        """The policy that satisfies both: larger floors, steps and batches, smaller budgets, less told."""
        return DisclosurePolicy(
            **{
                item.name: (min if "budget" in item.name or item.name.startswith("tells") else max)(
                    getattr(self, item.name), getattr(other, item.name)
                )
                for item in fields(self)
            }
        )


def _canonical(name: str, value: float, kind: type[int | float]) -> float:
    """The number as it is read back from a signed manifest: a step or a floor as a whole one, a budget as a float.

    Raises Invalid if it is no such number.
    """
    try:
        number = kind(value)
    except (OverflowError, ValueError):
        number = math.nan
    if number != value or not math.isfinite(number):
        raise Invalid(f"disclosure.{name} = {str(value)[:40]} must be a finite {_WORDS[kind]}")
    return number
