"""What a request will cost about, by the price lists of nodes. Source: P06 step 7, R-P06-5 (provisioning, processing,
egress); EHDS Art. 62. Amounts are integers in the smallest unit of the currency (cents).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from opengdi.access.model import AskedDataset

_DAYS_OF_MONTH = 30.4375


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices of one node, in cents. application: once per case; dataset: provisioning, once per dataset;

    month: keeping the data usable, per dataset and month begun; egress_gib: per GiB of results let out.
    """

    node: str
    currency: str = "EUR"
    application: int = 0
    dataset: int = 0
    month: int = 0
    egress_gib: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the estimate."""

    node: str
    what: str
    number: int
    each: int
    currency: str

    @property
    def amount(self) -> int:
        return self.number * self.each


def months_until(until: str, today: date) -> int:
    """Months begun from today to an ISO date; one at least."""
    days = (date.fromisoformat(until) - today).days if until else 0
    return max(1, -int(-days // _DAYS_OF_MONTH))


def estimate(
    datasets: Sequence[AskedDataset], prices: Mapping[str, PriceList], *, months: int, egress_gib: int
) -> tuple[list[Item], list[str]]:
    """The lines, by node, and the nodes that have no price list."""
    items: list[Item] = []
    nodes = sorted({asked.node for asked in datasets})
    for node in nodes:
        listed = prices.get(node)
        if listed is not None:
            asked = [one for one in datasets if one.node == node]
            bodies = len({one.body for one in asked})
            items += _lines(listed, bodies, len(asked), months, egress_gib)
    return items, [node for node in nodes if node not in prices]


def _lines(listed: PriceList, bodies: int, datasets: int, months: int, egress_gib: int) -> list[Item]:
    lines = (
        ("application", bodies, listed.application),
        ("provisioning", datasets, listed.dataset),
        ("processing", datasets * months, listed.month),
        ("egress", egress_gib, listed.egress_gib),
    )
    return [
        Item(listed.node, what, number, each, listed.currency)
        for what, number, each in lines
        if number and each
    ]


def told_estimate(items: Sequence[Item], without: Sequence[str], months: int) -> dict[str, Any]:
    """As JSON, with totals by currency."""
    totals: dict[str, int] = {}
    for item in items:
        totals[item.currency] = totals.get(item.currency, 0) + item.amount
    return {
        "months": months,
        "items": [
            {
                "node": item.node,
                "what": item.what,
                "number": item.number,
                "each": item.each,
                "amount": item.amount,
                "currency": item.currency,
            }
            for item in items
        ],
        "totals": [{"currency": currency, "amount": amount} for currency, amount in sorted(totals.items())],
        "withoutPrices": list(without),
        "binding": False,
    }
