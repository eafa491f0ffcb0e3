"""Does somebody ask as if they held a person's genome? Pure, and simple enough to be explained to whom it stops.

Researchers ask about a gene or a region; who tests for membership asks for single alleles all over the genome, either
the rarest first or those of one person, nearly all of which are there. Both stand out in the last questions.
An alarm is written to the audit chain and makes questions dearer where a rate is set; it refuses nothing by itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

QUESTIONS: Final = 64
"""Questions looked at; no alarm before there are so many."""

_REGION_SHIFT: Final = 50
"""Bits of a variant key below its region of about a million bases (30 for the allele, 20 for the position)."""

SCATTERED: Final = 0.9
"""Least share of the questions that lie in regions of their own."""
RARE: Final = 0.01
"""Frequencies below this, and alleles that are not seen, count as rare."""
MOSTLY: Final = 0.9
"""Least share of rare alleles, or of alleles that are there, that makes a pattern."""


class Alarm(StrEnum):
    """What the questions look like."""

    RARE_ALLELES = "rare-alleles"
    ONE_GENOME = "one-genome"


_EVERY: Final = 16
"""Questions between two looks: a look costs ten microseconds."""


@dataclass(slots=True)
class AskingPattern:
    """The last single alleles that a caller asked for, with the frequency told (0 if nothing was seen)."""

    asked: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=QUESTIONS))
    alarm: Alarm | None = None
    noted: int = 0

    def note(self, variant_key: int, frequency: float) -> None:
        """Add a question and look at the last ones from time to time; the same allele again adds nothing."""
        if self.asked and self.asked[-1][0] == variant_key:
            return
        self.asked.append((variant_key, frequency))
        self.noted += 1
        if self.noted % _EVERY == 0:
            self.alarm = pattern_of(self.asked)


def pattern_of(asked: Collection[tuple[int, float]]) -> Alarm | None:
    """The pattern that questions, each an allele's key and its frequency, show, if any."""
    if len(asked) < QUESTIONS:
        return None
    regions = {key >> _REGION_SHIFT for key, _ in asked}
    if len(regions) < SCATTERED * QUESTIONS:
        return None
    if sum(frequency < RARE for _, frequency in asked) >= MOSTLY * QUESTIONS:
        return Alarm.RARE_ALLELES
    if sum(frequency > 0 for _, frequency in asked) >= MOSTLY * QUESTIONS:
        return Alarm.ONE_GENOME
    return None
