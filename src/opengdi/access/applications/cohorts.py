"""The people whose data are asked for, as a question that stays the same: a frozen cohort (P06, R-P06-6).

Filters of Beacon v2, the releases that they were asked of, and what the network counted then. The hub counts, in the
name of whoever defines it, so that a count is what was told and not what somebody wrote. It is part of the content of
an application: submitting freezes it, and the digest that decisions name covers it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from opengdi.access.model import AskedDataset
from opengdi.kernel.canonical import canonical_json
from opengdi.kernel.errors import Invalid
from opengdi.kernel.principal import Principal
from opengdi.standards.beacon.questions import BeaconRequest, EntryType
from opengdi.standards.beacon.request import Target, parse_post
from opengdi.standards.faults import Malformed

MOST_FILTERS: Final = 50
LONGEST_QUESTION: Final = 16_384
"""Bytes of the filters as JSON."""


class CohortCount(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a release answered. count: as published, None if there was no answer; adjusted: how it was made coarser."""

    dataset: str
    version: str
    count: int | None = None
    precision: str = ""
    adjusted: list[str] = []


class Cohort(msgspec.Struct, frozen=True):
    """filters: as Beacon v2 has them; counts: of each release that was asked for; at: when they were counted."""

    filters: list[dict[str, Any]]
    counts: list[CohortCount]
    at: str

    @property
    def digest(self) -> str:
        """By which this very cohort is named: SHA-256 of its canonical JSON, in hex."""
        return hashlib.sha256(canonical_json(self)).hexdigest()

    def told(self, datasets: Collection[AskedDataset] | None = None) -> dict[str, Any]:
        """As JSON, with the digest of the whole; datasets: only what was counted in these."""
        shown = self if datasets is None else self.of(datasets)
        return {**msgspec.to_builtins(shown), "digest": self.digest}

    def of(self, datasets: Collection[AskedDataset]) -> Cohort:
        """The part about these releases: what a body answers for."""
        keys = {(asked.dataset, asked.version) for asked in datasets}
        kept = [count for count in self.counts if (count.dataset, count.version) in keys]
        return msgspec.structs.replace(self, counts=kept)

    def is_about(self, datasets: Iterable[AskedDataset]) -> bool:
        """True if exactly these releases were counted."""
        return {(count.dataset, count.version) for count in self.counts} == {
            (asked.dataset, asked.version) for asked in datasets
        }


Counting = Callable[[BeaconRequest, Sequence[AskedDataset], Principal], Awaitable[list[CohortCount]]]
"""Asks the network how many people of each release there are. Raises NotPermitted if the asker may not ask that."""


def read_question(filters: Sequence[dict[str, Any]]) -> BeaconRequest:
    """The question that filters ask. Raises Invalid, naming the filter."""
    if not filters:
        raise Invalid("filters must have at least one filter")
    if len(filters) > MOST_FILTERS or len(msgspec.json.encode(filters)) > LONGEST_QUESTION:
        raise Invalid(f"filters must be {MOST_FILTERS} and {LONGEST_QUESTION} bytes at most")
    try:
        return parse_post(Target(EntryType.INDIVIDUAL), {"query": {"filters": list(filters)}})
    except Malformed as error:
        raise Invalid(f"filters: {error}") from error


async def counted(
    filters: Sequence[dict[str, Any]],
    datasets: Sequence[AskedDataset],
    asker: Principal,
    count: Counting,
    now: datetime,
) -> Cohort:
    """The cohort as it is now. Raises Invalid, NotPermitted."""
    question = read_question(filters)
    if not datasets:
        raise Invalid("the application names no dataset; choose them before you define who is asked for")
    return Cohort(list(filters), await count(question, datasets, asker), now.isoformat())
