"""What the decisions of bodies open: pure; whoever calls has checked the signatures (`access.decision`).

A dataset is granted if the body named for it granted it at the node that holds it, a cohort's dataset by the central
body besides, and no decision about it refused it. Source: E-37; GDI data governance VII.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from opengdi.access.decision import Decision
from opengdi.access.model import AskedDataset
from opengdi.access.permits.model import Permitted
from opengdi.kernel.release import DatasetType
from opengdi.standards.coordinates import Interval, parse_contig
from opengdi.standards.faults import Malformed

CENTRAL: Final = "central"
_REGION: Final = re.compile(r"([^:]{1,40}):([1-9]\d{0,9})-([1-9]\d{0,9})\Z", re.ASCII)


def granted(
    datasets: Iterable[AskedDataset], decisions: Sequence[Decision], limit: datetime | None = None
) -> tuple[Permitted, ...]:
    """What is granted of what was asked for, in order. limit: no grant is longer."""
    standing = latest(decisions)
    found = (_granted(asked, standing, limit) for asked in sorted(set(datasets)))
    return tuple(permitted for permitted in found if permitted is not None)


def latest(decisions: Iterable[Decision]) -> list[Decision]:
    """The last decision of each body in each case: what was decided on appeal stands instead of what was before."""
    found: dict[tuple[str, str, str], Decision] = {}
    for decision in decisions:
        key = (decision.body, decision.node, decision.case)
        if key not in found or found[key].at <= decision.at:
            found[key] = decision
    return list(found.values())


def _granted(asked: AskedDataset, decisions: Sequence[Decision], limit: datetime | None) -> Permitted | None:
    said = [
        (decision, ruling)
        for decision in decisions
        for ruling in decision.rulings
        if (ruling.dataset, ruling.version) == (asked.dataset, asked.version)
    ]
    if not all(ruling.granted for _, ruling in said) or not _complete(asked, [each for each, _ in said]):
        return None
    ends = [ruling.until for _, ruling in said if ruling.until is not None]
    regions = common_regions([ruling.regions for _, ruling in said])
    if len(ends) < len(said) or regions is None:
        return None
    return Permitted(
        asked.dataset,
        asked.version,
        asked.node,
        asked.body,
        asked.dataset_type,
        max(decision.at for decision, _ in said),
        min([*ends, limit] if limit else ends),
        tuple(dict.fromkeys(text for _, ruling in said for text in ruling.conditions)),
        regions,
    )


def _complete(asked: AskedDataset, about: Sequence[Decision]) -> bool:
    """True if everybody decided whose word is needed."""
    own = any((each.body, each.node) == (asked.body, asked.node) and each.kind != CENTRAL for each in about)
    central = asked.dataset_type is not DatasetType.COHORT or any(each.kind == CENTRAL for each in about)
    return own and central and asked.dataset_type is not DatasetType.EXTERNALLY_GOVERNED


def common_regions(limits: Iterable[Sequence[str]]) -> tuple[str, ...] | None:
    """Regions that lie within every limit; an empty limit is none; empty: all of it; None: nothing is left."""
    common: list[Interval] | None = None
    for limit in limits:
        if not limit:
            continue
        own = [parse_region(text) for text in limit]
        common = own if common is None else [part for one in common for part in _overlaps(one, own)]
        if not common:
            return None
    return tuple(dict.fromkeys(map(region_text, common or ())))


def lies_within(regions: Sequence[str], limit: Sequence[str]) -> bool:
    """True if a limit leaves regions as they are; empty: all of it."""
    return common_regions([regions, limit]) == tuple(regions)


def _overlaps(one: Interval, others: Iterable[Interval]) -> Iterable[Interval]:
    for other in others:
        if one.overlaps(other):
            yield Interval(one.contig, max(one.start, other.start), min(one.end, other.end))


def parse_region(text: str) -> Interval:
    """`22:1001-2000`, 1-based with both ends in it, as an interval. Raises Malformed."""
    found = _REGION.match(text)
    if found is None or int(found[3]) < int(found[2]):
        raise Malformed(f"region {text[:60]!r} must be like 22:1001-2000")
    return Interval(parse_contig(found[1]).contig, int(found[2]) - 1, int(found[3]))


def region_text(region: Interval) -> str:
    """An interval as decisions and visas write it: 1-based, both ends in."""
    return f"{region.contig}:{region.start + 1}-{region.end}"
