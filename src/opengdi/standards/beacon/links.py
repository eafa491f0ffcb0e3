"""Which documents belong to which: a run is of one biosample, an analysis of one run. Pure.

Spec: Beacon v2.2.0, default model: `individualId`, `biosampleId` and `runId` of biosamples, runs and analyses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opengdi.standards.beacon.questions import EntryType

_LINKS: Final = {
    EntryType.INDIVIDUAL: "individualId",
    EntryType.BIOSAMPLE: "biosampleId",
    EntryType.RUN: "runId",
}
"""The field by which others name an entry of the type."""


def belong_together(
    kind: EntryType, document: Mapping[str, object], other_kind: EntryType, other: Mapping[str, object]
) -> bool:
    """True if two entries of one person belong together, as the closest link that both have says.

    Entries that no link joins are told apart by nothing but their person, and belong together.
    """
    if kind is other_kind:
        return document.get("id") == other.get("id")
    for named, named_kind, naming in ((other, other_kind, document), (document, kind, other)):
        link = naming.get(_LINKS.get(named_kind, ""))
        if link is not None:
            return link == named.get("id")
    return _agree("biosampleId", document, other)


def _agree(field: str, document: Mapping[str, object], other: Mapping[str, object]) -> bool:
    values = {document.get(field), other.get(field)} - {None}
    return len(values) < 2
