"""Marks on many 64-bit units in little memory: what purses have spent can run into millions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping
from functools import lru_cache, partial
from typing import Final

import numpy as np
import numpy.typing as npt

_FEW: Final = 32
"""Up to that many units are looked up one by one (0.7 µs each), more in one vectorised search."""
_MERGE_FROM: Final = 1024
_ENTRY_BYTES: Final = 112
"""Memory of one of the newest: two integers and their place in a dictionary."""

Units = npt.NDArray[np.int64]
Rows = npt.NDArray[np.uint8]


class MarkedUnits:
    """Signed 64-bit units, each with some of the marks 1, 2, 4, ...; the set of them is their sum.

    A sorted array of 8 bytes a unit, beside it a bit for every mark in use, in whole bytes; and a dictionary of what
    is newest. That is merged when there is an eighth as much as in the array, so that a unit is moved a few times at
    most. Looking up goes on in other threads meanwhile: nothing but the dictionary is ever changed in place.
    """

    __slots__ = ("_find", "_held", "_newest")

    def __init__(self) -> None:
        self._newest: dict[int, int] = {}
        self._hold(np.empty(0, np.int64), np.empty((0, 1), np.uint8))

    def marks(self, unit: int) -> int:
        """All marks of a unit. The last look-up is remembered: the datasets of a question tell of the same unit."""
        newest = self._newest.get(unit, 0)  # before what is merged, or a unit could be missed between the two
        return self._find(unit) | newest

    def without(self, mark: int, units: Collection[int]) -> set[int]:
        """The distinct units that do not have the mark."""
        if len(units) <= _FEW:
            return {unit for unit in units if not self.marks(unit) & mark}
        newest = self._newest
        asked = np.fromiter(units, dtype=np.int64, count=len(units))
        rest = set(asked[~self._marked(mark, asked)].tolist())
        return rest - marked(newest, mark, rest)

    def add(self, marks: Mapping[int, int]) -> None:
        """Add marks to units."""
        _join(self._newest, marks)
        if len(self._newest) > max(_MERGE_FROM, len(self._held[0]) // 8):
            self._merge()

    @property
    def size_bytes(self) -> int:
        """Memory taken, about."""
        return sum(each.nbytes for each in self._held) + _ENTRY_BYTES * len(self._newest)

    def _hold(self, units: Units, rows: Rows) -> None:
        self._held = (units, rows)
        find = partial(_find, units.data, rows.reshape(-1).data, rows.shape[1])
        self._find = lru_cache(maxsize=1)(find)

    def _marked(self, mark: int, asked: Units) -> npt.NDArray[np.bool_]:
        """Which of the units asked have the mark in the array."""
        units, rows = self._held
        byte, bit = divmod(mark.bit_length() - 1, 8)
        if not len(units) or byte >= rows.shape[1]:
            return np.zeros(len(asked), dtype=np.bool_)
        places = np.minimum(np.searchsorted(units, asked), len(units) - 1)
        return np.asarray((units[places] == asked) & (rows[places, byte] >> bit & 1 != 0))

    def _merge(self) -> None:
        (old_units, old_rows), count = self._held, len(self._newest)
        new_units = np.fromiter(self._newest, dtype=np.int64, count=count)
        width = max(old_rows.shape[1], max(self._newest.values()).bit_length() + 7 >> 3)
        text = b"".join([marks.to_bytes(width, "little") for marks in self._newest.values()])
        units = _union(old_units, new_units)
        rows = np.zeros((len(units), width), np.uint8)
        rows[np.searchsorted(units, old_units), : old_rows.shape[1]] = old_rows
        rows[np.searchsorted(units, new_units)] |= np.frombuffer(text, np.uint8).reshape(count, width)
        self._hold(units, rows)
        self._newest = {}


def mark(marks: dict[int, int], new: int, units: Collection[int]) -> None:
    """Add a mark to units."""
    if len(units) > _FEW:
        _join(marks, dict.fromkeys(units, new))
        return
    for unit in units:
        marks[unit] = marks.get(unit, 0) | new


def marked(marks: Mapping[int, int], wanted: int, units: set[int]) -> set[int]:
    """Those of the units that have a mark."""
    return {unit for unit in marks.keys() & units if marks[unit] & wanted}


def _join(marks: dict[int, int], more: Mapping[int, int]) -> None:
    if marks.keys().isdisjoint(more):
        marks.update(more)
    else:
        for unit, each in more.items():
            marks[unit] = marks.get(unit, 0) | each


def _union(units: Units, others: Units) -> Units:
    """Distinct units of both in order; `union1d` takes ten times as long."""
    both = np.sort(np.concatenate([units, others]), kind="stable")
    return np.asarray(both[np.append(True, both[1:] != both[:-1])])


def _find(units: memoryview, rows: memoryview, width: int, unit: int) -> int:
    """The marks of a unit in sorted units; `width` bytes for each of them, little end first."""
    place = bisect_left(units, unit)
    if place == len(units) or units[place] != unit:
        return 0
    return int.from_bytes(rows[place * width : place * width + width], "little")
