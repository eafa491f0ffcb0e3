"""What each carrier of a rare allele loses when a caller is told that it is there. Pure.

Somebody who holds a person's genome asks for that person's rarest alleles: each that is there makes it less likely that
the dataset is one without the person. A "yes" on an allele of frequency f would be heard of any N people with a
probability of 1 − (1 − f)^(2N), and costs each carrier −log of that, in nats. Nobody's losses add up to more than what
all of a caller's answers cost together: one purse per caller and dataset bounds what any single person can have lost,
and no list of carriers is kept. Source: PLoS Genetics 2017, real-time protection in Beacon services, strategy 3.

f is not the frequency in the dataset, which its own carriers make: by that a singleton costs 0.46 nats, and whoever is
in the dataset stands out after three questions all the same. It is the least that the other carriers allow, and nothing
is known of an allele that has no other. Measured in decision 0006.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import Final

from opengdi.kernel.disclosure.policy import OFF, DisclosurePolicy

FREE_FROM: Final = 10
"""From so many carriers on, the default floor, a "yes" is not charged: it costs each less than 0.01 nats."""

MICRO: Final = 1_000_000
"""Losses are whole millionths of a nat, so that sums are the same in every order and every process."""

_DOUBT: Final = 0.05
"""Probability with which so many other carriers are met although the allele is rarer than assumed."""

_NEVER: Final = round(OFF * MICRO)
"""No purse holds as much."""


@lru_cache(maxsize=64)
def loss(carriers: int) -> int:
    """What a "yes" that `carriers` people or alleles are behind costs each of them, in millionths of a nat, rounded up.

    (1 − c/n)^n is less than e^-c for every n, so the cost is less than −log(1 − e^-c) however many people there are.
    """
    if carriers < 2:
        return _NEVER
    return math.ceil(-math.log1p(-math.exp(-_least_expected(carriers - 1))) * MICRO)


def _least_expected(others: int) -> float:
    """How many carriers must be expected, at least, where so many are met with probability `_DOUBT` or more."""
    low, high = 0.0, float(others)
    for _ in range(60):
        middle = (low + high) / 2
        fewer = sum(math.exp(-middle) * middle**number / math.factorial(number) for number in range(others))
        low, high = (low, middle) if 1 - fewer >= _DOUBT else (middle, high)
    return low


def capacity(policy: DisclosurePolicy) -> int:
    """What one caller may be told at most at the expense of any one person, in millionths of a nat."""
    return math.floor(policy.individual_budget * MICRO)


def floored_policy(policy: DisclosurePolicy) -> DisclosurePolicy | None:
    """The policy that hides all answers with a price, for whose purse is spent; None if it hides them anyway."""
    if policy.individual_budget >= OFF or min(policy.k_alleles, policy.k_individuals) >= FREE_FROM:
        return None
    return replace(
        policy,
        k_alleles=max(policy.k_alleles, FREE_FROM),
        k_individuals=max(policy.k_individuals, FREE_FROM),
    )
