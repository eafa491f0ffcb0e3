"""Watches how callers ask: too often is refused, suspiciously is slowed down and reported."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from opengdi.kernel.disclosure.anomaly import Alarm, AskingPattern
from opengdi.kernel.disclosure.rate import RequestRate
from opengdi.kernel.principal import Principal

SLOWED: Final = 10.0
"""What a question costs, in questions, while the caller's pattern raises an alarm."""


class Watch:
    """One for all datasets of a node. `report` is told once when an alarm begins; what it raises ends the answer."""

    def __init__(
        self, rate: RequestRate, report: Callable[[Principal, Alarm], None], *, callers: int = 10_000
    ) -> None:
        self._rate = rate
        self._report = report
        self._callers = callers
        self._patterns: OrderedDict[str, AskingPattern] = OrderedDict()

    def admit(self, asker: Principal) -> None:
        """Let a question in. Raises OverBudget if the caller asks too often, sooner under an alarm."""
        pattern = self._patterns.get(asker.subject)
        self._rate.admit(asker, SLOWED if pattern and pattern.alarm else 1.0)

    def notice(self, asker: Principal, variant_key: int, frequency: float) -> None:
        """Note that the caller was told about a single allele; frequency 0 if it was not seen."""
        pattern = self._patterns.pop(asker.subject, None) or AskingPattern()
        self._patterns[asker.subject] = pattern
        if len(self._patterns) > self._callers:
            self._patterns.popitem(last=False)
        before = pattern.alarm
        pattern.note(variant_key, frequency)
        if pattern.alarm is not None and pattern.alarm is not before:
            self._report(asker, pattern.alarm)
