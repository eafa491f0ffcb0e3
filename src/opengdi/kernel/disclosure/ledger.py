"""Who has been told about what: the budget of answers that one caller has in one dataset.

A unit is one thing told (the key of an allele, or of a question about people). Each distinct unit costs one,
once per caller and dataset: answers do not change, so hearing one again teaches nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.disclosure.power import budget
from opengdi.kernel.principal import Principal

THE_PUBLIC: Final = "anonymous"
"""Purse that all anonymous callers share."""

UNLIMITED_FACTOR: Final = 1e6
"""From this many answers per individual on there is nothing left to protect, and nothing is booked."""


@dataclass(frozen=True, slots=True)
class BudgetAccount:
    """The dataset version that is asked, and the policy in force for it.

    release: dataset and version. is_unlimited: the policy asks for no budget at all, as for data that everybody may
    download. own_budget, public_budget: units that one caller, and all anonymous callers together, may be told.
    """

    dataset: str
    version: str
    individuals: int
    policy: DisclosurePolicy
    release: tuple[str, str] = field(init=False, repr=False, compare=False)
    is_unlimited: bool = field(init=False, repr=False, compare=False)
    own_budget: int = field(init=False, repr=False, compare=False)
    public_budget: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        own, public = self.policy.af_budget_factor, self.policy.global_budget_factor
        worked_out = {
            "release": (self.dataset, self.version),
            "is_unlimited": min(own, public) >= UNLIMITED_FACTOR,
            "own_budget": budget(self.individuals, own),
            "public_budget": budget(self.individuals, public),
        }
        for name, value in worked_out.items():
            object.__setattr__(self, name, value)


Charge = tuple[BudgetAccount, Sequence[int]]
"""What is about to be told of one dataset: units are signed 64-bit keys."""


class BudgetLedger(Protocol):
    """Books answers before they are given. Passes `tests/contract`."""

    async def charge(self, asker: Principal, charges: Sequence[Charge]) -> list[bool]:
        """Per charge, in order: True if within budget, and then all of its units are booked; False books none.

        Units booked earlier are free. Raises Unavailable if nothing can be booked: then nothing may be told.
        """
        ...
