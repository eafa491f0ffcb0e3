"""The rule of `floors` over a million rows at once. Arrays are (rows, populations), integer, -1 for unknown counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from opengdi.kernel.disclosure.floors import Layout, Part, Visibility

Counts = npt.NDArray[np.signedinteger[Any]]

_NO_LIMIT = np.iinfo(np.int32).max


def visibility_classes(
    allele_counts: Counts, allele_numbers: Counts, layout: Layout, floor: int
) -> npt.NDArray[np.uint8]:
    """`floors.visibility` of every row, shape (rows,)."""
    margins = _margins(allele_counts, allele_numbers)
    smallest = np.minimum(margins.min(axis=1), _margin_of_rests(allele_counts, allele_numbers, layout))
    seen = np.where(smallest >= floor, np.uint8(Visibility.ALL), np.uint8(Visibility.NOTHING))
    if layout.total >= 0:
        called = allele_numbers[:, layout.total] != 0
        total_stays = called & (margins[:, layout.total] >= floor)
        seen[(smallest < floor) & total_stays] = Visibility.TOTAL_ONLY
    seen[~(allele_numbers > 0).any(axis=1)] = Visibility.NOTHING
    return seen


def highest_floors(allele_counts: Counts, allele_numbers: Counts, layout: Layout) -> npt.NDArray[np.int32]:
    """The highest floor under which each row may still be seen, at least in its Total; -1 if under none."""
    margins = _margins(allele_counts, allele_numbers)
    limits = np.minimum(margins.min(axis=1), _margin_of_rests(allele_counts, allele_numbers, layout))
    if layout.total >= 0:
        limits = np.where(allele_numbers[:, layout.total] != 0, margins[:, layout.total], limits)
    limits[~(allele_numbers > 0).any(axis=1)] = -1
    highest: npt.NDArray[np.int32] = np.maximum(limits, -1).astype(np.int32)
    return highest


def _margins(allele_counts: Counts, allele_numbers: Counts) -> Counts:
    """The highest floor under which each cell is visible; no limit where nobody was called."""
    margins: Counts = np.minimum(allele_counts, allele_numbers - allele_counts)
    margins[allele_numbers == 0] = _NO_LIMIT
    return margins


def _margin_of_rests(allele_counts: Counts, allele_numbers: Counts, layout: Layout) -> Counts:
    """The highest floor under which no rest of a row is told; -1 where margins are given without their table."""
    smallest: Counts = np.full(len(allele_counts), _NO_LIMIT, dtype=np.int32)
    for whole, parts in layout.sums:
        number = _rest(allele_numbers, (whole, parts))
        count = _rest(allele_counts, (whole, parts))
        margin = np.where(number > 0, np.minimum(count, number - count), _NO_LIMIT)
        smallest = np.minimum(smallest, margin)
    has_rests = [
        _has_rest(allele_numbers, margins, layout.total) for margins in (layout.labels, layout.sexes)
    ]
    smallest[has_rests[0] & has_rests[1]] = -1
    return smallest


def _has_rest(allele_numbers: Counts, margins: Sequence[Part], total: int) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(allele_numbers), dtype=bool)
    for part in margins:
        is_everybody = allele_numbers[:, part[0]] == allele_numbers[:, total] if total >= 0 else found & False
        found |= (_rest(allele_numbers, part) > 0) & ~is_everybody
    return found


def _rest(counts: Counts, part: Part) -> Counts:
    whole, parts = part
    rest: Counts = counts[:, whole] - counts[:, list(parts)].sum(axis=1, dtype=np.int64)
    return rest


def genotype_rows(
    counts: Sequence[Counts], layout: Layout, floor: int, *, haploid: bool
) -> npt.NDArray[np.bool_]:
    """`genotypes.genotypes_visible` of every row, for those that are seen whole; shape (rows,).

    counts: allele numbers, hom, het and hemi, (rows, populations) each.
    """
    shown: npt.NDArray[np.bool_] = _fewest_people(counts, haploid=haploid).min(axis=1) >= floor
    for part in layout.sums:
        rest = [_rest(group, part)[:, None] for group in counts]
        shown &= (rest[0][:, 0] <= 0) | (_fewest_people(rest, haploid=haploid)[:, 0] >= floor)
    shown &= counts[3].min(axis=1) >= 0
    return shown


def _fewest_people(counts: Sequence[Counts], *, haploid: bool) -> Counts:
    """People in the smallest class of each cell: carriers of two, one or the only copy, and of none."""
    number, hom, het, hemi = counts
    fewest: Counts = np.minimum(np.minimum(hom, het), (number - hemi) // 2 - hom - het)
    return np.minimum(fewest, hemi) if haploid else fewest
