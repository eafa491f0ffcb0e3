"""Answers that few carriers are behind: told at the price of what each of them can lose by it, else not.

Who may not be told hears what a dataset says under higher floors (`HeldDataset.floored`), where few are nobody: a
refusal would say that there is somebody. Only an allele that is named, or a set of people, is told of few: a page of
alleles would have to be paid with all that are hidden from it, or its numbers would tell of them (decision 0006).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opengdi.discovery.beacon.model import HeldDataset
from opengdi.kernel.disclosure.ledger import BudgetLedger
from opengdi.kernel.disclosure.losses import FREE_FROM
from opengdi.kernel.principal import Principal

NOBODY: Final = 0
"""Carriers of what is not there, or is hidden by a floor: asked about like few, for which no purse is enough."""


class FewCarriers:
    """Books what any one person of a dataset can have lost to a caller, before it is told."""

    def __init__(self, ledger: BudgetLedger) -> None:
        self._ledger = ledger

    async def are_told(
        self, asker: Principal, datasets: Sequence[HeldDataset], carriers: Sequence[int], unit: int
    ) -> list[bool]:
        """Per dataset, with how many carriers are behind its answer: True if the caller may be told of them.

        unit: of what is asked. Told once, told for ever. Raises Unavailable if it cannot be booked.
        """
        prices = [few < FREE_FROM for few in carriers]
        charges = [
            (dataset.account.of_losses(few), (unit,))
            for dataset, few, has_price in zip(datasets, carriers, prices, strict=True)
            if has_price
        ]
        verdicts = iter(await self._ledger.charge(asker, charges) if charges else ())
        return [not has_price or next(verdicts) for has_price in prices]
