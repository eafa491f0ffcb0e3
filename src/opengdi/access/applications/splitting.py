"""One application, as many cases as bodies must be asked. Source: 1+MG dataset types (SA 8.12), issue of access."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from opengdi.access.applications.model import CaseKind, OpenedCase
from opengdi.access.model import AskedDataset
from opengdi.kernel.release import DatasetType


def split(
    application: str, datasets: Iterable[AskedDataset], *, hub: str, central_body: str
) -> tuple[OpenedCase, ...]:
    """The cases of an application, in order of body and node.

    Compliant: one per (node, body) that decides. Cohort: one `central` for the hub's own body over all of them, and a
    `countersign` per (node, body) with its veto. Externally governed: none.
    """
    ordered = sorted(set(datasets))
    compliant = [asked for asked in ordered if asked.dataset_type is DatasetType.COMPLIANT]
    cohort = [asked for asked in ordered if asked.dataset_type is DatasetType.COHORT]
    found = _by_body(CaseKind.DECIDE, compliant) + _by_body(CaseKind.COUNTERSIGN, cohort)
    if cohort:
        found.insert(0, OpenedCase("", CaseKind.CENTRAL, hub, central_body, tuple(cohort)))
    return _named(application, found)


def _by_body(kind: CaseKind, datasets: Sequence[AskedDataset]) -> list[OpenedCase]:
    ordered = sorted(datasets, key=lambda asked: (asked.body, asked.node))
    return [
        OpenedCase("", kind, node, body, tuple(sorted(group)))
        for (body, node), group in groupby(ordered, key=lambda asked: (asked.body, asked.node))
    ]


def _named(application: str, cases: Sequence[OpenedCase]) -> tuple[OpenedCase, ...]:
    """Ids `<application>.<body>`; a body that is asked twice has the kind, then the node, in the later ids too."""
    named: dict[str, OpenedCase] = {}
    for case in cases:
        plain = f"{application}.{case.body}"
        ids = (plain, f"{plain}.{case.kind}", f"{plain}.{case.kind}.{case.node}")
        id_ = next(id_ for id_ in ids if id_ not in named)
        named[id_] = OpenedCase(id_, case.kind, case.node, case.body, case.datasets)
    return tuple(named.values())
