"""What is known in advance about one contig of a release, so that counting need not read what it counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

import msgspec
import numpy as np
import numpy.typing as npt

from opengdi.discovery.variants.columns import Int32s, Int64s

MARK_ROWS: Final = 256
"""One mark for about so many visible alleles."""
HIGHEST_FLOOR: Final = 1023
"""Floors up to this one can be counted in advance."""


@dataclass(frozen=True, slots=True)
class ContigStatistics:
    """Counts of alleles of one contig; `code` is that of the contig in keys.

    visible: alleles that the release's own floor lets be seen.
    longest: span in bases of the longest allele that ranges look up by bins, 0 if there is none.
    mark_keys, mark_ordinals: at about every `MARK_ROWS`-th visible allele its key and how many visible ones precede.
    visible_at: `visible_at[f]` alleles may be seen under a floor of f, for f up to `HIGHEST_FLOOR`.
    genes: annotated extent of each gene, 0-based half-open; not kept in `packed`.
    """

    code: int
    sites: int
    visible: int
    longest: int
    has_amino_acids: bool
    mark_keys: Int64s
    mark_ordinals: Int64s
    visible_at: Int64s
    genes: dict[str, tuple[int, int]] = field(default_factory=dict)

    def packed(self) -> bytes:
        """The statistics as stored in the index."""
        arrays = (self.mark_keys, self.mark_ordinals, self.visible_at)
        plain = (self.code, self.sites, self.visible, self.longest, self.has_amino_acids)
        return msgspec.msgpack.encode((*plain, *(array.astype("<i8").tobytes() for array in arrays)))

    @classmethod
    def unpacked(cls, stored: bytes) -> Self:
        code, sites, visible, longest, has_amino_acids, *arrays = msgspec.msgpack.decode(stored)
        keys, ordinals, at = (np.frombuffer(array, "<i8") for array in arrays)
        return cls(code, sites, visible, longest, has_amino_acids, keys, ordinals, at)

    def mark_before(self, variant_key: int) -> tuple[int, int]:
        """`(key, ordinal)` of the last mark at or before `variant_key`; `(0, 0)` if there is none."""
        place = int(np.searchsorted(self.mark_keys, variant_key, side="right")) - 1
        return (int(self.mark_keys[place]), int(self.mark_ordinals[place])) if place >= 0 else (0, 0)

    def mark_at(self, ordinal: int) -> tuple[int, int]:
        """`(key, ordinal)` of the last mark that at most `ordinal` visible alleles precede."""
        place = int(np.searchsorted(self.mark_ordinals, ordinal, side="right")) - 1
        return (int(self.mark_keys[place]), int(self.mark_ordinals[place])) if place >= 0 else (0, 0)


class StatisticsGatherer:
    """Builds a `ContigStatistics` from the row groups of a contig, in order."""

    def __init__(self, code: int) -> None:
        self._code = code
        self._sites = self._visible = self._longest = 0
        self._has_amino_acids = False
        self._keys: list[Int64s] = []
        self._ordinals: list[Int64s] = []
        self._thresholds = np.zeros(HIGHEST_FLOOR + 2, np.int64)
        self._last_key = -1
        self._genes: dict[str, tuple[int, int]] = {}

    def add(self, keys: Int64s, visible: npt.NDArray[np.bool_], thresholds: Int32s) -> None:
        """Rows with their keys, whether they may be seen, and the highest floor under which they may (-1 none)."""
        before = self._visible + np.cumsum(visible) - visible
        is_new = np.diff(keys, prepend=self._last_key) != 0
        blocks = before // MARK_ROWS
        firsts = np.flatnonzero(visible & is_new)
        _, kept = np.unique(blocks[firsts], return_index=True)
        marks = firsts[kept]
        if self._ordinals and len(marks) and blocks[marks[0]] == self._ordinals[-1][-1] // MARK_ROWS:
            marks = marks[1:]
        if len(marks):
            self._keys.append(keys[marks])
            self._ordinals.append(before[marks])
        self._thresholds += np.bincount(
            np.clip(thresholds, -1, HIGHEST_FLOOR) + 1, minlength=HIGHEST_FLOOR + 2
        )
        self._sites += len(keys)
        self._visible += int(visible.sum())
        self._last_key = int(keys[-1])

    def note_long(self, span: int) -> None:
        self._longest = max(self._longest, span)

    def note_gene(self, symbol: str, start: int, end: int) -> None:
        first, last = self._genes.get(symbol, (start, end))
        self._genes[symbol] = min(first, start), max(last, end)

    def note_amino_acids(self) -> None:
        self._has_amino_acids = True

    def result(self) -> ContigStatistics:
        at = self._thresholds[1:][::-1].cumsum()[::-1]
        empty = np.empty(0, np.int64)
        return ContigStatistics(
            self._code,
            self._sites,
            self._visible,
            self._longest,
            self._has_amino_acids,
            np.concatenate([empty, *self._keys]),
            np.concatenate([empty, *self._ordinals]),
            at.copy(),
            self._genes,
        )
