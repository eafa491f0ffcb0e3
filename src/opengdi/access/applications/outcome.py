"""What the cases of an application add up to."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from opengdi.access.applications.model import Application, Asked, CaseAt, State, release_key
from opengdi.access.model import AskedDataset


def granted_datasets(cases: Iterable[CaseAt]) -> frozenset[AskedDataset]:
    """Datasets that every case about them granted: one veto is enough, and silence is none."""
    live = [case for case in cases if not case.withdrawn]
    named = frozenset(chain.from_iterable(case.opened.datasets for case in live))
    return frozenset(
        asked
        for asked in named
        if all(case.granted.get(release_key(asked)) for case in live if asked in case.opened.datasets)
    )


def state_by_cases(cases: Iterable[CaseAt], asked: Iterable[Asked]) -> State:
    """Where an application stands once it was split, as far as its cases tell."""
    live = [case for case in cases if not case.withdrawn]
    undecided = {case.opened.case for case in live if not case.is_decided}
    if any(ask.kind == "change" and not ask.answered and ask.case in undecided for ask in asked):
        return State.RETURNED
    if undecided or not live:
        begun = any(case.is_decided or case.state != "offered" for case in live)
        return State.REVIEWED if begun else State.SUBMITTED
    granted = granted_datasets(live)
    if not granted:
        return State.REJECTED
    whole = frozenset(chain.from_iterable(case.opened.datasets for case in live))
    return State.APPROVED if granted == whole else State.PARTLY_APPROVED


def case_of(application: Application, case: str) -> CaseAt | None:
    """The case of that id, if this application has it."""
    return next((at for at in application.cases if at.opened.case == case), None)
