"""What may be said about a number. Pure: the same exact number under the same policy is always said the same way.

Three classes of a count of people, k the floor and N the cohort: fewer than k (0 among them), more than N - k
(N among them), and between. Members of an outer class cannot be told apart; in between, numbers are rounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from opengdi.kernel.disclosure.policy import DisclosurePolicy

Precision = Literal["exact", "rounded", "imprecise"]
"""Spec: Beacon v2.2.0, beaconResultsets.json, `countPrecision`."""


@dataclass(frozen=True, slots=True)
class PublishedCount:
    """A number as it is told.

    adjusted_to: bounds between which the exact number lies, ends included, or one bound as text (`<10`, `>990`);
    None for an exact number. Spec: Beacon v2.2.0, `countAdjustedTo`, one or two items.
    """

    number: int
    exists: bool
    precision: Precision
    adjusted_to: tuple[int | str, ...] | None


def publish_people(exact: int, cohort: int, policy: DisclosurePolicy) -> PublishedCount:
    """A count of people among `cohort` people, floored on both sides and rounded."""
    floor = max(policy.k_individuals, 1)
    if cohort < 2 * floor and policy.k_individuals > 1:
        # Both outer classes would overlap and one of them would hold fewer than k values.
        return _fewer_than(2 * floor)
    if exact < floor:
        return publish_items(0) if floor == 1 else _fewer_than(floor)
    if exact > cohort - floor and floor > 1:
        return PublishedCount(cohort, exists=True, precision="imprecise", adjusted_to=(f">{cohort - floor}",))
    return _round(
        exact, lowest=floor, highest=max(cohort - floor, exact) if floor > 1 else cohort, policy=policy
    )


def publish_open_cell(exact: int, cohort: int, policy: DisclosurePolicy) -> PublishedCount:
    """A count of people that everybody may read unasked, such as a cell of a distribution: classes are 2k wide or more.

    The differencing guard does not know who read it. Whatever a guarded count is subtracted from it, the difference has
    2k candidates: some of them are 0 or k people and more. Classes lie symmetrically in the cohort, so that the
    class of everybody else tells nothing more.
    """
    floor = policy.k_individuals
    if floor <= 1 or not floor <= exact <= cohort - floor:
        return publish_people(exact, cohort, policy)
    bounds = _open_class(exact, cohort, policy)
    if bounds is None:
        return _fewer_than(cohort + 1)
    low, high = bounds
    middle = low + (high - low + 1) // 2 if low + high <= cohort else high - (high - low + 1) // 2
    return PublishedCount(middle, exists=True, precision="rounded", adjusted_to=bounds)


def _open_class(exact: int, cohort: int, policy: DisclosurePolicy) -> tuple[int, int] | None:
    """Least and greatest number of the class of `exact`, or None if the cohort has room for none.

    Classes are counted from both ends; the one in the middle takes the remainder.
    """
    floor = policy.k_individuals
    width = max(2 * floor, 2 * policy.differencing_floor, policy.count_rounding)
    beside = ((cohort - 2 * floor + 1) // width - 1) // 2
    if beside < 0:
        return None
    below, above = (exact - floor) // width, (cohort - floor - exact) // width
    if below < beside:
        return floor + below * width, floor + (below + 1) * width - 1
    if above < beside:
        return cohort - floor - (above + 1) * width + 1, cohort - floor - above * width
    return floor + beside * width, cohort - floor - beside * width


def stay_apart(parts: Sequence[PublishedCount], cohort: int, floor: int) -> bool:
    """True if each of `parts`, which sum up to the cohort, keeps 2 * `floor` candidates in spite of that sum."""
    bounds = [_bounds(part) for part in parts]
    lowest, highest = sum(low for low, _ in bounds), sum(high for _, high in bounds)
    return all(
        min(high, cohort - lowest + low) - max(low, cohort - highest + high) + 1 >= 2 * floor
        for low, high in bounds
    )


@lru_cache(maxsize=4096)
def publish_items(exact: int) -> PublishedCount:
    """A count of things that are not people: alleles that passed the floor, datasets."""
    return PublishedCount(exact, exists=exact > 0, precision="exact", adjusted_to=None)


def total(counts: Iterable[PublishedCount]) -> PublishedCount:
    """The sum as far as the published numbers tell it: nothing of what they hide comes back."""
    parts = tuple(counts)
    if len(parts) == 1:
        return parts[0]
    number = sum([part.number for part in parts])
    exists = any([part.exists for part in parts])  # noqa: C419  # a list is faster
    if {part.precision for part in parts} <= {"exact"}:
        return PublishedCount(number, exists, precision="exact", adjusted_to=None)
    low, high = _sum_of_bounds(parts)
    if all(part.precision != "imprecise" for part in parts):
        return PublishedCount(number, exists, precision="rounded", adjusted_to=(low, high))
    return PublishedCount(number, exists, precision="imprecise", adjusted_to=_open_bounds(low, high))


def _fewer_than(bound: int) -> PublishedCount:
    return PublishedCount(0, exists=False, precision="imprecise", adjusted_to=(f"<{bound}",))


def _round(exact: int, lowest: int, highest: int, policy: DisclosurePolicy) -> PublishedCount:
    """The multiple of the step that is nearest, or the end of `[lowest, highest]` if it lies outside.

    The bounds leave room for the differencing guard, which may have settled the number twice for a few people.
    """
    step, slack = policy.count_rounding, 2 * max(policy.differencing_floor - 1, 0)
    if step == 1 and slack == 0:
        return publish_items(exact)
    nearest = (exact + step // 2) // step * step
    low = nearest - step // 2 - slack
    high = nearest - step // 2 + step - 1 + slack
    return PublishedCount(
        min(max(nearest, lowest), highest),
        exists=True,
        precision="imprecise" if step == 1 else "rounded",
        adjusted_to=(max(low, lowest), min(high, highest)),
    )


def _sum_of_bounds(parts: Iterable[PublishedCount]) -> tuple[int, int]:
    bounds = [_bounds(part) for part in parts]
    return sum(low for low, _ in bounds), sum(high for _, high in bounds)


def _bounds(count: PublishedCount) -> tuple[int, int]:
    """The least and the greatest exact number that the published one allows."""
    match count.adjusted_to:
        case (int(low), int(high)):
            return low, high
        case (str(text),) if text.startswith("<"):
            return 0, int(text[1:]) - 1
        case (str(text),) if text.startswith(">"):
            return int(text[1:]) + 1, count.number
        case _:
            return count.number, count.number


def _open_bounds(low: int, high: int) -> tuple[int | str, ...]:
    return (low, high) if low > 0 else (f"<{high + 1}",)
