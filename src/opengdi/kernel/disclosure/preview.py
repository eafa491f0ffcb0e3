"""What a dataset would disclose under a policy, and what that is worth to somebody who looks for one person in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from opengdi.kernel.disclosure.bulk_floors import Counts, genotype_rows, visibility_classes
from opengdi.kernel.disclosure.floors import Layout, Visibility
from opengdi.kernel.disclosure.losses import floored_policy
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.disclosure.power import answers_for, budget, membership_power

BANDS: Final = ("< 0.1 %", "0.1 to 1 %", "1 to 5 %", ">= 5 %")
"""By frequency of the rarer allele in Total (in the first population where there is no Total)."""

_BAND_EDGES: Final = (0.001, 0.01, 0.05)
_COMMON: Final = len(BANDS) - 1

WINDOW_BASES: Final = 50_000
"""Common alleles this near to each other are counted as one independent answer: linkage ties them."""

_DIPLOID: Final = frozenset(str(number) for number in range(1, 23))


@dataclass(slots=True)
class SiteTally:
    """Alleles of one contig. seen: per band, how many are seen not at all, in their Total only, whole.

    genotypes_shown: alleles of which genotype counts are shown. independent: windows with a common allele that is seen.
    few: alleles that are told only as long as a caller's purse of losses pays for their few carriers.
    """

    contig: str
    seen: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((len(BANDS), 3), dtype=np.int64))
    genotypes_shown: int = 0
    independent: int = 0
    few: int = 0

    @property
    def alleles(self) -> int:
        return int(self.seen.sum())

    def add(
        self,
        starts: npt.NDArray[np.int32],
        counts: Sequence[Counts],
        layout: Layout,
        policy: DisclosurePolicy,
    ) -> None:
        """Tally rows in order of position; counts: allele counts, allele numbers, hom, het, hemi."""
        allele_counts, allele_numbers = counts[0], counts[1]
        seen = visibility_classes(allele_counts, allele_numbers, layout, policy.k_alleles)
        bands = _bands(allele_counts, allele_numbers, layout)
        np.add.at(self.seen, (bands, seen), 1)
        haploid = self.contig not in _DIPLOID
        genotypes = genotype_rows(counts[1:], layout, policy.k_individuals, haploid=haploid)
        self.genotypes_shown += int((genotypes & (seen == Visibility.ALL)).sum())
        floored = floored_policy(policy)
        if floored is not None:
            changed = seen != visibility_classes(allele_counts, allele_numbers, layout, floored.k_alleles)
            told = genotypes & (seen == Visibility.ALL)
            changed |= told & ~genotype_rows(counts[1:], layout, floored.k_individuals, haploid=haploid)
            self.few += int(changed.sum())
        common = (bands == _COMMON) & (seen != Visibility.NOTHING)
        self.independent += len(np.unique(starts[common] // WINDOW_BASES))


@dataclass(frozen=True, slots=True)
class TermTally:
    """Filtering terms: all, and those of which fewer people than the floor, or all but so few, are told apart."""

    terms: int
    hidden: int


@dataclass(frozen=True, slots=True)
class Gauge:
    """Power of a membership test at 1 % false positives after so many independent answers."""

    label: str
    answers: int
    power: float


def tally_terms(carriers: npt.NDArray[np.integer], individuals: int, policy: DisclosurePolicy) -> TermTally:
    """carriers: distinct individuals per term."""
    floor = policy.k_individuals
    hidden = (carriers < floor) | (carriers > individuals - floor)
    return TermTally(len(carriers), int(hidden.sum()))


def gauges(individuals: int, policy: DisclosurePolicy, tallies: Iterable[SiteTally]) -> list[Gauge]:
    """From nothing told to the whole table, in order of answers."""
    marks = {
        "half of one caller's budget": budget(individuals, policy.af_budget_factor / 2),
        "one caller's budget": budget(individuals, policy.af_budget_factor),
        "where one in ten is found": answers_for(0.1, individuals),
        "where every second is found": answers_for(0.5, individuals),
        "all anonymous callers": budget(individuals, policy.global_budget_factor),
        "the whole table": sum(tally.independent for tally in tallies),
    }
    found = [
        Gauge(label, answers, membership_power(answers, individuals)) for label, answers in marks.items()
    ]
    return sorted(found, key=lambda gauge: gauge.answers)


def _bands(allele_counts: Counts, allele_numbers: Counts, layout: Layout) -> npt.NDArray[np.intp]:
    column = max(layout.total, 0)
    number = np.maximum(allele_numbers[:, column], 1)
    frequency = np.clip(allele_counts[:, column] / number, 0, 1)
    return np.searchsorted(_BAND_EDGES, np.minimum(frequency, 1 - frequency), side="right")
