"""Many 64-bit units in little memory: what purses have spent can run into millions."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

_FEW: Final = 32
"""Up to that many units are looked up one by one (0.7 µs each), more in one vectorised search."""
_MERGE_FROM: Final = 1024


class UnitSet:
    """A growing set of signed 64-bit units: a sorted array of 8 bytes each, and beside it a set of the newest.

    The newest are merged when there are an eighth as many as in the array, so that a unit is moved a few times at most.
    """

    __slots__ = ("_newest", "_sorted")

    def __init__(self, units: Iterable[int] = ()) -> None:
        self._sorted: array[int] = array("q")
        self._newest: set[int] = set()
        self.update(units)

    def __len__(self) -> int:
        return len(self._sorted) + len(self._newest)

    def __contains__(self, unit: int) -> bool:
        if unit in self._newest:
            return True
        held = self._sorted
        place = bisect_left(held, unit)
        return place < len(held) and held[place] == unit

    def issuperset(self, units: Collection[int]) -> bool:
        """True if all of the units are in the set."""
        if len(units) <= _FEW:
            return all(unit in self for unit in units)
        return not self.missing(units)

    def missing(self, units: Collection[int]) -> set[int]:
        """The distinct units that are not in the set."""
        if len(units) == 1:
            (unit,) = units
            return set() if unit in self else {unit}
        if len(units) <= _FEW:
            return {unit for unit in units if unit not in self}
        asked = np.fromiter(units, dtype=np.int64, count=len(units))
        return set(asked[~self._in_array(asked)].tolist()) - self._newest

    def shared(self, units: Collection[int]) -> int:
        """How many of the distinct units are in the set."""
        distinct = set(units)
        return len(distinct) - len(self.missing(distinct))

    def update(self, units: Iterable[int]) -> None:
        """Add the units; those that are in the set change nothing."""
        self.update_new(self.missing(set(units)))

    def update_new(self, units: Collection[int]) -> None:
        """Add distinct units that are known not to be in the set."""
        self._newest.update(units)
        if len(self._newest) > max(_MERGE_FROM, len(self._sorted) // 8):
            self._merge()

    def as_list(self) -> list[int]:
        """All units, in no order."""
        return [*self._sorted, *self._newest]

    @property
    def size_bytes(self) -> int:
        """Memory taken, about: an object of the set's newest takes 72 bytes with its place."""
        return 8 * len(self._sorted) + 72 * len(self._newest)

    def _merge(self) -> None:
        newest = np.fromiter(self._newest, dtype=np.int64, count=len(self._newest))
        merged = np.sort(np.concatenate([self._array(), newest]), kind="stable")
        self._sorted = array("q", merged.tobytes())
        self._newest = set()

    def _array(self) -> npt.NDArray[np.int64]:
        return np.frombuffer(self._sorted, dtype=np.int64)

    def _in_array(self, asked: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        held = self._array()
        if not len(held):
            return np.zeros(len(asked), dtype=np.bool_)
        places = np.minimum(np.searchsorted(held, asked), len(held) - 1)
        return np.asarray(held[places] == asked)
