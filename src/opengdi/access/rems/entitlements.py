"""Who may use what, by what happened to an application: desired state, as REMS understands entitlements.

An entitlement is: granted by every case, the person is applicant or member, and accepted the terms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from opengdi.access.applications.evolution import evolve
from opengdi.access.applications.model import GRANTED, Application
from opengdi.access.applications.outcome import granted_datasets
from opengdi.access.model import Event
from opengdi.access.rems.model import Entitlement
from opengdi.access.rems.ports import Uses


def entitled(state: Application, terms: frozenset[str]) -> frozenset[tuple[str, str]]:
    """(subject, dataset) as they are entitled now."""
    if state.state not in GRANTED:
        return frozenset()
    people = {state.applicant} | state.member_subjects
    ready = {each for each in people if terms <= state.accepted.get(each, frozenset())}
    datasets = {asked.dataset for asked in granted_datasets(state.cases)}
    return frozenset((subject, dataset) for subject in ready for dataset in datasets)


def entitlements_of(events: Iterable[Event], terms: frozenset[str]) -> list[Entitlement]:
    """Every entitlement that an application ever led to, by person and dataset; those that ended have their end."""
    state, running, over = Application(), dict[tuple[str, str], datetime](), list[Entitlement]()
    for event in events:
        state = evolve(state, event)
        now = entitled(state, terms)
        for key in now - running.keys():
            running[key] = event.at
        for key in sorted(running.keys() - now):
            over.append(Entitlement(*key, state.id, running.pop(key), event.at))
    end = _end(state.until)
    return sorted([*over, *(Entitlement(*key, state.id, start, end) for key, start in running.items())])


def permitted_of(found: Iterable[Entitlement], open_now: Uses, *, expired: bool) -> list[Entitlement]:
    """Entitlements as the permit has them: none that it does not open, none longer than it opens them.

    expired: those that it does not open stay among what was.
    """
    kept = []
    for each in found:
        until = open_now.get((each.subject, each.dataset))
        if until is not None:
            kept.append(replace(each, end=until if each.end is None else min(each.end, until)))
        elif expired:
            kept.append(each)
    return kept


def _end(until: str) -> datetime | None:
    """The moment in which the last day is over (UTC)."""
    if not until:
        return None
    return datetime.combine(date.fromisoformat(until) + timedelta(days=1), time(), UTC)
