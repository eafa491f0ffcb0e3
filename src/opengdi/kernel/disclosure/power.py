"""How well somebody who holds a person's genome can tell whether that person is in a cohort. Pure.

The likelihood-ratio test on allele frequencies: with m independent answers about N people its power at
false-positive rate alpha is about Phi(sqrt(m / N) - z), z the upper alpha quantile of the normal distribution.
Source: decision 0006, which names the papers and the simulation that confirms the formula.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

_NORMAL: Final = NormalDist()
_ROUNDING: Final = 1e-9
"""0.46 * 50 is 22.999999999999996 in binary: a budget must not lose a unit to that."""


def membership_power(answers: int, individuals: int, alpha: float = 0.01) -> float:
    """Probability, 0 to 1, that a member is recognised from `answers` frequencies at false-positive rate `alpha`."""
    if individuals == 0:
        return alpha
    return _NORMAL.cdf(math.sqrt(answers / individuals) - _upper_quantile(alpha))


def factor_for(power: float, alpha: float) -> float:
    """The c for which c * individuals answers give `power` at false-positive rate `alpha`; 0 if power <= alpha."""
    if power <= alpha:
        return 0.0
    return (_upper_quantile(alpha) - _upper_quantile(power)) ** 2


def budget(individuals: int, factor: float) -> int:
    """Distinct alleles that one caller may be told about: the whole part of `factor * individuals`."""
    return math.floor(factor * individuals + _ROUNDING)


def answers_for(power: float, individuals: int, alpha: float = 0.01) -> int:
    """Independent answers at which `power` is reached: the inverse of `membership_power`, rounded up."""
    return math.ceil(factor_for(power, alpha) * individuals - _ROUNDING)


def _upper_quantile(probability: float) -> float:
    return _NORMAL.inv_cdf(1.0 - probability)
