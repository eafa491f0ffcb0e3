"""Wiring of decisions without people: where a dataset's holder wants them, by the conditions in the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from opengdi.access.permits.automatic import auto_decision
from opengdi.access.permits.precheck import statement_of
from opengdi.apps.matching import open_automation

if TYPE_CHECKING:
    from opengdi.access.cases.ports import Automatic
    from opengdi.access.decision import Ruling
    from opengdi.apps.settings import Settings


def open_automatic(settings: Settings) -> Automatic | None:
    """Decides cases whose datasets are all in `requests.permits.automatic`; None if there are none.

    Raises Invalid for conditions that cannot be read.
    """
    requests = settings.requests
    wanted = frozenset(requests.permits.automatic)
    if not wanted:
        return None
    automation = open_automation(requests)
    conditions = {each.dataset: each.duo for each in requests.datasets}
    conditions |= {each.dataset: each.duo for each in requests.conditions}
    statements = {dataset: statement_of(duo) for dataset, duo in conditions.items() if dataset in wanted}

    def automatic(offer: Mapping[str, Any], until: datetime | None, now: datetime) -> Sequence[Ruling] | None:
        found = auto_decision(offer, statements, automation, until, now)
        return None if found is None else found.rulings

    return automatic
