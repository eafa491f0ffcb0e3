"""Who has been told about what: the budget of answers that one caller has in one dataset.

A unit is one thing told (the key of an allele, or of a question about people). Each distinct unit costs one,
once per caller and dataset: answers do not change, so hearing one again teaches nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.disclosure.power import budget
from opengdi.kernel.principal import Principal


@dataclass(frozen=True, slots=True)
class BudgetAccount:
    """The dataset version that is asked, and the policy in force for it."""

    dataset: str
    version: str
    individuals: int
    policy: DisclosurePolicy

    @property
    def per_caller(self) -> int:
        """Units that one caller may be told in all."""
        return budget(self.individuals, self.policy.af_budget_factor)

    @property
    def for_the_public(self) -> int:
        """Units that all anonymous callers together may be told."""
        return budget(self.individuals, self.policy.global_budget_factor)


Charge = tuple[BudgetAccount, Sequence[int]]
"""What is about to be told of one dataset: units are signed 64-bit keys."""


class BudgetLedger(Protocol):
    """Books answers before they are given. Passes `tests/contract`."""

    async def charge(self, asker: Principal, charges: Sequence[Charge]) -> list[bool]:
        """Per charge, in order: True if within budget, and then all of its units are booked; False books none.

        Units booked earlier are free. Raises Unavailable if nothing can be booked: then nothing may be told.
        """
        ...
