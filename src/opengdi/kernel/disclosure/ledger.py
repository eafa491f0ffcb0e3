"""Who has been told about what: the budget of answers that one caller has in one dataset.

A unit is one thing told (the key of an allele, or of a question about people). Each distinct unit costs one,
once per caller and dataset: answers do not change, so hearing one again teaches nothing. Beside it each caller has a
purse of what any one individual of the dataset can have lost by answers with few carriers (`losses`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from opengdi.kernel.disclosure.losses import capacity, loss
from opengdi.kernel.disclosure.policy import OFF, DisclosurePolicy
from opengdi.kernel.disclosure.power import budget
from opengdi.kernel.principal import Principal

THE_PUBLIC: Final = "anonymous"
"""Purse that all anonymous callers share."""

UNLIMITED_FACTOR: Final = OFF
"""From this many answers per individual on there is nothing left to protect, and nothing is booked."""


@dataclass(frozen=True, slots=True)
class BudgetAccount:
    """The dataset version that is asked, and the policy in force for it.

    loss: 0, or what each unit costs every one of its carriers, in millionths of a nat; then budgets are of losses.
    release: dataset, version and loss. is_unlimited: the policy asks for no budget at all, as for data that everybody
    may download. own_budget, public_budget: units, or losses, that one caller, and all anonymous callers together, may
    be told; of losses as much to all of them as to one, for they may be one.
    """

    dataset: str
    version: str
    individuals: int
    policy: DisclosurePolicy
    loss: int = 0
    release: tuple[str, str, int] = field(init=False, repr=False, compare=False)
    is_unlimited: bool = field(init=False, repr=False, compare=False)
    own_budget: int = field(init=False, repr=False, compare=False)
    public_budget: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        own, public = self.policy.af_budget_factor, self.policy.global_budget_factor
        worked_out = {
            "release": (self.dataset, self.version, self.loss),
            "is_unlimited": min(own, public) >= UNLIMITED_FACTOR,
            "own_budget": capacity(self.policy) if self.loss else budget(self.individuals, own),
            "public_budget": capacity(self.policy) if self.loss else budget(self.individuals, public),
        }
        for name, value in worked_out.items():
            object.__setattr__(self, name, value)

    def of_losses(self, carriers: int) -> BudgetAccount:
        """The account of what any one individual can have lost, for answers that so many carriers are behind."""
        return replace(self, loss=loss(carriers))


Charge = tuple[BudgetAccount, Sequence[int]]
"""What is about to be told of one dataset: units are signed 64-bit keys."""


class BudgetLedger(Protocol):
    """Books answers before they are given. Passes `tests/contract`."""

    async def charge(self, asker: Principal, charges: Sequence[Charge]) -> list[bool]:
        """Per charge, in order: True if within budget, and then all of its units are booked; False books none.

        Units booked earlier are free. Raises Unavailable if nothing can be booked: then nothing may be told.
        """
        ...
