"""Decisions without people: only where a dataset's holder wants it, and only if a machine can decide every clause.

Pure. What is not approved without any doubt is left to people; nothing is ever refused here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from opengdi.access.decision import Ruling
from opengdi.access.model import Purpose
from opengdi.access.permits.precheck import NOTHING_VERIFIED, Verified, use_of
from opengdi.kernel.errors import Invalid
from opengdi.standards.duo.matching import match
from opengdi.standards.duo.purposes import Purpose as Use
from opengdi.standards.duo.statements import Statement
from opengdi.standards.duo.verdicts import Diseases, Match, Verdict

REASON: Final = "Every condition of use is met, as decided by machine on the holder's order."


@dataclass(frozen=True, slots=True)
class Automation:
    """What holders allow. datasets: those that may be granted without people; longest_days: at most for so long."""

    datasets: Collection[str]
    diseases: Diseases
    longest_days: int = 365


@dataclass(frozen=True, slots=True)
class AutomaticDecision:
    """One ruling for each dataset of the case, all of them grants, and the matches that they rest on."""

    rulings: tuple[Ruling, ...]
    matches: Mapping[str, Match]


def auto_decision(
    offer: Mapping[str, Any],
    statements: Mapping[str, Statement],
    automation: Automation,
    until: datetime | None,
    now: datetime,
    *,
    verified: Verified = NOTHING_VERIFIED,
) -> AutomaticDecision | None:
    """The decision on a case, or None: then people decide it.

    offer: as `case.offered` tells it; statements: by dataset; until: the end that is asked for.
    """
    application, datasets = offer.get("application"), offer.get("datasets")
    if offer.get("kind") != "decide" or not isinstance(application, Mapping) or not datasets or until is None:
        return None
    if not now < until <= now + timedelta(days=automation.longest_days):
        return None
    use = _research(application, verified)
    if use is None:
        return None
    matches: dict[str, Match] = {}
    for each in datasets:
        dataset = each["dataset"]
        statement = statements.get(dataset)
        if dataset not in automation.datasets or statement is None:
            return None
        matches[dataset] = match(use, statement, automation.diseases, now.date())
        if matches[dataset].verdict is not Verdict.APPROVE:
            return None
    rulings = tuple(
        Ruling(each["dataset"], each["version"], granted=True, reasons=REASON, until=until)
        for each in datasets
    )
    return AutomaticDecision(rulings, matches)


def _research(application: Mapping[str, Any], verified: Verified) -> Use | None:
    """What it is asked for; None if that is no research, or said in no form that a machine knows."""
    if application.get("purpose") != Purpose.RESEARCH.value:
        return None
    try:
        use = use_of(Purpose.RESEARCH, application.get("duo") or {}, verified)
    except Invalid:
        return None
    return replace(use, ethics=None)  # that an approval is named proves nothing; people look at it
